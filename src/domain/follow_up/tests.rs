//! What is scheduled, when, and what is not.

use std::collections::BTreeMap;

use super::*;
use crate::domain::{
    Ask, CaseState, CategoryOutcome, CategoryResult, Ground, GroundCode, Proceedings, Retained, Right, Scope,
    TaskId,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn case(follow_ups: FollowUps) -> Case {
    let now = at("2026-01-01T00:00:00Z");
    let id = CaseId(uuid::Uuid::from_u128(1));
    let scope = Scope {
        downstreams: BTreeSet::new(),
        categories: BTreeMap::from([("billing".to_owned(), BTreeSet::from(["invoices".to_owned()]))]),
    };
    Case {
        id,
        caller: "local".into(),
        request_id: "r".into(),
        right: Right::Erasure,
        state: CaseState::InProgress,
        reason: None,
        revision: 1,
        opened_at: now,
        received_at: now,
        due_at: now,
        settled_at: None,
        expires_at: None,
        identifier_kinds: Vec::new(),
        scope,
        labels: BTreeMap::new(),
        policy_version: String::new(),
        proceedings: Proceedings { follow_ups, ..Proceedings::default() },
        pseudonym: String::new(),
    }
}

fn task(state: TaskState, retained: &[(&str, &str)]) -> Task {
    let ground = Ground { code: GroundCode::LegalObligation, source: String::new(), note: String::new() };
    let mut results: Vec<CategoryResult> = Vec::new();
    for (category, release) in retained {
        let one = Retained { count: 1, ground: ground.clone(), release_at: release.parse().ok() };
        let known = results.iter_mut().find(|result| result.category == *category);
        if let Some(outcome) = known.and_then(|result| result.outcome.as_mut()) {
            outcome.retained.push(one);
        } else {
            let outcome = CategoryOutcome {
                category: (*category).into(),
                retained: vec![one],
                ..CategoryOutcome::default()
            };
            results.push(CategoryResult { outcome: Some(outcome), ..CategoryResult::new(*category) });
        }
    }
    let id = uuid::Uuid::from_u128(2);
    Task {
        id: TaskId(id),
        case_id: CaseId(id),
        position: 0,
        downstream: "billing".into(),
        ask: Ask::Erase { directives: Vec::new() },
        understands: BTreeSet::new(),
        state,
        reason: None,
        call_id: id,
        attempts: 1,
        due_at: None,
        waits_for: Vec::new(),
        last_error: None,
        results,
        refusal: None,
    }
}

fn origin(vain: u32, scheduled: &[&str]) -> FollowUps {
    let released = |text: &&str| Released {
        at: at(text),
        categories: Categories::from([("billing".into(), BTreeSet::from(["invoices".into()]))]),
    };
    let of = Origin {
        case_id: CaseId(uuid::Uuid::from_u128(9)),
        number: 1,
        vain,
        scheduled: scheduled.iter().map(released).collect(),
    };
    FollowUps { of: Some(of), ..FollowUps::default() }
}

fn times(follow_ups: &FollowUps) -> Vec<(String, u32)> {
    follow_ups.ahead().map(|follow_up| (follow_up.released.at.to_string(), follow_up.vain)).collect()
}

const NOW: &str = "2026-06-01T12:00:00Z";

#[test]
fn one_follow_up_for_each_day_at_its_last_moment() {
    let rows = [
        ("letters", "2031-01-01T18:00:00Z"),
        ("invoices", "2031-01-01T06:00:00Z"),
        ("invoices", "2032-01-01T00:00:00Z"),
        ("photos", ""),
    ];
    let made = schedule(&case(FollowUps::default()), &[task(TaskState::Done, &rows)], at(NOW));
    assert_eq!(times(&made), [("2031-01-01T18:00:00Z".into(), 0), ("2032-01-01T00:00:00Z".into(), 0)]);
    assert_eq!(made.list[0].released.categories["billing"].len(), 2);
    assert_eq!((made.left.len(), made.left[0].reason), (1, Unscheduled::NoReleaseTime));
    assert_eq!(
        (made.next_at(), made.last_at()),
        (Some(made.list[0].released.at), Some(made.list[1].released.at))
    );
}

#[test]
fn what_has_become_a_case_is_not_scheduled_again() {
    let tasks = [task(
        TaskState::Done,
        &[("invoices", "2026-05-01T00:00:00Z"), ("invoices", "2027-01-01T00:00:00Z")],
    )];
    let mut before = schedule(&case(FollowUps::default()), &tasks, at("2026-01-01T00:00:00Z"));
    before.list[0].case_id = Some(CaseId(uuid::Uuid::from_u128(3)));
    let again = schedule(&case(before), &tasks, at(NOW));
    assert_eq!(times(&again), [("2027-01-01T00:00:00Z".into(), 0)]);
    assert_eq!((again.list.len(), again.list[1].number), (2, 3), "numbers are not used twice");
}

#[test]
fn what_was_released_while_the_case_was_reopened_comes_at_once() {
    let tasks = [task(TaskState::Done, &[("invoices", "2026-05-01T00:00:00Z")])];
    assert_eq!(times(&schedule(&case(FollowUps::default()), &tasks, at(NOW))), [(NOW.into(), 0)]);
}

#[test]
fn a_follow_up_schedules_only_what_nobody_has_scheduled() {
    let rows = [("invoices", "2027-01-01T08:00:00Z"), ("invoices", "2028-01-01T08:00:00Z")];
    let known = case(origin(0, &["2027-01-01T09:00:00Z"]));
    let made = schedule(&known, &[task(TaskState::Done, &rows)], at(NOW));
    assert_eq!(times(&made), [("2028-01-01T08:00:00Z".into(), 0)]);
}

#[test]
fn in_vain_means_again_after_ever_longer_pauses_and_then_a_person() {
    let stubborn = [task(TaskState::Done, &[("invoices", "2026-05-01T00:00:00Z")])];
    let away = [task(TaskState::NeedsAttention, &[])];
    for tasks in [stubborn, away] {
        let first = schedule(&case(origin(0, &[])), &tasks, at(NOW));
        assert_eq!(times(&first), [("2026-06-02T12:00:00Z".into(), 1)]);
        let fourth = schedule(&case(origin(3, &[])), &tasks, at(NOW));
        assert_eq!(times(&fourth), [("2026-06-09T12:00:00Z".into(), 4)]);
        let last = schedule(&case(origin(8, &[])), &tasks, at(NOW));
        assert_eq!((times(&last), last.left[0].reason), (vec![], Unscheduled::InVain));
    }
    let ordinary = schedule(&case(FollowUps::default()), &[task(TaskState::NeedsAttention, &[])], at(NOW));
    assert_eq!(ordinary, FollowUps::default(), "an ordinary case waits for a person");
}

#[test]
fn follow_ups_of_one_case_are_bounded() {
    let day = |number: usize| at(NOW) + SignedDuration::from_hours(24 * i64::try_from(number).unwrap());
    let texts: Vec<String> = (1..=FOLLOW_UPS_MAX + 10).map(|number| day(number).to_string()).collect();
    let rows: Vec<(&str, &str)> = texts.iter().map(|text| ("invoices", text.as_str())).collect();
    let made = schedule(&case(FollowUps::default()), &[task(TaskState::Done, &rows)], at(NOW));
    assert_eq!(made.list.len(), FOLLOW_UPS_MAX);
    assert_eq!(
        made.last_at(),
        Some(day(FOLLOW_UPS_MAX)),
        "the last one comes early rather than late, and looks again"
    );
}
