//! Downstreams that go wrong: each fault is contained, the others' data is delivered, and the gap is stated.

use bytes::Bytes;
use rightful::proto::{
    downstream::v1::{
        CollectResponse, FileBegin, FileChunk, FileEnd, GroundCode, Record, ResumeToken, Right, Withheld,
        collect_response::Item,
    },
    v1::{CaseReason, CaseState, TaskKind, TaskReason, TaskState},
};
use serde_json::json;
use tonic::Code;

use crate::{
    harness::{ADA, Builder, World, ada, people_services, task},
    puppet::{Fault, Method, Profile, category, ground},
};

fn send(items: impl IntoIterator<Item = Item>) -> Fault {
    Fault::Send(items.into_iter().map(|item| CollectResponse { item: Some(item) }).collect())
}

fn record(json: impl Into<Bytes>) -> Item {
    Item::Record(Record { category: "consents".into(), json: json.into() })
}

fn begin(name: &str) -> Item {
    Item::FileBegin(FileBegin { category: "consents".into(), name: name.into(), media_type: String::new() })
}

fn chunk(bytes: usize) -> Item {
    Item::FileChunk(FileChunk { data: vec![7; bytes].into() })
}

fn end(sha256: &'static [u8]) -> Item {
    Item::FileEnd(FileEnd { sha256: Bytes::from_static(sha256) })
}

/// Runs an access case while marketing has this fault for good.
async fn contained(fault: Fault, reason: TaskReason) {
    contained_in(World::start(people_services()).await, fault, reason).await;
}

/// A world in which a hang is soon noticed.
async fn impatient() -> World {
    Builder::new(people_services()).patience("300ms").start().await
}

async fn contained_in(world: World, fault: Fault, reason: TaskReason) {
    world.puppet("marketing").always(Method::Collect, fault);
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::PartiallyFulfilled));
    let failed = task(&case, "marketing", TaskKind::Collect);
    assert_eq!((failed.state(), failed.reason()), (TaskState::NeedsAttention, reason), "{failed:#?}");
    assert!(!failed.last_error.is_empty() && !failed.last_error.contains("leaky-canary"), "{failed:#?}");
    let attempts = world.puppet("marketing").calls(Method::Collect).len();
    let expected = match reason {
        TaskReason::Unavailable => 4,
        TaskReason::ContractViolation => 2,
        _ => 1,
    };
    assert_eq!((attempts, failed.attempts as usize), (expected, expected), "as often as is configured");

    let bag = world.bag(&case.case_id).await;
    bag.assert_manifests_hold();
    assert!(bag.of("marketing").is_empty(), "half a collection is none: {:?}", bag.of("marketing").keys());
    assert_eq!(bag.records("data/billing/invoices.ndjson").len(), 2);
    assert_eq!(bag.records("data/analytics/page_events.ndjson").len(), 300);
    assert_eq!(bag.json("data/completeness.json")["complete"], false);
    let standing = bag.standing("marketing");
    let name = reason.as_str_name().trim_start_matches("TASK_REASON_").to_lowercase();
    assert_eq!((&standing["standing"], &standing["reason"]), (&json!("failed"), &json!(name)));
    world.finish().await;
}

#[tokio::test]
async fn a_hang_is_contained() {
    contained_in(impatient().await, Fault::Hang, TaskReason::Unavailable).await;
}

#[tokio::test]
async fn a_hang_in_the_middle_is_contained() {
    contained_in(impatient().await, Fault::HangAfter(1), TaskReason::Unavailable).await;
}

#[tokio::test]
async fn a_death_in_the_middle_is_contained() {
    contained(Fault::DieAfter(1), TaskReason::Unavailable).await;
}

#[tokio::test]
async fn a_stream_without_its_summary_is_contained() {
    contained(Fault::NoSummary, TaskReason::Unavailable).await;
}

#[tokio::test]
async fn wrong_counts_are_contained() {
    contained(Fault::WrongCounts, TaskReason::ContractViolation).await;
}

#[tokio::test]
async fn talk_after_the_summary_is_contained() {
    contained(Fault::TalkOn, TaskReason::ContractViolation).await;
}

#[tokio::test]
async fn a_record_of_300_mb_is_contained() {
    // The puppet needs a while to put so much into one message.
    let world = Builder::new(people_services()).patience("20s").start().await;
    let huge = vec![b' '; 300_000_000];
    contained_in(world, send([record(huge)]), TaskReason::ContractViolation).await;
}

