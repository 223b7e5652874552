//! What a person does with a case: cancel it, try a task again, preview one.

use rightful::proto::{
    downstream::v1::{Action, Right},
    v1::{
        CancelCaseRequest, Case, CaseReason, CaseState, ListCasesRequest, PreviewCaseRequest,
        PreviewCaseResponse, RetryTaskRequest, TaskKind, TaskReason, TaskState,
    },
};
use tonic::{Code, Status};

use crate::{
    harness::{ADA, World, assert_refused, metadata, opening, people_services, subject, task},
    puppet::{Fault, Method},
};

async fn cancel(world: &World, case_id: &str) -> Result<Case, Status> {
    let request = CancelCaseRequest { case_id: case_id.into() };
    Ok(world.cases().cancel_case(request).await?.into_inner().case.expect("the answer has a case"))
}

#[tokio::test]
async fn a_cancelled_case_asks_nobody_any_more() {
    let world = World::start(people_services()).await;
    world.puppet("billing").always(Method::Resolve, Fault::Hang);
    let opened = world.open(opening(Right::Erasure, &[ADA])).await;
    world.puppet("billing").called(Method::Resolve, 1).await;
    let cancelled = cancel(&world, &opened.case_id).await.unwrap();
    assert_eq!(
        (cancelled.state(), cancelled.reason()),
        (CaseState::Cancelled, CaseReason::CancelledByCaller)
    );
    for task in &cancelled.tasks {
        assert!(matches!(task.state(), TaskState::Cancelled | TaskState::Done), "{task:?}");
        assert!(task.next_attempt_time.is_none());
    }
    world.puppet("billing").heal();
    assert_eq!(cancel(&world, &opened.case_id).await.unwrap(), cancelled, "again: the same answer");

    // Whatever another case has done by now, this one has not.
    world.run(Right::Access, &[ADA]).await;
    assert_eq!(world.case(&opened.case_id).await, cancelled);
    assert!(world.puppet("billing").calls(Method::Erase).is_empty());
    let refused = world.try_download(&opened.case_id, 0).await;
    assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_NOT_READY");
    world.finish().await;
}

#[tokio::test]
async fn what_is_over_cannot_be_cancelled_or_retried() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let answer = cancel(&world, &case.case_id).await;
    let refused = assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(
        (metadata(&refused)["state"].as_str(), metadata(&refused)["event"].as_str()),
        ("COMPLETED", "cancel")
    );
    let done = task(&case, "billing", TaskKind::Collect).task_id.clone();
    let answer = world.cases().retry_task(RetryTaskRequest { task_id: done }).await;
    let refused = assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(
        (metadata(&refused)["state"].as_str(), metadata(&refused)["event"].as_str()),
        ("DONE", "retry")
    );
    assert_eq!(world.case(&case.case_id).await, case, "nothing changed");
    world.finish().await;
}

#[tokio::test]
async fn a_task_that_failed_can_be_retried_into_a_new_export() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").always(Method::Collect, Fault::Fail(Code::PermissionDenied));
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let failed = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((failed.state(), failed.reason()), (TaskState::NeedsAttention, TaskReason::Rejected));
    assert!(failed.last_error.contains("PERMISSION_DENIED"), "{}", failed.last_error);
    let partial = world.download(&case.case_id).await;

    world.puppet("marketing").heal();
    let reopened = world.retry(&failed.task_id).await;
    assert_eq!((reopened.state(), reopened.export.is_none()), (CaseState::InProgress, true));
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let whole = world.download(&case.case_id).await;
    assert_ne!(partial.info().sha256, whole.info().sha256);
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.records("data/marketing/consents.ndjson").len(), 1);
    assert_eq!(
        bag.records("data/billing/invoices.ndjson").len(),
        2,
        "what was collected before is still there"
    );
    assert_eq!(world.puppet("billing").calls(Method::Collect).len(), 1, "and was not collected again");
    world.finish().await;
}

