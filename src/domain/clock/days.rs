//! Which days are working days: weekends, and a table of public holidays for a place.

use jiff::{
    ToSpan as _,
    civil::{Date, Weekday},
};
use serde::{Deserialize, Serialize};

/// Days that are looked at for a working day at the most: no place rests for a year.
const LOOK_MAX: usize = 366;

/// The holidays of one place. Saturdays and Sundays are no working days anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays {
    /// Its name in the table: `germany`.
    pub name: String,
    /// Month and day of those that are the same every year.
    pub fixed: Vec<(i8, i8)>,
    /// Those that hang on Easter Sunday.
    pub easter: Vec<Easter>,
    /// Those that are a certain weekday of a month.
    pub nth: Vec<Nth>,
    /// Single days, such as a jubilee.
    pub dates: Vec<Date>,
    /// Whether a fixed one that falls on a weekend is made up for on the next working day.
    pub substitute: bool,
}

/// Days after Easter Sunday; before it if negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Easter(pub i8);

/// The first, second, … or, if -1, last such weekday of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nth {
    /// 1 to 4, or -1.
    pub nth: i8,
    /// Which weekday: 1 is Monday.
    pub weekday: i8,
    /// Which month.
    pub month: i8,
}

impl Holidays {
    /// Whether people work on this day.
    pub fn is_working_day(&self, date: Date) -> bool {
        let is_substitute = self.substitute && self.substitutes(date).contains(&date);
        !is_weekend(date) && !self.is_holiday(date) && !is_substitute
    }

    /// The day, or the first working day after it (Reg. (EEC, Euratom) 1182/71 art. 3(4)).
    pub fn working_day_from(&self, date: Date) -> Option<Date> {
        let mut day = date;
        for _ in 0..LOOK_MAX {
            if self.is_working_day(day) {
                return Some(day);
            }
            day = day.tomorrow().ok()?;
        }
        None
    }

    /// The `count`th working day after `date`, which itself does not count.
    pub fn working_days_after(&self, date: Date, count: u32) -> Option<Date> {
        let mut day = date;
        for _ in 0..count {
            day = self.working_day_from(day.tomorrow().ok()?)?;
        }
        Some(day)
    }

    fn is_holiday(&self, date: Date) -> bool {
        self.is_fixed(date)
            || self.dates.contains(&date)
            || self.easter.iter().any(|Easter(days)| {
                easter_sunday(date.year()).checked_add(i64::from(*days).days()).ok() == Some(date)
            })
            || self.nth.iter().any(|nth| nth.is(date))
    }

    fn is_fixed(&self, date: Date) -> bool {
        self.fixed.contains(&(date.month(), date.day()))
    }

    /// The days that make up for fixed holidays on weekends, in the fortnight up to `date`: two in a
    /// row (Christmas and Boxing Day) take two days.
    fn substitutes(&self, date: Date) -> Vec<Date> {
        let mut taken: Vec<Date> = Vec::new();
        let Ok(mut day) = date.checked_sub(14.days()) else { return taken };
        while day <= date {
            if is_weekend(day) && self.is_fixed(day) {
                let mut next = day;
                while let Ok(after) = next.tomorrow() {
                    next = after;
                    if !is_weekend(next) && !self.is_holiday(next) && !taken.contains(&next) {
                        taken.push(next);
                        break;
                    }
                }
            }
            let Ok(after) = day.tomorrow() else { break };
            day = after;
        }
        taken
    }
}

impl Nth {
    fn is(self, date: Date) -> bool {
        let weekday = Weekday::from_monday_one_offset(self.weekday);
        date.month() == self.month
            && weekday.is_ok_and(|weekday| {
                date.first_of_month().nth_weekday_of_month(self.nth, weekday).ok() == Some(date)
            })
    }
}

fn is_weekend(date: Date) -> bool {
    matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Easter Sunday of a year of the Gregorian calendar: the anonymous algorithm that Nature printed in 1876.
fn easter_sunday(year: i16) -> Date {
    let year_i32 = i32::from(year);
    let (golden, century, rest) = (year_i32 % 19, year_i32 / 100, year_i32 % 100);
    let (leap_centuries, century_rest) = (century / 4, century % 4);
    let correction = (century + 8) / 25;
    let moon = (century - correction + 1) / 3;
    let epact = (19 * golden + century - leap_centuries - moon + 15) % 30;
    let (leaps, leap_rest) = (rest / 4, rest % 4);
    let weekday = (32 + 2 * century_rest + 2 * leaps - epact - leap_rest) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let sum = epact + weekday - 7 * late + 114;
    let (month, day) = (sum / 31, sum % 31 + 1);
    let part = |number: i32| i8::try_from(number).unwrap_or(1);
    Date::new(year, part(month), part(day)).unwrap_or(Date::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn easter_falls_on_its_days() {
        for text in
            ["2000-04-23", "2008-03-23", "2011-04-24", "2024-03-31", "2025-04-20", "2026-04-05", "2038-04-25"]
        {
            assert_eq!(easter_sunday(date(text).year()), date(text));
        }
    }

    #[test]
    fn a_holiday_on_a_weekend_is_made_up_for_where_that_is_the_custom() {
        let fixed = vec![(1, 1), (12, 25), (12, 26)];
        let england = Holidays { fixed, substitute: true, ..Holidays::default() };
        // Christmas Day 2021 was a Saturday: Monday and Tuesday were bank holidays. New Year's Day 2022 as well.
        for (day, works) in [
            ("2021-12-24", true),
            ("2021-12-27", false),
            ("2021-12-28", false),
            ("2021-12-29", true),
            ("2022-01-03", false),
            ("2022-01-04", true),
            // 2022: Christmas on a Sunday, Boxing Day on the Monday, the substitute on Tuesday.
            ("2022-12-26", false),
            ("2022-12-27", false),
            ("2022-12-28", true),
            // 2020: Boxing Day on a Saturday, made up for on Monday.
            ("2020-12-25", false),
            ("2020-12-28", false),
            ("2020-12-29", true),
        ] {
            assert_eq!(england.is_working_day(date(day)), works, "{day}");
        }
        let germany = Holidays { substitute: false, ..england };
        assert!(germany.is_working_day(date("2021-12-27")), "elsewhere nothing is made up for");
    }

    #[test]
    fn weekdays_of_a_month_are_found() {
        let august = Nth { nth: -1, weekday: 1, month: 8 };
        assert!(august.is(date("2026-08-31")) && !august.is(date("2026-08-24")));
        let may = Nth { nth: 1, weekday: 1, month: 5 };
        assert!(may.is(date("2026-05-04")) && !may.is(date("2026-05-11")));
    }
}
