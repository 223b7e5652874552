//! A lane: the way to one downstream, and how much may go along it. All replicas share it.

use jiff::{SignedDuration, Timestamp};

use super::breaker::{self, Breaker, BreakerState};

/// Somebody stopped the lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Since when.
    pub at: Timestamp,
    /// Why, in the words of who did it; may be empty. Not personal.
    pub note: String,
}

/// The state of a lane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lane {
    /// Set while it is paused.
    pub pause: Option<Pause>,
    /// Whether the downstream is there.
    pub breaker: Breaker,
    /// The downstream wants to be left alone until then (`RetryInfo` of an exhausted quota).
    pub held_until: Option<Timestamp>,
    /// When the next call would be on time if calls came exactly at the rate: the theoretical arrival time of the generic
    /// cell rate algorithm (ITU-T I.371). Absent before the first call.
    pub rate_at: Option<Timestamp>,
}

/// How often a downstream may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Calls a minute in the long run, at least 1.
    pub per_minute: u32,
    /// Calls that may come at once after a rest, at least 1.
    pub burst: u32,
}

impl Rate {
    /// From one call to the next at the rate.
    fn interval(self) -> SignedDuration {
        SignedDuration::from_micros(60_000_000 / i64::from(self.per_minute.max(1)))
    }

    /// How many calls are within the rate at `now`, and from when on one is.
    fn lets(self, now: Timestamp, rate_at: Option<Timestamp>) -> (u32, Option<Timestamp>) {
        let interval = self.interval().as_micros().max(1);
        let ahead = rate_at.map_or(0, |at| at.duration_since(now).as_micros()).max(0);
        // Calls may run ahead of the rate by `burst` intervals.
        let room = i128::from(self.burst.max(1)) * interval - ahead;
        if room < interval {
            let wait = SignedDuration::from_micros(i64::try_from(interval - room).unwrap_or(i64::MAX));
            return (0, Some(now.saturating_add(wait).unwrap_or(Timestamp::MAX)));
        }
        (u32::try_from(room / interval).unwrap_or(u32::MAX), None)
    }
}

/// What the configuration and the downstream itself allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once, of all replicas together.
    pub parallel_calls: u32,
    /// Calls by time, of all replicas together. Absent: no limit.
    pub rate: Option<Rate>,
}

/// How much may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Calls.
    pub calls: u32,
    /// If there could be more later without anything else happening: when.
    pub again_at: Option<Timestamp>,
}

impl Lane {
    /// How many of `wanted` further calls may begin, with `under_way` of all replicas going on already.
    pub fn allows(&self, now: Timestamp, limits: &Limits, under_way: u32, wanted: u32) -> Allowance {
        if self.pause.is_some() {
            return Allowance { calls: 0, again_at: None };
        }
        if let Some(held_until) = self.held_until.filter(|until| now < *until) {
            return Allowance { calls: 0, again_at: Some(held_until) };
        }
        let free = wanted.min(limits.parallel_calls.saturating_sub(under_way));
        let (calls, probe_at) = self.breaker.lets(now, free);
        let (rated, rate_at) = limits.rate.map_or((u32::MAX, None), |rate| rate.lets(now, self.rate_at));
        Allowance { calls: calls.min(rated), again_at: probe_at.max(rate_at) }
    }

    /// `calls` begin. Answers whether that changed anything. A probe among them is given up at `probe_ends`.
    pub fn begin(&mut self, now: Timestamp, limits: &Limits, calls: u32, probe_ends: Timestamp) -> bool {
        let before = self.clone();
        if calls > 0 {
            self.breaker.call(probe_ends);
            if let Some(rate) = limits.rate {
                let taken = SignedDuration::from_micros(
                    i64::try_from(rate.interval().as_micros().saturating_mul(i128::from(calls)))
                        .unwrap_or(i64::MAX),
                );
                let from = self.rate_at.map_or(now, |at| at.max(now));
                self.rate_at = Some(from.saturating_add(taken).unwrap_or(Timestamp::MAX));
            }
        }
        *self != before
    }

