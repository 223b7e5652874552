//! Minors: their tasks go first, and the guardian is to be told.

use std::sync::Arc;

use jiff::SignedDuration;
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{Case, CaseState, GetGuardianRequest, ListNoticesRequest, NoticeType, TaskKind},
    },
};
use tonic::Code;

use crate::{
    harness::{
        ADA, Builder, assert_refused, called, fields, metadata, opening, people_services, run, soon, subject,
        task,
    },
    puppet::{Fault, Method},
};

#[tokio::test]
async fn a_guardian_is_sealed_and_is_to_be_told() {
    let world = Builder::new(people_services()).start().await;
    let mut request = opening(Right::Erasure, &[ADA]);
    request.minor = true;
    request.guardian = Some(subject(&[("email", "guardian-zq7@example.org"), ("phone", "+4930123456")]));
    let case = world.open(request.clone()).await;
    assert!(case.minor);
    assert_eq!(case.guardian_identifier_kinds, ["email", "phone"]);
    assert!(!format!("{case:?}").contains("zq7"), "only their kinds are shown");
    let told = soon("the notice", async {
        loop {
            let request = ListNoticesRequest {
                notice_types: vec![NoticeType::CaseGuardian.into()],
                ..ListNoticesRequest::default()
            };
            let listed = world.notices().list_notices(request).await.unwrap().into_inner();
            if let Some(notice) = listed.notices.into_iter().next() {
                return notice;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(told.case_id, case.case_id);

    assert_eq!(world.open(request.clone()).await.case_id, case.case_id, "a replay is the same case");
    let mut other = request.clone();
    other.guardian = Some(subject(&[("email", "somebody-else@example.org")]));
    let reused =
        assert_refused(world.try_open(other).await, Code::AlreadyExists, "ERROR_REASON_REQUEST_ID_REUSED");
    assert_eq!(metadata(&reused)["differs"], "guardian");
    let mut grown_up = request;
    grown_up.minor = false;
    grown_up.guardian = Some(subject(&[("email", "x")]));
    let bad = world.try_open(grown_up).await.unwrap_err();
    assert_eq!(fields(&bad), ["guardian", "guardian.identifiers[0].value"]);
    world.settled(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn who_tells_the_guardian_can_read_them_and_the_history_says_who_did() {
    let world = Builder::new(people_services()).start().await;
    let mut request = opening(Right::Erasure, &[ADA]);
    request.minor = true;
    request.guardian = Some(subject(&[("email", "guardian-zq7@example.org"), ("phone", "+4930123456")]));
    let case = world.open(request.clone()).await;
    let ask = |case_id: &str| called("youth-desk", GetGuardianRequest { case_id: case_id.to_owned() });
    let read = world.cases().get_guardian(ask(&case.case_id)).await.unwrap().into_inner();
    assert_eq!(read.guardian, request.guardian);
    let readings = "SELECT count(*) FROM case_events WHERE event = 'case.guardian_read' AND data LIKE \
                    '%\"by\":\"youth-desk\"%'";
    assert_eq!(world.database().number(readings).await, 1);
    let shown = run(world.dir(), world.url(), &["case", "guardian", &case.case_id], "").await.expect(0);
    assert!(shown.stdout.contains("guardian-zq7@example.org"), "{shown:?}");
    let bad = assert_refused(
        world.cases().get_guardian(ask("x")).await,
        Code::InvalidArgument,
        "ERROR_REASON_BAD_REQUEST",
    );
    assert_eq!(fields(&bad), ["case_id"]);

    let mut nobody = opening(Right::Erasure, &[("email", "bob@example.org")]);
    nobody.minor = true;
    let other = world.open(nobody).await;
    let missing = world.cases().get_guardian(ask(&other.case_id)).await;
    let missing = assert_refused(missing, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    assert_eq!(metadata(&missing)["resource"], "guardian");
    for case in [case, other] {
        world.settled(&case.case_id).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_guardian_is_forgotten_with_the_case() {
    let clock = Arc::new(ManualClock::new("2026-01-01T08:00:00Z".parse().unwrap()));
    let world = Builder::new(people_services()).clock(clock.clone()).start().await;
    let mut request = opening(Right::Access, &[ADA]);
    request.minor = true;
    request.guardian = Some(subject(&[("email", "guardian-zq7@example.org")]));
    let case = world.open(request).await;
    world.settled(&case.case_id).await;
    clock.advance(SignedDuration::from_hours(24 * 400));
    soon("it to expire", async {
        while world.case(&case.case_id).await.state() != CaseState::Expired {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let gone = world.cases().get_guardian(GetGuardianRequest { case_id: case.case_id }).await;
    assert_refused(gone, Code::FailedPrecondition, "ERROR_REASON_EXPIRED");
    world.finish().await;
}

#[tokio::test]
async fn the_erasure_of_a_minor_waits_for_nobody() {
    let world = Builder::new(people_services())
        .set("policy.approval", "[\"erasure\", \"access\"]")
        .set("policy.confirmation_window", "\"48h\"")
        .start()
        .await;
    let mut request = opening(Right::Erasure, &[ADA]);
    assert_eq!(world.open(request.clone()).await.state(), CaseState::AwaitingApproval, "a grown-up's waits");
    request.request_id = "minor".into();
    request.minor = true;
    let case = world.open(request).await;
    assert_eq!((case.state(), case.start_time), (CaseState::InProgress, None));
    assert_eq!(world.settled(&case.case_id).await.state(), CaseState::Completed);
    let mut other = opening(Right::Access, &[ADA]);
    other.minor = true;
    assert_eq!(world.open(other).await.state(), CaseState::AwaitingApproval, "other rights are no emergency");
    world.finish().await;
}

#[tokio::test]
async fn the_tasks_of_minors_go_first() {
    let world = Builder::new(people_services()).parallel("marketing", 1).start().await;
    let marketing = world.puppet("marketing");
    marketing.always(Method::Collect, Fault::Hang);
    // The first one keeps the only place; everybody else queues up behind it.
    let first = world.open(opening(Right::Access, &[ADA])).await;
    marketing.called(Method::Collect, 1).await;
    let mut others = Vec::new();
    for _ in 0..5 {
        others.push(world.open(opening(Right::Access, &[ADA])).await);
    }
    let mut request = opening(Right::Access, &[ADA]);
    request.minor = true;
    let minor = world.open(request).await;
    marketing.heal();
    for case in std::iter::once(&first).chain(&others).chain([&minor]) {
        world.settled(&case.case_id).await;
    }
    let mut asked: Vec<String> = Vec::new();
    for call in marketing.calls(Method::Collect) {
        if !asked.contains(&call.task_id) {
            asked.push(call.task_id);
        }
    }
    let of = |case: &Case| task(case, "marketing", TaskKind::Collect).task_id.clone();
    assert_eq!(asked.len(), 7);
    assert_eq!(asked[..2], [of(&first), of(&minor)], "it was opened last, and is asked about next");
    world.finish().await;
}
