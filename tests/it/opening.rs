//! Opening cases: idempotent, checked field by field, never half done.

use std::collections::BTreeSet;

use rightful::proto::{
    downstream::v1::{Identifier, Right, Subject},
    v1::{Case, CaseState, CategoryScope, OpenCaseRequest, PreviewCaseRequest, Scope},
};
use tonic::Code;

use crate::{
    harness::{ADA, World, ada, assert_refused, fields, metadata, opening, people_services, subject},
    puppet::{Method, Profile, category},
};

/// A change of a request.
type Change = fn(&mut OpenCaseRequest);

#[tokio::test]
async fn a_case_keeps_what_it_was_opened_with() {
    let world = World::start(people_services()).await;
    let mut request = opening(Right::Access, &[("email", "Ada@EXAMPLE.org"), ("phone", "+49 (30) 123-456")]);
    request.received_time = Some(prost_types::Timestamp { seconds: 1_760_000_000, nanos: 0 });
    request.labels.insert("ticket".into(), "T-1".into());
    request.policy_version = "2025-10".into();
    request.scope = Some(Scope { downstreams: vec!["marketing".into()], categories: vec![] });
    let case = world.open(request.clone()).await;
    assert_eq!(case.request_id, request.request_id);
    assert_eq!((case.right(), case.state()), (Right::Access, CaseState::InProgress));
    assert_eq!(case.received_time, request.received_time);
    // 2025-10-09 plus 30 days.
    assert_eq!(
        case.due_time,
        Some(prost_types::Timestamp { seconds: 1_760_000_000 + 30 * 86_400, nanos: 0 })
    );
    assert_eq!((&case.labels, &case.policy_version), (&request.labels, &request.policy_version));
    assert_eq!(case.scope, request.scope);
    assert_eq!(case.identifier_kinds, ["email", "phone"]);
    let later = world.settled(&case.case_id).await;
    assert_eq!((later.open_time, later.labels), (case.open_time, case.labels));
    world.finish().await;
}

#[tokio::test]
async fn the_same_request_opens_one_case() {
    let world = World::start(people_services()).await;
    let request = opening(Right::Access, &[ADA]);
    let first = world.open(request.clone()).await;
    assert_eq!(world.open(request.clone()).await.case_id, first.case_id);
    let settled = world.settled(&first.case_id).await;
    let replay = world.open(request.clone()).await;
    assert_eq!(replay, settled, "a replay answers the case as it is now");

    // Spelt otherwise, and still the same person.
    let mut spelt = request.clone();
    spelt.subject = Some(subject(&[("email", " ada@Example.ORG "), ADA]));
    assert_eq!(world.open(spelt).await.case_id, first.case_id);
    assert_eq!(world.count().await, 1);
    world.finish().await;
}

#[tokio::test]
async fn the_same_request_id_with_another_body_is_refused_and_says_what_differs() {
    let world = World::start(people_services()).await;
    let request = opening(Right::Access, &[ADA]);
    let first = world.open(request.clone()).await;
    let changes: [(&str, Change); 6] = [
        ("right", |r| r.right = Right::Erasure.into()),
        ("subject", |r| r.subject = Some(subject(&[("email", "bob@example.org")]))),
        ("received_time", |r| {
            r.received_time = Some(prost_types::Timestamp { seconds: 1_760_000_000, nanos: 0 });
        }),
        ("scope", |r| r.scope = Some(Scope { downstreams: vec!["billing".into()], categories: vec![] })),
        ("labels", |r| r.labels = [("a".to_owned(), "b".to_owned())].into()),
        ("policy_version", |r| r.policy_version = "2".into()),
    ];
    let mut all = request.clone();
    for (differs, change) in changes {
        let mut other = request.clone();
        change(&mut other);
        change(&mut all);
        let refused = assert_refused(
            world.try_open(other).await,
            Code::AlreadyExists,
            "ERROR_REASON_REQUEST_ID_REUSED",
        );
        assert_eq!(metadata(&refused)["differs"], differs);
        assert_eq!(metadata(&refused)["case_id"], first.case_id);
    }
    let refused = world.try_open(all).await.unwrap_err();
    let differs: BTreeSet<String> = metadata(&refused)["differs"].split(',').map(ToOwned::to_owned).collect();
    assert_eq!(differs, changes.map(|(name, _)| name.to_owned()).into());
    assert_eq!(world.count().await, 1);
    world.finish().await;
}

