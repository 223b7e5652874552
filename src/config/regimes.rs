//! The table of clocks: `regimes.toml`, which is built in, or the file that replaces it.

use std::collections::{BTreeMap, BTreeSet};

use config::{File, FileFormat};
use jiff::{civil::Date, tz::TimeZone};

use super::settings::Settings;
use crate::domain::{
    Faults, Right,
    clock::{Anchor, Easter, Holidays, Nth, PROMISE, PauseGround, Regime, Row, Table, Term, Unit},
    subject::{NAME_RULE, is_name},
};

/// What is built in.
const BUILT_IN: &str = include_str!("../../regimes.toml");
/// Regimes, clocks and tables of holidays at the most: every law of the world that is about this.
const ROWS_MAX: usize = 1_000;
/// Items of a list: the holidays of decades.
const LIST_MAX: usize = 400;
/// A sentence.
const TEXT_BYTES_MAX: usize = 256;
/// What a date looks like.
const DATE_RULE: &str = "must be a date such as 2018-05-25";
/// The weekdays and their places in [`Nth`], by name.
const NTH_RULE: &str = "must be first, second, third, fourth or last, a weekday and a month: last monday 08";
const PLACES: [(&str, i8); 5] = [("first", 1), ("second", 2), ("third", 3), ("fourth", 4), ("last", -1)];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The built-in table.
pub(super) fn built_in() -> Table {
    read(BUILT_IN).ok().and_then(Result::ok).expect("the built-in table keeps its own rules: a test reads it")
}

/// A table; the outer error is one of the syntax.
pub(super) fn read(text: &str) -> Result<Result<Table, Faults>, config::ConfigError> {
    let root = config::Config::builder().add_source(File::from_str(text, FileFormat::Toml)).build()?.cache;
    let mut settings = Settings::flatten(root);
    settings.listed_in = "regimes.toml";
    let table = table(&mut settings);
    Ok(settings.finish().or(table))
}

fn table(settings: &mut Settings) -> Table {
    let regimes = named(settings, "regime", regime);
    let holidays = named(settings, "holidays", holidays);
    let length = length(settings, "clock");
    let rows: Vec<Row> = (0..length).map(|index| row(settings, &format!("clock[{index}]"))).collect();
    for (index, row) in rows.iter().enumerate() {
        if !regimes.contains_key(&row.regime) {
            settings.fault(&format!("clock[{index}].regime"), "must be the name of a [[regime]]");
        }
    }
    for (name, regime) in &regimes {
        if regime.holidays.as_ref().is_some_and(|own| !holidays.contains_key(own)) {
            settings.fault("regime", format!("{name} has holidays that are no [[holidays]]"));
        }
    }
    Table { regimes, rows, holidays, ..Table::default() }
}

fn length(settings: &mut Settings, array: &str) -> usize {
    let length = settings.length(array);
    if length > ROWS_MAX {
        settings.fault(array, format!("must have at most {ROWS_MAX} entries"));
    }
    length.min(ROWS_MAX)
}

/// Entries that are told apart by their names.
fn named<T>(
    settings: &mut Settings,
    array: &str,
    read: fn(&mut Settings, &str, &str) -> T,
) -> BTreeMap<String, T> {
    let mut entries = BTreeMap::new();
    for index in 0..length(settings, array) {
        let at = format!("{array}[{index}]");
        let key = format!("{at}.name");
        let name = settings.optional(&key).unwrap_or_default();
        if !is_name(&name) || name == PROMISE {
            settings.fault(&key, NAME_RULE);
        }
        let entry = read(settings, &at, &name);
        if entries.insert(name, entry).is_some() {
            settings.fault(&key, "must be different from all others");
        }
    }
    entries
}

fn regime(settings: &mut Settings, at: &str, name: &str) -> Regime {
    let zone = settings.optional(&format!("{at}.zone"));
    if zone.as_ref().is_some_and(|zone| !is_zone(zone)) {
        settings.fault(&format!("{at}.zone"), "must be a time zone such as Europe/Berlin");
    }
    Regime {
        name: name.to_owned(),
        title: settings.text(&format!("{at}.title"), "", TEXT_BYTES_MAX),
        zone,
        holidays: settings.optional(&format!("{at}.holidays")),
        complaint_body: settings.optional(&format!("{at}.complaint_body")).unwrap_or_default(),
        court: settings.optional(&format!("{at}.court")).unwrap_or_default(),
    }
}

/// Whether the time zone database has it.
pub(super) fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

