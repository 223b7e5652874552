//! Somebody who calls as one should, while others do not; and the server's memory as it is seen from outside.

use std::time::{Duration, Instant};

use rightful::proto::{
    downstream::v1::Right,
    v1::{
        GetCallerRequest, GetCaseRequest, ListCasesRequest, OpenCaseRequest,
        access_service_client::AccessServiceClient, case_service_client::CaseServiceClient,
    },
};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tonic::{Request, transport::Channel};

use super::MEMORY_MAX;
use crate::harness::{World, called, opening, soon};

/// From one of its calls to the next, as a rule.
const EVERY: Duration = Duration::from_millis(50);
/// Calls before anybody else comes: what they take is what the others are held against.
const QUIET: usize = 40;

/// It calls until it is asked what it has seen.
pub struct WellBehaved {
    stop: watch::Sender<bool>,
    calling: JoinHandle<Seen>,
}

/// What it has seen.
pub struct Seen {
    pub calls: usize,
    /// How long each took.
    pub took: Vec<Duration>,
    /// The server's memory at first and at most, in KiB.
    pub memory: (u64, u64),
}

impl Seen {
    /// Fails if the server has grown. How long calls took is shown, not judged: that is measured where it is quiet.
    pub fn assert_unharmed(&self) {
        let (first, most) = self.memory;
        let grown = most.saturating_sub(first);
        let (quiet, abused) = self.took.split_at(QUIET.min(self.calls));
        println!(
            "a well-behaved caller: {}; while abused: {}; memory {first} KiB, at most {grown} more",
            shown(quiet),
            shown(abused)
        );
        assert!(grown <= MEMORY_MAX, "the server grew by {grown} KiB");
        assert!(self.calls > 10, "{} calls", self.calls);
    }
}

impl WellBehaved {
    /// Begins, on a connection of its own, and has made its first calls in quiet.
    pub async fn start(world: &World, token: Option<String>) -> Self {
        let channel = world.channel();
        let pid = world.pid();
        let (stop, stopped) = watch::channel(false);
        let (known, quiet) = oneshot::channel();
        let calling = tokio::spawn(call(channel, token, pid, (stopped, known)));
        quiet.await.expect("it is served while nobody else is there");
        Self { stop, calling }
    }

    /// Ends. Fails if one of its calls failed.
    pub async fn ask(self) -> Seen {
        self.stop.send(true).expect("it is there");
        self.calling.await.expect("a well-behaved caller is served")
    }
}

async fn call(
    channel: Channel,
    token: Option<String>,
    pid: u32,
    (stopped, known): (watch::Receiver<bool>, oneshot::Sender<()>),
) -> Seen {
    let token = token.as_ref();
    let mut known = Some(known);
    let mut moments = tokio::time::interval(EVERY);
    let mut seen = Seen { calls: 0, took: Vec::new(), memory: (0, 0) };
    let mut cases = CaseServiceClient::new(channel.clone());
    let mut access = AccessServiceClient::new(channel);
    let request = opening(Right::Access, &[("email", "nobody@example.org")]);
    let case = cases.open_case(named(token, request)).await.expect("it opens a case");
    let case_id = case.into_inner().case.expect("there is a case").case_id;
    while !*stopped.borrow() {
        moments.tick().await;
        let begun = Instant::now();
        soon("an answer to a well-behaved caller", async {
            let get = GetCaseRequest { case_id: case_id.clone() };
            cases.get_case(named(token, get)).await.expect("its case is shown");
            match seen.calls % 10 {
                0 => {
                    let again = opening(Right::Access, &[("email", "nobody@example.org")]);
                    let again = OpenCaseRequest { policy_version: "well-behaved".into(), ..again };
                    cases.open_case(named(token, again)).await.expect("it opens more");
                }
                5 => {
                    let list = ListCasesRequest { page_size: 5, ..ListCasesRequest::default() };
                    cases.list_cases(named(token, list)).await.expect("its cases are listed");
                }
                _ => {
                    access.get_caller(named(token, GetCallerRequest {})).await.expect("it is known");
                }
            }
        })
        .await;
        seen.took.push(begun.elapsed());
        seen.calls += 1;
        if let Some(known) = known.take_if(|_| seen.calls == QUIET) {
            // Who started it may be gone.
            let _ = known.send(());
        }
        let now = memory(pid);
        // What is there after the first calls is what it needs to live.
        let first = if seen.calls < 10 { now } else { seen.memory.0 };
        seen.memory = (first, seen.memory.1.max(now));
    }
    seen
}

fn named<T>(token: Option<&String>, message: T) -> Request<T> {
    match token {
        None => called("well-behaved", message),
        Some(token) => {
            let mut request = Request::new(message);
            let bearer = format!("Bearer {token}").parse().expect("it is ASCII");
            request.metadata_mut().insert("authorization", bearer);
            request
        }
    }
}

/// Median, 99th percentile and the slowest.
fn shown(took: &[Duration]) -> String {
    let mut sorted = took.to_vec();
    sorted.sort_unstable();
    let at = |hundredths: usize| sorted.get(sorted.len() * hundredths / 100).copied().unwrap_or_default();
    let slowest = sorted.last().copied().unwrap_or_default();
    format!("{} rounds, median {:.1?}, p99 {:.1?}, slowest {slowest:.1?}", sorted.len(), at(50), at(99))
}

/// `VmRSS` of a process, in KiB.
pub fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    line.trim().trim_end_matches(" kB").parse().expect("it is a number")
}
