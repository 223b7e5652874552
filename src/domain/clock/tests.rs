//! Terms against examples that were worked out by hand, and properties over years, zones and holidays.

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use proptest::prelude::*;

use super::*;
use crate::domain::Right;

const ZONES: [&str; 7] = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Cairo",
    "America/Sao_Paulo",
];

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn term(text: &str) -> Term {
    text.parse().unwrap()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn germany() -> Holidays {
    Holidays {
        name: "germany".into(),
        fixed: vec![(1, 1), (5, 1), (10, 3), (12, 25), (12, 26)],
        easter: [-2, 1, 39, 50].map(Easter).to_vec(),
        ..Holidays::default()
    }
}

/// The last second of the term, as a clock on the wall there shows it.
fn end(text: &str, start: &str, place: &str, rolls: bool) -> String {
    let end = term(text).after(at(start), &zone(place), &germany(), rolls);
    end.to_zoned(zone(place)).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[test]
fn months_end_on_the_same_date_or_on_the_last_day() {
    for (start, expected) in [
        ("2026-11-24T09:00:00Z", "2026-12-24 23:59:59"),
        ("2026-01-31T12:00:00Z", "2026-02-28 23:59:59"),
        ("2028-01-31T12:00:00Z", "2028-02-29 23:59:59"),
        ("2028-02-29T12:00:00Z", "2028-03-29 23:59:59"),
        ("2026-12-31T12:00:00Z", "2027-01-31 23:59:59"),
        // 23:30 UTC is the next day in Berlin already.
        ("2026-03-30T23:30:00Z", "2026-04-30 23:59:59"),
    ] {
        assert_eq!(end("1 calendar_months", start, "Europe/Berlin", false), expected, "{start}");
    }
    assert_eq!(
        end("3 calendar_months", "2026-11-30T12:00:00Z", "Europe/Berlin", false),
        "2027-02-28 23:59:59"
    );
}

#[test]
fn an_end_on_a_day_off_moves_to_the_next_working_day() {
    for (start, expected) in [
        // 2026-11-25 + 1 month is Christmas Day, a Friday; Boxing Day and a Sunday follow.
        ("2026-11-25T09:00:00Z", "2026-12-28 23:59:59"),
        // 2026-03-03 + 1 month is Good Friday; Easter Monday is 6 April.
        ("2026-03-03T09:00:00Z", "2026-04-07 23:59:59"),
        ("2026-01-31T09:00:00Z", "2026-03-02 23:59:59"),
        ("2026-11-24T09:00:00Z", "2026-12-24 23:59:59"),
    ] {
        assert_eq!(end("1 calendar_months", start, "Europe/Berlin", true), expected, "{start}");
    }
}

#[test]
fn business_days_leave_out_weekends_and_holidays() {
    // Thursday before Easter 2026: Friday and Monday are off.
    assert_eq!(end("1 business_days", "2026-04-02T09:00:00Z", "Europe/Berlin", false), "2026-04-07 23:59:59");
    assert_eq!(
        end("10 business_days", "2026-11-24T09:00:00Z", "Europe/Berlin", false),
        "2026-12-08 23:59:59"
    );
    // From a Saturday on, Monday is the first.
    assert_eq!(end("1 business_days", "2026-11-28T09:00:00Z", "Europe/Berlin", false), "2026-11-30 23:59:59");
    assert_eq!(
        end("15 business_days", "2026-11-24T18:00:00Z", "America/Los_Angeles", false),
        "2026-12-15 23:59:59"
    );
}

#[test]
fn hours_are_hours_whatever_the_clocks_do() {
    // The night of 2026-03-29 has 23 hours in Berlin, that of 2026-10-25 has 25.
    assert_eq!(end("72 clock_hours", "2026-03-28T09:00:00Z", "Europe/Berlin", false), "2026-03-31 11:00:00");
    assert_eq!(end("PT72H", "2026-10-24T08:00:00Z", "Europe/Berlin", false), "2026-10-27 09:00:00");
    // Hours do not move to a working day (Reg. 1182/71 art. 3(4)).
    assert_eq!(end("72 clock_hours", "2026-11-26T09:00:00Z", "Europe/Berlin", true), "2026-11-29 10:00:00");
}

#[test]
fn days_end_at_midnight_there() {
    assert_eq!(
        end("45 calendar_days", "2026-11-24T09:00:00Z", "America/Los_Angeles", false),
        "2027-01-08 23:59:59"
    );
    // 07:59 UTC is still the evening before in California.
    assert_eq!(
        end("1 calendar_days", "2026-11-24T07:59:00Z", "America/Los_Angeles", false),
        "2026-11-24 23:59:59"
    );
    // The day on which summer time begins at midnight has no 00:00 in Cairo.
    assert_eq!(end("1 calendar_days", "2026-04-22T09:00:00Z", "Africa/Cairo", false), "2026-04-23 23:59:59");
    assert_eq!(end("1 calendar_days", "2028-02-28T09:00:00Z", "Europe/Berlin", false), "2028-02-29 23:59:59");
}

#[test]
fn a_promise_ends_at_the_same_time_of_day() {
    assert_eq!(end("P30D", "2026-11-24T09:00:00Z", "UTC", false), "2026-12-24 09:00:00");
    assert_eq!(end("P1M", "2026-01-31T09:00:00Z", "UTC", false), "2026-02-28 09:00:00");
}

#[test]
fn terms_are_written_as_they_are_read() {
    for text in ["1 calendar_months", "45 calendar_days", "15 business_days", "P30D", "PT72H"] {
        assert_eq!(term(text).to_string(), text);
    }
    assert_eq!(term("72 clock_hours"), term("PT72H"));
    for bad in
        ["", "30", "0 calendar_days", "10001 calendar_days", "1 month", "PT0H", "P1DT1H", "-1 calendar_days"]
    {
        assert!(bad.parse::<Term>().is_err(), "{bad:?}");
    }
    assert_eq!(term("1 calendar_months").with(&term("2 calendar_months")), Some(term("3 calendar_months")));
    assert_eq!(term("1 calendar_months").with(&term("2 calendar_days")), None);
}

/// A table with one regime of Berlin that allows a pause and an extension, and one that allows neither.
fn table() -> Table {
    let regime = |name: &str, zone: &str| Regime {
        name: name.into(),
        title: name.to_uppercase(),
        zone: Some(zone.into()),
        holidays: Some("germany".into()),
        ..Regime::default()
    };
    let row = |regime: &str, respond: &str| Row {
        regime: regime.into(),
        rights: Vec::new(),
        respond: Some(term(respond)),
        acknowledge: None,
        extend: None,
        anchor: Anchor::Receipt,
        rolls: true,
        pauses: Vec::new(),
        unverified: false,
        source: "art. 1".into(),
        draft: false,
        valid_from: "2018-05-25".parse().unwrap(),
        valid_until: None,
    };
    let long = Row {
        extend: Some(term("2 calendar_months")),
        pauses: vec![PauseGround::IdentityInDoubt],
        ..row("long", "1 calendar_months")
    };
    let names =
        |regimes: Vec<Regime>| regimes.into_iter().map(|regime| (regime.name.clone(), regime)).collect();
    Table {
        regimes: names(vec![regime("long", "Europe/Berlin"), regime("short", "America/Los_Angeles")]),
        rows: vec![long, row("short", "15 calendar_days")],
        holidays: [("germany".to_owned(), germany())].into(),
        zone: "UTC".into(),
        controller_holidays: String::new(),
    }
}

fn promise(respond: &str) -> Promise {
    Promise { respond: term(respond), acknowledge: Some(term("PT72H")), extend: Some(term("P60D")) }
}

fn clocks(regimes: &[&str], respond: &str) -> Clocks {
    let regimes: Vec<String> = regimes.iter().map(|&name| name.to_owned()).collect();
    let asked_at = at("2026-11-24T09:00:00Z");
    table()
        .clocks(&regimes, &promise(respond), Right::Access, asked_at)
        .warning(SignedDuration::from_hours(7 * 24))
}

fn extension(told: &str) -> Extension {
    Extension { ground: ExtensionGround::Complexity, told_at: at(told), note: String::new() }
}

#[test]
fn the_earliest_clock_wins_and_each_explains_itself() {
    let clocks = clocks(&["long", "short"], "P90D");
    assert_eq!(clocks.deadline(), Some(at("2026-12-10T07:59:59Z")), "15 days of California");
    let sentences: Vec<String> = clocks.clocks.iter().map(|clock| clocks.sentence(clock)).collect();
    assert_eq!(
        sentences[0],
        "Respond by 2026-12-24 23:59:59 Europe/Berlin: 1 calendar month from receipt on 2026-11-24 (LONG, art. 1); an \
         end on a day off moves to the next working day."
    );
    assert_eq!(
        sentences[2],
        "Acknowledge by 2026-11-27 09:00:00 UTC: 72 clock hours from receipt on 2026-11-24 (the company's promise)."
    );
}

#[test]
fn an_extension_moves_those_that_allow_it_and_needs_notice_in_time() {
    let mut both = clocks(&["long", "short"], "P90D");
    both.extend(extension("2026-12-01T00:00:00Z"), &table()).unwrap();
    assert_eq!(both.deadline(), Some(at("2026-12-10T07:59:59Z")), "the other one did not move");
    let moved = both.clocks[0].due_at.unwrap();
    assert_eq!(moved, at("2027-02-24T22:59:59Z"), "three months from receipt");

    let mut short = clocks(&["short"], "P90D");
    let refused = short.extend(extension("2026-12-01T00:00:00Z"), &table());
    assert_eq!(refused, Err(Overdue::NotExtendable(vec!["short".into()])), "the promise alone does not help");

    let mut late = clocks(&["long"], "P90D");
    let first = late.clocks[0].due_at.unwrap();
    assert_eq!(late.extend(extension("2026-12-24T23:00:00Z"), &table()), Err(Overdue::TooLate(first)));
    let mut own = clocks(&[], "P30D");
    own.extend(extension("2026-12-01T00:00:00Z"), &table()).unwrap();
    assert_eq!(
        own.deadline(),
        Some(at("2027-02-22T09:00:00Z")),
        "the promise by itself: 60 days after the 30"
    );
    let again = own.extend(extension("2026-12-02T00:00:00Z"), &table());
    assert_eq!(again, Err(Overdue::NotExtendable(vec![PROMISE.into()])), "once");
}

#[test]
fn a_pause_moves_those_that_allow_the_ground_by_its_length() {
    let mut both = clocks(&["long", "short"], "P90D");
    let before: Vec<_> = both.clocks.iter().map(|clock| clock.due_at.unwrap()).collect();
    both.pause(Pause { ground: PauseGround::IdentityInDoubt, paused_at: at("2026-11-25T00:00:00Z") });
    assert!(both.sentence(&both.clocks[0]).contains("stands still since 2026-11-25 (identity in doubt)"));
    both.resume(at("2026-11-28T00:00:00Z"));
    let hours = |clock: usize| both.clocks[clock].due_at.unwrap().duration_since(before[clock]).as_hours();
    assert_eq!((hours(0), hours(1), hours(3)), (72, 0, 72), "long, short, the promise");
    let mut alone = clocks(&["long"], "P90D");
    alone.pause(Pause { ground: PauseGround::IdentityInDoubt, paused_at: at("2026-11-25T00:00:00Z") });
    let never = alone.deadline().unwrap();
    assert_eq!(never.as_second(), Timestamp::MAX.as_second(), "nothing is due while all stand still");
    assert_eq!(Timestamp::from_microsecond(never.as_microsecond()).unwrap(), never, "it can be kept");
    assert!(alone.tick(at("2030-01-01T00:00:00Z")).is_empty());
}

#[test]
fn each_end_is_said_once_when_it_is_near_and_when_it_is_missed() {
    let mut own = clocks(&[], "P30D");
    let mut said = Vec::new();
    let mut now = at("2026-11-24T09:00:00Z");
    for _ in 0..24 * 40 {
        said.extend(
            own.tick(now).into_iter().map(|tick| (now.to_string(), tick.kind.as_str(), tick.is_missed)),
        );
        now += SignedDuration::from_hours(1);
    }
    let expected = [
        // Half of the term of 72 hours; after that, the moment after the end.
        ("2026-11-25T21:00:00Z", "acknowledge", false),
        ("2026-11-27T10:00:00Z", "acknowledge", true),
        ("2026-12-17T09:00:00Z", "respond", false),
        ("2026-12-24T10:00:00Z", "respond", true),
    ];
    let said: Vec<_> = said.iter().map(|(at, kind, missed)| (at.as_str(), *kind, *missed)).collect();
    assert_eq!(said, expected);

    let mut met = clocks(&[], "P30D");
    met.acknowledge(at("2026-11-24T10:00:00Z"));
    met.answer(at("2026-11-30T10:00:00Z"));
    assert!(met.tick(now).is_empty() && met.next_moment().is_none());
    assert!(met.clocks.iter().all(|clock| clock.met_at.is_some() && clock.missed_at.is_none()));
}

#[test]
fn what_runs_from_verification_starts_with_it() {
    let mut table = table();
    table.rows[1].anchor = Anchor::Verification;
    let asked_at = at("2026-11-24T09:00:00Z");
    let mut clocks = table.clocks(&["short".to_owned()], &promise("P90D"), Right::Access, asked_at);
    assert_eq!(clocks.clocks[0].due_at, None);
    assert!(
        clocks.sentence(&clocks.clocks[0]).starts_with("Respond within 15 calendar days from verification (")
    );
    clocks.start(Anchor::Verification, at("2026-12-01T12:00:00Z"), &table);
    assert_eq!(clocks.deadline(), Some(at("2026-12-17T07:59:59Z")));
}

#[test]
fn rows_count_from_their_first_day_to_their_last() {
    let mut table = table();
    table.rows[0].valid_until = Some("2026-06-01".parse().unwrap());
    let rows = |day: &str| table.rows("long", Right::Access, at(day)).count();
    assert_eq!((rows("2018-05-24T12:00:00Z"), rows("2018-05-25T12:00:00Z")), (0, 1));
    assert_eq!((rows("2026-05-31T12:00:00Z"), rows("2026-06-01T12:00:00Z")), (1, 0));
}

fn any_term() -> impl Strategy<Value = Term> {
    (1_u32..=400, prop::sample::select(Unit::ALL)).prop_map(|(count, unit)| Term::Count { count, unit })
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    // 2018-05-25 to 2060.
    (1_527_206_400_i64..2_840_140_800).prop_map(|second| Timestamp::from_second(second).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_term_ends_before_it_begins_and_none_overtakes(
        term in any_term(), a in any_time(), ahead in 0_i64..40_000_000, place in prop::sample::select(&ZONES), rolls: bool,
    ) {
        let b = a + SignedDuration::from_secs(ahead);
        let holidays = Holidays { substitute: true, ..germany() };
        let end = |start| term.after(start, &zone(place), &holidays, rolls);
        prop_assert!(end(a) >= a, "{term} from {a} in {place} ends {}", end(a));
        prop_assert!(end(a) <= end(b), "who asks first is answered first: {term} from {a} and {b} in {place}");
    }

    #[test]
    fn a_longer_term_never_ends_earlier(
        count in 1_u32..200, unit in prop::sample::select(Unit::ALL), start in any_time(), place in prop::sample::select(&ZONES),
    ) {
        let end = |count| Term::Count { count, unit }.after(start, &zone(place), &germany(), true);
        prop_assert!(end(count) <= end(count + 1));
    }

    #[test]
    fn what_rolls_ends_on_a_working_day(
        term in any_term(), start in any_time(), place in prop::sample::select(&ZONES),
    ) {
        let end = term.after(start, &zone(place), &germany(), true).to_zoned(zone(place));
        let in_hours = matches!(term, Term::Count { unit: Unit::ClockHours, .. });
        prop_assert!(in_hours || germany().is_working_day(end.date()));
    }
}
