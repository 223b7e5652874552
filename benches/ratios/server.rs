//! rightful as `serve` runs it, with everything it keeps in one folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::SignedDuration;
use rightful::{
    app::{self, App, Running},
    clock::{DatabaseClock, SystemClock},
    config::{Config, Downstream},
    domain::verification::Assurance,
    telemetry,
};
use tokio::net::TcpListener;

/// How long a lease lasts where nothing else is said: the default of the configuration.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Calls at once that a downstream takes: the default of the configuration.
pub const PARALLEL_CALLS: u32 = 8;

/// What a rightful child is told.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Where it keeps everything, absolute.
    pub folder: PathBuf,
    /// `store.url`; without it, a SQLite file in the folder.
    pub database: Option<String>,
    /// How long a lease lasts.
    pub lease: SignedDuration,
    /// Calls to one downstream that it has under way at once.
    pub calls_per_lane: u32,
}

impl Setup {
    /// Everything in this folder, and the rest by default.
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), database: None, lease: LEASE, calls_per_lane: 64 }
    }
}

/// The configuration that asks these downstreams (name, endpoint).
pub fn config(setup: &Setup, downstreams: &[(String, String)]) -> Config {
    let mut config = Config::default();
    let inside = |name: &str| setup.folder.join(name);
    let file = || format!("sqlite://{}", inside("rightful.sqlite").display());
    config.store.url = setup.database.clone().unwrap_or_else(file);
    config.storage.url = format!("file://{}", inside("objects").display());
    config.keys.ring = inside("keys.json");
    // Opening and fulfilling are measured, not waiting for evidence.
    config.handling.verification.level = Assurance::None;
    config.engine.lease = setup.lease;
    config.engine.calls_per_lane = setup.calls_per_lane;
    config.downstreams = downstreams.iter().map(downstream).collect();
    config
}

fn downstream((name, endpoint): &(String, String)) -> Downstream {
    Downstream {
        name: name.clone(),
        endpoint: endpoint.clone(),
        tls: None,
        manual: None,
        parallel_calls: PARALLEL_CALLS,
        calls_per_minute: 0,
        burst: 0,
        connect_timeout: SignedDuration::from_secs(5),
        call_timeout: SignedDuration::from_secs(30),
        idle_timeout: SignedDuration::from_mins(30),
        collect_timeout: SignedDuration::from_hours(6),
    }
}

/// Starts it on a free loopback port, with the log that `serve` would write.
pub async fn start(config: Config) -> anyhow::Result<(Running, telemetry::Guard)> {
    let guard = telemetry::start(&app::telemetry_settings(&config, String::from("bench")))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let running =
        Box::pin(App::build(config, Arc::new(DatabaseClock::over(SystemClock)))).await?.start(listener)?;
    Ok((running, guard))
}
