//! The command line over the real binary: tables for people, JSON for programs, exit codes that mean something.

use rightful::proto::{
    downstream::v1::Right,
    v1::{Case, TaskKind},
};
use serde_json::Value;
use tonic::Code;

use crate::{
    harness::{ADA, Binary, Ran, World, opening, people_services, run, task},
    puppet::{Fault, Method},
};

const DONE: i32 = 0;
const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const NOT_POSSIBLE: i32 = 4;
const UNREACHABLE: i32 = 5;
const UNFULFILLED: i32 = 6;
const NOBODY: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

impl World {
    async fn cli(&self, arguments: &[&str]) -> Ran {
        run(self.dir(), self.url(), arguments, "").await
    }

    async fn cli_json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = ["--output", "json"].iter().chain(arguments).copied().collect();
        self.cli(&arguments).await.expect(DONE).json()
    }
}

#[tokio::test]
async fn a_case_is_opened_watched_and_shown() {
    let world = World::start(people_services()).await;
    let ran =
        world.cli(&["case", "open", "--right", "access", "--id", "email=ada@example.org", "--watch"]).await;
    let ran = ran.expect(DONE);
    assert!(!ran.stdout.contains("ada@example.org") && !ran.stderr.contains("ada@example.org"), "{ran:?}");
    let listed = world.cli_json(&["case", "list"]).await;
    let id = find(&listed, "caseId").expect("the list has the case").to_owned();
    let shown = world.cli(&["case", "get", &id]).await.expect(DONE);
    for part in [id.as_str(), "billing", "analytics", "marketing"] {
        assert!(shown.stdout.contains(part), "{part} is not in\n{}", shown.stdout);
    }
    let case = world.cli_json(&["case", "get", &id]).await;
    assert_eq!(
        (case["case"]["state"].as_str(), case["case"]["reason"].as_str()),
        (Some("CASE_STATE_COMPLETED"), Some("CASE_REASON_FULFILLED"))
    );
    world.cli(&["case", "watch", &id]).await.expect(DONE);
    world.cli(&["case", "list", "--right", "erasure"]).await.expect(DONE);
    world.finish().await;
}

/// The first string under this key, anywhere.
fn find<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    match value {
        Value::Object(fields) => fields
            .get(key)
            .and_then(Value::as_str)
            .or_else(|| fields.values().find_map(|field| find(field, key))),
        Value::Array(items) => items.iter().find_map(|item| find(item, key)),
        _ => None,
    }
}

#[tokio::test]
async fn opening_again_with_the_same_request_id_is_the_same_case() {
    let world = World::start(people_services()).await;
    let open = ["case", "open", "--request-id", "r-1", "--label", "ticket=7", "--right", "access", "--id"];
    let with = |id: &'static str| open.iter().copied().chain([id]).collect::<Vec<_>>();
    let first = world.cli_json(&with("email=ada@example.org")).await;
    let again = world.cli_json(&with("email=ada@example.org")).await;
    assert_eq!(find(&first, "caseId"), find(&again, "caseId"));
    let refused = world.cli(&with("email=bob@example.org")).await.expect(NOT_POSSIBLE);
    assert!(refused.stderr.contains("subject") && !refused.stderr.contains("bob@"), "{refused:?}");
    world.finish().await;
}

#[tokio::test]
async fn exit_codes_mean_something() {
    let world = World::start(people_services()).await;
    let bad = world.cli(&["case", "open", "--right", "access", "--id", "email=canary"]).await.expect(USAGE);
    assert!(bad.stderr.contains("subject.identifiers[0].value") && !bad.stderr.contains("canary"), "{bad:?}");
    world.cli(&["case", "open", "--right", "nonsense", "--id", "email=a@b.c"]).await.expect(USAGE);
    world.cli(&["no", "such", "command"]).await.expect(USAGE);
    world.cli(&["case", "get", "x"]).await.expect(USAGE);
    for arguments in [
        ["case", "get", NOBODY],
        ["case", "watch", NOBODY],
        ["case", "cancel", NOBODY],
        ["case", "retry", NOBODY],
        ["receipt", "get", NOBODY],
        ["export", "download", NOBODY],
        ["downstream", "describe", "nobody"],
    ] {
        world.cli(&arguments).await.expect(NOT_FOUND);
    }
    run(world.dir(), "http://127.0.0.1:1", &["case", "list"], "").await.expect(UNREACHABLE);
    let case = world.run(Right::Access, &[ADA]).await;
    world.cli(&["case", "cancel", &case.case_id]).await.expect(NOT_POSSIBLE);
    world.cli(&["receipt", "get", &case.case_id]).await.expect(NOT_POSSIBLE);
    world.finish().await;
}

