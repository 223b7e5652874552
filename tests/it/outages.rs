//! Downstreams that are not there: for a while, until they come back, or for good.

use std::time::Duration;

use rightful::proto::{
    downstream::v1::Right,
    v1::{Case, CaseReason, TaskKind, TaskReason, TaskState},
};
use tonic::Code;

use crate::{
    harness::{ADA, Builder, World, opening, people_services, task},
    puppet::{Fault, Method},
};

#[tokio::test]
async fn a_downstream_that_asks_for_patience_gets_it() {
    let world = World::start(people_services()).await;
    let patience = Duration::from_millis(700);
    world.puppet("marketing").next(Method::Collect, Fault::RetryIn(Code::Unavailable, patience));
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let waits = |case: &Case| task(case, "marketing", TaskKind::Collect).reason() == TaskReason::Unavailable;
    let waiting = world.until(&case.case_id, "the task to wait", waits).await;
    let nanos = |at: prost_types::Timestamp| i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    let next = task(&waiting, "marketing", TaskKind::Collect).next_attempt_time.expect("it is tried again");
    let waited = nanos(next) - nanos(case.open_time.expect("it was opened"));
    assert!(waited >= 700_000_000, "the configured pauses are at most 50 ms, this is {waited} ns");
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn a_resolver_that_fails_leaves_out_only_who_needs_it() {
    let world = World::start(people_services()).await;
    world.puppet("billing").always(Method::Resolve, Fault::Fail(Code::FailedPrecondition));
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(task(&case, "billing", TaskKind::Resolve).state(), TaskState::NeedsAttention);
    assert_eq!(task(&case, "analytics", TaskKind::Collect).reason(), TaskReason::NoKnownIdentifier);
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.standing("analytics")["standing"], "not_asked");
    assert_eq!(bag.standing("billing")["standing"], "collected", "it knows her email itself");

    world.puppet("billing").heal();
    world.retry(&task(&case, "billing", TaskKind::Resolve).task_id).await;
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    assert_eq!(world.bag(&case.case_id).await.records("data/analytics/page_events.ndjson").len(), 300);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_is_down_for_a_while_is_in_the_export() {
    let world = Builder::new(people_services()).set("retry.unavailable_attempts", "100000").start().await;
    world.puppet("marketing").go_down();
    world.puppet("billing").go_down();
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let waits = |case: &Case| {
        task(case, "marketing", TaskKind::Collect).attempts >= 3
            && task(case, "billing", TaskKind::Resolve).attempts >= 3
    };
    world.until(&opened.case_id, "some attempts", waits).await;
    world.puppet("marketing").come_up();
    world.puppet("billing").come_up();
    let case = world.settled(&opened.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.records("data/analytics/page_events.ndjson").len(), 300);
    assert_eq!(bag.records("data/marketing/consents.ndjson").len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_has_never_described_itself_is_waited_for() {
    let world = Builder::new(people_services()).down("billing").start().await;
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    assert!(opened.tasks.is_empty(), "who needs whom is not known yet");
    world.puppet("billing").come_up();
    let case = world.settled(&opened.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    assert_eq!(world.bag(&case.case_id).await.records("data/analytics/page_events.ndjson").len(), 300);
    world.finish().await;
}

#[tokio::test]
async fn the_patience_with_a_downstream_that_never_describes_itself_ends() {
    let world = Builder::new(people_services())
        .set("engine.describe_patience", "\"0s\"")
        .down("marketing")
        .start()
        .await;
    let case = world.run(Right::Access, &[ADA]).await;
    let unknown = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((unknown.state(), unknown.reason()), (TaskState::NeedsAttention, TaskReason::NotDescribed));
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.standing("marketing")["reason"], "not_described");
    assert_eq!(bag.standing("analytics")["standing"], "collected");

    world.puppet("marketing").come_up();
    world.retry(&unknown.task_id).await;
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    assert_eq!(world.bag(&case.case_id).await.records("data/marketing/consents.ndjson").len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_left_the_configuration_is_stated() {
    let mut world = Builder::new(people_services()).set("retry.unavailable_attempts", "100000").start().await;
    world.puppet("marketing").go_down();
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let waits = |case: &Case| task(case, "marketing", TaskKind::Collect).attempts >= 1;
    world.until(&opened.case_id, "an attempt", waits).await;
    world.kill().await;
    world.unregister("marketing");
    world.start_server().await;
    let case = world.settled(&opened.case_id).await;
    let gone = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((gone.state(), gone.reason()), (TaskState::NeedsAttention, TaskReason::DownstreamUnknown));
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.standing("marketing")["reason"], "downstream_unknown");
    assert_eq!(bag.standing("billing")["standing"], "collected");
    world.finish().await;
}
