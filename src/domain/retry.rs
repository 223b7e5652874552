//! When to try again: exponential backoff with full jitter.
//!
//! The jitter is the "full jitter" of Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

use jiff::SignedDuration;

/// How long a downstream may ask to be left alone at the most; more would let it stall a case for ever.
const HINT_MAX: SignedDuration = SignedDuration::from_hours(24);

/// How failures are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The first pause is between zero and this.
    pub initial: SignedDuration,
    /// No pause is longer.
    pub longest: SignedDuration,
    /// Attempts after which an unavailable downstream needs attention, if the case's due time does not come first.
    pub unavailable_attempts: u32,
    /// Attempts after which a downstream that breaks the contract needs attention: it rarely heals by itself.
    pub violation_attempts: u32,
}

impl Policy {
    /// What a downstream may ask for at the most.
    pub const fn hint_max(&self) -> SignedDuration {
        HINT_MAX
    }

    /// The pause after attempt number `attempt` (from 1). `unit` is a random number in [0, 1); `hint` is what the
    /// downstream asked for (`RetryInfo`), which is a least, not a most.
    pub fn pause(&self, attempt: u32, unit: f64, hint: Option<SignedDuration>) -> SignedDuration {
        let doublings = attempt.saturating_sub(1).min(30);
        let ceiling = self
            .initial
            .checked_mul(1_i32 << doublings)
            .map_or(self.longest, |pause| pause.min(self.longest));
        let jittered = SignedDuration::from_secs_f64(ceiling.as_secs_f64() * unit.clamp(0.0, 1.0));
        jittered.max(hint.unwrap_or(SignedDuration::ZERO).min(HINT_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy {
        initial: SignedDuration::from_secs(1),
        longest: SignedDuration::from_secs(60),
        unavailable_attempts: 10,
        violation_attempts: 3,
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let full: Vec<i64> = (1..=9).map(|attempt| POLICY.pause(attempt, 1.0, None).as_secs()).collect();
        assert_eq!(full, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(POLICY.pause(u32::MAX, 1.0, None).as_secs(), 60);
    }

    #[test]
    fn chance_shortens_and_a_hint_lengthens() {
        assert_eq!(POLICY.pause(3, 0.5, None).as_secs(), 2);
        assert_eq!(POLICY.pause(3, 0.5, Some(SignedDuration::from_secs(30))).as_secs(), 30);
        assert_eq!(POLICY.pause(1, 0.0, Some(SignedDuration::from_hours(9_999))), HINT_MAX);
    }
}