#[tokio::test]
async fn whether_a_server_can_answer_is_an_exit_code() {
    let world = World::start(people_services()).await;
    let ready = world.cli(&["health"]).await.expect(0);
    assert_eq!(ready.stdout, "readiness: SERVING\n");
    world.cli(&["health", "database"]).await.expect(0);
    world.cli(&["health", "rightful.v1.CaseService"]).await.expect(0);
    world.cli(&["health", "nothing"]).await.expect(3);
    let nobody = run(world.dir(), "http://127.0.0.1:1", &["health"], "").await.expect(5);
    assert!(nobody.stderr.contains("cannot reach"), "{nobody:?}");
    world.finish().await;
}

#[tokio::test]
async fn what_exactly_is_asked_for_is_said_on_the_command_line() {
    let world = World::start(people_services()).await;
    let of_ada = ["--id", "email=ada@example.org"];
    let cli = async |arguments: &[&str], stdin: &str| {
        let arguments: Vec<&str> = arguments.iter().chain(&of_ada).copied().collect();
        run(world.dir(), world.url(), &arguments, stdin).await
    };
    let correct = ["--correct", "billing/payment_methods:/kind=zq sepa"];
    let rectify = [&["case", "open", "--watch", "--right", "rectification"][..], &correct].concat();
    let ran = cli(&rectify, "").await.expect(DONE);
    assert!(ran.stdout.contains("1 rectified"), "{ran:?}");
    let id = find(&world.cli_json(&["case", "list"]).await, "caseId").expect("it is listed").to_owned();
    let shown = world.cli(&["case", "get", &id]).await.expect(DONE);
    assert!(
        shown.stdout.contains("billing/payment_methods /kind") && !shown.stdout.contains("zq"),
        "{shown:?}"
    );
    assert!(shown.stdout.contains("rightful receipt get"), "{shown:?}");
    world.cli(&["receipt", "get", &id]).await.expect(DONE);

    let line =
        r#"{"category": "payment_methods", "field": "/kind", "oldJson": "\"zq sepa\"", "newJson": "12"}"#;
    let preview = ["case", "preview", "--right", "rectification", "--corrections", "-"];
    let ran = cli(&preview, line).await.expect(DONE);
    assert!(ran.stdout.contains("rectify") && ran.stdout.contains("1 rectified"), "{ran:?}");
    let ran = cli(&preview, "{\"zq\": 1}").await.expect(USAGE);
    assert!(ran.stderr.contains("line 1") && !ran.stderr.contains("zq"), "{ran:?}");

    for (arguments, code, part) in [
        (&["--right", "objection", "--use", "direct-marketing"][..], DONE, "stopped"),
        (&["--right", "restriction"], DONE, "restricted"),
        (&["--right", "restriction", "--lift"], DONE, "in use again"),
        (&["--right", "consent-withdrawal"], DONE, "out of scope"),
        (&["--right", "consent-withdrawal", "--purpose", "nonsense"], USAGE, ""),
        (&["--right", "objection"], USAGE, ""),
    ] {
        let ran = cli(&[&["case", "open", "--watch"], arguments].concat(), "").await.expect(code);
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_case_that_ends_partially_says_so_and_can_be_retried() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").always(Method::Collect, Fault::Fail(Code::PermissionDenied));
    let case = world.open(opening(Right::Access, &[ADA])).await;
    world.cli(&["case", "watch", &case.case_id]).await.expect(UNFULFILLED);
    world.puppet("marketing").heal();
    let case = world.case(&case.case_id).await;
    let failed = task(&case, "marketing", TaskKind::Collect).task_id.clone();
    world.cli(&["case", "retry", &failed]).await.expect(DONE);
    world.cli(&["case", "watch", &case.case_id]).await.expect(DONE);
    world.cli(&["case", "retry", &failed]).await.expect(NOT_POSSIBLE);
    world.finish().await;
}

#[tokio::test]
async fn a_case_is_cancelled() {
    let world = World::start(people_services()).await;
    world.puppet("billing").always(Method::Resolve, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let cancelled = world.cli_json(&["case", "cancel", &case.case_id]).await;
    assert_eq!(cancelled["case"]["state"], "CASE_STATE_CANCELLED");
    world.cli(&["case", "cancel", &case.case_id]).await.expect(DONE);
    world.puppet("billing").heal();
    world.finish().await;
}

#[tokio::test]
async fn an_export_is_downloaded_taken_up_and_verified() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let whole = world.download(&case.case_id).await.bytes;
    world.cli(&["export", "download", &case.case_id, "--to", "a.zip"]).await.expect(DONE);
    assert!(std::fs::read(world.dir().join("a.zip")).unwrap() == whole);
    world.cli(&["export", "download", &case.case_id, "--to", "a.zip"]).await.expect(NOT_POSSIBLE);
    // A part of it is there already.
    std::fs::write(world.dir().join("b.zip.part"), &whole[..whole.len() / 2]).unwrap();
    world.cli(&["export", "download", &case.case_id, "--to", "b.zip"]).await.expect(DONE);
    assert!(std::fs::read(world.dir().join("b.zip")).unwrap() == whole);
    assert!(!world.dir().join("b.zip.part").exists());

    let good = world.cli(&["export", "verify", "a.zip"]).await.expect(DONE);
    assert!(good.stdout.contains("billing"), "{good:?}");
    world.cli_json(&["export", "verify", "a.zip"]).await;
    let mut broken = whole;
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    std::fs::write(world.dir().join("c.zip"), broken).unwrap();
    world.cli(&["export", "verify", "c.zip"]).await.expect(UNFULFILLED);
    world.cli(&["export", "verify", "none.zip"]).await.expect(NOT_FOUND);
    world.finish().await;
}

#[tokio::test]
async fn an_erasure_is_previewed_and_its_receipt_is_fetched() {
    let world = World::start(people_services()).await;
    let about = ["--right", "erasure", "--id", "email=ada@example.org"];
    let preview =
        |more: &[&'static str]| -> Vec<&'static str> { more.iter().copied().chain(about).collect() };
    let shown = world.cli(&preview(&["case", "preview"])).await.expect(DONE);
    assert!(shown.stdout.contains("billing") && shown.stdout.contains("invoices"), "{shown:?}");
    assert!(world.cli_json(&preview(&["case", "preview"])).await["tasks"].is_array());
    assert!(world.held() > 300, "a preview changes nothing");
    world.cli(&preview(&["case", "open", "--watch"])).await.expect(DONE);
    let listed: Value = world.cli_json(&["case", "list", "--right", "erasure"]).await;
    let id = find(&listed, "caseId").expect("it is listed").to_owned();
    let receipt = world.cli(&["receipt", "get", &id]).await.expect(DONE);
    assert_eq!(receipt.json(), world.receipt(&id).await);
    world.finish().await;
}

#[tokio::test]
async fn identifiers_can_come_from_a_file_or_from_standard_input() {
    let world = World::start(people_services()).await;
    let open = ["--output", "json", "case", "open", "--right", "access", "--id-file"];
    std::fs::write(world.dir().join("ids"), "email=ada@example.org\n").unwrap();
    let with = |from: &'static str| open.iter().copied().chain([from]).collect::<Vec<_>>();
    let from_file = world.cli(&with("ids")).await.expect(DONE).json();
    let from_stdin =
        run(world.dir(), world.url(), &with("-"), "email=ada@example.org\n").await.expect(DONE).json();
    for opened in [from_file, from_stdin] {
        let case: Case = world.settled(find(&opened, "caseId").unwrap()).await;
        assert_eq!(case.identifier_kinds, ["customer_id", "email"]);
    }
    world.finish().await;
}

#[tokio::test]
async fn downstreams_are_listed_described_and_checked() {
    let world = World::start(people_services()).await;
    let listed = world.cli(&["downstream", "list"]).await.expect(DONE);
    assert!(
        ["billing", "marketing", "analytics"].iter().all(|name| listed.stdout.contains(name)),
        "{listed:?}"
    );
    assert_eq!(world.cli_json(&["downstream", "list"]).await["downstreams"].as_array().unwrap().len(), 3);
    let described = world.cli(&["downstream", "describe", "billing"]).await.expect(DONE);
    assert!(described.stdout.contains("invoices"), "{described:?}");
    world.cli(&["downstream", "check", "billing"]).await.expect(DONE);
    world.puppet("billing").go_down();
    world.cli(&["downstream", "check", "billing"]).await.expect(UNFULFILLED);
    world.puppet("billing").come_up();
    world.finish().await;
}

#[tokio::test]
async fn the_configuration_is_checked_and_the_database_migrated() {
    let world = World::start(people_services()).await;
    let config = world.dir().join("rightful.toml");
    let config = config.to_str().unwrap();
    let checked = world.cli(&["config", "check", "--config", config]).await.expect(DONE);
    assert!(checked.stdout.contains("engine.lease"), "{checked:?}");
    std::fs::write(world.dir().join("bad.toml"), "[server]\nlisten = 7\n[engine]\nleese = \"1s\"\n").unwrap();
    let bad = world.cli(&["config", "check", "--config", "bad.toml"]).await.expect(USAGE);
    assert!(
        bad.stderr.contains("server.listen") && bad.stderr.contains("engine.leese"),
        "all faults at once: {bad:?}"
    );

    let fresh = "[store]\nurl = \"sqlite://fresh.sqlite\"\n[keys]\nring = \"fresh.json\"\n";
    std::fs::write(world.dir().join("fresh.toml"), fresh).unwrap();
    for _ in 0..2 {
        world.cli(&["migrate", "--config", "fresh.toml"]).await.expect(DONE);
    }
    assert!(world.dir().join("fresh.sqlite").exists());
    world.finish().await;
}

#[tokio::test]
async fn serving_without_protection_has_to_be_asked_for() {
    let world = World::start(people_services()).await;
    let refused = world.cli(&["serve", "--listen", "127.0.0.1:0"]).await.expect(USAGE);
    assert!(refused.stderr.contains("--insecure"), "{refused:?}");
    let refused = world.cli(&["serve", "--insecure", "--listen", "0.0.0.0:0"]).await.expect(USAGE);
    assert!(refused.stderr.contains("loopback"), "{refused:?}");
    let help = world.cli(&["--help"]).await.expect(DONE);
    assert!(help.stdout.contains("Exit codes"), "{help:?}");
    world.finish().await;
}

#[tokio::test]
async fn the_server_ends_cleanly_when_it_is_asked_to() {
    let world = crate::harness::Builder::new(people_services()).binary().start().await;
    world.run(Right::Access, &[ADA]).await;
    // Fails unless it ends with code 0.
    world.finish().await;
}

#[tokio::test]
async fn the_demo_needs_no_preparation() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = "http://127.0.0.1:1";
    // The second run starts afresh.
    for _ in 0..2 {
        let demo = ["demo", "--dir", "out", "--people", "12"];
        let ran = run(dir.path(), nowhere, &demo, "").await.expect(DONE);
        assert!(ran.stdout.contains("export.zip") && ran.stdout.contains("receipt.json"), "{ran:?}");
        run(dir.path(), nowhere, &["export", "verify", "out/export.zip"], "").await.expect(DONE);
        let receipt = std::fs::read(dir.path().join("out/receipt.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&receipt).unwrap()["complete"], true);
    }
    std::fs::create_dir(dir.path().join("mine")).unwrap();
    std::fs::write(dir.path().join("mine/letter.txt"), "precious").unwrap();
    run(dir.path(), nowhere, &["demo", "--dir", "mine"], "").await.expect(NOT_POSSIBLE);
    assert!(dir.path().join("mine/letter.txt").exists(), "a folder that is not the demo's is left alone");
}

#[tokio::test]
async fn the_server_starts_on_an_empty_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("rightful.toml");
    std::fs::write(&config, "").unwrap();
    let server = Binary::start(&config, &dir.path().join("server.log")).await;
    let listed = run(dir.path(), &format!("http://{}", server.address()), &["case", "list"], "").await;
    listed.expect(DONE);
    for made in ["rightful.sqlite", "rightful.keys.json", "objects"] {
        assert!(dir.path().join(made).exists(), "{made} lies in the working directory");
    }
    server.stop().await;
}
