//! Approval, refusal, and the time for second thoughts: what people decide before anything is asked.

use std::sync::Arc;

use jiff::SignedDuration;
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::{Ground, GroundCode, Right},
        v1::{
            ApproveCaseRequest, CancelCaseRequest, Case, CaseReason, CaseState, RefuseCaseRequest, TaskState,
        },
    },
};
use tonic::{Code, Status};

use crate::{
    harness::{ADA, Builder, World, assert_refused, called, metadata, opening, people_services, run, soon},
    puppet::{Fault, Method},
};

async fn approve(world: &World, caller: &'static str, case: &Case) -> Result<Case, Status> {
    let request = ApproveCaseRequest { case_id: case.case_id.clone(), note: "seen".into() };
    Ok(world.cases().approve_case(called(caller, request)).await?.into_inner().case.expect("it is there"))
}

async fn refuse(world: &World, case: &Case, code: GroundCode) -> Result<Case, Status> {
    let ground = Ground { code: code.into(), source: "GDPR 12(5)".into(), note: "the same every day".into() };
    let request = RefuseCaseRequest { case_id: case.case_id.clone(), ground: Some(ground) };
    Ok(world.cases().refuse_case(called("privacy", request)).await?.into_inner().case.expect("it is there"))
}

#[tokio::test]
async fn four_eyes_let_an_erasure_begin() {
    let world = Builder::new(people_services()).set("policy.approval", "[\"erasure\"]").start().await;
    let request = called("support-desk", opening(Right::Erasure, &[ADA]));
    let case = world.cases().open_case(request).await.unwrap().into_inner().case.unwrap();
    assert_eq!((case.state(), case.tasks.len()), (CaseState::AwaitingApproval, 0));
    assert!(case.approval.as_ref().unwrap().needed);
    let own = approve(&world, "support-desk", &case).await;
    let refused = assert_refused(own, Code::PermissionDenied, "ERROR_REASON_FOUR_EYES");
    assert_eq!(metadata(&refused)["caller"], "support-desk");
    assert_eq!((world.case(&case.case_id).await, world.calls()), (case.clone(), 0), "nothing happened");
    let approved = approve(&world, "privacy", &case).await.unwrap();
    assert_eq!(approved.state(), CaseState::InProgress);
    let approval = approved.approval.as_ref().unwrap();
    assert_eq!((approval.approver.as_str(), approval.note.as_str()), ("privacy", "seen"));
    let done = world.settled(&case.case_id).await;
    assert_eq!(done.reason(), CaseReason::Fulfilled);
    assert_eq!(approve(&world, "privacy", &case).await.unwrap(), done, "again: the same answer");
    let other = approve(&world, "third", &case).await;
    assert_refused(other, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed, "access needs nobody");
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_has_its_ground_and_says_where_to_complain() {
    let clock = Arc::new(ManualClock::new("2026-11-24T09:00:00Z".parse().unwrap()));
    let builder = Builder::new(people_services()).clock(clock.clone());
    let world =
        builder.set("policy.approval", "[\"erasure\"]").set("policy.regimes", "[\"gdpr\"]").start().await;
    for (code, reason) in [
        (GroundCode::Excessive, CaseReason::Excessive),
        (GroundCode::ManifestlyUnfounded, CaseReason::ManifestlyUnfounded),
        (GroundCode::StatutoryExemption, CaseReason::Exempt),
    ] {
        let case = world.open(opening(Right::Erasure, &[ADA])).await;
        let refused = refuse(&world, &case, code).await.unwrap();
        assert_eq!((refused.state(), refused.reason()), (CaseState::Refused, reason));
        let refusal = refused.refusal.clone().unwrap();
        assert_eq!((refusal.ground.unwrap().code(), refusal.refuser.as_str()), (code, "privacy"));
        assert_eq!(refusal.complaint_body, "The authority of Berlin");
        assert!(refusal.court.starts_with("the courts of the member state"), "{}", refusal.court);
        assert!(refused.clocks.iter().all(|clock| clock.met_time == refused.settle_time));
        assert_eq!(refuse(&world, &case, code).await.unwrap(), refused, "again: the same answer");
        let other = refuse(&world, &case, GroundCode::PublicTask).await;
        assert_refused(other, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    }
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    let ungrounded = refuse(&world, &case, GroundCode::Unspecified).await;
    assert_refused(ungrounded, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    let refused = refuse(&world, &case, GroundCode::Excessive).await.unwrap();
    clock.advance(SignedDuration::from_hours(24 * 31));
    let expired = async {
        while world.case(&refused.case_id).await.state() != CaseState::Expired {
            tokio::task::yield_now().await;
        }
    };
    soon("what is personal to be destroyed", expired).await;
    assert_eq!(world.case(&refused.case_id).await.reason(), CaseReason::Excessive);
    assert_eq!(world.calls(), 0);
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_stops_what_is_under_way_unless_something_was_sent() {
    let world = World::start(people_services()).await;
    // Everybody is still looking at what there is: nobody has been told to erase anything.
    world.puppet("billing").always(Method::Resolve, Fault::Hang);
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.puppet("billing").called(Method::Resolve, 1).await;
    world.puppet("marketing").called(Method::Collect, 1).await;
    let refused = refuse(&world, &case, GroundCode::RightsOfOthers).await.unwrap();
    assert_eq!(refused.state(), CaseState::Refused);
    assert!(refused.tasks.iter().all(|task| task.state() == TaskState::Cancelled), "{:?}", refused.tasks);
    world.puppet("billing").heal();
    world.puppet("marketing").heal();

    world.puppet("billing").always(Method::Resolve, Fault::Hang);
    let access = world.open(opening(Right::Access, &[ADA])).await;
    world.puppet("billing").called(Method::Resolve, 2).await;
    let refused = refuse(&world, &access, GroundCode::RightsOfOthers).await.unwrap();
    assert_eq!((refused.state(), refused.reason()), (CaseState::Refused, CaseReason::Exempt));
    assert!(refused.tasks.iter().all(|t| matches!(t.state(), TaskState::Cancelled | TaskState::Done)));
    world.puppet("billing").heal();

    world.puppet("marketing").always(Method::Erase, Fault::Work(1_000));
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    let working = |case: &Case| case.tasks.iter().any(|task| task.state() == TaskState::Working);
    world.until(&case.case_id, "marketing to work on it", working).await;
    let refused = refuse(&world, &case, GroundCode::RightsOfOthers).await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_TOO_LATE");
    assert_eq!(metadata(&refused)["event"], "refuse");
    assert!(metadata(&refused)["downstreams"].contains("marketing"), "{refused:?}");
    assert_eq!(world.case(&case.case_id).await.state(), CaseState::InProgress, "nothing happened");
    let request = CancelCaseRequest { case_id: case.case_id };
    world.cases().cancel_case(request).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn an_erasure_leaves_time_for_second_thoughts() {
    let clock = Arc::new(ManualClock::new("2026-11-24T09:00:00Z".parse().unwrap()));
    let builder = Builder::new(people_services()).clock(clock.clone());
    let mut world = builder.set("policy.confirmation_window", "\"48h\"").start().await;
    let held = world.held();
    let kept = world.open(opening(Right::Erasure, &[ADA])).await;
    assert_eq!((kept.state(), kept.tasks.len()), (CaseState::InProgress, 0));
    let start = kept.start_time.unwrap();
    assert_eq!(start.seconds - kept.open_time.unwrap().seconds, 48 * 3_600);
    let erased = world.open(opening(Right::Erasure, &[ADA])).await;
    assert_eq!(world.run(Right::Access, &[ADA]).await.start_time, None, "a copy is not waited for");
    clock.advance(SignedDuration::from_hours(47));
    world.restart().await;
    let request = CancelCaseRequest { case_id: kept.case_id.clone() };
    let cancelled = world.cases().cancel_case(request).await.unwrap().into_inner().case.unwrap();
    assert_eq!(cancelled.state(), CaseState::Cancelled);
    assert_eq!(world.held(), held, "nothing is erased yet");
    clock.advance(SignedDuration::from_hours(2));
    assert_eq!(world.settled(&erased.case_id).await.reason(), CaseReason::Fulfilled);
    assert!(world.held() < held);
    assert_eq!(world.case(&kept.case_id).await.state(), CaseState::Cancelled);
    for name in world.names() {
        let calls = world.puppet(&name).calls(Method::Erase);
        assert!(calls.len() == 1, "{name} was asked by one case");
    }
    world.finish().await;
}

#[tokio::test]
async fn the_command_line_does_all_of_it() {
    let builder = Builder::new(people_services()).set("policy.verification", "\"low\"");
    let world =
        builder.set("policy.approval", "[\"access\"]").set("policy.regimes", "[\"gdpr\"]").start().await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let id = case.case_id.as_str();
    let command =
        async |arguments: &[&str], code: i32| run(world.dir(), world.url(), arguments, "").await.expect(code);
    let shown = command(&["case", "get", id], 0).await;
    assert!(shown.stdout.contains("1 calendar month from receipt"), "{shown:?}");
    assert!(shown.stdout.contains("none of low: nothing shown"), "{shown:?}");
    command(&["case", "confirm", id, "--failed"], 0).await;
    let confirmed =
        command(&["--output", "json", "case", "confirm", id, "--evidence", "email_link=m-1"], 0).await;
    assert_eq!(confirmed.json()["case"]["state"], "CASE_STATE_AWAITING_APPROVAL");
    let own = command(&["case", "approve", id], 4).await;
    assert!(own.stderr.contains("ERROR_REASON_FOUR_EYES"), "{own:?}");
    command(&["case", "acknowledge", id], 0).await;
    command(&["case", "extend", id, "--ground", "complexity", "--note", "many"], 0).await;
    let paused = command(&["case", "pause-clock", id, "--ground", "identity-in-doubt"], 0).await;
    assert!(paused.stdout.contains("stands still since"), "{paused:?}");
    let resumed = command(&["--output", "json", "case", "resume-clock", id], 0).await;
    assert_eq!(resumed.json()["case"]["clocks"][0]["extended"], true);
    command(&["case", "extend", id, "--ground", "other"], 4).await;
    let soon = command(&["--output", "json", "case", "list", "--due-soon"], 0).await;
    assert!(soon.json()["cases"].as_array().is_none_or(Vec::is_empty), "{soon:?}");
    let refused =
        command(&["case", "refuse", id, "--ground", "excessive", "--source", "GDPR 12(5)"], 0).await;
    assert!(refused.stdout.contains("The authority of Berlin"), "{refused:?}");
    command(&["case", "refuse", id, "--ground", "because"], 2).await;
    let approved = world.open(opening(Right::Erasure, &[ADA])).await;
    let json = ["--output", "json", "--caller", "privacy", "case", "confirm", &approved.case_id];
    let json = [&json[..], &["--evidence", "account_session=s"]].concat();
    command(&json, 0).await;
    assert_eq!(world.settled(&approved.case_id).await.reason(), CaseReason::Fulfilled);
    let preview =
        command(&["case", "preview", "--right", "access", "--id", "email=ada@example.org"], 0).await;
    assert!(preview.stdout.contains("would need evidence of assurance low"), "{preview:?}");
    world.finish().await;
}
