//! Abuse: what somebody sends who means no good, and what each gets for it. While it goes on, a well-behaved caller is
//! served, the server's memory stays where it is, and nobody's name is written down anywhere.
//!
//! `docs/abuse.md` has every case with its answer, and is what they are compared with. To print it again:
//! `RIGHTFUL_WRITE_DOCS=1 cargo test --test it -- abuse`.

mod calls;
mod fields;
mod frames;
mod guarded;
mod http;
mod limits;
mod printed;
mod well_behaved;
mod wire;

pub use http::{Http, framed};
pub use well_behaved::memory;
pub use wire::{END_HEADERS, HEADERS, Wire, call, frame};

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use rightful::proto::v1::{
    case_service_client::CaseServiceClient, downstream_service_client::DownstreamServiceClient,
    hold_service_client::HoldServiceClient, notice_service_client::NoticeServiceClient,
    retention_service_client::RetentionServiceClient,
};
use tonic::{Response, Status, transport::Channel};
use tonic_types::StatusExt as _;

use crate::{
    canary::{CANARY, assert_nowhere},
    harness::{Builder, Collector, World, get, people_services},
};
use well_behaved::WellBehaved;

/// By how much the server's memory may grow while all this is done to it, in KiB: what a few thousand cases, pages and
/// buffers take. A leak or a bomb takes more.
const MEMORY_MAX: u64 = 64 * 1024;

/// Where it takes place: the server, and what has been answered.
struct Arena<'a> {
    world: &'a World,
    channel: Channel,
    answers: Mutex<Answers>,
}

/// Answers by area and case, in the order in which they came.
type Answers = Vec<(String, BTreeMap<String, String>)>;

impl<'a> Arena<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, channel: world.channel(), answers: Mutex::default() }
    }

    fn address(&self) -> SocketAddr {
        let port = self.world.url().rsplit(':').next().and_then(|port| port.parse().ok());
        SocketAddr::from(([127, 0, 0, 1], port.expect("its URL has a port")))
    }

    /// Notes what came of a case. Each has a name of its own.
    fn note(&self, area: &str, case: &str, answer: String) {
        assert!(!answer.contains(CANARY), "{area}: {case}: the answer names somebody: {answer}");
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.last().is_none_or(|(last, _)| last != area) {
            answers.push((area.to_owned(), BTreeMap::new()));
        }
        let (_, cases) = answers.last_mut().expect("one was pushed");
        assert!(cases.insert(case.to_owned(), answer).is_none(), "{area}: {case} is there twice");
    }

    fn cases(&self) -> CaseServiceClient<Channel> {
        CaseServiceClient::new(self.channel.clone())
    }

    fn holds(&self) -> HoldServiceClient<Channel> {
        HoldServiceClient::new(self.channel.clone())
    }

    fn notices(&self) -> NoticeServiceClient<Channel> {
        NoticeServiceClient::new(self.channel.clone())
    }

    fn downstreams(&self) -> DownstreamServiceClient<Channel> {
        DownstreamServiceClient::new(self.channel.clone())
    }

    fn retention(&self) -> RetentionServiceClient<Channel> {
        RetentionServiceClient::new(self.channel.clone())
    }
}

/// An answer in a few words, and never what was sent.
fn answer<T>(answer: Result<Response<T>, Status>) -> String {
    match answer {
        Ok(_) => "OK".to_owned(),
        Err(status) => described(&status),
    }
}

/// Code, reason, and which field, limit or cause.
fn described(status: &Status) -> String {
    assert!(!format!("{status:?}").contains(CANARY), "the answer names somebody: {status:?}");
    let code = rightful::telemetry::code::name(status.code().into());
    let details = status.get_error_details();
    let Some(info) = details.error_info() else { return code.to_owned() };
    let reason = info.reason.trim_start_matches("ERROR_REASON_");
    let fields = details.bad_request().map(|bad| {
        let fields = bad.field_violations.iter().map(|violation| violation.field.as_str());
        let (shown, more): (Vec<&str>, _) = (fields.clone().take(3).collect(), fields.skip(3).count());
        shown.join(", ") + if more > 0 { " and more" } else { "" }
    });
    let said =
        ["limit", "why", "resource", "differs"].iter().find_map(|key| info.metadata.get(*key).cloned());
    let detail = fields.or(said).map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{code} {reason}{detail}")
}

/// A server, in clear, that is abused in every way that needs no identity.
async fn in_clear() -> Answers {
    let collector = Collector::start().await;
    let builder = Builder::new(people_services())
        .binary()
        .set("telemetry.log_filter", "\"trace\"")
        .set("telemetry.metrics_listen", "\"127.0.0.1:0\"")
        .set("telemetry.otlp_endpoint", &format!("\"{}\"", collector.endpoint()))
        .set("telemetry.otlp_logs", "true");
    let builder = limits::CONFIGURED.iter().fold(builder, |builder, (key, value)| builder.set(key, value));
    let mut world = builder.start().await;
    let arena = Arena::new(&world);
    let well_behaved = WellBehaved::start(&world, None).await;
    frames::beginnings(&arena).await;
    frames::frames(&arena).await;
    frames::headers(&arena).await;
    frames::floods(&arena).await;
    calls::http(&arena).await;
    calls::metadata(&arena).await;
    calls::messages(&arena).await;
    Box::pin(fields::openings(&arena)).await;
    fields::ids(&arena).await;
    fields::others(&arena).await;
    Box::pin(limits::connections(&arena)).await;
    limits::slowness(&arena).await;
    limits::shares(&arena).await;
    well_behaved.ask().await.assert_unharmed();
    let answers = arena.answers.into_inner().expect("nobody panicked");
    let (_, metrics) = get(&world.metrics(), "/metrics").await;
    assert!(metrics.contains("rightful_connections_closed_total{limit=\"control_frames\""), "{metrics}");
    assert!(!metrics.contains(CANARY), "metrics name somebody");
    assert_nowhere(&world).await;
    world.stop().await;
    let sent = collector.everything();
    assert!(sent.contains("OpenCase") && !sent.contains(CANARY), "telemetry names somebody");
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_gets_what_is_documented_and_nobody_else_notices() {
    let mut answers = Box::pin(in_clear()).await;
    answers.extend(guarded::abused().await);
    printed::compare(&answers);
}