#[tokio::test]
async fn a_record_a_little_too_large_is_contained() {
    let text = json!({ "text": "x".repeat(1 << 20) }).to_string();
    contained(send([record(text)]), TaskReason::ContractViolation).await;
}

#[tokio::test]
async fn codes_that_mean_later_and_never_are_told_apart() {
    contained(Fault::Fail(Code::Unavailable), TaskReason::Unavailable).await;
    contained(Fault::Fail(Code::Internal), TaskReason::Unavailable).await;
    contained(Fault::Fail(Code::NotFound), TaskReason::Rejected).await;
    contained(Fault::Fail(Code::Unimplemented), TaskReason::Rejected).await;
}

#[tokio::test]
async fn records_that_are_no_json_object_are_contained() {
    let deep = format!("{}1{}", "{\"a\":".repeat(65), "}".repeat(65));
    let bad: [Bytes; 7] = [
        Bytes::from_static(b"{\"a\":"),
        Bytes::from_static(b"[1,2]"),
        Bytes::from_static(b"\"text\""),
        Bytes::from_static(b""),
        Bytes::from_static(b"{} {}"),
        Bytes::from_static(b"{\"a\":\"\xff\"}"),
        deep.into(),
    ];
    for json in bad {
        contained(send([record(json)]), TaskReason::ContractViolation).await;
    }
}

#[tokio::test]
async fn file_names_that_lead_elsewhere_are_contained() {
    for name in
        ["../../etc/passwd", "/etc/passwd", "..", ".", "a/b", "a\\b", "", "a\0b", "a\nb", &"x".repeat(129)]
    {
        contained(send([begin(name), chunk(1), end(b"")]), TaskReason::ContractViolation).await;
    }
}

#[tokio::test]
async fn files_that_break_the_contract_are_contained() {
    let wrong: &[u8] = &[9; 32];
    for items in [
        vec![begin("a.txt"), chunk(10), end(wrong)],
        vec![begin("a.txt"), chunk(10), end(&wrong[..31])],
        vec![begin("a.txt"), chunk(10), record("{}")],
        vec![begin("a.txt"), begin("b.txt")],
        vec![begin("a.txt"), chunk((1 << 20) + 1), end(b"")],
        vec![chunk(10)],
        vec![end(b"")],
    ] {
        contained(send(items), TaskReason::ContractViolation).await;
    }
}

#[tokio::test]
async fn things_that_were_not_asked_for_are_contained() {
    let elsewhere = Item::Record(Record { category: "secrets".into(), json: Bytes::from_static(b"{}") });
    let withheld = |description: String, count| {
        let ground = Some(ground(GroundCode::Credentials, ""));
        Item::Withheld(Withheld { category: "consents".into(), description, count, ground })
    };
    let ungrounded = Item::Withheld(Withheld {
        category: "consents".into(),
        description: "x".into(),
        count: 1,
        ground: None,
    });
    for item in [
        elsewhere,
        withheld("x".repeat(257), 1),
        ungrounded,
        Item::ResumeToken(ResumeToken { token: vec![1; 5_000].into() }),
    ] {
        contained(send([item]), TaskReason::ContractViolation).await;
    }
    contained(Fault::Send(vec![CollectResponse { item: None }]), TaskReason::ContractViolation).await;
}

