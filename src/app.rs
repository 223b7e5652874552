//! The only room that sees all others: build, start, drain.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    clock::Clock,
    config::Config,
    domain::lane::Rate,
    downstream::{self, Registry},
    engine::{self, Engine, Lanes, Tools},
    export::{self, Storage},
    grpc,
    identity::{self, Authenticator},
    notice::{self, Webhooks},
    store::{self, Store},
    telemetry, transport,
    vault::{Created, KeyRing, WebhookSecret},
    web,
};

/// rightful, built but not serving yet.
pub struct App {
    engine: Engine,
    clock: Arc<dyn Clock>,
    limits: grpc::Limits,
    grace: Duration,
    tls: Option<Arc<transport::ServerSide>>,
    auth: Option<Arc<Authenticator>>,
    /// How often the keys of the tokens' issuer are asked for.
    keys_every: Duration,
    /// Certificates and authorities, and how often their files are looked at.
    followed: (Vec<Arc<dyn transport::Reload>>, Duration),
}

/// rightful at work. Dropping it stops everything at once, as a crash would.
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    server: AbortOnDropHandle<Result<(), tonic::transport::Error>>,
    lanes: Lanes,
    grace: Duration,
    _following: [AbortOnDropHandle<()>; 2],
}

impl App {
    /// Opens keys, database and storage, and prepares the downstreams. Nobody is called yet.
    pub async fn build(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let (ring, created) = KeyRing::load_or_create(&config.keys.ring)?;
        if created == Created::Yes {
            tracing::warn!(
                path = %config.keys.ring.display(),
                "a new key ring was made: back it up, for without it nothing that is sealed can be opened"
            );
        }
        let batch_max = usize::try_from(config.engine.open_batch_max).unwrap_or(usize::MAX);
        let tables = store::Settings {
            url: config.store.url.clone(),
            batch_max,
            waiting_max: usize::try_from(config.limits.writes_waiting).unwrap_or(usize::MAX),
        };
        let store = Store::open(&tables, clock.new_id()).await.context("cannot open the database")?;
        check_keys(&store, &ring, &config.keys.ring).await?;
        let storage = Storage::open(&export::Settings {
            url: config.storage.url.clone(),
            options: config.storage.options.clone(),
        })
        .context("cannot open the storage")?;
        let now = clock.now();
        let tls = config.server.tls.as_ref().map(|tls| server_tls(tls, now)).transpose();
        let tls = tls.map_err(|faults| faults.under("server.tls")).context("TLS cannot be served")?;
        let auth = config.auth.as_ref().map(authenticator).transpose()?.map(Arc::new);
        let tokens = config.auth.as_ref().and_then(|auth| auth.tokens.as_ref());
        let keys_every = tokens.map_or(Duration::MAX, |tokens| tokens.refresh_every.unsigned_abs());
        let called = config.downstreams.iter().filter(|downstream| downstream.manual.is_none());
        let registry = Registry::new(called.map(downstream_settings).collect(), now)?;
        let own = tls.iter().map(|tls| Arc::clone(tls) as Arc<dyn transport::Reload>);
        let followed = own.chain(registry.followed().iter().cloned()).collect();
        let followed = (followed, config.reload_every.unsigned_abs());
        let by_hand = |entry: &crate::config::Downstream| Some((entry.name.clone(), entry.manual.clone()?));
        let registry = registry.with_manual(config.downstreams.iter().filter_map(by_hand).collect());
        let webhooks = webhooks(&config)?;
        let settings = engine_settings(&config);
        let grace = config.server.grace.unsigned_abs();
        let limits = limits(&config.limits, grace);
        let controller = export::Controller {
            name: config.controller.name,
            contact: config.controller.contact,
            complaint_body: config.controller.complaint_body,
        };
        let tools = Tools {
            store,
            storage,
            ring,
            registry,
            webhooks,
            clock: Arc::clone(&clock),
            controller,
            settings,
        };
        let engine = Engine::new(tools).await.context("cannot read what is known of the downstreams")?;
        engine.check_health().await.context("the database or the storage does not answer")?;
        Ok(Self { engine, clock, limits, grace, tls, auth, keys_every, followed })
    }

