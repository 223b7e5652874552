//! A decade in seconds: erasures, legal holds, releases over seven years, a downstream that comes and goes, sweeps, and
//! crashes. The downstreams' journals prove that nothing went early, nothing late, and nothing twice.

use std::{collections::BTreeSet, fs, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::{Clock as _, ManualClock},
    proto::{
        downstream::v1::{GroundCode, Right},
        v1::{Case, CaseState, ListCasesRequest, SweepState, TaskReason, TaskState},
    },
};
use serde_json::{Value, json};

use crate::{
    harness::{Builder, PATIENCE, World, opening, soon},
    puppet::{Person, Profile, category, ground},
};

const BEGIN: &str = "2026-01-01T00:00:00Z";
const PEOPLE: i64 = 18;
const DAYS: i64 = 3_653;
/// Days in between on which nothing is planned to happen.
const STRIDE: i64 = 10;
/// Whoever was away and is asked again may be asked a stride later than a day.
const SLACK: i64 = STRIDE + 1;
/// Days on which crm is not in the configuration.
const AWAY: [(i64, i64); 2] = [(690, 740), (2_000, 2_010)];
/// A crash on every day of this multiple.
const CRASH_EVERY: i64 = 210;
/// Time goes on while one waits, as it does outside: attempts that failed are made again, and where replicas share a database
/// leases of the dead have to end.
const TICK: SignedDuration = SignedDuration::from_millis(10);

fn at(day: i64) -> Timestamp {
    BEGIN.parse::<Timestamp>().expect("it is there") + SignedDuration::from_hours(24 * day)
}

fn email(person: i64) -> String {
    format!("p{person}@example.org")
}

fn opens_on(person: i64) -> i64 {
    10 + 61 * person
}

/// From when until when a legal hold covers this person, if one ever does.
fn hold(person: i64) -> Option<(i64, i64)> {
    let opened = opens_on(person);
    match person % 6 {
        1 => Some((opened + 150, opened + 1_000)),
        3 => Some((opened - 5, opened + 50)),
        _ => None,
    }
}

/// On which days something of this person is released: at billing, then at crm.
fn releases(person: i64) -> ([i64; 3], [i64; 2]) {
    let base = opens_on(person) + 37 * (person % 5);
    ([base + 200, base + 800, base + 2_400], [base + 200, base + 1_500])
}

