//! From the configuration to the settings of each room: they do not know each other's.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;

use crate::{
    config::Config,
    domain::lane::Rate,
    downstream, engine, grpc,
    identity::{self, Authenticator},
    notice::{self, Webhooks},
    telemetry, transport,
    vault::{self, RingFile, WebhookSecret},
    web,
};

/// How to log and trace, as configured. `instance` tells this process from all others.
pub fn telemetry_settings(config: &Config, instance: String) -> telemetry::Settings {
    let telemetry = &config.telemetry;
    telemetry::Settings {
        log_format: match telemetry.log_format {
            crate::config::LogFormat::Text => telemetry::LogFormat::Text,
            crate::config::LogFormat::Json => telemetry::LogFormat::Json,
        },
        log_filter: telemetry.log_filter.clone(),
        otlp: telemetry.otlp_endpoint.clone().map(|endpoint| telemetry::Otlp {
            endpoint,
            protocol: match telemetry.otlp_protocol {
                crate::config::OtlpProtocol::Grpc => telemetry::Protocol::Grpc,
                crate::config::OtlpProtocol::Http => telemetry::Protocol::Http,
            },
            logs: telemetry.otlp_logs,
        }),
        sample_ratio: f64::from(telemetry.sample_percent) / 100.0,
        metrics_listen: telemetry.metrics_listen,
        service_name: "rightful".to_owned(),
        instance,
    }
}

pub(super) fn downstream_settings(downstream: &crate::config::Downstream) -> downstream::Settings {
    downstream::Settings {
        name: downstream.name.clone(),
        endpoint: downstream.endpoint.clone(),
        tls: downstream.tls.as_ref().map(client_tls),
        parallel_calls: downstream.parallel_calls,
        rate: rate(downstream.calls_per_minute, downstream.burst),
        connect_timeout: downstream.connect_timeout.unsigned_abs(),
        call_timeout: downstream.call_timeout.unsigned_abs(),
        idle_timeout: downstream.idle_timeout.unsigned_abs(),
        collect_timeout: downstream.collect_timeout.unsigned_abs(),
    }
}

/// How long a key provider may take to answer.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// The key ring's file, and who seals it.
pub(super) fn ring_file(keys: &crate::config::Keys) -> anyhow::Result<RingFile> {
    let transit = |vault: &crate::config::Vault| {
        let authorities = vault.authorities.as_ref().map(std::fs::read).transpose();
        let authorities = authorities.context("cannot read keys.vault.authorities")?;
        let client = web::Settings { timeout: PROVIDER_TIMEOUT, authorities, certificate: None };
        let transit = vault::Transit {
            address: vault.address.clone(),
            mount: vault.mount.clone(),
            key: vault.key.clone(),
            namespace: vault.namespace.clone(),
            token_file: vault.token_file.clone(),
            client: web::Client::new(&client).context("keys.vault.authorities")?,
        };
        anyhow::Ok(Arc::new(transit) as Arc<dyn vault::Provider>)
    };
    Ok(RingFile::new(keys.ring.clone(), keys.vault.as_ref().map(transit).transpose()?))
}

/// How long the issuer of tokens may take to answer.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells who calls, as configured. The keys are not asked for yet.
pub(super) fn authenticator(auth: &crate::config::Auth) -> anyhow::Result<Authenticator> {
    use crate::config::KeySource;
    let tokens = |tokens: &crate::config::Tokens| {
        let authorities = tokens.authorities.as_ref().map(std::fs::read).transpose();
        let authorities = authorities.context("cannot read auth.authorities")?;
        let client =
            web::Client::new(&web::Settings { timeout: ISSUER_TIMEOUT, authorities, certificate: None })
                .context("auth.authorities")?;
        let source = match &tokens.keys {
            KeySource::Discovery => identity::Source::Discovery(tokens.issuer.clone()),
            KeySource::Url(url) => identity::Source::Url(url.clone()),
            KeySource::File(path) => identity::Source::File(path.clone()),
        };
        anyhow::Ok(identity::Tokens {
            keys: identity::Keys::new(source, client, tokens.outage.unsigned_abs()),
            issuer: tokens.issuer.clone(),
            audience: tokens.audience.clone(),
            name_claim: tokens.name_claim.clone(),
            roles_claim: tokens.roles_claim.clone(),
            leeway: tokens.leeway,
        })
    };
    let grants = auth.grants.iter().filter_map(grant).collect();
    Ok(Authenticator {
        tokens: auth.tokens.as_ref().map(tokens).transpose()?,
        grants: identity::Grants(grants),
    })
}

/// A grant. The configuration has checked that it says by what a caller is known.
fn grant(grant: &crate::config::Grant) -> Option<identity::Grant> {
    let shown = grant.claim.clone().map(identity::Shown::Claim);
    let shown = shown.or_else(|| grant.caller.clone().map(identity::Shown::Caller));
    let shown = shown.or_else(|| grant.peer.clone().map(identity::Shown::Peer))?;
    Some(identity::Grant {
        role: grant.role,
        shown,
        name: grant.name.clone(),
        downstream: grant.downstream.clone(),
    })
}

