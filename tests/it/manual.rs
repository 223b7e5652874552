//! People answer: for a manual downstream, and for a task that has no other way on.

use std::sync::Arc;

use bytes::Bytes;
use jiff::SignedDuration;
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::{
            CategoryOutcome, FileBegin, FileChunk, FileEnd, Ground, GroundCode, Outcome, Record, Refusal,
            Retained, Right,
        },
        v1::{
            Case, CaseReason, CaseState, Correction, DescribeDownstreamRequest, NothingHeld, NoticeType,
            ResolveTaskRequest, TaskKind, TaskReason, TaskResolution, TaskState, Waiver, WatchNoticesRequest,
            resolve_task_request::Item, task_resolution::Outcome as Said,
        },
    },
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};

use crate::{
    harness::{
        ADA, Builder, Receiver, World, assert_refused, called, fields, metadata, opening, people_services,
        run, soon, task,
    },
    puppet::{Fault, Method},
};

const ARCHIVE: &str = r#"
[[downstream]]
name = "archive"
kind = "manual"
title = "The paper archive"
understands = ["email", "customer_id"]
[[downstream.category]]
name = "letters"
title = "Letters"
purposes = ["correspondence"]
legal_basis = "contract"
provided_by_subject = true
[[downstream.category]]
name = "contracts"
title = "Contracts"
retention = "P10Y"
retention_runs_from = "the end of the contract"
retention_ground = "legal_obligation"
retention_source = "AO § 147"
"#;

async fn world() -> World {
    Builder::new(people_services()).entry(ARCHIVE).start().await
}

fn first(task_id: &str, outcome: Said, note: &str) -> ResolveTaskRequest {
    let said = TaskResolution { task_id: task_id.into(), outcome: Some(outcome), note: note.into() };
    ResolveTaskRequest { item: Some(Item::Resolution(said)) }
}

fn record(category: &str, json: &str) -> ResolveTaskRequest {
    let record = Record { category: category.into(), json: Bytes::copy_from_slice(json.as_bytes()) };
    ResolveTaskRequest { item: Some(Item::Record(record)) }
}

fn file(category: &str, name: &str, content: &'static str) -> [ResolveTaskRequest; 3] {
    let begin =
        FileBegin { category: category.into(), name: name.into(), media_type: "application/pdf".into() };
    [
        Item::FileBegin(begin),
        Item::FileChunk(FileChunk { data: Bytes::from_static(content.as_bytes()) }),
        Item::FileEnd(FileEnd { sha256: Bytes::new() }),
    ]
    .map(|item| ResolveTaskRequest { item: Some(item) })
}

async fn resolve(world: &World, messages: Vec<ResolveTaskRequest>) -> Result<Case, Status> {
    let request = called("archivist", futures::stream::iter(messages));
    Ok(world.cases().resolve_task(request).await?.into_inner().case.expect("the answer has a case"))
}

fn done() -> Said {
    Said::Done(Outcome::default())
}

/// Opens a case and waits until the archive's task waits for a person.
async fn waiting(world: &World, right: Right, kind: TaskKind) -> (Case, String) {
    let opened = world.open(opening(right, &[ADA])).await;
    let waits = |case: &Case| task(case, "archive", kind).state() == TaskState::Working;
    let case = world.until(&opened.case_id, "a person to be waited for", waits).await;
    let own = task(&case, "archive", kind);
    assert_eq!((own.reason(), own.next_attempt_time), (TaskReason::AwaitsPerson, None));
    let task_id = own.task_id.clone();
    (case, task_id)
}

#[tokio::test]
async fn what_a_person_hands_in_is_part_of_the_export() {
    let world = world().await;
    let request = DescribeDownstreamRequest { name: "archive".into() };
    let described = world.downstreams().describe_downstream(request).await.unwrap().into_inner();
    let described = described.downstream.unwrap();
    assert!(described.manual && described.endpoint.is_empty() && described.categories.len() == 2);
    world.check("archive").await;

    let (case, task_id) = waiting(&world, Right::Access, TaskKind::Collect).await;
    let request = WatchNoticesRequest {
        notice_types: vec![NoticeType::TaskAwaitsPerson.into()],
        ..WatchNoticesRequest::default()
    };
    let mut watch = world.notices().watch_notices(request).await.unwrap().into_inner();
    let told = loop {
        let page = soon("the notice", watch.message()).await.unwrap().unwrap();
        if let Some(told) = page.notices.into_iter().next() {
            break told;
        }
    };
    assert_eq!((&told.case_id, &told.task.as_ref().unwrap().task_id), (&case.case_id, &task_id));

    let mut messages =
        vec![first(&task_id, done(), "found in box 7"), record("letters", r#"{"from":"Ada"}"#)];
    messages.extend(file("contracts", "contract.pdf", "a signed contract"));
    resolve(&world, messages).await.unwrap();
    let case = world.settled(&case.case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled));
    let own = task(&case, "archive", TaskKind::Collect);
    assert_eq!((own.state(), own.reason()), (TaskState::Done, TaskReason::ResolvedByPerson));
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.records("data/archive/letters.ndjson").len(), 1);
    assert_eq!(bag.files["data/archive/files/contracts/contract.pdf"], b"a signed contract");
    let stated = standing(&bag.json("data/completeness.json"));
    assert_eq!(stated, ("collected".into(), Some("resolved_by_person".into()), true));
    world.finish().await;
}

