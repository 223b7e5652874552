//! What an erasure had to retain is erased on its day: not earlier, not later, whatever happens meanwhile.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::{Clock as _, ManualClock},
    proto::{
        downstream::v1::{GroundCode, Right},
        v1::{
            CancelCaseRequest, Case, CaseReason, CaseState, ListCasesRequest, TaskKind, TaskReason,
            TaskState, UnscheduledReason,
        },
    },
};
use serde_json::json;

use crate::{
    harness::{ADA, Builder, World, ada, called, opening, soon, task},
    puppet::{Fault, Method, Profile, category, ground},
};

const BEGIN: &str = "2026-01-10T08:00:00Z";

fn day() -> SignedDuration {
    SignedDuration::from_hours(24)
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(BEGIN.parse().expect("it is there")))
}

/// Billing must keep invoices; two are released on one day, one a year later. Letters are nobody's duty.
fn billing(clock: &Arc<ManualClock>) -> Profile {
    let mut invoices = category("invoices");
    if let Some(retention) = &mut invoices.retention {
        retention.period = String::from("P7Y");
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    Profile::new("billing", &["email"])
        .clock(clock.clone())
        .category(invoices)
        .category(category("letters"))
        .person(
            ada(&[])
                .record("invoices", &json!({ "n": 1, "release": "2027-01-01T00:00:00Z" }))
                .record("invoices", &json!({ "n": 2, "release": "2027-01-01T06:00:00Z" }))
                .record("invoices", &json!({ "n": 3, "release": "2028-01-01T00:00:00Z" }))
                .record("invoices", &json!({ "n": 4, "release": "2020-01-01T00:00:00Z" }))
                .record("letters", &json!({ "n": 5 })),
        )
}

async fn world(clock: &Arc<ManualClock>) -> World {
    Builder::new([billing(clock)]).clock(clock.clone()).start().await
}

/// Moves the clock to this time, day by day, as time goes.
fn go_to(clock: &ManualClock, text: &str) {
    clock.advance(text.parse::<Timestamp>().expect("it is there").duration_since(clock.now()));
}

impl World {
    /// The case that this follow-up of a case became, once it has.
    pub(crate) async fn follow_up(&self, case_id: &str, index: usize) -> Case {
        let begun = async {
            loop {
                let case = self.case(case_id).await;
                match case.follow_ups.get(index).map(|follow_up| follow_up.case_id.clone()) {
                    Some(id) if !id.is_empty() => return id,
                    _ => tokio::task::yield_now().await,
                }
            }
        };
        let id = soon("a follow-up to begin", begun).await;
        self.settled(&id).await
    }

    /// Waits until the case is in this state.
    pub(crate) async fn is_in(&self, case_id: &str, state: CaseState) {
        let there = async {
            while self.case(case_id).await.state() != state {
                tokio::task::yield_now().await;
            }
        };
        soon("a case to change its state", there).await;
    }
}

/// Which records went, by their numbers, and on which day.
fn gone(world: &World) -> Vec<(i64, String)> {
    let when = |at: Timestamp| at.to_string()[..10].to_owned();
    world
        .puppet("billing")
        .gone()
        .iter()
        .map(|gone| (gone.json["n"].as_i64().expect("it is there"), when(gone.at)))
        .collect()
}

#[tokio::test]
async fn what_is_retained_is_erased_on_its_day_by_a_case_of_its_own() {
    let clock = clock();
    let world = world(&clock).await;
    let mut request = opening(Right::Erasure, &[ADA]);
    request.labels.insert("ticket".into(), "T-1".into());
    let case = world.open(request).await;
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    assert_eq!(gone(&world), [(4, "2026-01-10".into()), (5, "2026-01-10".into())]);
    let seconds: Vec<i64> = case.follow_ups.iter().map(|f| f.release_time.unwrap().seconds).collect();
    let at = |text: &str| text.parse::<Timestamp>().unwrap().as_second();
    assert_eq!(seconds, [at("2027-01-01T06:00:00Z"), at("2028-01-01T00:00:00Z")]);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(receipt["releases"][0]["release_time"], "2027-01-01T06:00:00Z");
    assert_eq!(receipt["releases"][1]["categories"], json!({ "billing": ["invoices"] }));

    go_to(&clock, "2027-01-01T05:59:59Z");
    assert_eq!(world.count().await, 1, "nothing begins early");
    go_to(&clock, "2027-01-01T06:00:00Z");
    let first = world.follow_up(&case.case_id, 0).await;
    assert_eq!((first.reason(), first.caller.as_str()), (CaseReason::Fulfilled, "rightful"));
    assert_eq!((first.follow_up_of_case_id.as_str(), first.right()), (case.case_id.as_str(), Right::Erasure));
    assert_eq!(
        (first.scope.as_ref().unwrap().categories[0].categories.clone(), &first.labels["ticket"]),
        (vec!["invoices".to_owned()], &"T-1".to_owned())
    );
    assert!(first.follow_ups.is_empty(), "what comes later is scheduled already");
    assert_eq!(gone(&world)[2..], [(1, "2027-01-01".into()), (2, "2027-01-01".into())]);
    let directive = world.puppet("billing").calls(Method::Erase)[1].directives[0].clone();
    assert_eq!(directive.action().as_str_name(), "ACTION_RETAIN", "invoice 3 has to stay");
    assert_eq!(world.receipt(&first.case_id).await["follow_up_of"], json!(case.case_id));

    go_to(&clock, "2028-01-01T00:00:00Z");
    let second = world.follow_up(&case.case_id, 1).await;
    assert_eq!(second.reason(), CaseReason::Fulfilled);
    assert_eq!((gone(&world)[4..].to_vec(), world.held()), (vec![(3, "2028-01-01".into())], 0));
    // The last one has begun, and the parent's own time has long been over.
    world.is_in(&case.case_id, CaseState::Expired).await;
    world.receipt(&case.case_id).await;
    clock.advance(day() * 31);
    world.is_in(&second.case_id, CaseState::Expired).await;
    assert_eq!(world.count().await, 3);
    world.finish().await;
}

#[tokio::test]
async fn a_subject_lives_until_the_last_follow_up_has_begun_and_a_crash_changes_nothing() {
    let clock = clock();
    let mut world = world(&clock).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    let find = ListCasesRequest {
        identifier: crate::harness::subject(&[ADA]).identifiers.pop(),
        ..ListCasesRequest::default()
    };
    clock.advance(day() * 200);
    world.restart().await;
    assert_eq!(world.case(&case.case_id).await.state(), CaseState::Completed, "its 30 days are over");
    assert_eq!(world.cases().list_cases(find.clone()).await.unwrap().into_inner().cases.len(), 1);
    world.kill().await;
    go_to(&clock, "2028-03-01T00:00:00Z");
    world.start_server().await;
    let (first, second) = (world.follow_up(&case.case_id, 0).await, world.follow_up(&case.case_id, 1).await);
    assert_eq!((first.reason(), world.held()), (CaseReason::Fulfilled, 0), "late, because nobody was there");
    assert_eq!(second.state(), CaseState::Completed);
    world.is_in(&case.case_id, CaseState::Expired).await;
    clock.advance(day() * 31);
    for id in [&first.case_id, &second.case_id] {
        world.is_in(id, CaseState::Expired).await;
    }
    assert!(world.cases().list_cases(find).await.unwrap().into_inner().cases.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_crash_between_opening_and_noting_opens_no_second_case() {
    let clock = clock();
    let mut world = world(&clock).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    let forget = case.follow_ups.clone();
    go_to(&clock, "2027-01-01T06:00:00Z");
    let first = world.follow_up(&case.case_id, 0).await;
    world.kill().await;
    // As if the note of it had never been written.
    let sql = format!(
        "UPDATE cases SET work = 'release', claim_at = 0, proceedings = replace(proceedings, '\"{}\"', 'null') \
         WHERE request_id = '{}'",
        first.case_id, case.request_id
    );
    world.database().execute(&sql).await;
    world.start_server().await;
    let again = world.follow_up(&case.case_id, 0).await;
    assert_eq!((again.case_id, world.count().await), (first.case_id, 2));
    assert_eq!(forget.len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_hold_makes_a_follow_up_wait() {
    let clock = clock();
    let world = world(&clock).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    let placed = world.place(&[ADA]).await;
    assert!(placed.cases.is_empty(), "no case is open");
    go_to(&clock, "2027-01-01T06:00:00Z");
    let begun = async {
        loop {
            let id = world.case(&case.case_id).await.follow_ups[0].case_id.clone();
            if !id.is_empty() {
                return id;
            }
            tokio::task::yield_now().await;
        }
    };
    let id = soon("the follow-up to begin", begun).await;
    world.until_held(&id, "billing").await;
    assert_eq!(gone(&world).len(), 2);
    world.release(&placed.hold.unwrap().hold_id).await;
    assert_eq!(world.settled(&id).await.reason(), CaseReason::Fulfilled);
    assert_eq!(gone(&world).len(), 4);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_has_left_needs_a_person_and_is_asked_when_it_is_back() {
    let clock = clock();
    let other = Profile::new("crm", &["email"]).category(category("notes"));
    let mut world = Builder::new([billing(&clock), other]).clock(clock.clone()).start().await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    world.kill().await;
    let with_all = std::fs::read_to_string(world.dir().join("rightful.toml")).unwrap();
    world.unregister("billing");
    world.start_server().await;
    go_to(&clock, "2027-01-01T06:00:00Z");
    let first = world.follow_up(&case.case_id, 0).await;
    let left = task(&first, "billing", TaskKind::Erase);
    assert_eq!((left.state(), left.reason()), (TaskState::NeedsAttention, TaskReason::DownstreamUnknown));
    assert_eq!(first.reason(), CaseReason::PartiallyFulfilled);
    assert_eq!((first.follow_ups.len(), first.follow_ups[0].vain), (1, 1), "it is tried again tomorrow");
    world.kill().await;
    std::fs::write(world.dir().join("rightful.toml"), with_all).unwrap();
    world.start_server().await;
    clock.advance(day());
    let again = world.follow_up(&first.case_id, 0).await;
    assert_eq!((again.reason(), again.follow_ups.len()), (CaseReason::Fulfilled, 0));
    assert_eq!(gone(&world).len(), 4);
    world.finish().await;
}

#[tokio::test]
async fn a_category_that_is_no_longer_described_is_asked_for_all_the_same() {
    let clock = clock();
    let world = world(&clock).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    world.puppet("billing").redescribe(|description| description.categories.retain(|c| c.name != "invoices"));
    world.check("billing").await;
    go_to(&clock, "2027-01-01T06:00:00Z");
    let first = world.follow_up(&case.case_id, 0).await;
    assert_eq!(first.reason(), CaseReason::Fulfilled);
    assert_eq!(gone(&world).len(), 4);
    world.finish().await;
}

#[tokio::test]
async fn without_a_time_of_release_the_receipt_says_so() {
    let clock = clock();
    let mut billing = billing(&clock);
    billing.people[0] = ada(&[]).record("invoices", &json!({ "n": 1, "keep": "for ever" }));
    let world = Builder::new([billing]).clock(clock.clone()).start().await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert!(case.follow_ups.is_empty());
    assert_eq!(case.unscheduled[0].reason(), UnscheduledReason::NoReleaseTime);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(
        receipt["unscheduled"],
        json!([{ "downstream": "billing", "category": "invoices", "reason": "no_release_time" }])
    );
    clock.advance(day() * 31);
    world.is_in(&case.case_id, CaseState::Expired).await;
    world.finish().await;
}

#[tokio::test]
async fn a_retried_case_keeps_its_follow_ups_and_a_cancelled_one_drops_them() {
    let clock = clock();
    let crm =
        Profile::new("crm", &["email"]).category(category("notes")).person(ada(&[]).records("notes", 4));
    let world = Builder::new([billing(&clock), crm]).clock(clock.clone()).start().await;
    world.puppet("crm").next(Method::Erase, Fault::EraseHalf);
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!((case.reason(), case.follow_ups.len()), (CaseReason::PartiallyFulfilled, 2));
    let id = task(&case, "crm", TaskKind::Erase).task_id.clone();
    world.retry(&id).await;
    let again = world.settled(&case.case_id).await;
    assert_eq!((again.reason(), again.follow_ups.len()), (CaseReason::Fulfilled, 2));

    world.puppet("crm").learn(ada(&[]).records("notes", 2));
    world.puppet("crm").next(Method::Erase, Fault::EraseHalf);
    let other = world.run(Right::Erasure, &[ADA]).await;
    world.puppet("crm").always(Method::Collect, Fault::Hang);
    world.retry(&task(&other, "crm", TaskKind::Erase).task_id).await;
    let request = CancelCaseRequest { case_id: other.case_id.clone() };
    let cancelled = world.cases().cancel_case(request).await.unwrap().into_inner().case.unwrap();
    assert!(cancelled.follow_ups.is_empty(), "who stops a case stops what was to follow");
    world.puppet("crm").heal();
    go_to(&clock, "2027-01-01T06:00:00Z");
    world.follow_up(&case.case_id, 0).await;
    world.is_in(&other.case_id, CaseState::Expired).await;
    assert_eq!(world.count().await, 3);
    world.finish().await;
}

#[tokio::test]
async fn nobody_else_can_call_itself_rightful() {
    let clock = clock();
    let world = world(&clock).await;
    let refused =
        world.cases().open_case(called("rightful", opening(Right::Erasure, &[ADA]))).await.unwrap_err();
    assert_eq!(crate::harness::fields(&refused), ["metadata.rightful-caller"]);
    world.finish().await;
}