#[tokio::test]
async fn fifty_callers_at_once_with_one_key_open_one_case() {
    let world = World::start(people_services()).await;
    let request = opening(Right::Erasure, &[ADA]);
    let calls = (0..50).map(|_| world.open(request.clone()));
    let cases: Vec<Case> = futures::future::join_all(calls).await;
    let ids: BTreeSet<&str> = cases.iter().map(|case| case.case_id.as_str()).collect();
    assert_eq!(ids.len(), 1);
    let case = world.settled(&cases[0].case_id).await;
    assert_eq!(world.count().await, 1);
    for name in world.names() {
        let tasks = case.tasks.iter().filter(|t| t.downstream == name && !t.categories.is_empty());
        world.puppet(&name).assert_each_effect_once(tasks.map(|task| task.task_id.as_str()));
    }
    world.finish().await;
}

#[tokio::test]
async fn fifty_different_cases_at_once_all_end_well() {
    let profile =
        (0..50).fold(Profile::new("shop", &["email"]).category(category("orders")), |profile, number| {
            let email = format!("p{number}@example.org");
            profile.person(crate::puppet::Person::new(&[("email", &email)]).records("orders", 3))
        });
    let world = World::start([profile]).await;
    let emails: Vec<String> = (0..50).map(|number| format!("p{number}@example.org")).collect();
    let runs = emails.iter().map(|email| async {
        let case = world.run(Right::Access, &[("email", email)]).await;
        world.download(&case.case_id).await.info().sha256.clone()
    });
    let digests: BTreeSet<String> = futures::future::join_all(runs).await.into_iter().collect();
    assert_eq!(digests.len(), 50, "each export is its own");
    world.finish().await;
}

/// Bad requests and the fields that are wrong with them.
fn bad() -> Vec<(Vec<&'static str>, OpenCaseRequest)> {
    let good = || opening(Right::Access, &[ADA]);
    let with = |change: &dyn Fn(&mut OpenCaseRequest)| {
        let mut request = good();
        change(&mut request);
        request
    };
    let at = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
    let scope = |downstreams: &[&str], categories: Vec<CategoryScope>| {
        Some(Scope { downstreams: downstreams.iter().map(|&name| name.to_owned()).collect(), categories })
    };
    let only = |downstream: &str, category: &str| CategoryScope {
        downstream: downstream.to_owned(),
        categories: vec![category.to_owned()],
    };
    vec![
        (vec!["request_id"], with(&|r| r.request_id.clear())),
        (vec!["request_id"], with(&|r| r.request_id = "x".repeat(129))),
        (vec!["request_id"], with(&|r| r.request_id = "a\nb".into())),
        (vec!["request_id"], with(&|r| r.request_id = "käse".into())),
        (vec!["right"], with(&|r| r.right = 0)),
        (vec!["right"], with(&|r| r.right = 999)),
        (vec!["corrections"], with(&|r| r.right = Right::Rectification.into())),
        (vec!["uses"], with(&|r| r.right = Right::Objection.into())),
        (vec!["lift"], with(&|r| r.lift = true)),
        (
            vec!["purposes[0]"],
            with(&|r| {
                r.right = Right::ConsentWithdrawal.into();
                r.purposes = vec!["canary".into()];
            }),
        ),
        (vec!["subject.identifiers"], with(&|r| r.subject = None)),
        (vec!["subject.identifiers"], with(&|r| r.subject = Some(Subject::default()))),
        (vec!["subject.identifiers"], with(&|r| r.subject = Some(many(33)))),
        (vec!["subject.identifiers[0].value"], with(&|r| r.subject = Some(subject(&[("email", "canary")])))),
        (
            vec!["subject.identifiers[1].kind", "subject.identifiers[2].value"],
            with(&|r| r.subject = Some(subject(&[ADA, ("E-Mail", "x"), ("phone", "0123")]))),
        ),
        (
            vec!["subject.identifiers[0].value"],
            with(&|r| r.subject = Some(subject(&[("nick", &"x".repeat(513))]))),
        ),
        (vec!["received_time"], with(&|r| r.received_time = at(4_102_444_800))),
        (vec!["received_time"], with(&|r| r.received_time = at(1_500_000_000))),
        (vec!["received_time"], with(&|r| r.received_time = at(i64::MAX))),
        (vec!["scope.downstreams[1]"], with(&|r| r.scope = scope(&["billing", "nobody"], vec![]))),
        (vec!["scope.downstreams[0]"], with(&|r| r.scope = scope(&["../x"], vec![]))),
        (vec!["scope.downstreams"], with(&|r| r.scope = scope(&["billing"; 101], vec![]))),
        (vec!["scope.categories[0].downstream"], with(&|r| r.scope = scope(&[], vec![only("nobody", "x")]))),
        (
            vec!["scope.categories[0].categories[0]"],
            with(&|r| r.scope = scope(&[], vec![only("billing", "no_such_category")])),
        ),
        (vec!["labels"], with(&|r| r.labels = (0..17).map(|n| (format!("k{n}"), String::new())).collect())),
        (vec!["labels"], with(&|r| r.labels = [("x y".to_owned(), String::new())].into())),
        (vec!["labels[\"k\"]"], with(&|r| r.labels = [("k".to_owned(), "v".repeat(257))].into())),
        (vec!["labels[\"k\"]"], with(&|r| r.labels = [("k".to_owned(), "a\nb".to_owned())].into())),
        (vec!["policy_version"], with(&|r| r.policy_version = "v".repeat(65))),
        (
            vec!["policy_version", "received_time", "request_id", "right", "subject.identifiers"],
            OpenCaseRequest {
                policy_version: "\u{7}".into(),
                received_time: at(-1),
                ..OpenCaseRequest::default()
            },
        ),
    ]
}