    /// Serves on the listener and sets the engine to work.
    pub fn start(self, listener: TcpListener) -> anyhow::Result<Running> {
        let address = listener.local_addr().context("the listener has no address")?;
        let stop = CancellationToken::new();
        let lanes = self.engine.start();
        let clock = self.clock;
        let now: grpc::Now = Arc::new(move || clock.now());
        let shutdown = stop.clone().cancelled_owned();
        let (followed, every) = self.followed;
        let at = Arc::clone(&now);
        let following = tokio::spawn(transport::follow(followed, every, move || at()));
        let (auth, keys_every) = (self.auth.clone(), self.keys_every);
        let keys = tokio::spawn(async move {
            if let Some(tokens) = auth.as_ref().and_then(|auth| auth.tokens.as_ref()) {
                tokens.keys.follow(keys_every).await;
            }
        });
        let settings = grpc::Settings { now, limits: self.limits, tls: self.tls, auth: self.auth };
        let server: JoinHandle<_> = tokio::spawn(grpc::serve(listener, self.engine, settings, shutdown));
        Ok(Running {
            address,
            stop,
            server: AbortOnDropHandle::new(server),
            lanes,
            grace: self.grace,
            _following: [following, keys].map(AbortOnDropHandle::new),
        })
    }
}

impl Running {
    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops gracefully: health says so, calls drain, nothing more is claimed, attempts under way end.
    pub async fn stop(self) {
        self.stop.cancel();
        let (served, ()) = tokio::join!(self.server, self.lanes.stop(self.grace));
        if let Ok(Err(error)) = served {
            tracing::error!(error = &error as &dyn std::error::Error, "the server failed");
        }
    }
}

/// Fails unless the ring is the one that the database was sealed with, and has every key that something is sealed under.
async fn check_keys(store: &Store, ring: &KeyRing, path: &Path) -> anyhow::Result<()> {
    let differing = store.check_keys(&ring.checks()).await.context("cannot read the checks of the keys")?;
    anyhow::ensure!(
        differing.is_empty(),
        "{} is not the key ring that this database was sealed with: {} differs. Put the right one there",
        path.display(),
        differing.join(", ")
    );
    let in_use = store.keys_in_use().await.context("cannot read which keys are in use")?;
    let missing = in_use.iter().filter(|(id, _)| !ring.ids().any(|known| known == *id));
    let missing: Vec<String> = missing.map(|(id, cases)| format!("{id} ({cases} cases)")).collect();
    anyhow::ensure!(
        missing.is_empty(),
        "the key ring {} lacks keys that cases are sealed under: {}. Restore it from its backup",
        path.display(),
        missing.join(", ")
    );
    Ok(())
}

/// A key of the ring, or one that cases are sealed under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its id.
    pub id: String,
    /// Whether it wraps new case keys.
    pub is_primary: bool,
    /// Whether the ring has it.
    pub is_in_ring: bool,
    /// Cases that are sealed under it.
    pub cases: u64,
}

/// The keys of the configured ring and database, by id.
pub async fn key_status(config: &Config) -> anyhow::Result<Vec<KeyStatus>> {
    anyhow::ensure!(config.keys.ring.exists(), "there is no key ring at {}", config.keys.ring.display());
    let (ring, _) = KeyRing::load_or_create(&config.keys.ring)?;
    let in_use = store::keys_in_use(&config.store.url).await.context("cannot read the database")?;
    let ids: BTreeSet<&str> = ring.ids().chain(in_use.keys().map(String::as_str)).collect();
    let status = |id: &str| KeyStatus {
        id: id.to_owned(),
        is_primary: id == ring.primary(),
        is_in_ring: ring.ids().any(|known| known == id),
        cases: in_use.get(id).copied().unwrap_or(0),
    };
    Ok(ids.into_iter().map(status).collect())
}

/// Brings the schema up to date and answers how many steps that took.
pub async fn migrate(config: &Config) -> anyhow::Result<u32> {
    store::migrate(&config.store.url).await.context("cannot migrate the database")
}

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

fn downstream_settings(downstream: &crate::config::Downstream) -> downstream::Settings {
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

/// How long the issuer of tokens may take to answer.
const ISSUER_TIMEOUT: Duration = Duration::from_secs(10);

/// Tells who calls, as configured. The keys are not asked for yet.
fn authenticator(auth: &crate::config::Auth) -> anyhow::Result<Authenticator> {
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

fn server_tls(
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
fn webhooks(config: &Config) -> anyhow::Result<Webhooks> {
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

fn limits(limits: &crate::config::Limits, grace: Duration) -> grpc::Limits {
    grpc::Limits {
        opens_per_second: limits.opens_per_second,
        opens_burst: limits.opens_burst,
        opens_waiting: limits.opens_waiting,
        calls_waiting: limits.calls_waiting,
        streams: limits.streams,
        grace,
    }
}

/// 0 calls a minute are no limit, and a burst of 0 is a second's worth.
fn rate(per_minute: u32, burst: u32) -> Option<Rate> {
    let burst = if burst == 0 { (per_minute / 60).max(1) } else { burst };
    (per_minute > 0).then_some(Rate { per_minute, burst })
}

fn engine_settings(config: &Config) -> engine::Settings {
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
