//! What goes to a downstream, and when: pauses, breakers, rates, parallel calls, turns of callers, deadlines.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{
            BreakerState, CaseReason, CaseState, Downstream, ListDownstreamsRequest, PauseDownstreamRequest,
            ResumeDownstreamRequest, TaskKind, TaskReason, TaskState,
        },
    },
};
use tonic::Code;

use crate::{
    harness::{
        ADA, Builder, World, ada, assert_refused, called, fields, opening, people_services, soon, task,
    },
    puppet::{Fault, Method, Profile, category},
};

/// One downstream that knows her by her email.
fn album() -> Profile {
    Profile::new("album", &["email"]).category(category("photos")).person(ada(&[]).records("photos", 3))
}

fn pause(name: &str, note: &str) -> PauseDownstreamRequest {
    PauseDownstreamRequest { name: name.into(), note: note.into() }
}

fn resume(name: &str) -> ResumeDownstreamRequest {
    ResumeDownstreamRequest { name: name.into() }
}

impl World {
    async fn downstream(&self, name: &str) -> Downstream {
        let listed = self.downstreams().list_downstreams(ListDownstreamsRequest::default()).await;
        let mut all = listed.expect("they can be listed").into_inner().downstreams.into_iter();
        all.find(|downstream| downstream.name == name).expect("it is registered")
    }
}

