//! What has not happened yet is told as 0.
//!
//! Prometheus sees growth only from a value that it knew. A counter that appears with its first event does not grow by it: the
//! first deadline that is missed, the first certificate that is refused, would raise no alert (Prometheus, "Instrumentation",
//! "Avoid missing metrics"). Where the labels are known beforehand and few, the series is there from the start.

use super::metrics::{INSTRUMENTS, label};

/// Limits that a call is refused because of.
pub(super) const LIMITS_OF_CALLS: [&str; 12] = [
    "answer_idle",
    "call_timeout",
    "callers",
    "calls_per_second",
    "calls_waiting",
    "calls_waiting_per_caller",
    "opens_per_second",
    "opens_waiting",
    "request_bytes",
    "request_idle",
    "streams",
    "streams_per_caller",
];

/// Limits that a connection is refused or ended because of.
pub(super) const LIMITS_OF_CONNECTIONS: [&str; 5] =
    ["connection_age_grace", "connections", "connections_per_peer", "control_frames", "preface_timeout"];

/// What is known of a configuration before anything happens.
#[derive(Debug)]
pub struct Known<'a> {
    /// Names of the rights.
    pub rights: Vec<&'static str>,
    /// Names of the regimes that cases may be under.
    pub regimes: Vec<&'a str>,
    /// Names of the kinds of clocks.
    pub clocks: Vec<&'static str>,
    /// Names of the downstreams.
    pub downstreams: Vec<&'a str>,
    /// Names of the webhooks.
    pub webhooks: Vec<&'a str>,
    /// Places of certificates that are followed.
    pub certificates: Vec<&'a str>,
    /// Whether callers are known by tokens, whose keys are asked for.
    pub has_tokens: bool,
}

/// Tells each series that is known beforehand, once, after [`super::start`]. Changes none that is there already, but for gauges
/// of what is not wrong at the start.
pub fn begin(known: &Known<'_>) {
    let all = &*INSTRUMENTS;
    for counter in [&all.served, &all.leases_lost, &all.rewrapped] {
        counter.add(0, &[]);
    }
    for limit in LIMITS_OF_CALLS {
        all.refused.add(0, &[label("limit", limit)]);
    }
    for limit in LIMITS_OF_CONNECTIONS {
        all.connections_closed.add(0, &[label("limit", limit)]);
    }
    for reason in ["refused", "late"] {
        all.handshakes_failed.add(0, &[label("reason", reason)]);
    }
    for what in ["the database", "the storage"] {
        all.outage.record(0.0, &[label("what", what)]);
    }
    for &right in &known.rights {
        all.opened.add(0, &[label("right", right)]);
    }
    for &regime in &known.regimes {
        for &kind in &known.clocks {
            all.deadlines_missed.add(0, &[label("regime", regime.to_owned()), label("kind", kind)]);
        }
    }
    for &downstream in &known.downstreams {
        let labels = [label("downstream", downstream.to_owned())];
        all.collected.add(0, &labels);
        all.breaker.record(0.0, &labels);
    }
    for &webhook in &known.webhooks {
        for outcome in ["taken", "not_taken", "given_up", "gone"] {
            all.notices_sent.add(0, &[label("webhook", webhook.to_owned()), label("outcome", outcome)]);
        }
    }
    for &what in &known.certificates {
        for outcome in ["changed", "refused"] {
            all.certificates_reloaded.add(0, &[label("what", what.to_owned()), label("outcome", outcome)]);
        }
    }
    for outcome in ["had", "failed"].into_iter().filter(|_| known.has_tokens) {
        all.keys_fetched.add(0, &[label("outcome", outcome)]);
    }
}