#[tokio::test]
async fn a_waiting_task_can_be_tried_at_once() {
    let world = crate::harness::Builder::new(people_services())
        .set("retry.initial", "\"1h\"")
        .set("retry.longest", "\"1h\"")
        .start()
        .await;
    world.puppet("marketing").next(Method::Collect, Fault::Fail(Code::Unavailable));
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let waiting =
        |case: &Case| task(case, "marketing", TaskKind::Collect).reason() == TaskReason::Unavailable;
    let case = world.until(&opened.case_id, "the task to wait", waiting).await;
    let task = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((task.state(), task.attempts), (TaskState::Pending, 1));
    world.retry(&task.task_id).await;
    assert_eq!(world.settled(&opened.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

async fn preview(world: &World, right: Right) -> PreviewCaseResponse {
    let request = PreviewCaseRequest {
        right: right.into(),
        subject: Some(subject(&[ADA])),
        ..PreviewCaseRequest::default()
    };
    world.cases().preview_case(request).await.expect("it can be previewed").into_inner()
}

#[tokio::test]
async fn a_preview_says_what_an_erasure_would_do_and_changes_nothing() {
    let world = World::start(people_services()).await;
    let before = world.held();
    let preview = preview(&world, Right::Erasure).await;
    let planned = |name: &str, kind: TaskKind| {
        preview.tasks.iter().find(|t| t.downstream == name && t.kind() == kind).expect("it is planned")
    };
    let billing = planned("billing", TaskKind::Erase);
    let invoices = billing
        .dry_run
        .as_ref()
        .expect("billing has a dry run")
        .categories
        .iter()
        .find(|c| c.category == "invoices");
    assert_eq!((invoices.unwrap().erased, invoices.unwrap().retained[0].count), (1, 1));
    assert_eq!(billing.directives[0].action(), Action::Retain);
    let analytics = planned("analytics", TaskKind::Erase);
    assert!(
        analytics.dry_run.is_none() && !analytics.dry_run_note.is_empty(),
        "it waits for the customer id"
    );
    assert_eq!(analytics.state(), TaskState::Blocked);
    assert_eq!(planned("billing", TaskKind::Resolve).state(), TaskState::Pending);
    for (position, task) in preview.tasks.iter().enumerate() {
        assert!(
            task.waits_for.iter().all(|before| (*before as usize) < position),
            "in the order of starting"
        );
    }
    assert!(preview.due_time.is_some());

    assert!(
        world.cases().list_cases(ListCasesRequest::default()).await.unwrap().into_inner().cases.is_empty()
    );
    assert_eq!(before, world.held());
    for name in world.names() {
        assert!(world.puppet(&name).calls(Method::Erase).iter().all(|call| call.dry_run));
        world.puppet(&name).assert_each_effect_once([]);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_preview_says_why_there_is_no_dry_run() {
    let mut profiles = people_services();
    profiles[1].description.supports_dry_run = false;
    let world = World::start(profiles).await;
    world.puppet("billing").next(Method::Erase, Fault::Fail(Code::Unavailable));
    let preview = preview(&world, Right::Erasure).await;
    for name in ["billing", "marketing"] {
        let task =
            preview.tasks.iter().find(|t| t.downstream == name && t.kind() == TaskKind::Erase).unwrap();
        assert!(task.dry_run.is_none() && !task.dry_run_note.is_empty(), "{name}: {task:?}");
        assert!(!task.dry_run_note.contains("leaky-canary"), "a downstream's own words are not repeated");
    }
    assert!(world.puppet("marketing").calls(Method::Erase).is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_preview_of_an_access_case_asks_nobody() {
    let world = World::start(people_services()).await;
    let preview = preview(&world, Right::Access).await;
    assert_eq!(preview.tasks.len(), 4);
    for name in world.names() {
        let puppet = world.puppet(&name);
        assert!(puppet.calls(Method::Collect).is_empty() && puppet.calls(Method::Resolve).is_empty());
    }
    world.finish().await;
}
