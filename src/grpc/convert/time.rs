//! Times and durations.

use jiff::{SignedDuration, Timestamp};

use crate::domain::Fault;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// To protobuf, whose nanoseconds count forward even before 1970.
pub(super) fn time(at: Timestamp) -> prost_types::Timestamp {
    let nanoseconds = at.as_nanosecond();
    prost_types::Timestamp {
        seconds: i64::try_from(nanoseconds.div_euclid(NANOS_PER_SECOND)).unwrap_or(i64::MAX),
        nanos: i32::try_from(nanoseconds.rem_euclid(NANOS_PER_SECOND)).unwrap_or(0),
    }
}

/// To protobuf; absent for the end of time, which stands for "never".
pub(super) fn time_before_the_end(at: Timestamp) -> Option<prost_types::Timestamp> {
    (at.as_second() < Timestamp::MAX.as_second()).then(|| time(at))
}

/// From protobuf, cut to microseconds: that is what the database keeps, and a replayed request has to compare equal.
pub(super) fn timestamp(time: prost_types::Timestamp) -> Result<Timestamp, Fault> {
    let fault = || Fault::new("", "must be a valid time");
    if !(0..1_000_000_000).contains(&time.nanos) {
        return Err(fault());
    }
    let at = Timestamp::new(time.seconds, time.nanos).map_err(|_| fault())?;
    let microseconds = at.as_nanosecond().div_euclid(1_000);
    i64::try_from(microseconds).ok().and_then(|us| Timestamp::from_microsecond(us).ok()).ok_or_else(fault)
}

/// To protobuf.
pub(super) fn duration(span: SignedDuration) -> prost_types::Duration {
    prost_types::Duration { seconds: span.as_secs(), nanos: span.subsec_nanos() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_the_microsecond() {
        for text in ["2026-11-21T22:44:27.123456Z", "1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z"] {
            let at: Timestamp = text.parse().unwrap();
            assert!((0..1_000_000_000).contains(&time(at).nanos));
            assert_eq!(timestamp(time(at)), Ok(at), "{text}");
        }
        let fine = prost_types::Timestamp { seconds: 1, nanos: 123_456_789 };
        assert_eq!(timestamp(fine).unwrap().subsec_nanosecond(), 123_456_000);
    }

    #[test]
    fn impossible_times_are_faults() {
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(timestamp(prost_types::Timestamp { seconds, nanos }).is_err(), "{seconds} {nanos}");
        }
    }

    #[test]
    fn durations_keep_their_sign() {
        let span = duration(SignedDuration::from_millis(-1_500));
        assert_eq!((span.seconds, span.nanos), (-1, -500_000_000));
    }
}
