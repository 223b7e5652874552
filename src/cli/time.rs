//! Times as people read and write them: RFC 3339 in UTC, with a hint how far away they are.

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::exit::Failure;

/// What [`read`] understands, in words.
pub(super) const RULE: &str = "must be a time such as 2026-07-01T09:30:00Z, or a day such as 2026-07-01";

/// Reads the time that a flag gives.
pub(super) fn parse(flag: &str, text: &str) -> Result<prost_types::Timestamp, Failure> {
    read(text).ok_or_else(|| Failure::usage(format!("{flag}: {RULE}")))
}

/// Reads `2026-07-01T09:30:00Z`, or `2026-07-01` for midnight UTC of that day.
pub(super) fn read(text: &str) -> Option<prost_types::Timestamp> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let at = text.parse::<Timestamp>().or_else(|_| text.parse::<Date>().and_then(midnight)).ok()?;
    Some(prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() })
}

/// A time of the wire; absent if it is unset or outside of what a calendar has.
pub(super) fn at(time: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    let time = time?;
    Timestamp::new(time.seconds, time.nanos).ok()
}

/// `2026-07-01T09:30:00Z (in 12 days)`, or nothing.
pub(super) fn shown(time: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
    let Some(at) = at(time) else { return String::new() };
    format!("{} ({})", to_the_second(at), distance(at, now))
}

/// How far away a time is, or nothing.
pub(super) fn away(time: Option<&prost_types::Timestamp>, now: Timestamp) -> String {
    at(time).map(|at| distance(at, now)).unwrap_or_default()
}

/// RFC 3339 without the fraction.
pub(super) fn to_the_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// `in 12 days`, `3 hours ago`, `now`: the largest unit of which there are at least two, to the nearest.
fn distance(at: Timestamp, now: Timestamp) -> String {
    let between = at.duration_since(now);
    let seconds = between.abs().as_secs();
    let (count, unit) = match seconds {
        0 => return "now".into(),
        1..=119 => (seconds, "second"),
        120..=7_199 => ((seconds + 30) / 60, "minute"),
        7_200..=172_799 => ((seconds + 1_800) / 3_600, "hour"),
        _ => ((seconds + 43_200) / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if between > SignedDuration::ZERO {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_days_are_read() {
        let seconds = |text| parse("--received", text).map(|time| time.seconds).ok();
        assert_eq!(seconds("1970-01-02T00:00:01Z"), Some(86_401));
        assert_eq!(seconds("1970-01-02T02:00:01+02:00"), Some(86_401));
        assert_eq!(seconds("1970-01-02"), Some(86_400));
        for wrong in ["", "tomorrow", "02.01.1970", "1970-13-01"] {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn distances_use_the_largest_unit_that_fits() {
        let now = Timestamp::UNIX_EPOCH;
        let from_now = |seconds| distance(now + SignedDuration::from_secs(seconds), now);
        assert_eq!(from_now(0), "now");
        assert_eq!(from_now(1), "in 1 second");
        assert_eq!(from_now(-119), "119 seconds ago");
        assert_eq!(from_now(120), "in 2 minutes");
        assert_eq!(from_now(7_200), "in 2 hours");
        assert_eq!(from_now(-172_800), "2 days ago");
        assert_eq!(from_now(30 * 86_400 - 1), "in 30 days");
    }

    #[test]
    fn what_is_unset_or_absurd_is_not_shown() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(shown(None, now), "");
        assert_eq!(shown(Some(&prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }), now), "");
        let time = prost_types::Timestamp { seconds: 172_800, nanos: 5 };
        assert_eq!(shown(Some(&time), now), "1970-01-03T00:00:00Z (in 2 days)");
    }
}
