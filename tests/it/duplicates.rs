//! Duplicates and repeated requests: found while a case is opened, and treated as policy says.

use std::collections::BTreeSet;

use rightful::proto::{
    downstream::v1::Right,
    v1::{
        ApproveCaseRequest, CancelCaseRequest, CaseReason, CaseState, OpenCaseRequest, OpenCaseResponse,
        Scope,
    },
};
use tonic::{Code, Status};

use crate::{
    harness::{ADA, Builder, World, assert_refused, called, metadata, opening, people_services},
    puppet::{Fault, Method},
};

async fn world(policy: &str) -> World {
    let world = Builder::new(people_services()).set("policy.duplicates", policy).start().await;
    // Nothing settles, so that every case stays open.
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    world.puppet("marketing").always(Method::Resolve, Fault::Hang);
    world
}

async fn open(world: &World, request: OpenCaseRequest) -> Result<OpenCaseResponse, Status> {
    Ok(world.cases().open_case(request).await?.into_inner())
}

fn id(answer: &OpenCaseResponse) -> String {
    answer.case.as_ref().expect("the answer has a case").case_id.clone()
}

async fn cancel(world: &World, case_id: &str) {
    let request = CancelCaseRequest { case_id: case_id.into() };
    world.cases().cancel_case(request).await.expect("it is there");
}

#[tokio::test]
async fn an_open_case_of_the_same_subject_right_and_scope_is_named() {
    let world = world("\"allow\"").await;
    let first = world.open(opening(Right::Access, &[ADA])).await;
    assert_eq!(first.duplicate_of_case_id, "");
    let second = world.open(opening(Right::Access, &[ADA, ("phone", "+4930123456")])).await;
    assert_eq!(second.duplicate_of_case_id, first.case_id, "one identifier in common is enough");
    assert_eq!(world.case(&second.case_id).await.duplicate_of_case_id, first.case_id);
    let other_right = world.open(opening(Right::Portability, &[ADA])).await;
    assert_eq!(other_right.duplicate_of_case_id, "");
    let mut narrow = opening(Right::Access, &[ADA]);
    narrow.scope = Some(Scope { downstreams: vec!["billing".into()], ..Scope::default() });
    assert_eq!(world.open(narrow).await.duplicate_of_case_id, "", "another scope is another question");
    let somebody_else = world.open(opening(Right::Access, &[("email", "bob@example.org")])).await;
    assert_eq!(somebody_else.duplicate_of_case_id, "");
    cancel(&world, &first.case_id).await;
    let third = world.open(opening(Right::Access, &[ADA])).await;
    assert_eq!(third.duplicate_of_case_id, second.case_id, "the first one is not open any more");
    world.finish().await;
}

#[tokio::test]
async fn a_duplicate_joins_the_open_case_for_good() {
    let world = world("\"join\"").await;
    let first = open(&world, opening(Right::Access, &[ADA])).await.unwrap();
    assert!(!first.joined);
    let request = opening(Right::Access, &[ADA]);
    let second = open(&world, request.clone()).await.unwrap();
    assert_eq!((second.joined, second.replayed, id(&second)), (true, false, id(&first)));
    cancel(&world, &id(&first)).await;
    let replay = open(&world, request.clone()).await.unwrap();
    assert_eq!((replay.joined, id(&replay)), (true, id(&first)), "the same request, the same case");
    let mut changed = request;
    changed.labels.insert("ticket".into(), "2".into());
    let reused = open(&world, changed).await;
    let reused = assert_refused(reused, Code::AlreadyExists, "ERROR_REASON_REQUEST_ID_REUSED");
    assert_eq!(metadata(&reused)["case_id"], id(&first));
    let fresh = open(&world, opening(Right::Access, &[ADA])).await.unwrap();
    assert!(!fresh.joined && id(&fresh) != id(&first), "nothing was open any more");
    world.finish().await;
}

#[tokio::test]
async fn of_many_duplicates_at_once_one_is_opened() {
    let world = world("\"join\"").await;
    let mut answers = Vec::new();
    for _ in 0..16 {
        let mut cases = world.cases();
        answers.push(tokio::spawn(async move { cases.open_case(opening(Right::Access, &[ADA])).await }));
    }
    let (mut ids, mut fresh) = (BTreeSet::new(), 0);
    for answer in answers {
        let answer = answer.await.unwrap().unwrap().into_inner();
        fresh += usize::from(!answer.joined);
        ids.insert(id(&answer));
    }
    assert_eq!((fresh, ids.len(), world.count().await), (1, 1, 1));
    world.finish().await;
}

#[tokio::test]
async fn a_duplicate_is_refused_and_the_open_case_named() {
    let world = world("\"refuse\"").await;
    let first = open(&world, opening(Right::Access, &[ADA])).await.unwrap();
    let refused = open(&world, opening(Right::Access, &[ADA])).await;
    let refused = assert_refused(refused, Code::AlreadyExists, "ERROR_REASON_DUPLICATE_CASE");
    assert_eq!(metadata(&refused)["case_id"], id(&first));
    assert_eq!(world.count().await, 1, "nothing half done");
    world.finish().await;
}

#[tokio::test]
async fn who_asks_too_often_waits_for_a_persons_decision() {
    let world = Builder::new(people_services())
        .set("policy.excessive_cases", "2")
        .set("policy.excessive_within", "\"P12M\"")
        .start()
        .await;
    for _ in 0..2 {
        let case = world.run(Right::Access, &[ADA]).await;
        assert_eq!((case.state(), case.excessive), (CaseState::Completed, false));
    }
    let calls = world.calls();
    let third = world.open(opening(Right::Access, &[ADA])).await;
    assert_eq!(
        (third.state(), third.reason()),
        (CaseState::AwaitingApproval, CaseReason::ExcessiveCandidate)
    );
    assert!(third.excessive && third.tasks.is_empty());
    assert_eq!(world.case(&third.case_id).await, third);
    let other = world.run(Right::Portability, &[ADA]).await;
    assert!(!other.excessive, "another right is counted for itself");
    assert!(world.calls() > calls);
    assert!(world.case(&third.case_id).await.tasks.is_empty(), "nobody is asked before the decision");
    let request = ApproveCaseRequest { case_id: third.case_id.clone(), ..ApproveCaseRequest::default() };
    world.cases().approve_case(called("privacy", request)).await.unwrap();
    assert_eq!(world.settled(&third.case_id).await.state(), CaseState::Completed, "a person let it begin");
    let fourth = world.open(opening(Right::Access, &[ADA])).await;
    assert_eq!(fourth.state(), CaseState::AwaitingApproval);
    cancel(&world, &fourth.case_id).await;
    world.finish().await;
}
