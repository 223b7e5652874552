//! Every call that a puppet got, and every effect that it had.

use std::sync::atomic::{AtomicU64, Ordering};

use rightful::proto::downstream::v1::{Correction, Directive, Subject};
use tokio::sync::watch;

use super::{Gone, Method};

/// Orders the calls of all puppets of a test.
static ORDER: AtomicU64 = AtomicU64::new(0);

/// One call.
#[derive(Clone)]
pub struct Call {
    /// Later calls have greater numbers, across all puppets.
    pub order: u64,
    pub method: Method,
    /// Empty for Describe.
    pub task_id: String,
    /// `kind=value` of each identifier that was sent.
    pub identifiers: Vec<String>,
    /// The categories that were asked for.
    pub categories: Vec<String>,
    pub directives: Vec<Directive>,
    pub corrections: Vec<Correction>,
    pub dry_run: bool,
    pub resume_token: Vec<u8>,
    /// The W3C trace context that came along.
    pub traceparent: Option<String>,
    /// After which time nobody waits for the answer any more (`grpc-timeout`).
    pub timeout: Option<String>,
}

impl Call {
    /// A call of which only the method and the metadata are known.
    pub fn new<T>(method: Method, request: &tonic::Request<T>) -> Self {
        let said = |key: &str| request.metadata().get(key)?.to_str().ok().map(ToOwned::to_owned);
        Self {
            order: ORDER.fetch_add(1, Ordering::Relaxed),
            method,
            task_id: String::new(),
            identifiers: Vec::new(),
            categories: Vec::new(),
            directives: Vec::new(),
            corrections: Vec::new(),
            dry_run: false,
            resume_token: Vec::new(),
            traceparent: said("traceparent"),
            timeout: said("grpc-timeout"),
        }
    }

    pub fn task(mut self, task_id: &str) -> Self {
        task_id.clone_into(&mut self.task_id);
        self
    }

    pub fn subject(mut self, subject: Option<&Subject>) -> Self {
        let identifiers = subject.map(|subject| subject.identifiers.as_slice()).unwrap_or_default();
        self.identifiers = identifiers.iter().map(|i| format!("{}={}", i.kind, i.value)).collect();
        self
    }
}

pub struct Journal {
    calls: Vec<Call>,
    /// The task id of each effect.
    pub effects: Vec<String>,
    pub gone: Vec<Gone>,
    seen: watch::Sender<usize>,
}

impl Default for Journal {
    fn default() -> Self {
        Self { calls: Vec::new(), effects: Vec::new(), gone: Vec::new(), seen: watch::Sender::new(0) }
    }
}

impl Journal {
    pub fn note(&mut self, call: Call) {
        self.calls.push(call);
        self.seen.send_modify(|count| *count += 1);
    }

    pub fn effect(&mut self, task_id: &str) {
        self.effects.push(task_id.to_owned());
        self.seen.send_modify(|count| *count += 1);
    }

    pub fn calls(&self, method: Method) -> Vec<Call> {
        self.calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// Calls about a person.
    pub fn personal(&self) -> usize {
        self.calls.iter().filter(|call| call.method != Method::Describe).count()
    }

    pub fn watch(&self) -> watch::Receiver<usize> {
        self.seen.subscribe()
    }
}
