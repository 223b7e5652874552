//! Moments as the sample databases keep them: RFC 3339 text in whole seconds, so that a person can read the tables.

use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

/// RFC 3339, whole seconds, UTC: sorts as it reads.
pub(super) fn text(moment: Timestamp) -> String {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()
}

/// The moment that [`text`] wrote. `None` if the text is not one.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

/// The first moment of the year after `moment`, UTC: from here book-keeping periods run.
pub(super) fn end_of_year(moment: Timestamp) -> Option<Timestamp> {
    let year = moment.to_zoned(TimeZone::UTC).year().checked_add(1)?;
    let new_year = Date::new(year, 1, 1).ok()?;
    Some(new_year.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// `moment` and a calendar period later, UTC. `None` beyond the year 9999.
pub(super) fn later(moment: Timestamp, period: Span) -> Option<Timestamp> {
    Some(moment.to_zoned(TimeZone::UTC).checked_add(period).ok()?.timestamp())
}

/// The same moment for the wire.
pub(super) fn wire(moment: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: moment.as_second(), nanos: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_keeping_period_runs_from_the_end_of_the_year() {
        let issued = read("2019-03-05T10:00:00Z").unwrap();
        let release = later(end_of_year(issued).unwrap(), "P7Y".parse().unwrap()).unwrap();
        assert_eq!(text(release), "2027-01-01T00:00:00Z");
    }

    #[test]
    fn fractions_are_cut_off() {
        assert_eq!(text("2026-01-02T03:04:05.678Z".parse().unwrap()), "2026-01-02T03:04:05Z");
    }
}