#[tokio::test]
async fn a_paused_downstream_is_not_called_until_it_is_resumed() {
    let mut world = Builder::new(people_services()).binary().start().await;
    let paused = world.downstreams().pause_downstream(pause("marketing", "moving house")).await.unwrap();
    let shown = paused.into_inner().downstream.unwrap().pause.unwrap();
    assert_eq!(shown.note, "moving house");
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let others = |case: &rightful::proto::v1::Case| {
        task(case, "billing", TaskKind::Collect).state() == TaskState::Done
            && task(case, "analytics", TaskKind::Collect).state() == TaskState::Done
    };
    world.until(&case.case_id, "the others to be done", others).await;
    assert!(world.puppet("marketing").calls(Method::Collect).is_empty());
    // It outlives a crash, and a second pause keeps the time of the first.
    world.restart().await;
    let again = world.downstreams().pause_downstream(pause("marketing", "still moving")).await.unwrap();
    let again = again.into_inner().downstream.unwrap().pause.unwrap();
    assert_eq!((again.pause_time, again.note.as_str()), (shown.pause_time, "still moving"));
    assert_eq!(world.case(&case.case_id).await.state(), CaseState::InProgress);
    assert!(world.puppet("marketing").calls(Method::Collect).is_empty());

    let resumed = world.downstreams().resume_downstream(resume("marketing")).await.unwrap().into_inner();
    assert_eq!(resumed.downstream.unwrap().pause, None);
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn a_pause_is_refused_precisely() {
    let world = World::start([album()]).await;
    let unknown = world.downstreams().pause_downstream(pause("crm", "")).await;
    assert_refused(unknown, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    let unknown = world.downstreams().resume_downstream(resume("crm")).await;
    assert_refused(unknown, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    let bad = world.downstreams().pause_downstream(pause("No Name", &"x".repeat(257))).await.unwrap_err();
    assert_eq!(fields(&bad), ["name", "note"]);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_fails_again_and_again_is_left_alone_and_tried_one_by_one() {
    let world = Builder::new([album(), Profile::new("shop", &["email"]).category(category("orders"))])
        .set("retry.unavailable_attempts", "100000")
        .set("breaker.failures", "3")
        .set("breaker.rest", "\"10m\"")
        .set("breaker.rest_longest", "\"10m\"")
        .start()
        .await;
    world.puppet("album").always(Method::Collect, Fault::Fail(Code::Unavailable));
    let mut cases = Vec::new();
    for _ in 0..20 {
        cases.push(world.open(opening(Right::Access, &[ADA])).await.case_id);
    }
    let opens = async {
        while world.downstream("album").await.breaker() != BreakerState::Open {
            tokio::task::yield_now().await;
        }
    };
    soon("the breaker to open", opens).await;
    // Calls that were under way when it opened have ended by the time that the other downstream has answered everybody.
    for case in &cases {
        let shop = |case: &rightful::proto::v1::Case| {
            task(case, "shop", TaskKind::Collect).state() == TaskState::Done
        };
        world.until(case, "the other downstream's part", shop).await;
    }
    let calls = world.puppet("album").calls(Method::Collect).len();
    assert!((3..=3 + 8).contains(&calls), "three failures and what was under way, not {calls}");
    let shown = world.downstream("album").await;
    assert!(shown.breaker_retry_time.is_some() && shown.backlog == 20, "{shown:#?}");

    world.puppet("album").heal();
    world.downstreams().resume_downstream(resume("album")).await.unwrap();
    for case in &cases {
        assert_eq!(world.settled(case).await.reason(), CaseReason::Fulfilled);
    }
    assert_eq!(world.downstream("album").await.breaker(), BreakerState::Closed);
    world.finish().await;
}

#[tokio::test]
async fn an_open_breaker_closes_by_itself_when_a_probe_is_answered() {
    let world = Builder::new([album()])
        .set("retry.unavailable_attempts", "100000")
        .set("breaker.failures", "1")
        .start()
        .await;
    world.puppet("album").go_down();
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let tried = |case: &rightful::proto::v1::Case| task(case, "album", TaskKind::Collect).attempts >= 3;
    world.until(&case.case_id, "three vain attempts", tried).await;
    world.puppet("album").come_up();
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    assert_eq!(world.downstream("album").await.breaker(), BreakerState::Closed);
    world.finish().await;
}

#[tokio::test]
async fn an_exhausted_quota_holds_the_whole_lane() {
    let clock = Arc::new(ManualClock::new("2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap()));
    let world = Builder::new([album()]).clock(clock.clone()).start().await;
    let hour = std::time::Duration::from_hours(1);
    world.puppet("album").next(Method::Collect, Fault::RetryIn(Code::ResourceExhausted, hour));
    let first = world.open(opening(Right::Access, &[ADA])).await;
    let held = async {
        while world.downstream("album").await.held_until_time.is_none() {
            tokio::task::yield_now().await;
        }
    };
    soon("the lane to be held", held).await;
    let second = world.open(opening(Right::Access, &[ADA])).await;
    clock.advance(SignedDuration::from_mins(59));
    assert_eq!(world.case(&second.case_id).await.state(), CaseState::InProgress);
    assert_eq!(world.puppet("album").calls(Method::Collect).len(), 1, "the second case did not call either");
    clock.advance(SignedDuration::from_mins(2));
    for case in [first, second] {
        assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    }
    world.finish().await;
}

#[tokio::test]
async fn calls_keep_to_the_rate() {
    let clock = Arc::new(ManualClock::new("2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap()));
    let world = Builder::new([album()]).clock(clock.clone()).rate("album", 60, 2).start().await;
    let mut cases = Vec::new();
    for _ in 0..5 {
        cases.push(world.open(opening(Right::Access, &[ADA])).await.case_id);
    }
    let album = world.puppet("album");
    album.called(Method::Collect, 2).await;
    for calls in 3..=5 {
        clock.advance(SignedDuration::from_millis(500));
        // A call of another kind goes through the whole engine meanwhile.
        world.check("album").await;
        assert_eq!(album.calls(Method::Collect).len(), calls - 1, "half a second is not enough for another");
        clock.advance(SignedDuration::from_millis(500));
        album.called(Method::Collect, calls).await;
    }
    for case in cases {
        assert_eq!(world.settled(&case).await.reason(), CaseReason::Fulfilled);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_callers_one_case_does_not_wait_for_anothers_hundred() {
    let world = Builder::new([album()]).parallel("album", 1).start().await;
    world.downstreams().pause_downstream(pause("album", "until all are there")).await.unwrap();
    let mut many = Vec::new();
    for _ in 0..100 {
        let answer = world.cases().open_case(called("bulk-importer", opening(Right::Access, &[ADA]))).await;
        many.push(answer.unwrap().into_inner().case.unwrap());
    }
    let one = world.cases().open_case(called("settings", opening(Right::Access, &[ADA]))).await.unwrap();
    let one = one.into_inner().case.unwrap();
    world.downstreams().resume_downstream(resume("album")).await.unwrap();
    world.settled(&one.case_id).await;
    for case in &many {
        world.settled(&case.case_id).await;
    }
    let own = &task(&one, "album", TaskKind::Collect).call_id;
    let calls = world.puppet("album").calls(Method::Collect);
    let place = calls.iter().position(|call| call.task_id == *own).unwrap();
    assert!(place <= 1, "it was call number {place} of {}", calls.len());
    world.finish().await;
}

#[tokio::test]
async fn a_callers_own_cases_come_in_order_of_their_deadlines() {
    let world = Builder::new([album()]).parallel("album", 1).start().await;
    world.downstreams().pause_downstream(pause("album", "until all are there")).await.unwrap();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let received = |days: u64| {
        let seconds = i64::try_from(now - days * 86_400).unwrap();
        Some(prost_types::Timestamp { seconds, nanos: 0 })
    };
    let mut calls = Vec::new();
    for days in [1, 20, 3, 29, 10] {
        let mut request = opening(Right::Access, &[ADA]);
        request.received_time = received(days);
        let case = world.open(request).await;
        calls.push((days, task(&case, "album", TaskKind::Collect).call_id.clone(), case.case_id));
    }
    world.downstreams().resume_downstream(resume("album")).await.unwrap();
    for (.., case) in &calls {
        world.settled(case).await;
    }
    let made = world.puppet("album").calls(Method::Collect);
    let days_of = |task_id: &String| calls.iter().find(|(_, own, _)| own == task_id).map(|(days, ..)| *days);
    let order: Vec<u64> = made.iter().filter_map(|call| days_of(&call.task_id)).collect();
    assert_eq!(order, [29, 20, 10, 3, 1]);
    world.finish().await;
}

#[tokio::test]
async fn a_case_does_not_wait_past_its_deadline_for_a_downstream_that_is_paused() {
    let clock = Arc::new(ManualClock::new("2026-03-02T09:00:00Z".parse::<Timestamp>().unwrap()));
    let world = Builder::new(people_services()).clock(clock.clone()).start().await;
    world.downstreams().pause_downstream(pause("marketing", "for good")).await.unwrap();
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let others = |case: &rightful::proto::v1::Case| {
        task(case, "analytics", TaskKind::Collect).state() == TaskState::Done
    };
    world.until(&case.case_id, "the others to be done", others).await;
    clock.advance(SignedDuration::from_hours(29 * 24));
    world.check("billing").await;
    assert_eq!(world.case(&case.case_id).await.state(), CaseState::InProgress);
    clock.advance(SignedDuration::from_hours(2 * 24));
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let missed = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((missed.state(), missed.reason()), (TaskState::NeedsAttention, TaskReason::Unavailable));
    assert_eq!(missed.last_error, "the downstream was paused when the case was due");
    assert_eq!(world.bag(&case.case_id).await.standing("marketing")["standing"], "failed");
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_is_told_how_long_its_answer_is_waited_for() {
    let world = Builder::new(people_services()).patience("2s").start().await;
    world.run(Right::Erasure, &[ADA]).await;
    for (method, least_s, most_s) in
        [(Method::Resolve, 2, 3), (Method::Erase, 2, 3), (Method::Collect, 60, 64)]
    {
        let calls = world.puppet("billing").calls(method);
        let timeout = calls[0].timeout.as_deref().expect("there is a grpc-timeout");
        let (number, unit) = timeout.split_at(timeout.len() - 1);
        let nanos = match unit {
            "n" => 1,
            "u" => 1_000,
            "m" => 1_000_000,
            "S" => 1_000_000_000,
            other => panic!("{other} is no unit that is expected here"),
        };
        let waited = number.parse::<u64>().expect("it is a number") * nanos;
        assert!((least_s * 1_000_000_000..most_s * 1_000_000_000).contains(&waited), "{method:?}: {timeout}");
    }
    world.finish().await;
}
