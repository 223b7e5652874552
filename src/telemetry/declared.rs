//! Every metric, declared in one place: name, kind, unit, labels, meaning. `docs/metrics.md` is printed from here.
//!
//! No label holds an id or anything personal: labels are names of the configuration or of a closed list. Names follow
//! OpenTelemetry's rules, and its semantic conventions for RPC and databases where these have a name for it.

use std::fmt::Write as _;

use opentelemetry::metrics::{Counter, Gauge, Histogram, Meter};

use super::exemplar::Traced;

/// Bounds of buckets in seconds: from an insert without a disk to one that waited for a lock.
const SHORT: &[f64] = &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0];
/// Bounds of buckets in seconds: from a lookup to a collection that takes an hour.
const LONG: &[f64] = &[0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0, 600.0, 3_600.0];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is what it is now.
    Gauge,
    /// How values are distributed.
    Histogram,
}

/// A metric as it is declared.
#[derive(Clone, Copy, Debug)]
pub struct Declared {
    /// `rightful.store.transactions`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// The unit in UCUM: `s`, `By`; empty for what is counted.
    pub unit: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub meaning: &'static str,
    /// Upper bounds of the buckets, of a histogram.
    bounds: &'static [f64],
}

macro_rules! declare {
    ($( $NAME:ident = $kind:ident $name:literal $unit:literal [$($label:literal),*] $bounds:ident $meaning:literal; )+) => {
        $( pub(super) const $NAME: Declared = Declared {
            name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], meaning: $meaning, bounds: $bounds,
        }; )+
        /// All of them, in the order of the documentation.
        pub const ALL: &[Declared] = &[ $( $NAME, )+ ];
    };
}

/// No buckets: it is no histogram.
const NONE: &[f64] = &[];

declare! {
    SERVER_CALLS = Histogram "rpc.server.call.duration" "s" ["rpc.system.name", "rpc.method", "rpc.response.status_code"] LONG
        "Calls that rightful answered, until the end of the answer; a watch takes as long as it is watched";
    CLIENT_CALLS = Histogram "rpc.client.call.duration" "s" ["rpc.system.name", "rpc.method", "rpc.response.status_code", "downstream"] LONG
        "Calls to downstreams; TIMEOUT is our own patience";
    REFUSED = Counter "rightful.calls.refused" "" ["limit"] NONE
        "Calls that were refused because of too much at once, by limit";
    OPENED = Counter "rightful.cases.opened" "" ["right"] NONE
        "Cases that were opened, replays apart";
    OPEN = Gauge "rightful.cases.open" "" ["state", "right", "regimes"] NONE
        "Cases that are not final, counted every minute; several regimes are joined with +";
    SETTLED = Counter "rightful.cases.settled" "" ["right", "reason"] NONE
        "Cases that ended";
    DUE_SOON = Gauge "rightful.cases.due_soon" "" [] NONE
        "Cases that are not final and due within policy.warn_before";
    OVERDUE = Gauge "rightful.cases.overdue" "" [] NONE
        "Cases that are not final and past their due time";
    DEADLINES_MISSED = Counter "rightful.deadlines.missed" "" ["regime", "kind"] NONE
        "Ends of clocks that were not met in time: acknowledge, respond";
    ATTEMPTS = Counter "rightful.task.attempts" "" ["downstream", "kind", "outcome"] NONE
        "Attempts at tasks: done, refused, or the reason why it brought nothing";
    ATTEMPT_SECONDS = Histogram "rightful.task.attempt.duration" "s" ["downstream", "kind"] LONG
        "How long an attempt took";
    WAITING = Gauge "rightful.tasks.waiting" "" ["downstream"] NONE
        "Tasks that could be done now or are being done, counted every minute";
    OLDEST_WAITING = Gauge "rightful.tasks.oldest_waiting" "s" ["downstream"] NONE
        "For how long the oldest of them could have been done; 0 if there is none";
    NEEDS_ATTENTION = Gauge "rightful.tasks.needs_attention" "" ["downstream"] NONE
        "Tasks that wait for a person's decision, counted every minute";
    BREAKER = Gauge "rightful.downstream.breaker" "" ["downstream"] NONE
        "0 closed, 1 half open, 2 open";
    LEASES_LOST = Counter "rightful.leases.lost" "" [] NONE
        "Work that was stopped because somebody else holds its lease";
    TRANSACTIONS = Counter "rightful.store.transactions" "" ["name", "outcome"] NONE
        "Transactions: committed, repeated, failed";
    TRANSACTION_SECONDS = Histogram "db.client.operation.duration" "s" ["db.system.name", "db.operation.name"] SHORT
        "How long a transaction took, its repetitions included";
    STORAGE_SECONDS = Histogram "rightful.storage.operation.duration" "s" ["operation", "outcome"] LONG
        "Operations of the object storage: get, put, delete, check; worked or failed";
    OUTAGE = Gauge "rightful.outage" "" ["what"] NONE
        "1 while the database or the storage fails";
    COLLECTED = Counter "rightful.collected" "By" ["downstream"] NONE
        "Bytes of records and files that arrived from downstreams";
    SERVED = Counter "rightful.served" "By" [] NONE
        "Bytes of exports that were handed out";
    NOTICES_SENT = Counter "rightful.notices.sent" "" ["webhook", "outcome"] NONE
        "Notices sent: taken, not_taken, given_up, gone";
    NOTICES_WAITING = Gauge "rightful.notices.oldest_undelivered" "s" ["webhook"] NONE
        "Age of the oldest notice that a webhook has not taken; 0 if there is none";
    CERTIFICATE_VALID_UNTIL = Gauge "rightful.tls.certificate.valid_until" "s" ["what"] NONE
        "When a certificate of ours ends, as seconds since 1970";
    CERTIFICATES_RELOADED = Counter "rightful.tls.reloads" "" ["what", "outcome"] NONE
        "Files of certificates and authorities that changed: changed (they are in force), refused (the old ones stay)";
    REWRAPPED = Counter "rightful.keys.rewrapped" "" [] NONE
        "Case keys that were wrapped under the primary key of the ring after a rotation";
    KEYS_FETCHED = Counter "rightful.auth.keys" "" ["outcome"] NONE
        "Times that the keys of the tokens' issuer were asked for: had, failed";
    DENIED = Counter "rightful.auth.denied" "" ["rpc", "reason"] NONE
        "Calls of callers who are not known, or may not do what they ask for";
    HANDSHAKES_FAILED = Counter "rightful.tls.handshakes.failed" "" ["reason"] NONE
        "Connections of callers that did not begin: refused, late";
    CONNECTIONS_CLOSED = Counter "rightful.connections.closed" "" ["limit"] NONE
        "Connections of callers that were refused or ended because of too much, by limit";
}

