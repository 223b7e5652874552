//! The circuit breaker of a downstream (Michael Nygard, "Release It!", 2007).
//!
//! | from | event | to |
//! |---|---|---|
//! | closed | fail, not yet too often in a row | closed |
//! | closed | fail, too often in a row | open |
//! | open | probe | half_open |
//! | half_open | probe (the last one never came back) | half_open |
//! | half_open | fail | open, for longer |
//! | open | fail (a late answer) | open |
//! | any | answer | closed |
//!
//! Every answer closes it, a refusal too: whoever refuses is there. What an open breaker keeps back loses no attempt: its
//! tasks stay due.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

named! {
    /// Where a breaker stands.
    pub enum BreakerState {
        /// Calls pass.
        Closed = "closed",
        /// One call is under way, to see.
        HalfOpen = "half_open",
        /// No call passes.
        Open = "open",
    }
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Failures in a row that open it, at least 1.
    pub failures: u32,
    /// How long it stays open at first; each vain probe doubles that.
    pub rest: SignedDuration,
    /// It never stays open for longer than this without a probe.
    pub rest_longest: SignedDuration,
}

/// A breaker. It starts closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Where it stands.
    pub state: BreakerState,
    /// Failures in a row.
    pub failures: u32,
    /// How often it opened in a row, without an answer in between.
    pub openings: u32,
    /// Open: no call before this. Half open: the probe is given up then.
    pub until: Option<Timestamp>,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: BreakerState::Closed, failures: 0, openings: 0, until: None }
    }
}

impl Breaker {
    /// How many of `wanted` calls it lets through now; if fewer than all, when to ask again.
    pub fn lets(&self, now: Timestamp, wanted: u32) -> (u32, Option<Timestamp>) {
        match (self.state, self.until) {
            (BreakerState::Closed, _) => (wanted, None),
            (_, Some(until)) if now < until => (0, Some(until)),
            (BreakerState::Open | BreakerState::HalfOpen, _) => (wanted.min(1), None),
        }
    }

    /// A call goes out that [`Self::lets`] let through; if it is a probe, it is given up at `probe_ends`.
    pub fn call(&mut self, probe_ends: Timestamp) {
        if self.state != BreakerState::Closed {
            *self = Self { state: BreakerState::HalfOpen, until: Some(probe_ends), ..*self };
        }
    }

    /// The downstream answered, whatever it said.
    pub fn answered(&mut self) {
        *self = Self::default();
    }

    /// It could not be reached, or said "again later".
    pub fn failed(&mut self, now: Timestamp, policy: &Policy) {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            BreakerState::Closed => self.failures >= policy.failures,
            BreakerState::HalfOpen => true,
            BreakerState::Open => false,
        };
        if opens {
            let doublings = self.openings.min(30);
            let rest = policy
                .rest
                .checked_mul(1_i32 << doublings)
                .map_or(policy.rest_longest, |rest| rest.min(policy.rest_longest));
            self.state = BreakerState::Open;
            self.openings = self.openings.saturating_add(1);
            self.until = Some(now.saturating_add(rest).unwrap_or(Timestamp::MAX));
        }
    }

    /// Whether nothing is held against the downstream.
    pub fn is_pristine(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy {
        failures: 3,
        rest: SignedDuration::from_secs(5),
        rest_longest: SignedDuration::from_secs(60),
    };

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn it_opens_after_failures_in_a_row_and_probes_one_by_one() {
        let mut breaker = Breaker::default();
        breaker.failed(at(0), &POLICY);
        breaker.failed(at(0), &POLICY);
        assert_eq!(breaker.lets(at(0), 8), (8, None));
        breaker.failed(at(1), &POLICY);
        assert_eq!(breaker.lets(at(1), 8), (0, Some(at(6))));
        assert_eq!(breaker.lets(at(6), 8), (1, None));
        breaker.call(at(36));
        assert_eq!(breaker.state, BreakerState::HalfOpen);
        assert_eq!(breaker.lets(at(7), 8), (0, Some(at(36))), "one probe at a time");
        breaker.failed(at(8), &POLICY);
        assert_eq!(breaker.lets(at(8), 8), (0, Some(at(18))), "it rests longer each time");
        assert_eq!(breaker.lets(at(18), 8), (1, None));
        breaker.call(at(48));
        assert_eq!(breaker.lets(at(48), 8), (1, None), "a probe that never came back is replaced");
        breaker.answered();
        assert!(breaker.is_pristine());
    }

    #[test]
    fn a_success_in_between_forgets_the_failures() {
        let mut breaker = Breaker::default();
        for _ in 0..10 {
            breaker.failed(at(0), &POLICY);
            breaker.failed(at(0), &POLICY);
            breaker.answered();
        }
        assert_eq!(breaker.state, BreakerState::Closed);
    }

    #[test]
    fn late_failures_do_not_prolong_the_rest() {
        let mut breaker = Breaker::default();
        for second in 0..9 {
            breaker.failed(at(second), &POLICY);
        }
        assert_eq!(breaker.lets(at(8), 1), (1, None));
        assert_eq!(breaker.openings, 1);
    }

    #[derive(Clone, Copy, Debug)]
    enum Happens {
        Call,
        Answer,
        Fail,
    }

    proptest! {
        /// Whatever happens, a closed breaker lets all through, another at most one, and none waits for longer than
        /// the longest rest or its probe.
        #[test]
        fn it_never_shuts_for_good(steps in prop::collection::vec((0_i64..100, 0_u8..3), 0..200)) {
            let mut breaker = Breaker::default();
            let mut now = 0;
            for (pass, what) in steps {
                now += pass;
                let (lets, again) = breaker.lets(at(now), 8);
                prop_assert_eq!(lets == 8, breaker.state == BreakerState::Closed);
                prop_assert!(lets <= 1 || lets == 8);
                prop_assert_eq!(again.is_some(), lets == 0);
                if let Some(again) = again {
                    prop_assert!(again > at(now) && again <= at(now + 60));
                }
                match [Happens::Call, Happens::Answer, Happens::Fail][usize::from(what)] {
                    Happens::Call if lets > 0 => breaker.call(at(now + 30)),
                    Happens::Call => {}
                    Happens::Answer => breaker.answered(),
                    Happens::Fail => breaker.failed(at(now), &POLICY),
                }
            }
        }
    }
}
