//! The only room that sees all others: build, start, drain.

mod counters;
mod ring;
mod settings;

pub use settings::telemetry_settings;

use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    clock::Clock,
    config::Config,
    downstream::Registry,
    engine::{Engine, Lanes, Tools},
    export::{self, Storage},
    grpc,
    identity::Authenticator,
    store::{self, Store},
    transport,
    vault::{Created, KeyRing, RingFile},
};

/// rightful, built but not serving yet.
pub struct App {
    engine: Engine,
    clock: Arc<dyn Clock>,
    limits: settings::Limits,
    grace: Duration,
    web_origins: Vec<http::HeaderValue>,
    tls: Option<Arc<transport::ServerSide>>,
    auth: Option<Arc<Authenticator>>,
    /// How often the keys of the tokens' issuer are asked for.
    keys_every: Duration,
    /// Certificates and authorities, and how often their files are looked at.
    followed: (Vec<Arc<dyn transport::Reload>>, Duration),
    ring: (RingFile, KeyRing),
}

/// rightful at work. Dropping it stops everything at once, as a crash would.
pub struct Running {
    address: SocketAddr,
    stop: CancellationToken,
    server: AbortOnDropHandle<Result<(), tonic::transport::Error>>,
    lanes: Lanes,
    grace: Duration,
    _following: [AbortOnDropHandle<()>; 3],
}

impl App {
    /// Opens keys, database and storage, and prepares the downstreams. Nobody is called yet.
    pub async fn build(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let ring_file = settings::ring_file(&config.keys)?;
        let (ring, created) = ring_file.load_or_create().await?;
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
        let tls = config.server.tls.as_ref().map(|tls| settings::server_tls(tls, now)).transpose();
        let tls = tls.map_err(|faults| faults.under("server.tls")).context("TLS cannot be served")?;
        let auth = config.auth.as_ref().map(settings::authenticator).transpose()?.map(Arc::new);
        let tokens = config.auth.as_ref().and_then(|auth| auth.tokens.as_ref());
        let keys_every = tokens.map_or(Duration::MAX, |tokens| tokens.refresh_every.unsigned_abs());
        let called = config.downstreams.iter().filter(|downstream| downstream.manual.is_none());
        let registry = Registry::new(called.map(settings::downstream_settings).collect(), now)?;
        let own = tls.iter().map(|tls| Arc::clone(tls) as Arc<dyn transport::Reload>);
        let followed: Vec<_> = own.chain(registry.followed().iter().cloned()).collect();
        counters::begin(&config, &followed);
        let followed = (followed, config.reload_every.unsigned_abs());
        let by_hand = |entry: &crate::config::Downstream| Some((entry.name.clone(), entry.manual.clone()?));
        let registry = registry.with_manual(config.downstreams.iter().filter_map(by_hand).collect());
        let webhooks = settings::webhooks(&config)?;
        let limits = settings::limits(&config);
        let settings = settings::engine_settings(&config);
        let grace = config.server.grace.unsigned_abs();
        let web_origins = settings::web_origins(&config);
        let controller = export::Controller {
            name: config.controller.name,
            contact: config.controller.contact,
            complaint_body: config.controller.complaint_body,
        };
        let tools = Tools {
            store,
            storage,
            ring: ring.clone(),
            registry,
            webhooks,
            clock: Arc::clone(&clock),
            controller,
            settings,
        };
        let kept = (ring_file, ring.clone());
        let engine = Engine::new(tools).await.context("cannot read what is known of the downstreams")?;
        engine.check_health().await.context("the database or the storage does not answer")?;
        Ok(Self { engine, clock, limits, grace, web_origins, tls, auth, keys_every, followed, ring: kept })
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
        let (file, ring) = self.ring;
        let ring = tokio::spawn(ring::follow(file, ring, every));
        let (auth, keys_every) = (self.auth.clone(), self.keys_every);
        let keys = tokio::spawn(async move {
            if let Some(tokens) = auth.as_ref().and_then(|auth| auth.tokens.as_ref()) {
                tokens.keys.follow(keys_every).await;
            }
        });
        let settings::Limits { calls, pace, connections } = self.limits;
        let (tls, auth, web_origins) = (self.tls, self.auth, self.web_origins);
        let settings = grpc::Settings { now, limits: calls, pace, connections, tls, auth, web_origins };
        let server: JoinHandle<_> = tokio::spawn(grpc::serve(listener, self.engine, settings, shutdown));
        Ok(Running {
            address,
            stop,
            server: AbortOnDropHandle::new(server),
            lanes,
            grace: self.grace,
            _following: [following, keys, ring].map(AbortOnDropHandle::new),
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
    let known = ring.ids();
    let missing = in_use.iter().filter(|(id, _)| !known.contains(id));
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

/// The configured ring's file.
pub fn ring_file(config: &Config) -> anyhow::Result<RingFile> {
    settings::ring_file(&config.keys)
}

/// The keys of the configured ring and database, by id.
pub async fn key_status(config: &Config) -> anyhow::Result<Vec<KeyStatus>> {
    let ring = ring_file(config)?.load().await?;
    let in_use = store::keys_in_use(&config.store.url).await.context("cannot read the database")?;
    let (primary, known) = (ring.primary(), ring.ids());
    let ids: BTreeSet<&String> = known.iter().chain(in_use.keys()).collect();
    let status = |id: &String| KeyStatus {
        id: id.clone(),
        is_primary: *id == primary,
        is_in_ring: known.contains(id),
        cases: in_use.get(id).copied().unwrap_or(0),
    };
    Ok(ids.into_iter().map(status).collect())
}

/// Brings the schema up to date and answers how many steps that took.
pub async fn migrate(config: &Config) -> anyhow::Result<u32> {
    store::migrate(&config.store.url).await.context("cannot migrate the database")
}
