//! Requests with every fault at once, and answers that hold what the domain said.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{
        Ask, Capabilities, Case, CaseId, CaseReason, CaseState, CategoryOutcome, CategoryResult, Faults,
        Ground, GroundCode, IdentifierKind, Period, Proceedings, Retained, Right, Scope, Task, TaskId,
        TaskReason, TaskState, Withheld,
        category::{Category, Retention},
        clock::Clocks,
        outcome::Tally,
        verification::Assurance,
    },
    engine::{CaseView, Check, DownstreamView, Preview, PreviewTask},
    proto::{downstream::v1 as shared, v1},
};

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn at(text: &str) -> prost_types::Timestamp {
    time::time(text.parse().unwrap())
}

fn identifier(kind: &str, value: &str) -> shared::Identifier {
    shared::Identifier { kind: kind.into(), value: value.into() }
}

fn evidence(kind: i32, reference: &str, seen: &str) -> v1::Evidence {
    v1::Evidence { kind, reference: reference.into(), seen_time: Some(at(seen)) }
}

fn good() -> v1::OpenCaseRequest {
    v1::OpenCaseRequest {
        request_id: "ticket 7".into(),
        right: shared::Right::Erasure.into(),
        subject: Some(shared::Subject { identifiers: vec![identifier("email", "Ada@EXAMPLE.org")] }),
        received_time: Some(at("2026-11-20T09:00:00Z")),
        scope: Some(v1::Scope {
            downstreams: vec!["billing".into()],
            categories: vec![v1::CategoryScope {
                downstream: "billing".into(),
                categories: vec!["invoices".into()],
            }],
        }),
        labels: HashMap::from([("ticket.id-1_x".into(), "é".repeat(128))]),
        policy_version: "2026-01".into(),
        channel: "support_desk".into(),
        regimes: vec!["gdpr".into()],
        evidence: vec![evidence(1, "mail 7", "2026-11-20T09:00:00Z")],
        ..Default::default()
    }
}

fn fields(faults: &Faults) -> Vec<&str> {
    faults.as_slice().iter().map(|fault| fault.field.as_str()).collect()
}

#[test]
fn a_good_request_is_taken_as_it_is() {
    let new = new_case(good(), now()).unwrap();
    assert_eq!((new.request_id.as_str(), new.right), ("ticket 7", Right::Erasure));
    assert_eq!(new.subject.identifiers().next().unwrap().expose(), "Ada@example.org");
    assert_eq!(new.received_at, Some("2026-11-20T09:00:00Z".parse().unwrap()));
    assert!(
        new.scope.downstreams.contains("billing") && new.scope.categories["billing"].contains("invoices")
    );
    assert_eq!(new.labels["ticket.id-1_x"].len(), 256);

    let least = v1::OpenCaseRequest {
        request_id: "r".into(),
        right: shared::Right::Access.into(),
        subject: good().subject,
        ..Default::default()
    };
    let new = new_case(least, now()).unwrap();
    assert_eq!((new.received_at, new.scope, new.policy_version.as_str()), (None, Scope::default(), ""));
}

#[test]
fn every_bad_field_is_named() {
    let request = v1::OpenCaseRequest {
        request_id: "tab\there".into(),
        right: 99,
        subject: Some(shared::Subject {
            identifiers: vec![
                identifier("email", "ada"),
                identifier("phone", "+4930123456"),
                identifier("E", "x"),
            ],
        }),
        received_time: Some(at("2026-11-21T12:00:00.000001Z")),
        scope: Some(v1::Scope {
            downstreams: vec!["billing".into(), "Bad".into()],
            categories: vec![
                v1::CategoryScope { downstream: "mail".into(), categories: vec!["../x".into()] },
                v1::CategoryScope { downstream: "mail".into(), categories: vec![] },
                v1::CategoryScope { downstream: String::new(), categories: vec!["a".into()] },
            ],
        }),
        labels: HashMap::from([("x y".into(), String::new()), ("ok".into(), "v".repeat(257))]),
        policy_version: "v".repeat(65),
        channel: "Support Desk".into(),
        regimes: vec!["gdpr".into(), "G".into()],
        evidence: vec![evidence(99, "é", "2026-11-21T12:01:00.000001Z")],
        ..Default::default()
    };
    let faults = new_case(request, now()).unwrap_err();
    let expected = [
        "request_id",
        "right",
        "subject.identifiers[0].value",
        "subject.identifiers[2].kind",
        "received_time",
        "scope.downstreams[1]",
        "scope.categories[0].categories[0]",
        "scope.categories[1].categories",
        "scope.categories[1].downstream",
        "scope.categories[2].downstream",
        "labels",
        "labels[\"ok\"]",
        "policy_version",
        "channel",
        "regimes[1]",
        "evidence[0].reference",
        "evidence[0].seen_time",
        "evidence[0].kind",
    ];
    assert_eq!(fields(&faults), expected);
}