fn bound(name: &str) -> rightful::proto::downstream::v1::Category {
    let mut bound = category(name);
    if let Some(retention) = &mut bound.retention {
        retention.period = String::from("P7Y");
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    bound
}

fn services(clock: &Arc<ManualClock>) -> [Profile; 3] {
    let service = |name: &str| Profile::new(name, &["email"]).clock(clock.clone());
    let mut billing = service("billing").category(bound("invoices")).category(category("letters"));
    let mut crm = service("crm").category(bound("contracts"));
    for person in 0..PEOPLE {
        let email = email(person);
        let kept = |day: i64| json!({ "person": person, "release": at(day).to_string() });
        let (invoices, contracts) = releases(person);
        let known = || Person::new(&[("email", &email)]);
        let with = |known: Person, name: &str, days: &[i64]| {
            days.iter().fold(known, |known, day| known.record(name, &kept(*day)))
        };
        let letter = json!({ "person": person });
        billing = billing.person(with(known(), "invoices", &invoices).record("letters", &letter));
        crm = crm.person(with(known(), "contracts", &contracts));
    }
    let visits = (0..100).fold(Person::new(&[("email", "visitor@example.org")]), |visitor, number| {
        visitor.record("visits", &json!({ "seen": at(30 * number).to_string() }))
    });
    let site = service("site").sweeps().category(category("visits")).person(visits);
    [billing, crm, site]
}

/// The days on which something is planned to happen, and some in between.
fn days() -> BTreeSet<i64> {
    let mut days: BTreeSet<i64> = (0..=DAYS).step_by(usize::try_from(STRIDE).expect("it is there")).collect();
    for person in 0..PEOPLE {
        days.insert(opens_on(person));
        let (invoices, contracts) = releases(person);
        days.extend(invoices.iter().chain(&contracts));
        days.extend(hold(person).iter().flat_map(|(from, to)| [*from, *to]));
    }
    days.extend(AWAY.iter().flat_map(|(from, to)| [*from, *to]));
    days
}

impl World {
    /// Every case in one of these states, without tasks.
    async fn in_states(&self, states: &[CaseState]) -> Vec<Case> {
        let states = states.iter().map(|state| i32::from(*state)).collect();
        let request = ListCasesRequest { page_size: 500, states, ..ListCasesRequest::default() };
        self.cases().list_cases(request).await.expect("they can be listed").into_inner().cases
    }

    /// Waits until all that can be done now is done: due follow-ups have begun, and only held tasks are open.
    async fn quiet(&self, clock: &ManualClock) {
        let now = clock.now();
        let blocker = async || {
            let is_due = |case: &Case| {
                let mut ahead = case.follow_ups.iter().filter(|follow_up| follow_up.case_id.is_empty());
                ahead.any(|ahead| ahead.release_time.is_some_and(|at| at.seconds <= now.as_second()))
            };
            if let Some(case) = self.in_states(&[CaseState::Completed]).await.into_iter().find(is_due) {
                return Some(case);
            }
            for case in self.in_states(&[CaseState::InProgress]).await {
                let case = self.case(&case.case_id).await;
                let waits = case.tasks.iter().all(|task| match task.state() {
                    TaskState::Pending => task.reason() == TaskReason::LegalHold,
                    TaskState::Working | TaskState::Verifying => false,
                    _ => true,
                });
                let is_held = case.tasks.iter().any(|task| task.reason() == TaskReason::LegalHold);
                if !waits || (case.state() == CaseState::InProgress && !is_held) {
                    return Some(case);
                }
            }
            None
        };
        let mut last = None;
        let quiet = tokio::time::timeout(PATIENCE, async {
            while let Some(case) = blocker().await {
                last = Some(case);
                clock.advance(TICK);
                tokio::task::yield_now().await;
            }
        });
        assert!(quiet.await.is_ok(), "at {now} this does not go on: {last:#?}");
    }
}

/// Within which days something released on a day had to go.
fn due(person: i64, released: i64, is_at_crm: bool) -> (i64, i64) {
    let mut earliest = released.max(opens_on(person));
    if let Some((from, to)) = hold(person)
        && (from..to).contains(&earliest)
    {
        earliest = to;
    }
    let mut latest = earliest + 1;
    for (gone, back) in AWAY.iter().filter(|_| is_at_crm) {
        // Who was asked in vain is asked again after pauses that double: at most as long as it was away.
        if released <= *back && earliest >= *gone {
            latest = latest.max(*back + (back - gone) + SLACK);
            latest = latest.max(earliest + (back - gone) + SLACK);
        }
    }
    (earliest, latest)
}

fn assert_on_its_day(name: &str, record: &Value, gone_at: Timestamp) {
    let person = record["person"].as_i64().expect("a record has its person");
    let day = |at: Timestamp| at.duration_since(at_begin()).as_hours() / 24;
    let released = record["release"]
        .as_str()
        .map_or_else(|| opens_on(person), |text| day(text.parse().expect("it is there")));
    let (earliest, latest) = due(person, released, name == "crm");
    let gone = day(gone_at);
    assert!(gone >= earliest, "{name}: {record} went on day {gone}, {earliest} was the first that it could");
    assert!(gone <= latest, "{name}: {record} went on day {gone}, {latest} was the last that it could");
}

fn at_begin() -> Timestamp {
    at(0)
}

#[tokio::test]
async fn a_decade_erases_everything_on_its_day_and_nothing_twice() {
    let clock = Arc::new(ManualClock::new(at(0)));
    let rules = r#"[{ category = "visits", action = "erase", period = "P2Y" }]"#;
    let mut world = Builder::new(services(&clock))
        .clock(clock.clone())
        .set("retention.rule", rules)
        .set("retention.sweep_every", "\"P1M\"")
        .set("retention.run", "\"automatic\"")
        .start()
        .await;
    let config = world.dir().join("rightful.toml");
    let with_all = fs::read_to_string(&config).unwrap();
    let mut holds = Vec::new();
    for day in days() {
        clock.advance(at(day).duration_since(clock.now()));
        if AWAY.iter().any(|(gone, _)| *gone == day) {
            world.kill().await;
            world.unregister("crm");
            world.start_server().await;
        } else if AWAY.iter().any(|(_, back)| *back == day) {
            world.kill().await;
            fs::write(&config, &with_all).unwrap();
            world.start_server().await;
        } else if day % CRASH_EVERY == 0 {
            world.restart().await;
        }
        for person in 0..PEOPLE {
            let email = email(person);
            let who = [("email", email.as_str())];
            if hold(person).is_some_and(|(from, _)| from == day) {
                holds.push((person, world.place(&who).await.hold.unwrap().hold_id));
            }
            if hold(person).is_some_and(|(_, to)| to == day) {
                let (_, id) = holds.iter().find(|(held, _)| *held == person).unwrap();
                world.release(id).await;
            }
            if opens_on(person) == day {
                world.open(opening(Right::Erasure, &who)).await;
            }
        }
        world.quiet(&clock).await;
    }

    for name in ["billing", "crm"] {
        assert_eq!(world.puppet(name).holds(), 0, "{name}: all is gone");
        let gone = world.puppet(name).gone();
        let expected = if name == "billing" { PEOPLE * 4 } else { PEOPLE * 2 };
        assert_eq!(i64::try_from(gone.len()).unwrap(), expected, "{name}: each record went once");
        for gone in gone {
            assert_on_its_day(name, &gone.json, gone.at);
        }
    }
    let sweeps = world.sweeps().await;
    assert!(sweeps.iter().filter(|sweep| sweep.state() == SweepState::Done).count() > 20, "{}", sweeps.len());
    for gone in world.puppet("site").gone() {
        let seen: Timestamp = gone.json["seen"].as_str().unwrap().parse().unwrap();
        let age = gone.at.duration_since(seen).as_hours() / 24;
        assert!(age >= 730, "a visit went after {age} days");
    }
    // What was seen in the last two years, and a month on top, may be there.
    assert!(world.puppet("site").holds() <= 100 - 95 + 27, "{}", world.puppet("site").holds());
    // Two months later nothing personal is left of any case.
    clock.advance(SignedDuration::from_hours(24 * 62));
    let all_expired = async {
        while !world.in_states(&[CaseState::InProgress, CaseState::Completed]).await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    soon("all cases to expire", all_expired).await;
    world.finish().await;
}