pub(super) fn server_tls(
    tls: &crate::config::ServerTls,
    now: jiff::Timestamp,
) -> Result<Arc<transport::ServerSide>, crate::domain::Faults> {
    use crate::config::ClientCertificates as Shown;
    let identity = transport::Identity { certificate: tls.certificate.clone(), key: tls.key.clone() };
    let clients = match (tls.client_certificates, tls.client_authorities.clone()) {
        (Shown::Required, Some(path)) => transport::ClientCertificates::Required(path),
        (Shown::Optional, Some(path)) => transport::ClientCertificates::Optional(path),
        _ => transport::ClientCertificates::None,
    };
    transport::ServerSide::new(identity, clients, tls.handshake_timeout.unsigned_abs(), now).map(Arc::new)
}

fn client_tls(tls: &crate::config::ClientTls) -> transport::Client {
    let identity = |(certificate, key): (std::path::PathBuf, std::path::PathBuf)| transport::Identity {
        certificate,
        key,
    };
    transport::Client {
        authorities: tls.authorities.clone(),
        identity: tls.identity.clone().map(identity),
        server_name: tls.server_name.clone(),
        spiffe_id: tls.spiffe_id.clone(),
    }
}

/// Reads their secrets, and prepares them. A secret is never part of an error.
pub(super) fn webhooks(config: &Config) -> anyhow::Result<Webhooks> {
    let mut all = Vec::new();
    for webhook in &config.webhooks {
        let mut text = webhook.secrets.clone();
        if let Some(path) = &webhook.secrets_file {
            let read = std::fs::read_to_string(path);
            let read =
                read.with_context(|| format!("cannot read the secrets of webhook {}", webhook.name))?;
            text = format!("{text} {read}");
        }
        let secrets: Option<Vec<WebhookSecret>> = text.split_whitespace().map(WebhookSecret::parse).collect();
        let secrets = secrets.filter(|secrets| !secrets.is_empty()).with_context(|| {
            format!("the secrets of webhook {}: each {}", webhook.name, WebhookSecret::RULE)
        })?;
        all.push(notice::Settings {
            name: webhook.name.clone(),
            url: webhook.url.clone(),
            secrets,
            types: webhook.types.clone(),
            timeout: webhook.timeout.unsigned_abs(),
            deliver_within: webhook.deliver_within,
        });
    }
    Ok(Webhooks::new(all, &config.notices.source)?)
}

/// What is let in, and how: of calls, of their pace, and of connections.
pub(super) struct Limits {
    pub(super) calls: grpc::Limits,
    pub(super) pace: grpc::Pace,
    pub(super) connections: grpc::Connections,
}

/// The limits, as configured.
pub(super) fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        calls: grpc::Limits {
            calls_per_second: limits.calls_per_second,
            calls_burst: limits.calls_burst,
            calls_waiting_per_caller: limits.calls_waiting_per_caller,
            calls_waiting: limits.calls_waiting,
            streams_per_caller: limits.streams_per_caller,
            streams: limits.streams,
            opens_per_second: limits.opens_per_second,
            opens_burst: limits.opens_burst,
            opens_waiting: limits.opens_waiting,
            grace: config.server.grace.unsigned_abs(),
        },
        pace: grpc::Pace {
            call_timeout: limits.call_timeout.unsigned_abs(),
            request_idle: limits.request_idle.unsigned_abs(),
            answer_idle: limits.answer_idle.unsigned_abs(),
        },
        connections: grpc::Connections {
            limits: transport::Limits {
                connections: limits.connections,
                per_peer: limits.connections_per_peer,
                preface_timeout: limits.preface_timeout.unsigned_abs(),
                lifetime: limits.connection_age.unsigned_abs() + limits.connection_age_grace.unsigned_abs(),
                control_frames_per_second: limits.control_frames_per_second,
                control_frames_burst: limits.control_frames_burst,
            },
            keepalive_interval: limits.keepalive_interval.unsigned_abs(),
            keepalive_timeout: limits.keepalive_timeout.unsigned_abs(),
            age: limits.connection_age.unsigned_abs(),
            calls: limits.calls_per_connection,
            header_bytes: limits.header_bytes,
            request_bytes: usize::try_from(limits.request_bytes).unwrap_or(usize::MAX),
        },
    }
}

/// Origins, checked when the configuration was read, as headers name them.
pub(super) fn web_origins(config: &Config) -> Vec<http::HeaderValue> {
    let origins = config.server.web_origins.iter();
    origins.filter_map(|origin| http::HeaderValue::from_str(origin).ok()).collect()
}

/// 0 calls a minute are no limit, and a burst of 0 is a second's worth.
fn rate(per_minute: u32, burst: u32) -> Option<Rate> {
    let burst = if burst == 0 { (per_minute / 60).max(1) } else { burst };
    (per_minute > 0).then_some(Rate { per_minute, burst })
}

pub(super) fn engine_settings(config: &Config) -> engine::Settings {
    engine::Settings {
        lease: config.engine.lease,
        poll: config.engine.poll,
        describe_every: config.engine.describe_every,
        describe_patience: config.engine.describe_patience,
        handling: Arc::new(config.handling.clone()),
        export_lives: config.policy.export_lives.clone(),
        retention: config.retention.policy.clone(),
        duplicates: config.policy.duplicates,
        excessive_cases: config.policy.excessive_cases,
        excessive_within: config.policy.excessive_within.clone(),
        notices_kept: config.notices.kept.clone(),
        sweep_every: config.retention.sweep_every.clone(),
        sweeps_run_by_themselves: config.retention.run_by_itself,
        retry: config.retry,
        breaker: config.breaker,
        calls_per_lane: config.engine.calls_per_lane,
    }
}