#[test]
fn an_empty_request_says_what_is_missing() {
    let faults = new_case(v1::OpenCaseRequest::default(), now()).unwrap_err();
    assert_eq!(fields(&faults), ["request_id", "right", "subject.identifiers"]);
    let faults = new_preview(v1::PreviewCaseRequest::default(), now()).unwrap_err();
    assert_eq!(fields(&faults), ["right", "subject.identifiers"]);
}

#[test]
fn sizes_are_bounded() {
    let mut request = good();
    request.request_id = "r".repeat(129);
    request.subject.as_mut().unwrap().identifiers = vec![identifier("email", "ada@example.org"); 33];
    request.labels = (0..17).map(|n| (n.to_string(), String::new())).collect();
    request.scope = Some(v1::Scope {
        downstreams: vec!["billing".into(); 101],
        categories: vec![v1::CategoryScope::default(); 101],
    });
    let expected = ["request_id", "subject.identifiers", "scope.downstreams", "scope.categories", "labels"];
    assert_eq!(fields(&new_case(request, now()).unwrap_err()), expected);

    let mut request = good();
    request.labels = HashMap::from([("k".repeat(100_000), String::new())]);
    assert!(new_case(request, now()).unwrap_err().as_slice()[0].field.len() < 100);
}

#[test]
fn times_before_the_gdpr_are_mistakes() {
    let mut request = good();
    request.received_time = Some(at("2018-05-25T00:00:00Z"));
    assert!(new_case(request.clone(), now()).is_ok());
    request.received_time = Some(at("2018-05-24T23:59:59.999999Z"));
    assert_eq!(fields(&new_case(request, now()).unwrap_err()), ["received_time"]);
}

#[test]
fn without_a_right_the_rights_are_said() {
    let faults = new_case(v1::OpenCaseRequest { right: 0, ..good() }, now()).unwrap_err();
    let [fault] = faults.as_slice() else { panic!("{faults}") };
    assert!(fault.description.contains("RIGHT_ACCESS, RIGHT_PORTABILITY, RIGHT_ERASURE"), "{fault}");
}

#[test]
fn faults_hold_no_identifier() {
    let mut request = good();
    request.subject =
        Some(shared::Subject { identifiers: vec![identifier("email", "canary"), identifier("CANARY", "x")] });
    let faults = new_case(request, now()).unwrap_err().to_string();
    assert!(!faults.to_lowercase().contains("canary"), "{faults}");
}

#[test]
fn filters_are_checked_whole() {
    let mut request = v1::ListCasesRequest {
        page_token: "garbage".into(),
        states: vec![v1::CaseState::Completed.into(), 0, 99],
        right: 99,
        downstream: "Bad".into(),
        due_before_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
        identifier: Some(identifier("email", "ada")),
        ..Default::default()
    };
    let expected = [
        "states[1]",
        "states[2]",
        "right",
        "downstream",
        "due_before_time",
        "identifier.value",
        "page_token",
    ];
    assert_eq!(fields(&filter(&mut request).unwrap_err()), expected);
}

#[test]
fn every_state_can_be_asked_for() {
    let refused = i32::from(v1::CaseState::Refused);
    let completed = i32::from(v1::CaseState::Completed);
    let asked = |states: Vec<i32>| {
        let (filter, _) = filter(&mut v1::ListCasesRequest { states, ..Default::default() }).unwrap();
        filter.states
    };
    assert_eq!(asked(vec![]), []);
    assert_eq!(asked(vec![refused]), [CaseState::Refused]);
    let both = [CaseState::Completed, CaseState::Refused];
    assert_eq!(asked(vec![refused, completed, completed]), both);
}

#[test]
fn ids_and_names_are_checked() {
    assert_eq!(id::<CaseId>("case_id", &Uuid::nil().to_string()), Ok(CaseId(Uuid::nil())));
    assert_eq!(fields(&id::<TaskId>("task_id", "7").unwrap_err()), ["task_id"]);
    assert_eq!(downstream_name("billing"), Ok("billing"));
    assert_eq!(fields(&downstream_name("no such!").unwrap_err()), ["name"]);
}

