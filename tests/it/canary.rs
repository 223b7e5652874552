//! The canary: a person whose every datum is recognisable, hunted through everything that is written down.

use std::{fs, path::Path};

use rightful::proto::{
    downstream::v1::{GroundCode, Outcome as Done, Record, Right},
    v1::{
        Case, Correction, GetReceiptRequest, ListCasesRequest, ListHoldsRequest, ListNoticesRequest,
        ResolveTaskRequest, TaskKind, TaskResolution, resolve_task_request::Item, task_resolution::Outcome,
    },
};
use serde_json::json;
use tonic::Code;

use crate::{
    harness::{Builder, Collector, Database, Receiver, World, opening, subject, task},
    puppet::{Fault, Method, Person, Profile, category, ground},
};

/// In every identifier, record, file and file name.
pub const CANARY: &str = "zq7canary7qz";

fn services() -> [Profile; 2] {
    let email = format!("{CANARY}@example.org");
    let customer = format!("C-{CANARY}");
    let person = || Person::new(&[("email", &email), ("customer_id", &customer)]);
    let mut ledger = category("ledger");
    if let Some(retention) = &mut ledger.retention {
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    let shop = Profile::new("shop", &["email"])
        .provides(&["customer_id"])
        .category(category("orders"))
        .category(ledger)
        .person(
            person()
                .record("ledger", &json!({ "text": CANARY, "release": "2020-01-01T00:00:00Z" }))
                .record("orders", &json!({ "text": CANARY }))
                .file("orders", &format!("{CANARY}.txt"), CANARY.repeat(50)),
        );
    let visits = Profile::new("visits", &["customer_id"])
        .category(category("visits"))
        .person(person().record("visits", &json!({ "text": CANARY })));
    [shop, visits]
}

/// Every file below, with its content.
fn everything(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            everything(&path, found);
        } else {
            found.push((path.display().to_string(), fs::read(&path).expect("the file can be read")));
        }
    }
}

/// Fails if the canary, or its hex, stands anywhere below the world's folder, in a file or in a file's name,
/// or in a table.
pub async fn assert_nowhere(world: &World) {
    let mut files = Vec::new();
    everything(world.dir(), &mut files);
    let tables = match world.database() {
        Database::Sqlite { .. } => "rightful.sqlite",
        Database::Postgresql { .. } => "case_identifiers",
    };
    let rows = world.database().rows().await;
    files.extend(rows.into_iter().map(|(table, row)| (table, row.into_bytes())));
    for expected in [tables, "server.log", "keys.json", "/objects/"] {
        assert!(files.iter().any(|(path, _)| path.contains(expected)), "{expected} was looked at");
    }
    for (path, bytes) in files {
        for needle in [CANARY.to_owned(), hex::encode(CANARY), CANARY.to_uppercase()] {
            let is_there = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(
                !is_there && !path.contains(&needle),
                "{path} has the canary in clear: {}",
                excerpt(&bytes, &needle)
            );
        }
    }
}

/// Where it was found, so that a failure can be understood.
fn excerpt(bytes: &[u8], needle: &str) -> String {
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap_or(0);
    String::from_utf8_lossy(&bytes[at.saturating_sub(300)..(at + 100).min(bytes.len())]).into_owned()
}

#[tokio::test]
async fn personal_data_stands_nowhere_in_clear() {
    let email = format!("{CANARY}@example.org");
    let (receiver, collector) = (Receiver::start().await, Collector::start().await);
    let mut world = Builder::new(services())
        .binary()
        .set("telemetry.log_filter", "\"trace\"")
        .set("telemetry.otlp_endpoint", &format!("\"{}\"", collector.endpoint()))
        .set("telemetry.otlp_logs", "true")
        .entry(&receiver.entry("crm", ""))
        .start()
        .await;

    // Every path that may write something down.
    let [access, partial] = collect(&world, &email).await;
    world.restart().await;
    let rectified = rectify(&mut world, &email).await;
    let [erasure, follow_up] = erase(&world, &email).await;
    for case in [access, partial, rectified, erasure, follow_up] {
        assert!(!format!("{:?}", world.case(&case.case_id).await).contains(CANARY), "a case names nobody");
    }

    hand_in(&world, &email, &receiver).await;

    // While it runs, with the write-ahead log and all; and after it has ended.
    assert_nowhere(&world).await;
    // What telemetry held back is sent when it ends in order.
    world.stop().await;
    let sent = collector.everything();
    for expected in ["rightful.v1.CaseService/OpenCase", "rightful.downstream.v1.SubjectDataService/Erase"] {
        assert!(sent.contains(expected), "{expected} was looked at");
    }
    assert!(!sent.contains(CANARY), "telemetry names somebody: {}", excerpt(sent.as_bytes(), CANARY));
    world.start_server().await;
    world.kill().await;
    assert_nowhere(&world).await;
}

