//! `rightful case import`, over the real binary: bad rows are told precisely and never with the person in them, the others
//! are opened, and a file that is imported again opens nothing twice.

use std::{collections::BTreeSet, fmt::Write as _, fs};

use rightful::proto::v1::ListCasesRequest;
use serde_json::Value;
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
};

use crate::{
    harness::{Ran, World, ada, run},
    puppet::{Profile, category},
};

const DONE: i32 = 0;
const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const UNREACHABLE: i32 = 5;
const SOME_ARE_BAD: i32 = 6;
/// In values that must not be repeated.
const CANARY: &str = "zq7canary7qz";

async fn world() -> World {
    World::start([Profile::new("shop", &["email"]).category(category("orders")).person(ada(&[]))]).await
}

impl World {
    /// Writes a file and imports it.
    async fn import(&self, name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Ran {
        fs::write(self.dir().join(name), content).expect("the file can be written");
        let arguments: Vec<&str> =
            ["--caller", "migration", "case", "import", name].iter().chain(more).copied().collect();
        run(self.dir(), self.url(), &arguments, "").await
    }
}

/// One JSON document on each line.
fn lines(ran: &Ran) -> Vec<Value> {
    ran.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// A header and so many good rows.
fn csv(rows: usize) -> String {
    let mut text = String::from("request_id,right,email,received_time,label.ticket\n");
    for row in 0..rows {
        writeln!(text, "r-{row},access,p{row}@example.org,2026-05-01,T-{row}")
            .expect("a String takes everything");
    }
    text
}

#[tokio::test]
async fn a_csv_file_opens_its_good_rows_and_lists_the_bad_ones() {
    let world = world().await;
    let mut text = csv(300);
    write!(text, "b-1,access,{CANARY},,\nb-2,forget,a@example.org,,\nb-3,access,a@example.org,tomorrow,\n")
        .unwrap();
    write!(
        text,
        "r-7,erasure,p7@example.org,,\nb-4,access\nb-5,access,,,\nr-8,access,p8@example.org,2026-05-01,T-8\n"
    )
    .unwrap();
    let ran = world.import("people.csv", &text, &[]).await.expect(SOME_ARE_BAD);
    let expected = [
        "line 302: subject.identifiers[0].value (email): must be an email address",
        "line 303: right: must be access, portability, erasure",
        "line 304: received_time: must be a time such as",
        "line 305: the request id was used for another request (case_id: ",
        "differs: right,received_time,labels)",
        "line 306: row: has 2 fields where the header has 5",
        "line 307: subject.identifiers: must have 1 to 32 entries",
        "6 of 307 rows are bad",
    ];
    for part in expected {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    assert_eq!(ran.stdout, "307 rows: 300 opened, 1 open before, 6 not\n");
    assert!(!ran.stderr.contains(CANARY) && !ran.stderr.contains("example.org"), "{}", ran.stderr);
    assert_eq!(world.count().await, 300);
    let listed = world.cases().list_cases(ListCasesRequest::default()).await.unwrap().into_inner().cases;
    assert!(listed.iter().all(|case| case.caller == "migration" && case.labels.contains_key("ticket")));

    let again = world.import("people.csv", csv(300), &[]).await.expect(DONE);
    assert_eq!(again.stdout, "300 rows: 0 opened, 300 open before, 0 not\n");
    assert_eq!(world.count().await, 300);
    world.finish().await;
}

#[tokio::test]
async fn ndjson_comes_from_standard_input_and_a_batch_names_its_rows() {
    let world = world().await;
    let subject =
        |email: &str| format!(r#""subject": {{"identifiers": [{{"kind": "email", "value": "{email}"}}]}}"#);
    let text = format!(
        "{{\"requestId\": \"mine\", \"right\": \"RIGHT_ACCESS\", {}}}\n\n{{\"right\": \"RIGHT_ERASURE\", {}}}\n\
         {{\"right\": \"RIGHT_ACCESS\", \"colour\": \"{CANARY}\"}}\nnot JSON {CANARY}\n{{\"right\": \"RIGHT_ACCESS\", {}}}\n",
        subject("ada@example.org"),
        subject("bob@example.org"),
        subject(CANARY),
    );
    let import = ["--output", "json", "case", "import", "-", "--batch", "may-2026"];
    for round in 0..2 {
        let ran = run(world.dir(), world.url(), &import, &text).await.expect(SOME_ARE_BAD);
        assert!(!ran.stdout.contains(CANARY) && !ran.stderr.contains(CANARY), "{ran:?}");
        let mut lines = lines(&ran);
        lines.sort_by_key(|line| line["line"].as_u64());
        let seen: Vec<_> =
            lines.iter().map(|line| (line["line"].as_u64().unwrap(), line["requestId"].as_str())).collect();
        let ids = [
            (1, Some("mine")),
            (3, Some("may-2026-line-3")),
            (4, None),
            (5, None),
            (6, Some("may-2026-line-6")),
        ];
        assert_eq!(seen, ids);
        for opened in &lines[..2] {
            assert!(opened["case"]["caseId"].is_string());
            assert_eq!(opened["replayed"], if round == 0 { Value::Null } else { true.into() });
        }
        for bad in &lines[2..] {
            assert_eq!(bad["error"]["reason"], "ERROR_REASON_BAD_REQUEST");
        }
        assert_eq!(lines[4]["error"]["fieldViolations"][0]["field"], "subject.identifiers[0].value");
    }
    assert_eq!(world.count().await, 2);
    let nameless = run(world.dir(), world.url(), &["case", "import", "-"], &text).await.expect(SOME_ARE_BAD);
    assert!(nameless.stderr.contains("line 3: request_id: must be set, or --batch names"), "{nameless:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_refused_precisely() {
    let world = world().await;
    let headers: [(&str, &[u8], &str); 6] = [
        ("empty.csv", b"", "the file is empty"),
        ("headless.csv", b"r-1,access,zq7canary7qz@example.org\n", "line 1: must be the header"),
        ("unknown.csv", b"right,email,colour\naccess,a@b.c,red\n", "column 3, \"colour\", is not known"),
        ("twice.csv", b"right,email,email\n", "column \"email\" is there twice"),
        ("nobody.csv", b"right,label.x\n", "no column has identifiers"),
        ("list.txt", b"right,email\n", "--format"),
    ];
    for (name, content, why) in headers {
        let ran = world.import(name, content, &[]).await.expect(USAGE);
        assert!(ran.stderr.contains(why) && !ran.stderr.contains(CANARY), "{name}: {ran:?}");
    }
    run(world.dir(), world.url(), &["case", "import", "none.csv"], "").await.expect(NOT_FOUND);
    assert_eq!(world.count().await, 0);

    // Beyond the header a row is its own affair, unless nobody can say where the next one begins.
    let mut text = b"request_id,right,email\nu-1,access,\xff\xfe\nu-2,access,".to_vec();
    text.extend(vec![b'x'; 2 << 20]);
    text.extend(b"\nu-3,access,a@example.org\nu-4,access,\"a@example.org\nu-5,access,b@example.org\n");
    let ran = world.import("broken.csv", &text, &[]).await.expect(USAGE);
    for part in [
        "line 2: email: must be UTF-8",
        "line 3: row: must have at most 65536 bytes",
        "line 5: has a quote that is not closed",
        "until then: 1 opened, 0 open before, 2 bad",
    ] {
        assert!(ran.stderr.contains(part), "{part:?} is not in {}", ran.stderr);
    }
    assert_eq!(world.count().await, 1);
    let mut text = b"{\"requestId\": \"\xff\"}\n{\"requestId\": \"".to_vec();
    text.extend(vec![b'x'; 2 << 20]);
    text.extend(b"\"}\n");
    let ran = world.import("broken.ndjson", &text, &[]).await.expect(SOME_ARE_BAD);
    assert!(ran.stderr.contains("line 1: row: must be JSON in UTF-8: see column"), "{ran:?}");
    assert!(ran.stderr.contains("line 2: row: must have at most 65536 bytes"), "{ran:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_dry_run_checks_as_the_server_does_and_needs_none() {
    let world = world().await;
    let text = format!("{}x-1,access,{CANARY},,\nx-2,access,a@example.org,2017-01-01,\n", csv(20));
    fs::write(world.dir().join("people.csv"), text).unwrap();
    let import = ["case", "import", "people.csv"];
    let dry: Vec<&str> = import.into_iter().chain(["--dry-run"]).collect();
    let nowhere = "http://127.0.0.1:1";
    let ran = run(world.dir(), nowhere, &dry, "").await.expect(SOME_ARE_BAD);
    assert_eq!(ran.stdout, "22 rows: 20 can be opened, 2 not\n");
    assert!(
        ran.stderr.contains("line 22: subject.identifiers[0].value (email)") && !ran.stderr.contains(CANARY),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("line 23: received_time: must not be before"), "{ran:?}");
    let json: Vec<&str> = dry.iter().copied().chain(["--output", "json"]).collect();
    let ran = run(world.dir(), nowhere, &json, "").await.expect(SOME_ARE_BAD);
    let bad: Vec<_> = lines(&ran).into_iter().filter(|line| !line["error"].is_null()).collect();
    assert_eq!((lines(&ran).len(), bad.len()), (22, 2));
    assert_eq!(world.count().await, 0, "nothing was opened");
    run(world.dir(), nowhere, &import, "").await.expect(UNREACHABLE);
    world.finish().await;
}

/// A way to the server that cuts its first connection after so many bytes to the server; later ones hold.
async fn fragile_way(world: &World, bytes: u64) -> String {
    let server = world.url().trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
    let address = listener.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((mut outside, _)) = listener.accept().await {
            let mut inside = TcpStream::connect(&server).await.expect("the server is there");
            let limit = if std::mem::take(&mut is_first) { bytes } else { u64::MAX };
            tokio::spawn(async move {
                let (from_client, mut to_client) = outside.split();
                let (mut from_server, mut to_server) = inside.split();
                let mut from_client = from_client.take(limit);
                // Whichever ends first, both are cut.
                tokio::select! {
                    _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                    _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
                }
            });
        }
    });
    format!("http://{address}")
}

#[tokio::test]
async fn an_import_whose_connection_breaks_goes_on() {
    let world = world().await;
    fs::write(world.dir().join("people.csv"), csv(3_000)).unwrap();
    let way = fragile_way(&world, 100_000).await;
    let ran =
        run(world.dir(), &way, &["--output", "json", "case", "import", "people.csv"], "").await.expect(DONE);
    let lines = lines(&ran);
    let numbers: Vec<u64> = lines.iter().map(|line| line["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (2..3_002).collect::<Vec<_>>(), "each row is answered once, in order");
    let ids: BTreeSet<&str> = lines.iter().map(|line| line["case"]["caseId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3_000);
    assert!(lines.iter().any(|line| line["replayed"] == true), "the connection was cut in the middle");
    assert_eq!(world.count().await, 3_000);
    world.finish().await;
}
