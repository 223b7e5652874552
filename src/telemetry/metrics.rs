//! What is counted and measured, declared in one place: name, unit, labels.
//!
//! No label holds an id or anything personal: labels are names of the configuration or of a closed list. Names follow
//! OpenTelemetry's rules; Prometheus shows `rightful.store.transactions` as `rightful_store_transactions_total`.

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram, Meter},
};

/// Bounds of a transaction's buckets, in seconds: from an insert without a disk to one that waited for a lock.
const TRANSACTION_BOUNDS: [f64; 10] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];
/// Bounds of an attempt's buckets, in seconds: from a lookup to a collection that takes an hour.
const ATTEMPT_BOUNDS: [f64; 9] = [0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 3_600.0];

struct Instruments {
    transactions: Counter<u64>,
    transaction_seconds: Histogram<f64>,
    attempts: Counter<u64>,
    attempt_seconds: Histogram<f64>,
    settled: Counter<u64>,
    leases_lost: Counter<u64>,
    refused: Counter<u64>,
    breaker: Gauge<u64>,
    outage: Gauge<u64>,
    deadlines_missed: Counter<u64>,
    due_soon: Gauge<u64>,
    overdue: Gauge<u64>,
    notices_sent: Counter<u64>,
    notices_waiting: Gauge<f64>,
}

/// Made at the first use, which is after [`super::start`] has set the provider. Without one they count nothing.
static INSTRUMENTS: LazyLock<Instruments> = LazyLock::new(|| Instruments::new(&global::meter("rightful")));

impl Instruments {
    fn new(meter: &Meter) -> Self {
        Self {
            transactions: meter
                .u64_counter("rightful.store.transactions")
                .with_description("Transactions by name and outcome: committed, repeated, failed")
                .build(),
            transaction_seconds: meter
                .f64_histogram("rightful.store.transaction.duration")
                .with_description("How long a transaction took, its repetitions included")
                .with_unit("s")
                .with_boundaries(TRANSACTION_BOUNDS.to_vec())
                .build(),
            attempts: meter
                .u64_counter("rightful.task.attempts")
                .with_description("Attempts by downstream, kind and outcome")
                .build(),
            attempt_seconds: meter
                .f64_histogram("rightful.task.attempt.duration")
                .with_description("How long an attempt took, by downstream and kind")
                .with_unit("s")
                .with_boundaries(ATTEMPT_BOUNDS.to_vec())
                .build(),
            settled: meter
                .u64_counter("rightful.cases.settled")
                .with_description("Cases that ended, by right and reason")
                .build(),
            leases_lost: meter
                .u64_counter("rightful.leases.lost")
                .with_description("Work that was stopped because somebody else holds its lease")
                .build(),
            refused: meter
                .u64_counter("rightful.calls.refused")
                .with_description("Calls that were refused because of too much at once, by limit")
                .build(),
            breaker: meter
                .u64_gauge("rightful.downstream.breaker")
                .with_description("0 closed, 1 half open, 2 open, by downstream")
                .build(),
            notices_sent: meter
                .u64_counter("rightful.notices.sent")
                .with_description("Notices sent, by webhook and outcome: taken, not_taken, given_up, gone")
                .build(),
            notices_waiting: meter
                .f64_gauge("rightful.notices.oldest_undelivered")
                .with_description("Age of the oldest notice that a webhook has not taken; 0 if there is none")
                .with_unit("s")
                .build(),
            outage: meter
                .u64_gauge("rightful.outage")
                .with_description("1 while the database or the storage fails, by what")
                .build(),
            deadlines_missed: meter
                .u64_counter("rightful.deadlines.missed")
                .with_description("Ends of clocks that were not met in time, by regime and kind")
                .build(),
            due_soon: meter
                .u64_gauge("rightful.cases.due_soon")
                .with_description("Cases that are not final and due within policy.warn_before")
                .build(),
            overdue: meter
                .u64_gauge("rightful.cases.overdue")
                .with_description("Cases that are not final and past their due time")
                .build(),
        }
    }
}

/// A transaction of this name ended: `committed`, `repeated` (it will be tried again) or `failed`.
pub fn transaction(name: &'static str, outcome: &'static str) {
    let labels = [KeyValue::new("name", name), KeyValue::new("outcome", outcome)];
    INSTRUMENTS.transactions.add(1, &labels);
}

/// How long a transaction of this name took until it was committed or given up.
pub fn transaction_took(name: &'static str, took: Duration) {
    INSTRUMENTS.transaction_seconds.record(took.as_secs_f64(), &[KeyValue::new("name", name)]);
}

/// An attempt at a task ended: `done`, `refused`, or the reason why it brought nothing.
pub fn attempt(downstream: &str, kind: &'static str, outcome: &'static str, took: Duration) {
    let who = [KeyValue::new("downstream", downstream.to_owned()), KeyValue::new("kind", kind)];
    INSTRUMENTS.attempt_seconds.record(took.as_secs_f64(), &who);
    let [downstream, kind] = who;
    INSTRUMENTS.attempts.add(1, &[downstream, kind, KeyValue::new("outcome", outcome)]);
}

/// A case of this right ended for this reason.
pub fn settled(right: &'static str, reason: &'static str) {
    INSTRUMENTS.settled.add(1, &[KeyValue::new("right", right), KeyValue::new("reason", reason)]);
}

/// Work was stopped because its lease is somebody else's.
pub fn lease_lost() {
    INSTRUMENTS.leases_lost.add(1, &[]);
}

/// A call was refused because of this limit.
pub fn refused(limit: &'static str) {
    INSTRUMENTS.refused.add(1, &[KeyValue::new("limit", limit)]);
}

/// Where the breaker of a downstream stands: 0 closed, 1 half open, 2 open.
pub fn breaker(downstream: &str, position: u64) {
    INSTRUMENTS.breaker.record(position, &[KeyValue::new("downstream", downstream.to_owned())]);
}

/// Whether `what` fails just now.
pub fn outage(what: &'static str, fails: bool) {
    INSTRUMENTS.outage.record(u64::from(fails), &[KeyValue::new("what", what)]);
}

/// A clock of this regime ended without what it wants: `acknowledge` or `respond`.
pub fn deadline_missed(regime: &str, kind: &'static str) {
    let labels = [KeyValue::new("regime", regime.to_owned()), KeyValue::new("kind", kind)];
    INSTRUMENTS.deadlines_missed.add(1, &labels);
}

/// How many cases are due soon, and how many are overdue.
pub fn due(soon: u64, overdue: u64) {
    INSTRUMENTS.due_soon.record(soon, &[]);
    INSTRUMENTS.overdue.record(overdue, &[]);
}

/// A notice was sent to this webhook: `taken`, `not_taken` (it is sent again), `given_up` or `gone`.
pub fn notice_sent(webhook: &str, outcome: &'static str) {
    let labels = [KeyValue::new("webhook", webhook.to_owned()), KeyValue::new("outcome", outcome)];
    INSTRUMENTS.notices_sent.add(1, &labels);
}

/// How old the oldest notice is that this webhook has not taken.
pub fn notices_waiting(webhook: &str, age: jiff::SignedDuration) {
    let labels = [KeyValue::new("webhook", webhook.to_owned())];
    INSTRUMENTS.notices_waiting.record(age.as_secs_f64().max(0.0), &labels);
}