impl Declared {
    /// Its name as Prometheus shows it.
    pub fn prometheus(&self) -> String {
        let mut name = self.name.replace('.', "_");
        name.push_str(match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            _ => "",
        });
        if self.kind == Kind::Counter {
            name.push_str("_total");
        }
        name
    }

    pub(super) fn counter(&self, meter: &Meter) -> Counter<u64> {
        meter.u64_counter(self.name).with_description(self.meaning).with_unit(self.unit).build()
    }

    pub(super) fn gauge(&self, meter: &Meter) -> Gauge<f64> {
        meter.f64_gauge(self.name).with_description(self.meaning).with_unit(self.unit).build()
    }

    pub(super) fn histogram(&self, meter: &Meter) -> Histogram<f64> {
        let builder = meter.f64_histogram(self.name).with_description(self.meaning).with_unit(self.unit);
        builder.with_boundaries(self.bounds.to_vec()).build()
    }

    pub(super) fn traced(&self, meter: &Meter) -> Traced {
        Traced::new(self.prometheus(), self.histogram(meter), self.bounds)
    }
}

/// The table of `docs/metrics.md`.
pub fn table() -> String {
    let mut text =
        String::from("| metric | in Prometheus | kind | labels | meaning |\n|---|---|---|---|---|\n");
    for metric in ALL {
        let labels: Vec<String> =
            metric.labels.iter().map(|label| format!("`{}`", label.replace('.', "_"))).collect();
        let (kind, prometheus) = (format!("{:?}", metric.kind).to_lowercase(), metric.prometheus());
        writeln!(
            text,
            "| `{}` | `{prometheus}` | {kind} | {} | {} |",
            metric.name,
            labels.join(", "),
            metric.meaning
        )
        .expect("a String takes everything");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_one_name_and_a_histogram_has_buckets() {
        let names: BTreeSet<String> = ALL.iter().map(Declared::prometheus).collect();
        assert_eq!(names.len(), ALL.len());
        for metric in ALL {
            assert_eq!(metric.kind == Kind::Histogram, !metric.bounds.is_empty(), "{}", metric.name);
            assert!(metric.bounds.is_sorted(), "{}", metric.name);
        }
    }
}
