//! From the settings as written to the configuration as meant. The defaults and the bounds stand here.

use std::net::SocketAddr;

use jiff::SignedDuration;

use super::{
    Config, Controller, Engine, Policy, Server, Storage, Store, auth, downstream, handling, keys, limits,
    retention, settings::Settings, telemetry, tls, webhook,
};
use crate::domain::{Duplicates, Faults, breaker, retry};

/// Names, paths and URLs are short; a longer one is a mistake.
const TEXT_BYTES_MAX: usize = 1_024;
/// Consoles of a company: one, and a few under test.
const WEB_ORIGINS_MAX: usize = 20;
/// The controller's texts stand in the head of every export.
const CONTROLLER_BYTES_MAX: usize = 256;
/// Past 100,000 attempts at `retry.longest` years have gone by, and so has every due time.
const ATTEMPTS_MAX: u32 = 100_000;

/// Cases of one person that are counted at the most: whoever asks more often than that is a matter for a person anyway.
const EXCESSIVE_CASES_MAX: u32 = 100;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// Checks everything and reports all faults at once.
pub(super) fn config(mut settings: Settings) -> Result<Config, Faults> {
    let config = sections(&mut settings);
    settings.finish().or(config)
}

/// Reads every section. Where there is a fault, the value is of no use.
pub(super) fn sections(settings: &mut Settings) -> Config {
    let (server, store, storage) = (server(settings), store(settings), storage(settings));
    let controller = controller(settings);
    let policy = Policy {
        respond_within: settings.period("policy.respond_within", "P30D"),
        export_lives: settings.period("policy.export_lives", "P30D"),
        duplicates: settings.parsed("policy.duplicates", Duplicates::Allow, "must be allow, join or refuse"),
        excessive_cases: settings.number("policy.excessive_cases", 0, 0..=EXCESSIVE_CASES_MAX),
        excessive_within: settings.period("policy.excessive_within", "P12M"),
    };
    Config {
        server,
        reload_every: tls::reload_every(settings),
        auth: auth::section(settings),
        store,
        storage,
        keys: keys::section(settings),
        controller,
        handling: handling::handling(settings, &policy.respond_within),
        policy,
        engine: engine(settings),
        limits: limits::section(settings),
        retry: retry(settings),
        breaker: breaker(settings),
        retention: retention::section(settings),
        notices: webhook::notices(settings),
        webhooks: webhook::all(settings),
        telemetry: telemetry::telemetry(settings),
        downstreams: downstream::all(settings),
    }
}

fn server(settings: &mut Settings) -> Server {
    let default = SocketAddr::from(([127, 0, 0, 1], 7443));
    let rule = "must be an IP address and a port, such as 127.0.0.1:7443 or [::]:7443";
    Server {
        listen: settings.parsed("server.listen", default, rule),
        grace: settings.duration("server.grace", SECOND * 25, SignedDuration::from_millis(100)..=HOUR),
        web_origins: web_origins(settings),
        tls: tls::server(settings),
    }
}

/// Each as a browser sends it (RFC 6454, 6.1): scheme, host, and the port unless it is the scheme's own.
fn web_origins(settings: &mut Settings) -> Vec<String> {
    let origins = settings.list("server.web_origins", WEB_ORIGINS_MAX);
    for (index, origin) in origins.iter().enumerate() {
        if !is_origin(origin) {
            let rule = "must be https://host or https://host:port in lower case and nothing behind it; http for localhost only";
            settings.fault(&format!("server.web_origins[{index}]"), rule);
        }
    }
    origins
}

fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<http::Uri>() else { return false };
    let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else { return false };
    let port = uri.port_u16().filter(|_| uri.port_u16() != Some(if scheme == "https" { 443 } else { 80 }));
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let is_safe = scheme == "https" || (scheme == "http" && host == "localhost");
    is_safe && text == format!("{scheme}://{host}{port}").to_lowercase()
}

fn store(settings: &mut Settings) -> Store {
    let url = settings.text("store.url", "sqlite://rightful.sqlite", TEXT_BYTES_MAX);
    if !has_scheme(&url, &["sqlite", "postgres", "postgresql"]) {
        settings.fault("store.url", "must be sqlite://file or postgres://user@host/database");
    }
    Store { url }
}

fn storage(settings: &mut Settings) -> Storage {
    let url = settings.text("storage.url", "file://./objects", TEXT_BYTES_MAX);
    if !has_scheme(&url, &["file", "s3"]) {
        settings.fault("storage.url", "must be file://folder or s3://bucket/prefix");
    }
    Storage { url, options: settings.table("storage.options") }
}

/// Whether it is one of these schemes, `://`, and something.
fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    url.split_once("://").is_some_and(|(scheme, rest)| schemes.contains(&scheme) && !rest.is_empty())
}

fn controller(settings: &mut Settings) -> Controller {
    let mut text = |key: &str, default: &str| settings.text(key, default, CONTROLLER_BYTES_MAX);
    Controller {
        name: text("controller.name", "the controller"),
        contact: text("controller.contact", "the service through which you made your request"),
        complaint_body: text(
            "controller.complaint_body",
            "the data protection authority of the place where you live",
        ),
    }
}

fn engine(settings: &mut Settings) -> Engine {
    Engine {
        lease: settings.duration("engine.lease", SECOND * 30, SECOND..=HOUR),
        poll: settings.duration("engine.poll", SECOND, SignedDuration::from_millis(10)..=HOUR),
        describe_every: settings.duration(
            "engine.describe_every",
            SECOND * 300,
            SignedDuration::from_millis(100)..=DAY,
        ),
        describe_patience: settings.duration(
            "engine.describe_patience",
            HOUR,
            SignedDuration::ZERO..=DAY * 30,
        ),
        open_batch_max: settings.number("engine.open_batch_max", 256, 1..=10_000),
        calls_per_lane: settings.number("engine.calls_per_lane", 64, 1..=1_024),
    }
}

fn retry(settings: &mut Settings) -> retry::Policy {
    let least = SignedDuration::from_millis(1);
    let policy = retry::Policy {
        initial: settings.duration("retry.initial", SECOND, least..=HOUR),
        longest: settings.duration("retry.longest", SECOND * 900, least..=DAY),
        unavailable_attempts: settings.number("retry.unavailable_attempts", 10_000, 1..=ATTEMPTS_MAX),
        violation_attempts: settings.number("retry.violation_attempts", 5, 1..=ATTEMPTS_MAX),
    };
    if policy.initial > policy.longest {
        settings.fault("retry.longest", "must not be shorter than retry.initial");
    }
    policy
}

fn breaker(settings: &mut Settings) -> breaker::Policy {
    let least = SignedDuration::from_millis(1);
    let policy = breaker::Policy {
        failures: settings.number("breaker.failures", 5, 1..=10_000),
        rest: settings.duration("breaker.rest", SECOND * 5, least..=HOUR),
        rest_longest: settings.duration("breaker.rest_longest", SECOND * 300, least..=DAY),
    };
    if policy.rest > policy.rest_longest {
        settings.fault("breaker.rest_longest", "must not be shorter than breaker.rest");
    }
    policy
}
