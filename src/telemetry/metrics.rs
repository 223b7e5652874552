//! What is counted and measured. What each metric is called and means is declared in [`super::declared`].

use std::{
    collections::BTreeSet,
    sync::{LazyLock, Mutex, PoisonError},
    time::Duration,
};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram, Meter},
};

use tracing::Span;

use super::{declared as d, exemplar::Traced, zero};

/// The only protocol of ours (OpenTelemetry's semantic conventions for RPC).
const GRPC: (&str, &str) = ("rpc.system.name", "grpc");

pub(super) struct Instruments {
    server_calls: Traced,
    client_calls: Traced,
    pub(super) refused: Counter<u64>,
    pub(super) opened: Counter<u64>,
    open: Gauge<f64>,
    settled: Counter<u64>,
    due_soon: Gauge<f64>,
    overdue: Gauge<f64>,
    pub(super) deadlines_missed: Counter<u64>,
    attempts: Counter<u64>,
    attempt_seconds: Traced,
    waiting: Gauge<f64>,
    oldest_waiting: Gauge<f64>,
    needs_attention: Gauge<f64>,
    pub(super) breaker: Gauge<f64>,
    pub(super) leases_lost: Counter<u64>,
    transactions: Counter<u64>,
    transaction_seconds: Histogram<f64>,
    storage_seconds: Histogram<f64>,
    pub(super) outage: Gauge<f64>,
    pub(super) collected: Counter<u64>,
    pub(super) served: Counter<u64>,
    pub(super) notices_sent: Counter<u64>,
    notices_waiting: Gauge<f64>,
    certificate_valid_until: Gauge<f64>,
    pub(super) certificates_reloaded: Counter<u64>,
    pub(super) handshakes_failed: Counter<u64>,
    pub(super) connections_closed: Counter<u64>,
    pub(super) keys_fetched: Counter<u64>,
    pub(super) rewrapped: Counter<u64>,
    denied: Counter<u64>,
}

/// Made at the first use, which is after [`super::start`] has set the provider. Without one they count nothing.
pub(super) static INSTRUMENTS: LazyLock<Instruments> =
    LazyLock::new(|| Instruments::new(&global::meter("rightful")));

impl Instruments {
    fn new(meter: &Meter) -> Self {
        Self {
            server_calls: d::SERVER_CALLS.traced(meter),
            client_calls: d::CLIENT_CALLS.traced(meter),
            refused: d::REFUSED.counter(meter),
            opened: d::OPENED.counter(meter),
            open: d::OPEN.gauge(meter),
            settled: d::SETTLED.counter(meter),
            due_soon: d::DUE_SOON.gauge(meter),
            overdue: d::OVERDUE.gauge(meter),
            deadlines_missed: d::DEADLINES_MISSED.counter(meter),
            attempts: d::ATTEMPTS.counter(meter),
            attempt_seconds: d::ATTEMPT_SECONDS.traced(meter),
            waiting: d::WAITING.gauge(meter),
            oldest_waiting: d::OLDEST_WAITING.gauge(meter),
            needs_attention: d::NEEDS_ATTENTION.gauge(meter),
            breaker: d::BREAKER.gauge(meter),
            leases_lost: d::LEASES_LOST.counter(meter),
            transactions: d::TRANSACTIONS.counter(meter),
            transaction_seconds: d::TRANSACTION_SECONDS.histogram(meter),
            storage_seconds: d::STORAGE_SECONDS.histogram(meter),
            outage: d::OUTAGE.gauge(meter),
            collected: d::COLLECTED.counter(meter),
            served: d::SERVED.counter(meter),
            notices_sent: d::NOTICES_SENT.counter(meter),
            notices_waiting: d::NOTICES_WAITING.gauge(meter),
            certificate_valid_until: d::CERTIFICATE_VALID_UNTIL.gauge(meter),
            certificates_reloaded: d::CERTIFICATES_RELOADED.counter(meter),
            handshakes_failed: d::HANDSHAKES_FAILED.counter(meter),
            connections_closed: d::CONNECTIONS_CLOSED.counter(meter),
            keys_fetched: d::KEYS_FETCHED.counter(meter),
            rewrapped: d::REWRAPPED.counter(meter),
            denied: d::DENIED.counter(meter),
        }
    }

    /// Those that have exemplars.
    pub(super) const fn traced(&self) -> [&Traced; 3] {
        [&self.server_calls, &self.client_calls, &self.attempt_seconds]
    }
}