fn ground() -> Ground {
    Ground { code: GroundCode::LegalObligation, source: "HGB § 257".into(), note: "Bookkeeping.".into() }
}

fn outcome() -> CategoryOutcome {
    let retained = Retained { count: 2, ground: ground(), release_at: Some(now()) };
    CategoryOutcome { category: "invoices".into(), erased: 1, retained: vec![retained], ..Default::default() }
}

fn view() -> CaseView {
    let tally = |records, files| Tally { records, files, digest: "00".into() };
    let result = CategoryResult {
        found: tally(3, 1),
        withheld: vec![Withheld { description: "card number".into(), count: 1, ground: ground() }],
        outcome: Some(outcome()),
        remaining: Some(tally(2, 1)),
        ..CategoryResult::new("invoices")
    };
    let task = Task {
        id: TaskId(Uuid::from_u128(2)),
        case_id: CaseId(Uuid::from_u128(1)),
        position: 0,
        downstream: "billing".into(),
        ask: Ask::Erase { directives: vec![] },
        state: TaskState::NeedsAttention,
        reason: Some(TaskReason::ErasureUnconfirmed),
        call_id: Uuid::from_u128(3),
        attempts: 4,
        due_at: None,
        waits_for: vec![TaskId(Uuid::from_u128(5))],
        understands: std::collections::BTreeSet::new(),
        last_error: Some("UNAVAILABLE".into()),
        results: vec![result],
        refusal: Some(ground()),
    };
    let case = Case {
        id: CaseId(Uuid::from_u128(1)),
        caller: "support-desk".into(),
        request_id: "r".into(),
        right: Right::Erasure,
        state: CaseState::Completed,
        reason: Some(CaseReason::PartiallyFulfilled),
        revision: 9,
        opened_at: now(),
        received_at: now(),
        due_at: now(),
        settled_at: None,
        expires_at: None,
        identifier_kinds: vec![IdentifierKind::new("email").unwrap()],
        scope: new_case(good(), now()).unwrap().scope,
        labels: std::collections::BTreeMap::from([("a".into(), "b".into())]),
        policy_version: "2026-01".into(),
        proceedings: Proceedings { channel: "support_desk".into(), ..Proceedings::default() },
        pseudonym: "feedface".into(),
    };
    CaseView { case, tasks: vec![task], export: None }
}

#[test]
fn a_case_is_shown_with_all_but_its_pseudonym() {
    let shown = case(view());
    assert_eq!(shown.case_id, Uuid::from_u128(1).to_string());
    assert_eq!(shown.state(), v1::CaseState::Completed);
    assert_eq!(shown.reason(), v1::CaseReason::PartiallyFulfilled);
    assert_eq!(shown.right(), shared::Right::Erasure);
    assert_eq!((shown.revision, shown.settle_time), (9, None));
    assert_eq!(shown.identifier_kinds, ["email"]);
    assert_eq!(shown.scope, good().scope);
    assert_eq!((shown.caller.as_str(), shown.channel.as_str()), ("support-desk", "support_desk"));
    assert!(!format!("{shown:?}").contains("feedface"));

    let task = &shown.tasks[0];
    assert_eq!(task.task_id, Uuid::from_u128(2).to_string(), "its own id, not that of its call");
    assert_eq!(task.call_id, Uuid::from_u128(3).to_string());
    assert_eq!((task.kind(), task.state()), (v1::TaskKind::Erase, v1::TaskState::NeedsAttention));
    assert_eq!(task.reason(), v1::TaskReason::ErasureUnconfirmed);
    assert_eq!(task.waits_for_task_ids, [Uuid::from_u128(5).to_string()]);
    let result = &task.categories[0];
    assert_eq!((result.records, result.files, result.remaining), (3, 1, 3));
    let retained = &result.outcome.as_ref().unwrap().retained[0];
    assert_eq!((retained.count, retained.release_time), (2, Some(at("2026-11-21T12:00:00Z"))));
    assert_eq!(retained.ground.as_ref().unwrap().code(), shared::GroundCode::LegalObligation);
    assert_eq!(result.withheld[0].ground.as_ref().unwrap().source, "HGB § 257");
}

mod answers;
