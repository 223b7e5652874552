//! Terms: how long something may take, and when such a time ends.

use std::{fmt, str::FromStr};

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::Holidays;
use crate::domain::{Fault, Period};

/// A term is at most this many units long: 27 years of days.
const COUNT_MAX: u32 = 10_000;
/// What a term looks like.
const RULE: &str = "must be a number of 1 to 10000 and a unit (clock_hours, calendar_days, calendar_months or business_days), \
                    an ISO 8601 calendar duration such as P30D, or hours such as PT72H";

named! {
    /// What a term is counted in.
    pub enum Unit {
        /// Hours by the clock, from the moment on.
        ClockHours = "clock_hours",
        /// Days; the day of the event does not count, and the last one ends at midnight.
        CalendarDays = "calendar_days",
        /// Months to the same date, or to the last day of a shorter month, which ends at midnight.
        CalendarMonths = "calendar_months",
        /// Days on which people work.
        BusinessDays = "business_days",
    }
}

/// How long something may take. As text: `1 calendar_months`, `P30D`, `PT72H`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Term {
    /// So many units.
    Count {
        /// How many, 1 to 10,000.
        count: u32,
        /// Of what.
        unit: Unit,
    },
    /// To the same time of day in UTC: how companies' promises are configured.
    Period(Period),
}

impl Term {
    /// When a term ends that began at `start`: in this zone, with these holidays. `rolls`: one that is not in hours and
    /// ends on a Saturday, Sunday or holiday ends on the next working day. The end of time if there is no such moment.
    pub fn after(&self, start: Timestamp, zone: &TimeZone, holidays: &Holidays, rolls: bool) -> Timestamp {
        let (count, unit) = match self {
            Self::Period(period) => return period.after(start),
            Self::Count { count, unit } => (*count, *unit),
        };
        if unit == Unit::ClockHours {
            let hours = SignedDuration::from_hours(i64::from(count));
            return start.saturating_add(hours).unwrap_or(Timestamp::MAX);
        }
        let day = start.to_zoned(zone.clone()).date();
        let last = match unit {
            Unit::CalendarMonths => day.checked_add(i64::from(count).months()).ok(),
            Unit::BusinessDays => holidays.working_days_after(day, count),
            Unit::CalendarDays | Unit::ClockHours => day.checked_add(i64::from(count).days()).ok(),
        };
        let last = if rolls { last.and_then(|day| holidays.working_day_from(day)) } else { last };
        last.and_then(|day| end_of(day, zone)).unwrap_or(Timestamp::MAX)
    }

    /// The term that is as long as both together; absent if they are counted in different units.
    pub fn with(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Count { count, unit }, Self::Count { count: more, unit: same }) if unit == same => {
                Some(Self::Count { count: count.saturating_add(*more), unit: *unit })
            }
            _ => None,
        }
    }
}

/// The last second of a day: the one before the next day begins, whatever the clocks do at midnight.
fn end_of(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
    next.timestamp().checked_sub(SignedDuration::from_secs(1)).ok()
}

impl FromStr for Term {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fault = || Fault::new("", RULE);
        let counted = |count: &str, unit: Unit| {
            let count = count.parse().ok().filter(|count| (1..=COUNT_MAX).contains(count));
            count.map(|count| Self::Count { count, unit }).ok_or_else(fault)
        };
        if let Some((count, unit)) = text.split_once(' ') {
            return counted(count, unit.parse().map_err(|_| fault())?);
        }
        if let Some(hours) = text.strip_prefix("PT").and_then(|rest| rest.strip_suffix('H')) {
            return counted(hours, Unit::ClockHours);
        }
        Period::new(text).map(Self::Period).map_err(|_| fault())
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Period(period) => f.write_str(period.as_str()),
            Self::Count { count, unit: Unit::ClockHours } => write!(f, "PT{count}H"),
            Self::Count { count, unit } => write!(f, "{count} {unit}"),
        }
    }
}

impl TryFrom<String> for Term {
    type Error = Fault;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}