/// Success, faults, errors, a stream that dies.
async fn collect(world: &World, email: &str) -> [Case; 2] {
    world.puppet("shop").next(Method::Collect, Fault::Fail(Code::Internal));
    world.puppet("visits").next(Method::Collect, Fault::DieAfter(1));
    world.puppet("shop").next(Method::Resolve, Fault::LoseResponse);
    let access = world.run(Right::Access, &[("email", email)]).await;
    let bag = world.bag(&access.case_id).await;
    let delivered = bag.files.values().any(|data| data.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()));
    assert!(delivered, "the person gets it, so it was there to be leaked");
    world.puppet("visits").always(Method::Collect, Fault::WrongCounts);
    let partial = world.run(Right::Portability, &[("email", email)]).await;
    assert!(!task(&partial, "visits", TaskKind::Collect).last_error.contains(CANARY));
    world.puppet("visits").heal();
    let bad = world
        .try_open(opening(Right::Access, &[("email", CANARY), (CANARY, "x")]))
        .await
        .expect_err("it is refused");
    assert!(!format!("{bad:?}").contains(CANARY), "errors do not repeat what was wrong");
    let request = ListCasesRequest {
        identifier: Some(rightful::proto::downstream::v1::Identifier {
            kind: "email".into(),
            value: email.to_owned(),
        }),
        ..ListCasesRequest::default()
    };
    assert_eq!(world.cases().list_cases(request).await.expect("it is there").into_inner().cases.len(), 2);
    [access, partial]
}

/// What is to be put right, put wrong, and put right again after a crash.
async fn rectify(world: &mut World, email: &str) -> Case {
    let mut correct = opening(Right::Rectification, &[("email", email)]);
    correct.corrections = vec![Correction {
        category: "orders".into(),
        field: "/text".into(),
        old_json: json!(CANARY).to_string(),
        new_json: json!(format!("{CANARY} corrected")).to_string(),
        ..Correction::default()
    }];
    world.puppet("shop").next(Method::Rectify, Fault::EraseHalf);
    world.puppet("shop").next(Method::Rectify, Fault::Fail(Code::Internal));
    let mut bad = correct.clone();
    bad.request_id.push('x');
    bad.corrections.push(Correction { new_json: CANARY.into(), ..bad.corrections[0].clone() });
    let bad = world.try_open(bad).await.expect_err("it is refused");
    assert!(!format!("{bad:?}").contains(CANARY), "errors do not repeat what was wrong");
    let rectified = world.open(correct).await;
    world.restart().await;
    let rectified = world.settled(&rectified.case_id).await;
    assert!(world.receipt(&rectified.case_id).await["downstreams"][0]["categories"][0]["fields"].is_array());
    assert!(!world.receipt(&rectified.case_id).await.to_string().contains(CANARY));
    rectified
}

/// A legal hold: placed, found, misused, released; and what comes of what was retained.
async fn erase(world: &World, email: &str) -> [Case; 2] {
    let placed = world.place(&[("email", email)]).await;
    let held = world.open(opening(Right::Erasure, &[("email", email)])).await;
    world.until_held(&held.case_id, "visits").await;
    let listed = ListHoldsRequest {
        identifier: crate::harness::subject(&[("email", email)]).identifiers.pop(),
        ..ListHoldsRequest::default()
    };
    let holds = world.holds().list_holds(listed).await.expect("it is there").into_inner().holds;
    assert!(!format!("{holds:?}").contains(CANARY) && holds.len() == 1, "a hold names nobody");
    world.release(&placed.hold.expect("it is there").hold_id).await;
    let erasure = world.settled(&held.case_id).await;
    // What was retained is released already: the follow-up takes the sealed subject along.
    let follow_up = world.follow_up(&erasure.case_id, 0).await;
    let request = GetReceiptRequest { case_id: erasure.case_id.clone() };
    let receipt = world.cases().get_receipt(request).await.expect("it is there").into_inner().receipt_json;
    assert!(!String::from_utf8_lossy(&receipt).contains(CANARY), "the receipt names nobody");
    [erasure, follow_up]
}

/// What a person hands in, and who is to be told of a minor's case.
async fn hand_in(world: &World, email: &str, receiver: &Receiver) {
    world.puppet("visits").always(Method::Collect, Fault::Fail(Code::PermissionDenied));
    let mut request = opening(Right::Access, &[("email", email)]);
    request.minor = true;
    request.guardian = Some(subject(&[("email", &format!("guardian-{CANARY}@example.org"))]));
    let minor = world.open(request).await;
    let minor = world.settled(&minor.case_id).await;
    let failed = task(&minor, "visits", TaskKind::Collect).task_id.clone();
    let said = |outcome| {
        let said = TaskResolution { task_id: failed.clone(), outcome: Some(outcome), note: String::new() };
        ResolveTaskRequest { item: Some(Item::Resolution(said)) }
    };
    let record = |category: &str| {
        let json = json!({ "text": CANARY }).to_string().into_bytes().into();
        ResolveTaskRequest { item: Some(Item::Record(Record { category: category.into(), json })) }
    };
    let bad = futures::stream::iter([said(Outcome::Done(Done::default())), record(CANARY)]);
    let refused = world.cases().resolve_task(bad).await.expect_err("it is refused");
    assert!(!format!("{refused:?}").contains(CANARY), "errors do not repeat what was wrong");
    let good = futures::stream::iter([said(Outcome::Done(Done::default())), record("visits")]);
    world.cases().resolve_task(good).await.expect("it is there");
    let bag = {
        world.settled(&minor.case_id).await;
        world.bag(&minor.case_id).await
    };
    assert_eq!(bag.records("data/visits/visits.ndjson").len(), 1);
    let told =
        receiver.until("the last notice", |all| all.iter().any(|each| each.kind() == "case.guardian")).await;
    assert!(!format!("{told:?}").contains(CANARY), "a notice names nobody");
    let listed =
        world.notices().list_notices(ListNoticesRequest::default()).await.expect("it is there").into_inner();
    assert!(listed.notices.len() > 8 && !format!("{listed:?}").contains(CANARY));
}
