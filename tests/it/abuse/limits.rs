//! Too much, too fast, and too slow.

use std::time::Duration;

use rightful::proto::{
    downstream::v1::Right,
    v1::{GetCaseRequest, ListCasesRequest, OpenCasesRequest, WatchCaseRequest},
};
use tonic::Code;

use super::{
    Arena, answer, described,
    http::{Http, framed, whole},
    wire::Wire,
};
use crate::harness::{called, get, opening, soon};

const GET: &str = "/rightful.v1.CaseService/GetCase";
const LIST: &str = "/rightful.v1.CaseService/ListCases";

/// Of [`arena`](super): what it is configured with, small enough to be met.
pub const CONFIGURED: [(&str, &str); 12] = [
    ("limits.connections_per_peer", "40"),
    ("limits.preface_timeout", "\"1s\""),
    ("limits.control_frames_burst", "300"),
    ("limits.request_bytes", "65536"),
    ("limits.calls_per_second", "50"),
    ("limits.calls_burst", "1000"),
    ("limits.calls_waiting_per_caller", "60"),
    ("limits.streams_per_caller", "10"),
    ("limits.streams", "50"),
    ("limits.call_timeout", "\"5s\""),
    ("limits.request_idle", "\"2s\""),
    ("limits.answer_idle", "\"2s\""),
];

/// Connections.
pub async fn connections(arena: &Arena<'_>) {
    let mut held = Vec::new();
    for _ in 0..40 {
        let mut wire = Wire::begun(arena.address()).await;
        assert_eq!(wire.verdict().await, "goes on");
        held.push(wire);
    }
    let mut beyond = Wire::open(arena.address()).await;
    arena.note("connections", "one more than connections_per_peer", beyond.end().await);
    drop(held);
    let again = soon("places to be free", async {
        loop {
            let outcome = Wire::begun(arena.address()).await.end().await;
            if outcome == "goes on" {
                return outcome;
            }
        }
    });
    arena.note("connections", "one after they have ended", again.await);
    let mut silent = Vec::new();
    for _ in 0..30 {
        silent.push(Wire::open(arena.address()).await);
    }
    for wire in &mut silent {
        assert_eq!(wire.outcome().await, "closed");
    }
    arena.note("connections", "30 that say nothing", "closed".into());
}

/// Callers that are slow with what they send, and take.
pub async fn slowness(arena: &Arena<'_>) {
    let message = framed(&GetCaseRequest::default());
    let http = Http::open(arena.address()).await;
    let half = http.unfinished(http.post(GET), &message[..3], Duration::ZERO).await;
    arena.note("slowness", "a call whose message does not end", half);
    let trickle = http.unfinished(http.post(GET), &[0, 0, 0, 0, 200], Duration::from_millis(100)).await;
    arena.note("slowness", "a call that comes byte by byte", trickle);
    let open = "/rightful.v1.CaseService/OpenCases";
    let silent = http.unfinished(http.post(open), &[], Duration::ZERO).await;
    arena.note("slowness", "a stream of openings on which nothing is opened", silent);
    let resolve = "/rightful.v1.CaseService/ResolveTask";
    let handed_in = http.unfinished(http.post(resolve), &[], Duration::ZERO).await;
    arena.note("slowness", "an answer by hand that does not begin", handed_in);
    let reflection = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let asked = http.unfinished(http.post(reflection), &[], Duration::ZERO).await;
    arena.note("slowness", "a question to reflection that does not come", asked);

    // A window of one byte: whatever is answered stays with the server.
    let mut reader = Http::with(arena.address(), 1).await;
    let list = framed(&ListCasesRequest { page_size: 500, ..ListCasesRequest::default() });
    let unread = reader.begin(reader.post(LIST), &list, true).await.expect("it is answered");
    counted(arena, "rightful_calls_refused_total{limit=\"answer_idle\"", 1).await;
    reader.widen();
    arena.note("slowness", "an answer of which nothing is taken", soon("its end", whole(unread)).await);
}

/// Waits until the metric whose line begins so has this value at least.
async fn counted(arena: &Arena<'_>, metric: &str, least: u64) {
    soon("a metric to count", async {
        loop {
            let (_, text) = get(&arena.world.metrics(), "/metrics").await;
            let line = text.lines().find(|line| line.starts_with(metric));
            let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
            if value.is_some_and(|value| value >= least) {
                return;
            }
        }
    })
    .await;
}

/// Callers that want more than their share.
pub async fn shares(arena: &Arena<'_>) {
    let reader = Http::with(arena.address(), 1).await;
    let list = framed(&ListCasesRequest { page_size: 500, ..ListCasesRequest::default() });
    let mut unread = Vec::new();
    let mut refused = None;
    for _ in 0..200 {
        let request = reader.post(LIST).header("rightful-caller", "hoarder");
        let response = reader.begin(request, &list, true).await.expect("it is answered");
        if let Some(status) = tonic::Status::from_header_map(response.headers()) {
            refused = Some(described(&status));
            break;
        }
        unread.push(response);
    }
    arena.note("shares", "answers that are not taken", refused.expect("there is an end"));
    drop((reader, unread));

    let mut refused = None;
    let mut cases = arena.cases();
    for _ in 0..200 {
        let calls = (0..50).map(|_| {
            let mut cases = cases.clone();
            async move { cases.get_case(called("hurried", GetCaseRequest::default())).await }
        });
        let answers = futures::future::join_all(calls).await;
        refused = answers
            .into_iter()
            .find_map(|answer| answer.err().filter(|status| status.code() == Code::ResourceExhausted));
        if refused.is_some() {
            break;
        }
    }
    arena.note("shares", "calls without a pause", described(&refused.expect("there is an end")));

    let case = cases.open_case(opening(Right::Erasure, &[("email", "nobody@example.org")])).await;
    let case_id = case.expect("it is opened").into_inner().case.expect("there is a case").case_id;
    arena.world.settled(&case_id).await;
    let mut streams = Vec::new();
    let refused = loop {
        let (sender, receiver) = futures::channel::mpsc::channel::<OpenCasesRequest>(1);
        match cases.open_cases(called("watcher", receiver)).await {
            Ok(stream) => streams.push((sender, stream)),
            Err(status) => break status,
        }
        assert!(streams.len() <= 10, "it is let in without end");
    };
    arena.note("shares", "streams beyond streams_per_caller", described(&refused));
    let other = cases.watch_case(called("another", WatchCaseRequest { case_id })).await;
    arena.note("shares", "a stream of another caller meanwhile", answer(other));
    drop(streams);

    let http = Http::open(arena.address()).await;
    let health = framed(&tonic_health::pb::HealthCheckRequest::default());
    let watch = "/grpc.health.v1.Health/Watch";
    let mut watches = Vec::new();
    let refused = loop {
        let response = http.begin(http.post(watch), &health, true).await.expect("it is answered");
        if let Some(status) = tonic::Status::from_header_map(response.headers()) {
            break described(&status);
        }
        watches.push(response);
        assert!(watches.len() <= 50, "it is let in without end");
    };
    arena.note("shares", "watches of health beyond streams", refused);
    let probe = http.send(http.post("/grpc.health.v1.Health/Check"), &health).await;
    arena.note("shares", "a probe meanwhile", probe);
}