#[tokio::test]
async fn odd_file_names_are_made_safe_and_unique() {
    let names = [
        "CON",
        "photo.jpg",
        "PHOTO.jpg",
        "-rf",
        ".htaccess",
        "a\u{202e}gpj.exe",
        "<b>.txt",
        "x%2e%2e",
        "x y",
    ];
    let person =
        names.iter().fold(ada(&[]), |person, name| person.file("photos", name, name.as_bytes().to_vec()));
    let world =
        World::start([Profile::new("album", &["email"]).category(category("photos")).person(person)]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    let bag = world.bag(&case.case_id).await;
    let files = bag.of("album");
    let mut contents: Vec<&[u8]> = files.values().copied().collect();
    contents.sort_unstable();
    let mut expected: Vec<&[u8]> = names.iter().map(|name| name.as_bytes()).collect();
    expected.sort_unstable();
    assert_eq!(contents, expected, "every file is there, as it was");
    let mut folded: Vec<String> = files.keys().map(|path| path.to_lowercase()).collect();
    folded.sort_unstable();
    folded.dedup();
    assert_eq!(folded.len(), names.len(), "unique even where case does not count");
    for path in files.keys() {
        let name = path.strip_prefix("data/album/files/photos/").expect("all in one folder");
        assert!(
            !name.starts_with(['-', '.']) && !name.contains(['/', '\\', '<', '%', '\u{202e}']),
            "{name:?}"
        );
        assert!(!name.eq_ignore_ascii_case("con"));
    }
    assert!(!bag.text("data/index.html").contains("<b>.txt"), "the page escapes");
    bag.assert_manifests_hold();
    world.finish().await;
}

#[tokio::test]
async fn texts_of_a_downstream_do_not_become_markup() {
    let hostile = "<script>alert(1)</script>";
    let mut sly = category("notes");
    sly.title = hostile.into();
    sly.purposes = vec![hostile.into()];
    let mut profile = Profile::new("sly", &["email"]).category(sly).person(ada(&[]).records("notes", 1));
    profile.description.title = hostile.into();
    let world = World::start([profile]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let bag = world.bag(&case.case_id).await;
    let page = bag.text("data/index.html");
    assert!(!page.contains("<script"), "the page escapes");
    assert!(page.contains("&lt;script&gt;"), "and shows the text");
    world.finish().await;
}

#[tokio::test]
async fn what_goes_wrong_once_is_made_good_without_duplicates() {
    for fault in [
        Fault::Hang,
        Fault::HangAfter(1),
        Fault::DieAfter(1),
        Fault::NoSummary,
        Fault::WrongCounts,
        Fault::TalkOn,
        Fault::Fail(Code::ResourceExhausted),
        send([record("[1]")]),
    ] {
        let world = World::start(people_services()).await;
        world.puppet("marketing").next(Method::Collect, fault);
        world.puppet("billing").next(Method::Resolve, Fault::Fail(Code::Aborted));
        let case = world.run(Right::Access, &[ADA]).await;
        assert_eq!(case.reason(), CaseReason::Fulfilled);
        let done = task(&case, "marketing", TaskKind::Collect);
        assert_eq!((done.state(), done.last_error.as_str(), done.attempts), (TaskState::Done, "", 2));
        let calls = world.puppet("marketing").calls(Method::Collect);
        assert_eq!(calls[0].task_id, calls[1].task_id, "the same task has the same id");
        let bag = world.bag(&case.case_id).await;
        assert_eq!(bag.records("data/marketing/consents.ndjson"), [json!({ "newsletter": true })]);
        world.finish().await;
    }
}

#[tokio::test]
async fn identifiers_that_break_the_contract_are_not_believed() {
    use rightful::proto::downstream::v1::Identifier;
    let identifier = |kind: &str, value: &str| Identifier { kind: kind.into(), value: value.into() };
    for bad in [
        vec![identifier("passport", "P-1")],
        vec![identifier("customer_id", "")],
        vec![identifier("customer_id", "a\nb")],
        vec![identifier("customer_id", &"x".repeat(600))],
        (0..65).map(|n| identifier("customer_id", &format!("C-{n}"))).collect(),
    ] {
        let world = World::start(people_services()).await;
        world.puppet("billing").always(Method::Resolve, Fault::Resolve(bad));
        let case = world.run(Right::Access, &[ADA]).await;
        let resolve = task(&case, "billing", TaskKind::Resolve);
        assert_eq!(
            (resolve.state(), resolve.reason()),
            (TaskState::NeedsAttention, TaskReason::ContractViolation)
        );
        assert!(world.puppet("analytics").calls(Method::Collect).is_empty());
        assert_eq!(case.identifier_kinds, ["email"]);
        world.finish().await;
    }
}

#[tokio::test]
async fn outcomes_that_break_the_contract_are_not_believed() {
    use rightful::proto::downstream::v1::{CategoryOutcome, Outcome, Retained};
    let outcome = |category: &str, retained| {
        let category = category.to_owned();
        Outcome { categories: vec![CategoryOutcome { category, retained, ..CategoryOutcome::default() }] }
    };
    let twice = Outcome {
        categories: vec![CategoryOutcome { category: "consents".into(), ..Default::default() }; 2],
    };
    let groundless = Retained { count: 1, ground: None, release_time: None };
    for bad in [outcome("secrets", vec![]), twice, outcome("consents", vec![groundless])] {
        let world = World::start(people_services()).await;
        world.puppet("marketing").always(Method::Erase, Fault::Claim(bad));
        let case = world.run(Right::Erasure, &[ADA]).await;
        let erase = task(&case, "marketing", TaskKind::Erase);
        assert_eq!(
            (erase.state(), erase.reason()),
            (TaskState::NeedsAttention, TaskReason::ContractViolation)
        );
        assert_eq!(world.receipt(&case.case_id).await["complete"], false);
        world.finish().await;
    }
}
