//! Getting, listing and watching cases.

use std::collections::BTreeMap;

use rightful::proto::{
    downstream::v1::{Identifier, Right},
    v1::{
        CancelCaseRequest, Case, CaseState, DownloadExportRequest, GetCaseRequest, GetReceiptRequest,
        ListCasesRequest, ListCasesResponse, RetryTaskRequest, WatchCaseRequest,
    },
};
use tonic::{Code, Status};

use crate::{
    harness::{ADA, World, assert_refused, fields, metadata, opening, people_services, soon},
    puppet::{Fault, Method},
};

const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

async fn list(world: &World, request: ListCasesRequest) -> Result<ListCasesResponse, Status> {
    world.cases().list_cases(request).await.map(tonic::Response::into_inner)
}

async fn ids(world: &World, request: ListCasesRequest) -> Vec<String> {
    let listed = list(world, request).await.expect("the filter is right");
    listed.cases.into_iter().map(|case| case.case_id).collect()
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let world = World::start(people_services()).await;
    let mut cases = world.cases();
    let case_id = NOBODY.to_owned();
    let errors = [
        cases.get_case(GetCaseRequest { case_id: case_id.clone() }).await.unwrap_err(),
        cases.watch_case(WatchCaseRequest { case_id: case_id.clone() }).await.unwrap_err(),
        cases.cancel_case(CancelCaseRequest { case_id: case_id.clone() }).await.unwrap_err(),
        cases.get_receipt(GetReceiptRequest { case_id: case_id.clone() }).await.unwrap_err(),
        world.try_download(&case_id, 0).await.err().unwrap(),
    ];
    for error in errors {
        let error = assert_refused(Err::<(), _>(error), Code::NotFound, "ERROR_REASON_NOT_FOUND");
        assert_eq!(
            (metadata(&error)["resource"].as_str(), metadata(&error)["id"].as_str()),
            ("case", NOBODY)
        );
    }
    let error = cases.retry_task(RetryTaskRequest { task_id: NOBODY.into() }).await;
    let error = assert_refused(error, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    assert_eq!(metadata(&error)["resource"], "task");
    world.finish().await;
}

#[tokio::test]
async fn an_id_that_is_none_is_a_bad_field() {
    let world = World::start(people_services()).await;
    let mut cases = world.cases();
    for bad in ["", "x", "01890a5d-ac96-774b-bcce-b302099a805", "../../etc/passwd"] {
        let case_id = bad.to_owned();
        let errors = [
            cases.get_case(GetCaseRequest { case_id: case_id.clone() }).await.unwrap_err(),
            cases.watch_case(WatchCaseRequest { case_id: case_id.clone() }).await.unwrap_err(),
            cases.cancel_case(CancelCaseRequest { case_id: case_id.clone() }).await.unwrap_err(),
            cases.get_receipt(GetReceiptRequest { case_id: case_id.clone() }).await.unwrap_err(),
            cases.download_export(DownloadExportRequest { case_id, offset: 0 }).await.unwrap_err(),
        ];
        for error in errors {
            let error =
                assert_refused(Err::<(), _>(error), Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
            assert_eq!(fields(&error), ["case_id"]);
        }
        let error = cases.retry_task(RetryTaskRequest { task_id: bad.into() }).await.unwrap_err();
        assert_eq!(fields(&error), ["task_id"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn lists_can_be_filtered() {
    let world = World::start(people_services()).await;
    let access = world.run(Right::Access, &[ADA]).await.case_id;
    let unknown = world.run(Right::Access, &[("email", "nobody@example.org")]).await.case_id;
    let erasure = world.run(Right::Erasure, &[("email", "bob@example.org")]).await.case_id;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let mut late = opening(Right::Portability, &[ADA]);
    late.received_time = Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 });
    let late = world.open(late).await.case_id;

    let all = || ListCasesRequest::default();
    assert_eq!(
        ids(&world, all()).await,
        [&late, &erasure, &unknown, &access].map(String::as_str),
        "newest first"
    );
    let completed = ListCasesRequest { states: vec![CaseState::Completed.into()], ..all() };
    assert_eq!(ids(&world, completed).await, [erasure.as_str(), &unknown, &access]);
    let either = vec![CaseState::InProgress.into(), CaseState::Cancelled.into()];
    assert_eq!(ids(&world, ListCasesRequest { states: either, ..all() }).await, [late.as_str()]);
    let erasures = ListCasesRequest { right: Right::Erasure.into(), ..all() };
    assert_eq!(ids(&world, erasures).await, [erasure.as_str()]);
    assert_eq!(ids(&world, ListCasesRequest { overdue: true, ..all() }).await, [late.as_str()]);
    let due = Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 });
    assert_eq!(ids(&world, ListCasesRequest { due_before_time: due, ..all() }).await, [late.as_str()]);
    let identifier = |kind: &str, value: &str| Some(Identifier { kind: kind.into(), value: value.into() });
    let hers = ListCasesRequest { identifier: identifier("email", "ada@EXAMPLE.org"), ..all() };
    assert_eq!(ids(&world, hers).await, [late.as_str(), &access]);
    let resolved = ListCasesRequest { identifier: identifier("customer_id", "C-1815"), ..all() };
    assert!(ids(&world, resolved).await.contains(&access), "found by what a downstream resolved");
    let nobodys = ListCasesRequest { identifier: identifier("customer_id", "ada@example.org"), ..all() };
    assert!(ids(&world, nobodys).await.is_empty());
    let at = ListCasesRequest { downstream: "billing".into(), right: Right::Access.into(), ..all() };
    assert_eq!(ids(&world, at).await, [unknown.as_str(), &access]);
    let listed = list(&world, all()).await.unwrap().cases;
    assert!(listed.iter().all(|case| case.tasks.is_empty()), "lists have no tasks");
    world.finish().await;
}

#[tokio::test]
async fn a_list_comes_page_by_page() {
    let world = World::start(people_services()).await;
    let mut opened = Vec::new();
    for _ in 0..7 {
        opened.push(world.open(opening(Right::Portability, &[ADA])).await.case_id);
    }
    opened.reverse();
    let mut seen = Vec::new();
    let mut request =
        ListCasesRequest { page_size: 3, right: Right::Portability.into(), ..Default::default() };
    let mut sizes = Vec::new();
    loop {
        let page = list(&world, request.clone()).await.unwrap();
        sizes.push(page.cases.len());
        seen.extend(page.cases.into_iter().map(|case| case.case_id));
        if page.next_page_token.is_empty() {
            break;
        }
        // A case that is opened meanwhile does not disturb the pages.
        world.open(opening(Right::Portability, &[("email", "new@example.org")])).await;
        request.page_token = page.next_page_token;
    }
    assert_eq!((seen, sizes), (opened, vec![3, 3, 1]));

    request.page_token = list(&world, ListCasesRequest { page_token: String::new(), ..request.clone() })
        .await
        .unwrap()
        .next_page_token;
    let other_filter = ListCasesRequest { right: Right::Erasure.into(), ..request.clone() };
    let garbage = ListCasesRequest { page_token: "garbage!".into(), ..request };
    for bad in [other_filter, garbage] {
        let refused =
            assert_refused(list(&world, bad).await, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), ["page_token"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn bad_filters_are_named() {
    let world = World::start(people_services()).await;
    let request = ListCasesRequest {
        states: vec![CaseState::Completed.into(), 77],
        right: 99,
        downstream: "No Name".into(),
        identifier: Some(Identifier { kind: "email".into(), value: "none".into() }),
        due_before_time: Some(prost_types::Timestamp { seconds: i64::MIN, nanos: 0 }),
        ..ListCasesRequest::default()
    };
    let refused = list(&world, request).await.unwrap_err();
    assert_eq!(fields(&refused), ["downstream", "due_before_time", "identifier.value", "right", "states[1]"]);
    world.finish().await;
}

#[tokio::test]
async fn a_watch_begins_at_once_shows_every_change_and_ends_when_the_case_is_settled() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let request = WatchCaseRequest { case_id: opened.case_id.clone() };
    let mut watch = world.cases().watch_case(request.clone()).await.unwrap().into_inner();
    let mut seen: Vec<Case> = Vec::new();
    soon("the watch to end", async {
        while let Some(answer) = watch.message().await.unwrap() {
            seen.push(answer.case.unwrap());
            if seen.len() == 1 {
                world.puppet("marketing").heal();
            }
        }
    })
    .await;
    assert!(seen.windows(2).all(|pair| pair[0].revision < pair[1].revision), "only news, and in order");
    assert!(seen.iter().all(|case| case.tasks.len() == 4), "with their tasks");
    assert_eq!(seen.first().unwrap().state(), CaseState::InProgress);
    assert_eq!(seen.last().unwrap().state(), CaseState::Completed);
    assert_eq!(seen.last().unwrap(), &world.case(&opened.case_id).await);

    // Watching a settled case answers it once.
    let mut watch = world.cases().watch_case(request).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().case.unwrap().state(), CaseState::Completed);
    assert!(soon("the end", watch.message()).await.unwrap().is_none());
    world.finish().await;
}

/// Two queries see two moments: whoever read the case at one revision and its tasks at the next would miss a change.
#[tokio::test]
async fn a_case_is_shown_as_it_was_at_its_revision() {
    let world = World::start(people_services()).await;
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let read = async || {
        let mut seen: BTreeMap<u64, Case> = BTreeMap::new();
        loop {
            let case = world.case(&opened.case_id).await;
            let is_settled = case.state() != CaseState::InProgress;
            let first = seen.entry(case.revision).or_insert_with(|| case.clone());
            assert_eq!(*first, case);
            if is_settled {
                return seen;
            }
        }
    };
    let readers = futures::future::join_all((0..8).map(|_| read()));
    let mut all: BTreeMap<u64, Case> = BTreeMap::new();
    for (revision, case) in soon("the case to settle", readers).await.into_iter().flatten() {
        assert_eq!(*all.entry(revision).or_insert_with(|| case.clone()), case);
    }
    assert!(all.len() > 1, "it was read while it changed");
    world.finish().await;
}