pub(super) fn label(name: &'static str, value: impl Into<std::borrow::Cow<'static, str>>) -> KeyValue {
    KeyValue::new(name, value.into())
}

/// Counts are far below 2^53, where floating point stops telling neighbours apart.
#[expect(clippy::cast_precision_loss, reason = "see above")]
const fn number(count: u64) -> f64 {
    count as f64
}

/// A call to this method (`rightful.v1.CaseService/OpenCase`) was answered with this code (`OK`, `NOT_FOUND`)
/// after `took`, which `span` is of.
pub fn server_call(method: &'static str, code: &'static str, took: Duration, span: &Span) {
    let labels =
        [label(GRPC.0, GRPC.1), label("rpc.method", method), label("rpc.response.status_code", code)];
    INSTRUMENTS.server_calls.record(took, &labels, span);
}

/// A downstream answered a call to this method with this code, or did not in time (`TIMEOUT`);
/// `span` is of the call.
pub fn client_call(downstream: &str, method: &'static str, code: &'static str, took: Duration, span: &Span) {
    let labels = [
        label(GRPC.0, GRPC.1),
        label("rpc.method", method),
        label("rpc.response.status_code", code),
        label("downstream", downstream.to_owned()),
    ];
    INSTRUMENTS.client_calls.record(took, &labels, span);
}

/// A transaction of this name ended: `committed`, `repeated` (it will be tried again) or `failed`.
pub fn transaction(name: &'static str, outcome: &'static str) {
    INSTRUMENTS.transactions.add(1, &[label("name", name), label("outcome", outcome)]);
}

/// How long a transaction of this name took until it was committed or given up, on `sqlite` or `postgresql`.
pub fn transaction_took(system: &'static str, name: &'static str, took: Duration) {
    let labels = [label("db.system.name", system), label("db.operation.name", name)];
    INSTRUMENTS.transaction_seconds.record(took.as_secs_f64(), &labels);
}

/// An operation of the storage ended: `get`, `put`, `delete` or `check`.
pub fn storage_operation(operation: &'static str, worked: bool, took: Duration) {
    let outcome = if worked { "worked" } else { "failed" };
    INSTRUMENTS
        .storage_seconds
        .record(took.as_secs_f64(), &[label("operation", operation), label("outcome", outcome)]);
}

/// An attempt at a task ended: `done`, `refused`, or the reason why it brought nothing. The current
/// span is of it.
pub fn attempt(downstream: &str, kind: &'static str, outcome: &'static str, took: Duration) {
    let who = [label("downstream", downstream.to_owned()), label("kind", kind)];
    INSTRUMENTS.attempt_seconds.record(took, &who, &Span::current());
    let [downstream, kind] = who;
    INSTRUMENTS.attempts.add(1, &[downstream, kind, label("outcome", outcome)]);
}

/// So many bytes arrived from this downstream.
pub fn collected(downstream: &str, bytes: u64) {
    INSTRUMENTS.collected.add(bytes, &[label("downstream", downstream.to_owned())]);
}

/// So many bytes of an export were handed out.
pub fn served(bytes: u64) {
    INSTRUMENTS.served.add(bytes, &[]);
}

/// A case of this right was opened.
pub fn opened(right: &'static str) {
    INSTRUMENTS.opened.add(1, &[label("right", right)]);
}

/// A case of this right ended for this reason.
pub fn settled(right: &'static str, reason: &'static str) {
    INSTRUMENTS.settled.add(1, &[label("right", right), label("reason", reason)]);
}

/// Work was stopped because its lease is somebody else's.
pub fn lease_lost() {
    INSTRUMENTS.leases_lost.add(1, &[]);
}

/// A call was refused because of this limit.
pub fn refused(limit: &'static str) {
    debug_assert!(zero::LIMITS_OF_CALLS.contains(&limit), "{limit} does not begin at 0");
    INSTRUMENTS.refused.add(1, &[label("limit", limit)]);
}

/// Where the breaker of a downstream stands: 0 closed, 1 half open, 2 open.
pub fn breaker(downstream: &str, position: u64) {
    INSTRUMENTS.breaker.record(number(position), &[label("downstream", downstream.to_owned())]);
}

/// Whether `what` fails just now.
pub fn outage(what: &'static str, fails: bool) {
    INSTRUMENTS.outage.record(number(u64::from(fails)), &[label("what", what)]);
}