    /// The downstream answered.
    pub fn answered(&mut self) {
        self.breaker.answered();
        self.held_until = None;
    }

    /// The downstream was not there, or its quota is used up until `held_until`.
    pub fn failed(&mut self, now: Timestamp, policy: &breaker::Policy, held_until: Option<Timestamp>) {
        match held_until {
            // Whoever says when to come back is there.
            Some(until) => self.held_until = self.held_until.max(Some(until)),
            None => self.breaker.failed(now, policy),
        }
    }

    /// Whether calls are kept back for a reason that is not theirs: nobody can tell when they will be made.
    pub fn is_shut(&self) -> bool {
        self.pause.is_some() || self.breaker.state != BreakerState::Closed
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OPEN: Limits = Limits { parallel_calls: 8, rate: None };
    const RATED: Limits = Limits { parallel_calls: 8, rate: Some(Rate { per_minute: 60, burst: 3 }) };

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millisecond).unwrap()
    }

    fn allowance(calls: u32, again_at: Option<i64>) -> Allowance {
        Allowance { calls, again_at: again_at.map(at) }
    }

    #[test]
    fn parallel_calls_are_those_of_all_replicas() {
        let lane = Lane::default();
        assert_eq!(lane.allows(at(0), &OPEN, 0, 20), allowance(8, None));
        assert_eq!(lane.allows(at(0), &OPEN, 5, 20), allowance(3, None));
        assert_eq!(lane.allows(at(0), &OPEN, 9, 20), allowance(0, None));
    }

    #[test]
    fn a_pause_has_no_end_of_its_own() {
        let pause = Some(Pause { at: at(0), note: String::new() });
        let lane = Lane { pause, held_until: Some(at(5)), ..Lane::default() };
        assert_eq!(lane.allows(at(9), &OPEN, 0, 1), allowance(0, None));
    }

    #[test]
    fn a_hint_holds_the_whole_lane() {
        let mut lane = Lane::default();
        let policy = breaker::Policy {
            failures: 1,
            rest: SignedDuration::from_secs(1),
            rest_longest: SignedDuration::from_secs(1),
        };
        lane.failed(at(0), &policy, Some(at(90)));
        lane.failed(at(0), &policy, Some(at(50)));
        assert_eq!(lane.allows(at(89), &OPEN, 0, 1), allowance(0, Some(90)));
        assert_eq!(lane.allows(at(90), &OPEN, 0, 1), allowance(1, None));
        assert!(!lane.is_shut(), "it is known when it goes on");
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut lane = Lane::default();
        assert_eq!(lane.allows(at(0), &RATED, 0, 8), allowance(3, None));
        assert!(lane.begin(at(0), &RATED, 3, at(99)));
        assert_eq!(lane.allows(at(0), &RATED, 3, 8), allowance(0, Some(1_000)));
        assert_eq!(lane.allows(at(1_000), &RATED, 0, 8), allowance(1, None));
        lane.begin(at(1_000), &RATED, 1, at(99));
        assert_eq!(lane.allows(at(1_001), &RATED, 0, 8), allowance(0, Some(2_000)));
        assert_eq!(
            lane.allows(at(60_000), &RATED, 0, 8),
            allowance(3, None),
            "a rest gives one burst, not more"
        );
    }

    proptest! {
        /// In any span of time no more calls begin than the rate gives, plus one burst.
        #[test]
        fn the_rate_holds(pauses in prop::collection::vec(0_i64..3_000, 1..100), burst in 1_u32..10) {
            let limits = Limits { parallel_calls: 100, rate: Some(Rate { per_minute: 60, burst }) };
            let (mut lane, mut now, mut calls) = (Lane::default(), 0, 0_i64);
            for pause in pauses {
                now += pause;
                let allowed = lane.allows(at(now), &limits, 0, 100);
                prop_assert_eq!(allowed.again_at.is_some(), allowed.calls == 0);
                lane.begin(at(now), &limits, allowed.calls, at(now));
                calls += i64::from(allowed.calls);
                prop_assert!(calls <= now / 1_000 + i64::from(burst));
            }
        }
    }
}
