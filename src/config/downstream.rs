//! The `[[downstream]]` entries: who is asked, and how patiently.

use std::collections::BTreeSet;

use http::Uri;
use jiff::SignedDuration;

use super::{
    manual,
    settings::Settings,
    tls::{self, ClientTls},
};
use crate::domain::{
    Capabilities,
    subject::{NAME_RULE, is_name},
};

/// Downstreams at the most: a plan names each of them, and has to stay readable.
const DOWNSTREAMS_MAX: usize = 1_000;
/// Calls at once at the most: more than HTTP/2 servers commonly allow on a connection several times over.
const PARALLEL_CALLS_MAX: u32 = 1_024;
/// Calls a minute at the most: 100,000 a second is more than rightful makes.
const RATE_MAX: u32 = 6_000_000;
/// Calls at once after a rest: a second's worth of the fastest rate.
const BURST_MAX: u32 = 100_000;
/// No timeout is shorter, or a busy machine would meet it without any fault.
const TIMEOUT_LEAST: SignedDuration = SignedDuration::from_millis(10);
/// No single answer takes longer: longer work is answered `working` and polled.
const TIMEOUT_MOST: SignedDuration = SignedDuration::from_hours(1);
/// A collection of 100 GB over a slow line takes days, not weeks.
const COLLECT_MOST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A downstream that serves `SubjectDataService`.
const GRPC: &str = "grpc";
/// One that people answer for.
const MANUAL: &str = "manual";
/// What an endpoint looks like.
const ENDPOINT_RULE: &str =
    "must be https://host:port without a path; http:// with --insecure on this machine only";

/// A registered downstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// Its name in cases, tasks and exports: `[a-z][a-z0-9_]{0,62}`.
    pub name: String,
    /// What it holds, if people answer for it.
    pub manual: Option<Capabilities>,
    /// Where it is called: `https://host:port`, or `http://…` in clear; empty if people answer for it.
    pub endpoint: String,
    /// How it is called over TLS; there exactly if the endpoint is https.
    pub tls: Option<ClientTls>,
    /// Calls at once at the most, 1 to 1,024. The downstream may ask for fewer.
    pub parallel_calls: u32,
    /// Calls a minute at the most, up to 6,000,000, of all replicas together. 0: no limit.
    pub calls_per_minute: u32,
    /// Calls that may come at once after a rest, if calls a minute are limited, up to 100,000. 0: a second's worth.
    pub burst: u32,
    /// How long connecting may take. 10 ms to 1 h, as are the next two.
    pub connect_timeout: SignedDuration,
    /// How long a call may take that answers one message.
    pub call_timeout: SignedDuration,
    /// How long a stream may be silent.
    pub idle_timeout: SignedDuration,
    /// How long one stream of collected data may take altogether. 10 ms to 168 h.
    pub collect_timeout: SignedDuration,
}

/// All entries. Those with faults are left in: the faults keep them from being used.
pub(super) fn all(settings: &mut Settings) -> Vec<Downstream> {
    let length = settings.length("downstream");
    if length > DOWNSTREAMS_MAX {
        settings.fault("downstream", format!("must have at most {DOWNSTREAMS_MAX} entries"));
    }
    let mut names = BTreeSet::new();
    let mut downstreams = Vec::new();
    for index in 0..length.min(DOWNSTREAMS_MAX) {
        let downstream = one(settings, &format!("downstream[{index}]"));
        if is_name(&downstream.name) && !names.insert(downstream.name.clone()) {
            settings.fault(&format!("downstream[{index}].name"), "must be different from all others");
        }
        downstreams.push(downstream);
    }
    downstreams
}

fn one(settings: &mut Settings, at: &str) -> Downstream {
    let name = settings.optional(&format!("{at}.name")).unwrap_or_default();
    if !is_name(&name) {
        settings.fault(&format!("{at}.name"), NAME_RULE);
    }
    let kind = settings.optional(&format!("{at}.kind")).unwrap_or_else(|| GRPC.to_owned());
    if kind != GRPC && kind != MANUAL {
        settings.fault(&format!("{at}.kind"), format!("must be {GRPC} or {MANUAL}"));
    }
    let manual = (kind == MANUAL).then(|| manual::capabilities(settings, at));
    let endpoint = settings.optional(&format!("{at}.endpoint")).unwrap_or_default();
    if manual.is_some() && !endpoint.is_empty() {
        settings.fault(&format!("{at}.endpoint"), "must be left out: people answer for it");
    }
    if manual.is_none() && !is_endpoint(&endpoint) {
        settings.fault(&format!("{at}.endpoint"), ENDPOINT_RULE);
    }
    let tls = tls::client(settings, &format!("{at}.tls"));
    let is_https = endpoint.starts_with("https://");
    if !is_https && tls != ClientTls::default() {
        settings.fault(&format!("{at}.tls"), "must be left out: the endpoint is not https://");
    }
    let calls_per_minute = settings.number(&format!("{at}.calls_per_minute"), 0, 0..=RATE_MAX);
    let burst = settings.number(&format!("{at}.burst"), 0, 0..=BURST_MAX);
    let mut timeout = |key: &str, default_s: i64, most: SignedDuration| {
        settings.duration(&format!("{at}.{key}"), SignedDuration::from_secs(default_s), TIMEOUT_LEAST..=most)
    };
    Downstream {
        name,
        manual,
        endpoint,
        tls: is_https.then_some(tls),
        connect_timeout: timeout("connect_timeout", 5, TIMEOUT_MOST),
        call_timeout: timeout("call_timeout", 30, TIMEOUT_MOST),
        idle_timeout: timeout("idle_timeout", 60, TIMEOUT_MOST),
        collect_timeout: timeout("collect_timeout", 6 * 3_600, COLLECT_MOST),
        parallel_calls: settings.number(&format!("{at}.parallel_calls"), 8, 1..=PARALLEL_CALLS_MAX),
        calls_per_minute,
        burst,
    }
}

/// `https://host:port` or `http://host:port`, and nothing else but a closing slash.
pub(super) fn is_endpoint(text: &str) -> bool {
    text.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.port_u16().is_some()
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.path() == "/"
            && uri.query().is_none()
    })
}
