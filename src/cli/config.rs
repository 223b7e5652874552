//! `rightful config …`, and the configuration of the commands that need one.

use std::{env, fmt::Display, path::PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::{
    Global,
    exit::{Exit, Failure},
    output::{self, Format},
    table::Table,
};
use crate::{
    config::{
        self, Auth, ClientCertificates, ClientTls, Config, KeySource, Keys, Limits, LogFormat, OtlpProtocol,
        Telemetry, Tokens,
    },
    domain::{
        Period,
        clock::Term,
        handling::Handling,
        retention::{Data, Rule},
    },
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check the configuration, name every fault at once, and show the values that are in effect.
    Check(File),
}

/// Where the configuration is.
#[derive(Args)]
pub(super) struct File {
    /// The configuration file. Default: none, which leaves the defaults and RIGHTFUL_… variables.
    #[arg(long, value_name = "FILE", env = "RIGHTFUL_CONFIG")]
    config: Option<PathBuf>,
}

impl File {
    /// Reads file, variables and overrides (`("server.listen", …)`).
    pub(super) fn load(&self, overrides: &[(&str, String)]) -> Result<Config, Failure> {
        // Variables that are not UTF-8 cannot be settings of ours.
        let environment = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        config::load(self.config.as_deref(), environment, overrides).map_err(failure)
    }
}

fn failure(error: config::Error) -> Failure {
    match error {
        config::Error::Read { path, source } => Failure::file(&path, &source),
        config::Error::Syntax(cause) => {
            Failure::usage("the configuration is not well-formed").detail(cause.to_string())
        }
        config::Error::Faults(faults) => {
            let failure = Failure::usage("the configuration has faults");
            faults.as_slice().iter().fold(failure, |failure, fault| failure.detail(fault.to_string()))
        }
    }
}

pub(super) fn run(global: &Global, command: &Command) -> Result<(), Failure> {
    let Command::Check(file) = command;
    let values = values(&file.load(&[])?);
    match global.output {
        Format::Json => {
            let object: Map<_, _> =
                values.into_iter().map(|(key, value)| (key, Value::String(value))).collect();
            let text = serde_json::to_string_pretty(&object);
            output::line(text.map_err(|error| Failure::new(Exit::Fault, error.to_string()))?)
        }
        Format::Table => {
            let mut table = Table::new(&["SETTING", "VALUE"]);
            for (key, value) in values {
                table.row([key.into(), value.into()]);
            }
            output::line(table.text())
        }
    }
}

/// Every setting in the order of `config.example.toml`. Secrets are left out.
fn values(config: &Config) -> Vec<(String, String)> {
    let mut values = Vec::new();
    let mut say = |key: &str, value: &dyn Display| values.push((key.to_owned(), value.to_string()));
    say("server.listen", &config.server.listen);
    say("server.grace", &format!("{:#}", config.server.grace));
    say("server.web_origins", &config.server.web_origins.join(", "));
    server_tls(config, &mut say);
    auth(config.auth.as_ref(), &mut say);
    say("store.url", &without_password(&config.store.url));
    say("storage.url", &config.storage.url);
    for (name, value) in &config.storage.options {
        let shown = if is_secret(name) { "(set)" } else { value };
        say(&format!("storage.options.{name}"), &shown);
    }
    keys(&config.keys, &mut say);
    say("controller.name", &config.controller.name);
    say("controller.contact", &config.controller.contact);
    say("controller.complaint_body", &config.controller.complaint_body);
    say("policy.respond_within", &config.policy.respond_within.as_str());
    say("policy.export_lives", &config.policy.export_lives.as_str());
    say("policy.duplicates", &config.policy.duplicates);
    say("policy.excessive_cases", &config.policy.excessive_cases);
    say("policy.excessive_within", &config.policy.excessive_within.as_str());
    say("notices.kept", &config.notices.kept.as_str());
    say("notices.source", &config.notices.source);
    handling(&config.handling, &mut say);
    say("engine.lease", &format!("{:#}", config.engine.lease));
    say("engine.poll", &format!("{:#}", config.engine.poll));
    say("engine.describe_every", &format!("{:#}", config.engine.describe_every));
    say("engine.describe_patience", &format!("{:#}", config.engine.describe_patience));
    say("engine.open_batch_max", &config.engine.open_batch_max);
    say("engine.calls_per_lane", &config.engine.calls_per_lane);
    limits(&config.limits, &mut say);
    say("retry.initial", &format!("{:#}", config.retry.initial));
    say("retry.longest", &format!("{:#}", config.retry.longest));
    say("retry.unavailable_attempts", &config.retry.unavailable_attempts);
    say("retry.violation_attempts", &config.retry.violation_attempts);
    say("breaker.failures", &config.breaker.failures);
    say("breaker.rest", &format!("{:#}", config.breaker.rest));
    say("breaker.rest_longest", &format!("{:#}", config.breaker.rest_longest));
    let sweep_every = config.retention.sweep_every.as_ref();
    say("retention.sweep_every", &sweep_every.map(Period::as_str).unwrap_or_default());
    say("retention.run", &if config.retention.run_by_itself { "automatic" } else { "report" });
    telemetry(&config.telemetry, &mut say);
    for downstream in &config.downstreams {
        let mut say =
            |key: &str, value: &dyn Display| say(&format!("downstream.{}.{key}", downstream.name), value);
        say("endpoint", &downstream.endpoint);
        if let Some(tls) = &downstream.tls {
            client_tls(tls, &mut say);
        }
        say("parallel_calls", &downstream.parallel_calls);
        say("calls_per_minute", &downstream.calls_per_minute);
        say("burst", &downstream.burst);
        say("connect_timeout", &format!("{:#}", downstream.connect_timeout));
        say("call_timeout", &format!("{:#}", downstream.call_timeout));
        say("idle_timeout", &format!("{:#}", downstream.idle_timeout));
        say("collect_timeout", &format!("{:#}", downstream.collect_timeout));
    }
    for (number, rule) in config.retention.policy.rules.iter().enumerate() {
        say(&format!("retention.rule.{number}"), &rule_in_words(rule));
    }
    values
}

fn path(path: Option<&PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// What is served with. The paths of keys are no secret.
fn keys(keys: &Keys, say: &mut impl FnMut(&str, &dyn Display)) {
    say("keys.ring", &keys.ring.display());
    let vault = keys.vault.as_ref();
    let path = |path: Option<&PathBuf>| path.map(|path| path.display().to_string()).unwrap_or_default();
    say("keys.vault.address", &vault.map(|vault| vault.address.as_str()).unwrap_or_default());
    say("keys.vault.mount", &vault.map_or("transit", |vault| vault.mount.as_str()));
    say("keys.vault.key", &vault.map(|vault| vault.key.as_str()).unwrap_or_default());
    let namespace = vault.and_then(|vault| vault.namespace.as_deref());
    say("keys.vault.namespace", &namespace.unwrap_or_default());
    say("keys.vault.token_file", &path(vault.map(|vault| &vault.token_file)));
    say("keys.vault.authorities", &path(vault.and_then(|vault| vault.authorities.as_ref())));
}

fn limits(limits: &Limits, say: &mut impl FnMut(&str, &dyn Display)) {
    say("limits.connections", &limits.connections);
    say("limits.connections_per_peer", &limits.connections_per_peer);
    say("limits.preface_timeout", &format!("{:#}", limits.preface_timeout));
    say("limits.keepalive_interval", &format!("{:#}", limits.keepalive_interval));
    say("limits.keepalive_timeout", &format!("{:#}", limits.keepalive_timeout));
    say("limits.connection_age", &format!("{:#}", limits.connection_age));
    say("limits.connection_age_grace", &format!("{:#}", limits.connection_age_grace));
    say("limits.control_frames_per_second", &limits.control_frames_per_second);
    say("limits.control_frames_burst", &limits.control_frames_burst);
    say("limits.calls_per_connection", &limits.calls_per_connection);
    say("limits.header_bytes", &limits.header_bytes);
    say("limits.request_bytes", &limits.request_bytes);
    say("limits.calls_per_second", &limits.calls_per_second);
    say("limits.calls_burst", &limits.calls_burst);
    say("limits.calls_waiting_per_caller", &limits.calls_waiting_per_caller);
    say("limits.calls_waiting", &limits.calls_waiting);
    say("limits.streams_per_caller", &limits.streams_per_caller);
    say("limits.streams", &limits.streams);
    say("limits.opens_per_second", &limits.opens_per_second);
    say("limits.opens_burst", &limits.opens_burst);
    say("limits.opens_waiting", &limits.opens_waiting);
    say("limits.writes_waiting", &limits.writes_waiting);
    say("limits.call_timeout", &format!("{:#}", limits.call_timeout));
    say("limits.request_idle", &format!("{:#}", limits.request_idle));
    say("limits.answer_idle", &format!("{:#}", limits.answer_idle));
}

fn server_tls(config: &Config, say: &mut dyn FnMut(&str, &dyn Display)) {
    let tls = config.server.tls.as_ref();
    let shown = tls.map_or(ClientCertificates::None, |tls| tls.client_certificates);
    let shown = match shown {
        ClientCertificates::None => "none",
        ClientCertificates::Optional => "optional",
        ClientCertificates::Required => "required",
    };
    say("server.tls.certificate", &path(tls.map(|tls| &tls.certificate)));
    say("server.tls.key", &path(tls.map(|tls| &tls.key)));
    say("server.tls.client_authorities", &path(tls.and_then(|tls| tls.client_authorities.as_ref())));
    say("server.tls.client_certificates", &shown);
    let timeout = tls.map(|tls| format!("{:#}", tls.handshake_timeout));
    say("server.tls.handshake_timeout", &timeout.unwrap_or_default());
    say("tls.reload_every", &format!("{:#}", config.reload_every));
}

fn client_tls(tls: &ClientTls, say: &mut dyn FnMut(&str, &dyn Display)) {
    say("tls.authorities", &path(tls.authorities.as_ref()));
    say("tls.certificate", &path(tls.identity.as_ref().map(|(certificate, _)| certificate)));
    say("tls.key", &path(tls.identity.as_ref().map(|(_, key)| key)));
    say("tls.server_name", &tls.server_name.as_deref().unwrap_or_default());
    say("tls.spiffe_id", &tls.spiffe_id.as_deref().unwrap_or_default());
}

/// How callers are known. The defaults stand where nothing is configured.
fn auth(auth: Option<&Auth>, say: &mut dyn FnMut(&str, &dyn Display)) {
    let tokens = auth.and_then(|auth| auth.tokens.as_ref());
    let (url, file) = match tokens.map(|tokens| &tokens.keys) {
        Some(KeySource::Url(url)) => (url.clone(), String::new()),
        Some(KeySource::File(file)) => (String::new(), file.display().to_string()),
        Some(KeySource::Discovery) | None => (String::new(), String::new()),
    };
    let text = |of: fn(&Tokens) -> String| tokens.map(of).unwrap_or_default();
    say("auth.issuer", &text(|tokens| tokens.issuer.clone()));
    say("auth.audience", &text(|tokens| tokens.audience.clone()));
    say("auth.jwks_url", &url);
    say("auth.jwks_file", &file);
    say("auth.authorities", &path(tokens.and_then(|tokens| tokens.authorities.as_ref())));
    say("auth.name_claim", &text(|tokens| tokens.name_claim.clone()));
    say("auth.roles_claim", &text(|tokens| tokens.roles_claim.clone()));
    say("auth.leeway", &text(|tokens| format!("{:#}", tokens.leeway)));
    say("auth.refresh_every", &text(|tokens| format!("{:#}", tokens.refresh_every)));
    say("auth.outage", &text(|tokens| format!("{:#}", tokens.outage)));
    for (number, grant) in auth.iter().flat_map(|auth| &auth.grants).enumerate() {
        let shown = grant.claim.as_ref().or(grant.caller.as_ref()).or(grant.peer.as_ref());
        say(
            &format!("auth.grant[{number}]"),
            &format!("{}: {}", grant.role, shown.map_or("", |shown| shown)),
        );
    }
}

fn telemetry(telemetry: &Telemetry, say: &mut impl FnMut(&str, &dyn Display)) {
    let log_format = match telemetry.log_format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    say("telemetry.log_format", &log_format);
    say("telemetry.log_filter", &telemetry.log_filter);
    say("telemetry.otlp_endpoint", &telemetry.otlp_endpoint.as_deref().unwrap_or_default());
    let protocol = match telemetry.otlp_protocol {
        OtlpProtocol::Grpc => "grpc",
        OtlpProtocol::Http => "http",
    };
    say("telemetry.otlp_protocol", &protocol);
    say("telemetry.otlp_logs", &telemetry.otlp_logs);
    say("telemetry.sample_percent", &telemetry.sample_percent);
    let metrics_listen = telemetry.metrics_listen.map(|address| address.to_string());
    say("telemetry.metrics_listen", &metrics_listen.unwrap_or_default());
}

/// `billing/invoices: retain P7Y, then erase (legal_obligation, HGB § 257)`.
fn rule_in_words(rule: &Rule) -> String {
    let data = match &rule.data {
        Data::Every => "*",
        Data::Category(name) => name,
        Data::Term(term) => term,
    };
    let place = rule.downstream.as_deref().unwrap_or("*");
    let period = rule.period.as_ref();
    let period = period.map(|period| format!(" {}, then {}", period.as_str(), rule.outlived));
    let ground = rule.ground.as_ref().map(|ground| format!(" ({}, {})", ground.code, ground.source));
    let (period, ground) = (period.unwrap_or_default(), ground.unwrap_or_default());
    format!("{place}/{data}: {}{period}{ground}", rule.action)
}

/// How cases are handled.
fn handling(handling: &Handling, say: &mut dyn FnMut(&str, &dyn Display)) {
    let term = |term: &Option<Term>| term.as_ref().map(Term::to_string).unwrap_or_default();
    say("policy.acknowledge_within", &term(&handling.promise.acknowledge));
    say("policy.extend_by", &term(&handling.promise.extend));
    say("policy.regimes", &handling.regimes.join(", "));
    say("policy.warn_before", &format!("{:#}", handling.warn_before));
    say("policy.when_due", &handling.when_due);
    say("policy.verification", &handling.verification.level);
    say("policy.verification_expires", &handling.verification_expires.as_str());
    say("policy.verification_attempts", &handling.verification.attempts);
    let rights: Vec<&str> = handling.approval.iter().map(|right| right.as_str()).collect();
    say("policy.approval", &rights.join(", "));
    say("policy.confirmation_window", &format!("{:#}", handling.confirmation_window));
    say("policy.processor", &handling.processor);
    say("clocks.table", &format!("{} regimes", handling.table.regimes.len()));
    say("clocks.zone", &handling.table.zone);
    say("clocks.holidays", &handling.table.controller_holidays);
    for (kind, level) in &handling.verification.assurance {
        say(&format!("assurance.{kind}"), level);
    }
    for (number, rule) in handling.verification.rules.iter().enumerate() {
        let right = rule.right.map_or("any right", |right| right.as_str());
        let regime = rule.regime.as_deref().unwrap_or("any regime");
        let channel = rule.channel.as_deref().unwrap_or("any channel");
        say(&format!("verification[{number}]"), &format!("{right}, {regime}, {channel}: {}", rule.level));
    }
}

/// `postgres://user:secret@host/db` is `postgres://user:…@host/db`; what follows `?` may hold secrets too.
fn without_password(url: &str) -> String {
    let (url, query) = url.split_once('?').map_or((url, ""), |(url, _)| (url, "?…"));
    let hidden = url.split_once("://").and_then(|(scheme, rest)| {
        let (user, host) = rest.rsplit_once('@')?;
        let name = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:…"));
        Some(format!("{scheme}://{name}@{host}"))
    });
    format!("{}{query}", hidden.unwrap_or_else(|| url.to_owned()))
}

fn is_secret(option: &str) -> bool {
    ["secret", "token", "password", "key"].iter().any(|word| option.to_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(without_password("postgres://me:s@cret@h:5432/db"), "postgres://me:…@h:5432/db");
        assert_eq!(without_password("postgres://me@h/db?password=x"), "postgres://me@h/db?…");
        assert_eq!(without_password("sqlite://rightful.sqlite"), "sqlite://rightful.sqlite");
        assert!(is_secret("aws_secret_access_key") && !is_secret("aws_region"));
    }

    #[test]
    fn every_setting_of_the_example_is_shown() {
        let shown = values(&Config::default());
        let example = include_str!("../../config.example.toml");
        let keys = example.lines().take_while(|line| *line != "#[[downstream]]").filter_map(|line| {
            let (key, _) = line.strip_prefix('#')?.split_once(" = ")?;
            (!key.contains(' ') && !["options", "webhook_secrets"].contains(&key)).then_some(key)
        });
        let mut count = 0;
        for key in keys {
            count += 1;
            assert!(shown.iter().any(|(name, _)| name.ends_with(&format!(".{key}"))), "{key} is not shown");
        }
        assert_eq!(count, shown.len());
    }
}