fn row(settings: &mut Settings, at: &str) -> Row {
    let key = |name: &str| format!("{at}.{name}");
    let row = Row {
        regime: settings.optional(&key("regime")).unwrap_or_default(),
        rights: each(settings, &key("rights"), "must be a right, such as access", |text| text.parse().ok()),
        respond: term(settings, &key("respond")),
        acknowledge: term(settings, &key("acknowledge")),
        extend: term(settings, &key("extend")),
        anchor: settings.parsed(&key("anchor"), Anchor::Receipt, "must be receipt or verification"),
        rolls: settings.parsed(&key("rolls"), false, "must be true or false"),
        pauses: each(settings, &key("pauses"), "must be identity_in_doubt or scope_unclear", |text| {
            text.parse::<PauseGround>().ok()
        }),
        unverified: settings.parsed(&key("unverified"), false, "must be true or false"),
        source: settings.text(&key("source"), "", TEXT_BYTES_MAX),
        draft: settings.parsed(&key("draft"), false, "must be true or false"),
        valid_from: date(settings, &key("valid_from")).unwrap_or_else(|| {
            settings.fault(&key("valid_from"), DATE_RULE);
            Date::MIN
        }),
        valid_until: date(settings, &key("valid_until")),
    };
    if row.respond.is_none() && row.acknowledge.is_none() {
        settings.fault(at, "must have a term to respond or to acknowledge");
    }
    if row.extend.is_some() && row.respond.is_none() {
        settings.fault(&key("extend"), "must extend a term to respond");
    }
    row
}

fn term(settings: &mut Settings, key: &str) -> Option<Term> {
    let text = settings.optional(key)?;
    let term = text.parse::<Term>().unwrap_or_else(|fault| {
        settings.fault(key, fault.description);
        Term::Count { count: 1, unit: Unit::ClockHours }
    });
    Some(term)
}

fn date(settings: &mut Settings, key: &str) -> Option<Date> {
    let text = settings.optional(key)?;
    let date = text.parse().ok();
    if date.is_none() {
        settings.fault(key, DATE_RULE);
    }
    date
}

fn holidays(settings: &mut Settings, at: &str, name: &str) -> Holidays {
    let key = |name: &str| format!("{at}.{name}");
    // Where it is from is for readers of the file.
    settings.text(&key("source"), "", TEXT_BYTES_MAX);
    Holidays {
        name: name.to_owned(),
        fixed: each(settings, &key("fixed"), "must be a month and a day: 12-25", month_and_day),
        easter: each(settings, &key("easter"), "must be days from Easter Sunday, -100 to 100", |text| {
            text.parse().ok().filter(|days| (-100..=100).contains(days)).map(Easter)
        }),
        nth: each(settings, &key("nth"), NTH_RULE, nth),
        dates: each(settings, &key("dates"), DATE_RULE, |text| text.parse().ok()),
        substitute: settings.parsed(&key("substitute"), false, "must be true or false"),
    }
}

/// The items of a list that read well.
fn each<T>(settings: &mut Settings, key: &str, rule: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let mut items = Vec::new();
    for (index, text) in settings.list(key, LIST_MAX).into_iter().enumerate() {
        match read(&text) {
            Some(item) => items.push(item),
            None => settings.fault(&format!("{key}[{index}]"), rule),
        }
    }
    items
}

fn month_and_day(text: &str) -> Option<(i8, i8)> {
    let (month, day) = text.split_once('-')?;
    // A leap year has every day that a year may have.
    let date = Date::new(2028, month.parse().ok()?, day.parse().ok()?).ok()?;
    Some((date.month(), date.day()))
}

fn nth(text: &str) -> Option<Nth> {
    let words: Vec<&str> = text.split(' ').collect();
    let [place, weekday, month] = words[..] else { return None };
    let (_, nth) = PLACES.iter().find(|(name, _)| *name == place)?;
    let weekday = WEEKDAYS.iter().position(|name| *name == weekday)?;
    let month = month.parse().ok().filter(|month| (1..=12).contains(month))?;
    Some(Nth { nth: *nth, weekday: i8::try_from(weekday + 1).ok()?, month })
}

