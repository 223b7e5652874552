//! rightful as `serve` runs it, with everything it keeps in one folder.

use std::{path::Path, sync::Arc};

use jiff::SignedDuration;
use rightful::{
    app::{self, App, Running},
    clock::SystemClock,
    config::{Config, Downstream},
    telemetry,
};
use tokio::net::TcpListener;

/// How long a lease lasts where nothing else is said: the default of the configuration.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// A configuration that keeps everything in `folder`, which is absolute, and asks these downstreams (name, endpoint).
pub fn config(folder: &Path, lease: SignedDuration, downstreams: &[(String, String)]) -> Config {
    let mut config = Config::default();
    let inside = |name: &str| folder.join(name);
    config.store.url = format!("sqlite://{}", inside("rightful.sqlite").display());
    config.storage.url = format!("file://{}", inside("objects").display());
    config.keys.ring = inside("keys.json");
    config.engine.lease = lease;
    config.downstreams = downstreams.iter().map(downstream).collect();
    config
}

fn downstream((name, endpoint): &(String, String)) -> Downstream {
    Downstream {
        name: name.clone(),
        endpoint: endpoint.clone(),
        parallel_calls: 8,
        calls_per_minute: None,
        burst: 1,
        connect_timeout: SignedDuration::from_secs(5),
        call_timeout: SignedDuration::from_secs(30),
        idle_timeout: SignedDuration::from_mins(30),
        collect_timeout: SignedDuration::from_hours(6),
    }
}

/// Starts it on a free loopback port, with the log that `serve` would write.
pub async fn start(config: Config) -> anyhow::Result<(Running, telemetry::Guard)> {
    let guard = telemetry::start(&app::telemetry_settings(&config))?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let running = App::build(config, Arc::new(SystemClock)).await?.start(listener)?;
    Ok((running, guard))
}