/// What a completeness statement or a receipt says of the archive, and whether it says that all is complete.
fn standing(document: &serde_json::Value) -> (String, Option<String>, bool) {
    let all = document["downstreams"].as_array().expect("they are listed");
    let own = all.iter().find(|each| each["name"] == "archive").expect("the archive is one of them");
    let text = |name: &str| own[name].as_str().map(str::to_owned);
    (
        text("standing").expect("it is there"),
        text("reason"),
        document["complete"].as_bool().expect("it is there"),
    )
}

#[tokio::test]
async fn an_erasure_by_hand_is_stated_not_verified() {
    let world = world().await;
    let (case, task_id) = waiting(&world, Right::Erasure, TaskKind::Erase).await;
    let ground =
        Ground { code: GroundCode::LegalObligation.into(), source: "AO § 147".into(), ..Ground::default() };
    let kept = Retained { count: 1, ground: Some(ground), release_time: None };
    let outcome = Outcome {
        categories: vec![
            CategoryOutcome { category: "letters".into(), erased: 3, ..CategoryOutcome::default() },
            CategoryOutcome {
                category: "contracts".into(),
                retained: vec![kept],
                ..CategoryOutcome::default()
            },
        ],
    };
    resolve(&world, vec![first(&task_id, Said::Done(outcome), "shredded")]).await.unwrap();
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(standing(&receipt), ("stated".into(), Some("resolved_by_person".into()), true));
    let verified = rightful::export::receipt::verify(&serde_json::to_vec(&receipt).unwrap()).unwrap();
    assert!(verified.notes.is_empty() && verified.erased >= 3 && verified.retained >= 1, "{verified:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_hold_keeps_an_erasure_by_hand_from_people_until_it_is_released() {
    let world = world().await;
    let placed = world.place(&[ADA]).await;
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    let held = world.until_held(&case.case_id, "archive").await;
    let own = task(&held, "archive", TaskKind::Erase);
    assert_eq!(
        (own.state(), own.reason()),
        (TaskState::Pending, TaskReason::LegalHold),
        "nobody is to do it yet"
    );
    world.release(&placed.hold.expect("it was placed").hold_id).await;
    let waits = |case: &Case| task(case, "archive", TaskKind::Erase).reason() == TaskReason::AwaitsPerson;
    let waiting = world.until(&case.case_id, "a person to be waited for", waits).await;
    let task_id = task(&waiting, "archive", TaskKind::Erase).task_id.clone();
    resolve(&world, vec![first(&task_id, Said::NothingHeld(NothingHeld {}), "")]).await.unwrap();
    world.settled(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn a_correction_by_hand_is_stated_with_its_counts() {
    let archive =
        ARCHIVE.replace("title = \"The paper archive\"", "rights = [\"access\", \"rectification\"]");
    let world = Builder::new(people_services()).entry(&archive).start().await;
    let mut request = opening(Right::Rectification, &[ADA]);
    request.corrections = vec![Correction {
        category: "letters".into(),
        field: "/name".into(),
        new_json: "\"Ada Lovelace\"".into(),
        ..Default::default()
    }];
    let case = world.open(request).await;
    let waits = |case: &Case| task(case, "archive", TaskKind::Rectify).state() == TaskState::Working;
    let waiting = world.until(&case.case_id, "a person to be waited for", waits).await;
    let task_id = task(&waiting, "archive", TaskKind::Rectify).task_id.clone();
    let letters = CategoryOutcome { category: "letters".into(), rectified: 2, ..Default::default() };
    let outcome = Outcome { categories: vec![letters] };
    resolve(&world, vec![first(&task_id, Said::Done(outcome), "crossed out and put right")]).await.unwrap();
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(standing(&receipt), ("stated".into(), Some("resolved_by_person".into()), true));
    let own =
        receipt["downstreams"].as_array().unwrap().iter().find(|each| each["name"] == "archive").unwrap();
    assert_eq!((&own["proof"], &own["categories"][0]["rectified"]), (&"stated".into(), &2.into()));
    world.finish().await;
}

#[tokio::test]
async fn what_is_waived_or_refused_is_a_gap_and_nothing_held_is_none() {
    let world = world().await;
    let (case, task_id) = waiting(&world, Right::Access, TaskKind::Collect).await;
    let silent = resolve(&world, vec![first(&task_id, Said::Waived(Waiver {}), "")]).await.unwrap_err();
    assert_eq!(fields(&silent), ["resolution.note"]);
    resolve(&world, vec![first(&task_id, Said::Waived(Waiver {}), "the archive burnt down")]).await.unwrap();
    let case = world.settled(&case.case_id).await;
    let own = task(&case, "archive", TaskKind::Collect);
    assert_eq!((case.reason(), own.state()), (CaseReason::PartiallyFulfilled, TaskState::Skipped));
    assert_eq!(own.last_error, "waived: the archive burnt down");
    let bag = world.bag(&case.case_id).await;
    assert_eq!(standing(&bag.json("data/completeness.json")).0, "waived");
    assert!(!standing(&bag.json("data/completeness.json")).2);

    let (case, task_id) = waiting(&world, Right::Erasure, TaskKind::Erase).await;
    let ground = Ground { code: GroundCode::LegalClaims.into(), ..Ground::default() };
    resolve(&world, vec![first(&task_id, Said::Refused(Refusal { ground: Some(ground) }), "")])
        .await
        .unwrap();
    let case = world.settled(&case.case_id).await;
    assert_eq!(standing(&world.receipt(&case.case_id).await).0, "refused");

    let (case, task_id) = waiting(&world, Right::Access, TaskKind::Collect).await;
    resolve(&world, vec![first(&task_id, Said::NothingHeld(NothingHeld {}), "")]).await.unwrap();
    let case = world.settled(&case.case_id).await;
    assert_ne!(case.reason(), CaseReason::PartiallyFulfilled);
    let bag = world.bag(&case.case_id).await;
    assert_eq!(standing(&bag.json("data/completeness.json")).0, "nothing_held");
    world.finish().await;
}

#[tokio::test]
async fn bad_input_and_other_states_change_nothing() {
    let world = world().await;
    let (case, task_id) = waiting(&world, Right::Access, TaskKind::Collect).await;
    let others_done =
        |case: &Case| case.tasks.iter().filter(|task| task.state() == TaskState::Done).count() == 4;
    let before = world.until(&case.case_id, "the others to be done", others_done).await;
    let id = task_id.as_str();
    let some = || record("letters", "{}");
    let bad = [
        (vec![], "resolution"),
        (vec![some()], "resolution"),
        (vec![first("x", done(), "")], "resolution.task_id"),
        (vec![first(id, done(), "line\nbreak")], "resolution.note"),
        (vec![first(id, done(), ""), record("photos", "{}")], "items"),
        (vec![first(id, done(), ""), record("letters", "[]")], "items"),
        (vec![first(id, done(), ""), file("letters", "../x", "x")[0].clone()], "items"),
        (vec![first(id, done(), ""), file("letters", "x", "x")[0].clone()], "items"),
        (vec![first(id, done(), ""), first(id, done(), "")], "items"),
        (vec![first(id, Said::NothingHeld(NothingHeld {}), ""), some()], "items"),
        (vec![first(id, Said::Refused(Refusal::default()), "")], "outcome"),
    ];
    for (messages, field) in bad {
        let refused = resolve(&world, messages.clone()).await;
        let refused = assert_refused(refused, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), [field], "{messages:?}");
    }
    // A stream that breaks: the call is dropped while it goes on.
    let (reader, read) = tokio::sync::mpsc::channel(2);
    let mut cases = world.cases();
    let call = tokio::spawn(async move { cases.resolve_task(ReceiverStream::new(read)).await });
    reader.send(first(id, done(), "")).await.unwrap();
    reader.send(some()).await.unwrap();
    assert_eq!(reader.reserve_many(2).await.unwrap().len(), 2, "both have been taken");
    call.abort();
    assert!(call.await.is_err());
    assert_eq!(world.case(&case.case_id).await, before);

    let unknown = resolve(&world, vec![first("01890a5d-ac96-774b-bcce-b302099a8057", done(), "")]).await;
    assert_refused(unknown, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    let other = task(&before, "marketing", TaskKind::Collect).task_id.clone();
    let answer = resolve(&world, vec![first(&other, done(), "")]).await;
    let refused = assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(metadata(&refused)["state"], "DONE");
    resolve(&world, vec![first(id, done(), "")]).await.unwrap();
    let again = resolve(&world, vec![first(id, done(), "")]).await;
    assert_refused(again, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    world.settled(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn a_task_that_needs_attention_is_finished_by_a_person() {
    let world = world().await;
    world.puppet("marketing").always(Method::Collect, Fault::Fail(Code::PermissionDenied));
    let (case, archive) = waiting(&world, Right::Access, TaskKind::Collect).await;
    resolve(&world, vec![first(&archive, Said::NothingHeld(NothingHeld {}), "")]).await.unwrap();
    let case = world.settled(&case.case_id).await;
    let failed = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((case.reason(), failed.state()), (CaseReason::PartiallyFulfilled, TaskState::NeedsAttention));
    let messages =
        vec![first(&failed.task_id, done(), "exported by hand"), record("consents", r#"{"mail":true}"#)];
    let reopened = resolve(&world, messages).await.unwrap();
    assert!(reopened.state() == CaseState::InProgress || reopened.state() == CaseState::Completed);
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.records("data/marketing/consents.ndjson"), [serde_json::json!({ "mail": true })]);
    assert_eq!(
        bag.records("data/billing/invoices.ndjson").len(),
        2,
        "what was collected before is still there"
    );
    world.finish().await;
}

#[tokio::test]
async fn a_case_does_not_wait_for_people_past_its_deadline() {
    let clock = Arc::new(ManualClock::new("2026-01-01T08:00:00Z".parse().unwrap()));
    let world = Builder::new(people_services()).entry(ARCHIVE).clock(clock.clone()).start().await;
    let (case, _) = waiting(&world, Right::Access, TaskKind::Collect).await;
    let collected = |case: &Case| {
        let done = case.tasks.iter().filter(|task| task.state() == TaskState::Done).count();
        done + 1 >= case.tasks.len()
    };
    world.until(&case.case_id, "the others to be done", collected).await;
    clock.advance(SignedDuration::from_hours(30 * 24));
    let case = world.settled(&case.case_id).await;
    let own = task(&case, "archive", TaskKind::Collect);
    assert_eq!((case.reason(), own.state()), (CaseReason::PartiallyFulfilled, TaskState::NeedsAttention));
    assert_eq!(own.reason(), TaskReason::AwaitsPerson);
    let bag = world.bag(&case.case_id).await;
    assert_eq!(
        standing(&bag.json("data/completeness.json")),
        ("failed".into(), Some("awaits_person".into()), false)
    );

    resolve(&world, vec![first(&own.task_id, done(), ""), record("letters", "{}")]).await.unwrap();
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    // What was handed in right after the case had settled is not swept away with what dead attempts left.
    clock.advance(SignedDuration::from_hours(1));
    assert_eq!(world.bag(&case.case_id).await.records("data/archive/letters.ndjson").len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn the_command_line_resolves_and_reads() {
    let receiver = Receiver::start().await;
    let world =
        Builder::new(people_services()).entry(ARCHIVE).entry(&receiver.entry("crm", "")).start().await;
    let (case, task_id) = waiting(&world, Right::Access, TaskKind::Collect).await;
    std::fs::write(world.dir().join("letters.ndjson"), "{\"a\":1}\n\n{\"a\":2}\n").unwrap();
    std::fs::write(world.dir().join("box 7.pdf"), vec![7; 700_000]).unwrap();
    let cli = async |arguments: &[&str]| run(world.dir(), world.url(), arguments, "").await;
    let resolve = ["task", "resolve", &task_id, "--done", "--records", "letters=letters.ndjson"];
    let with_file = [&resolve[..], &["--file", "contracts=box 7.pdf"]].concat();
    cli(&[&resolve[..], &["--file", "contracts=nothing.pdf"]].concat()).await.expect(3);
    cli(&["task", "resolve", &task_id, "--done", "--records", "photos=letters.ndjson"]).await.expect(2);
    let shown = cli(&with_file).await.expect(0);
    assert!(shown.stdout.contains("archive"), "{shown:?}");
    cli(&with_file).await.expect(4);
    world.settled(&case.case_id).await;
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.records("data/archive/letters.ndjson").len(), 2);
    assert_eq!(bag.files["data/archive/files/contracts/box 7.pdf"].len(), 700_000);

    let listed = cli(&["notice", "list"]).await.expect(0);
    for part in ["case opened", "task awaits person", "case settled", "archive"] {
        assert!(listed.stdout.contains(part), "{part} is not in\n{}", listed.stdout);
    }
    let listed =
        cli(&["-o", "json", "notice", "list", "--type", "case.settled", "--after", "1"]).await.expect(0);
    assert_eq!(listed.json()["notices"].as_array().unwrap().len(), 1);
    cli(&["notice", "list", "--type", "case.eaten"]).await.expect(2);
    let webhooks = cli(&["notice", "webhooks"]).await.expect(0);
    assert!(webhooks.stdout.contains("crm") && webhooks.stdout.contains("good"), "{webhooks:?}");
    cli(&["notice", "enable", "crm"]).await.expect(0);
    cli(&["notice", "enable", "erp"]).await.expect(3);
    world.finish().await;
}