fn many(count: usize) -> Subject {
    let identifier = |n| Identifier { kind: "device_id".into(), value: format!("D-{n}") };
    Subject { identifiers: (0..count).map(identifier).collect() }
}

#[tokio::test]
async fn every_bad_field_is_named_and_nothing_is_written() {
    let world = World::start(people_services()).await;
    for (expected, request) in bad() {
        let answer = world.try_open(request).await;
        let refused = assert_refused(answer, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), expected);
        assert!(!format!("{refused:?}").contains("canary"), "the bad value is not repeated");
    }
    assert_eq!(world.count().await, 0);
    assert!(world.puppet("billing").calls(Method::Collect).is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_preview_checks_as_opening_does() {
    let world = World::start(people_services()).await;
    for (expected, request) in bad() {
        let expected: Vec<&str> = expected
            .into_iter()
            .filter(|field| !["request_id", "policy_version"].contains(field) && !field.starts_with("labels"))
            .collect();
        if expected.is_empty() {
            continue;
        }
        let OpenCaseRequest {
            right, subject, received_time, scope, corrections, uses, purposes, lift, ..
        } = request;
        let preview = PreviewCaseRequest {
            right,
            subject,
            received_time,
            scope,
            corrections,
            uses,
            purposes,
            lift,
            ..Default::default()
        };
        let answer = world.cases().preview_case(preview).await;
        let refused = assert_refused(answer, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), expected);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_request_of_two_megabytes_is_refused_and_the_server_goes_on() {
    let world =
        World::start([Profile::new("shop", &["email"]).category(category("orders")).person(ada(&[]))]).await;
    let mut request = opening(Right::Access, &[ADA]);
    request.labels = [("k".to_owned(), "v".repeat(2 << 20))].into();
    assert!(world.try_open(request).await.is_err());
    assert_eq!(world.run(Right::Access, &[ADA]).await.state(), CaseState::Completed);
    assert_eq!(world.count().await, 1);
    world.finish().await;
}

#[tokio::test]
async fn a_replay_is_answered_though_its_downstream_has_left() {
    let mut world = World::start(people_services()).await;
    let mut request = opening(Right::Access, &[ADA]);
    request.scope = Some(Scope { downstreams: vec!["marketing".into()], categories: vec![] });
    let case = world.open(request.clone()).await;
    world.settled(&case.case_id).await;
    world.unregister("marketing");
    world.restart().await;
    assert_eq!(world.open(request.clone()).await.case_id, case.case_id);
    request.request_id.push('x');
    let status = world.cases().open_case(request).await.unwrap_err();
    assert_eq!(fields(&status), ["scope.downstreams[0]"], "a new case cannot be about it");
    world.finish().await;
}