/// A clock of this regime ended without what it wants: `acknowledge` or `respond`.
pub fn deadline_missed(regime: &str, kind: &'static str) {
    INSTRUMENTS.deadlines_missed.add(1, &[label("regime", regime.to_owned()), label("kind", kind)]);
}

/// How many cases are due soon, and how many are overdue.
pub fn due(soon: u64, overdue: u64) {
    INSTRUMENTS.due_soon.record(number(soon), &[]);
    INSTRUMENTS.overdue.record(number(overdue), &[]);
}

/// Cases that are alike in what they are counted by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    /// The state.
    pub state: &'static str,
    /// The right.
    pub right: &'static str,
    /// The regimes, joined with +; empty for none.
    pub regimes: String,
}

/// How many cases there are that are not final. Kinds that were told before and are not now have become none.
pub fn open_cases(counts: impl IntoIterator<Item = (Alike, u64)>) {
    static TOLD: Mutex<BTreeSet<Alike>> = Mutex::new(BTreeSet::new());
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let labels = |alike: &Alike| {
        [label("state", alike.state), label("right", alike.right), label("regimes", alike.regimes.clone())]
    };
    let mut now = BTreeSet::new();
    for (alike, count) in counts {
        INSTRUMENTS.open.record(number(count), &labels(&alike));
        now.insert(alike);
    }
    for gone in told.difference(&now) {
        INSTRUMENTS.open.record(0.0, &labels(gone));
    }
    // Those that are none now stay known as long as the process: their number is bounded by the configuration.
    told.extend(now);
}

/// How much work waits for a downstream, and for how long its oldest, and how much waits for a person.
pub fn waiting(downstream: &str, tasks: u64, oldest: Duration, needs_attention: u64) {
    let labels = [label("downstream", downstream.to_owned())];
    INSTRUMENTS.waiting.record(number(tasks), &labels);
    INSTRUMENTS.oldest_waiting.record(oldest.as_secs_f64(), &labels);
    INSTRUMENTS.needs_attention.record(number(needs_attention), &labels);
}

/// A notice was sent to this webhook: `taken`, `not_taken` (it is sent again), `given_up` or `gone`.
pub fn notice_sent(webhook: &str, outcome: &'static str) {
    INSTRUMENTS.notices_sent.add(1, &[label("webhook", webhook.to_owned()), label("outcome", outcome)]);
}

/// How old the oldest notice is that this webhook has not taken.
pub fn notices_waiting(webhook: &str, age: jiff::SignedDuration) {
    let labels = [label("webhook", webhook.to_owned())];
    INSTRUMENTS.notices_waiting.record(age.as_secs_f64().max(0.0), &labels);
}

/// When the certificate of this place of the configuration ends, in seconds since 1970.
pub fn certificate_valid_until(what: &str, at: i64) {
    let labels = [label("what", what.to_owned())];
    INSTRUMENTS.certificate_valid_until.record(number(u64::try_from(at).unwrap_or(0)), &labels);
}

/// The certificates of this place changed: `changed` or `refused`.
pub fn certificates_reloaded(what: &str, outcome: &'static str) {
    INSTRUMENTS.certificates_reloaded.add(1, &[label("what", what.to_owned()), label("outcome", outcome)]);
}

/// A connection of a caller did not begin: `refused` or `late`.
pub fn handshake_failed(reason: &'static str) {
    INSTRUMENTS.handshakes_failed.add(1, &[label("reason", reason)]);
}

/// A connection of a caller was refused or ended because of this limit.
pub fn connection_closed(limit: &'static str) {
    debug_assert!(zero::LIMITS_OF_CONNECTIONS.contains(&limit), "{limit} does not begin at 0");
    INSTRUMENTS.connections_closed.add(1, &[label("limit", limit)]);
}

/// The keys of the tokens' issuer were asked for: `had` or `failed`.
pub fn keys_fetched(outcome: &'static str) {
    INSTRUMENTS.keys_fetched.add(1, &[label("outcome", outcome)]);
}

/// So many case keys were wrapped anew.
pub fn rewrapped(count: u64) {
    INSTRUMENTS.rewrapped.add(count, &[]);
}

/// A call was denied.
pub fn denied(rpc: &'static str, reason: &'static str) {
    INSTRUMENTS.denied.add(1, &[label("rpc", rpc), label("reason", reason)]);
}