/// The rights that a list names.
pub(super) fn rights(settings: &mut Settings, key: &str) -> BTreeSet<Right> {
    each(settings, key, "must be a right, such as erasure", |text| text.parse().ok()).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        Period,
        clock::{ClockKind, Promise},
    };

    fn faults(text: &str) -> Vec<String> {
        let faults = read(text).unwrap().unwrap_err();
        faults.as_slice().iter().map(|fault| fault.field.clone()).collect()
    }

    #[test]
    fn the_built_in_table_has_every_law() {
        let table = built_in();
        let names: Vec<&str> = table.regimes.keys().map(String::as_str).collect();
        assert_eq!(names, ["ccpa", "dpdp", "gdpr", "lgpd", "pipeda", "ua_pdp", "uk_gdpr", "uu_pdp"]);
        for row in &table.rows {
            assert_eq!(
                row.draft,
                row.source.contains("secondary source"),
                "{}: what is to be checked says so",
                row.regime
            );
        }
        assert_eq!(table.holidays.len(), 4);
    }

    /// When a case that was received on Wednesday, 2 December 2026, at 10:00 UTC is due, worked out by hand.
    #[test]
    fn every_law_ends_on_the_day_that_was_worked_out_by_hand() {
        let table = Table { zone: "Europe/Berlin".to_owned(), ..built_in() };
        let received = "2026-12-02T10:00:00Z".parse().unwrap();
        let promise =
            Promise { respond: Term::Period(Period::new("P1Y").unwrap()), acknowledge: None, extend: None };
        for (regime, right, kind, due) in [
            // 2 January 2027 is a Saturday, for which the Monday after comes.
            ("gdpr", Right::Erasure, ClockKind::Respond, "2027-01-04T22:59:59Z"),
            ("uk_gdpr", Right::Access, ClockKind::Respond, "2027-01-04T23:59:59Z"),
            ("ccpa", Right::Access, ClockKind::Respond, "2027-01-17T07:59:59Z"),
            ("ccpa", Right::Access, ClockKind::Acknowledge, "2026-12-17T07:59:59Z"),
            ("ccpa", Right::Objection, ClockKind::Respond, "2026-12-24T07:59:59Z"),
            ("uu_pdp", Right::ConsentWithdrawal, ClockKind::Respond, "2026-12-05T10:00:00Z"),
            ("ua_pdp", Right::Access, ClockKind::Respond, "2027-01-01T21:59:59Z"),
            ("lgpd", Right::Access, ClockKind::Respond, "2026-12-18T02:59:59Z"),
            ("pipeda", Right::Access, ClockKind::Respond, "2027-01-01T22:59:59Z"),
        ] {
            let clocks = table.clocks(&[regime.to_owned()], &promise, right, received);
            let found = clocks.clocks.iter().find(|clock| clock.regime == regime && clock.kind == kind);
            let found = found.unwrap_or_else(|| panic!("{regime} has no such clock")).due_at.unwrap();
            assert_eq!(found.strftime("%FT%TZ").to_string(), due, "{regime} {right} {kind}");
        }
        // In force from 13 May 2027.
        let later = table.clocks(
            &["dpdp".to_owned()],
            &promise,
            Right::Erasure,
            "2027-06-01T10:00:00Z".parse().unwrap(),
        );
        assert_eq!(later.clocks[0].due_at.unwrap().strftime("%FT%TZ").to_string(), "2027-08-30T18:29:59Z");
    }

    #[test]
    fn every_fault_of_a_table_is_named_at_once() {
        let text = "colour = 1\n[[regime]]\nname = 'promise'\ntitle = 'X'\n[[regime]]\nname = 'a'\ntitle = ''\n\
                    zone = 'Mars/Base'\n[[clock]]\nregime = 'b'\nrights = ['acess']\nrespond = 'soon'\nextend = '1 calendar_days'\n\
                    anchor = 'then'\npauses = ['tea']\nsource = 'x'\nvalid_until = 'x'\nspeed = 1\n\
                    [[clock]]\nregime = 'a'\nextend = '1 calendar_days'\nsource = 'x'\nvalid_from = '2020-01-01'\n\
                    [[holidays]]\nname = 'h'\nsource = 'x'\nfixed = ['13-01', '02-29']\neaster = ['x']\nnth = ['last moonday 1']\n\
                    dates = ['x']";
        let expected = [
            "regime[0].name",
            "regime[1].zone",
            "regime[1].title",
            "holidays[0].fixed[0]",
            "holidays[0].easter[0]",
            "holidays[0].nth[0]",
            "holidays[0].dates[0]",
            "clock[0].rights[0]",
            "clock[0].respond",
            "clock[0].anchor",
            "clock[0].pauses[0]",
            "clock[0].valid_from",
            "clock[0].valid_until",
            "clock[1]",
            "clock[1].extend",
            "clock[0].regime",
            "clock[0].speed",
            "colour",
        ];
        assert_eq!(faults(text), expected);
    }
}
