//! `rightful serve`: the server, until it is asked to end.

use std::{net::SocketAddr, sync::Arc};

use clap::Args;
use tokio::net::TcpListener;

use super::{
    config::File,
    exit::{Exit, Failure},
    signal::Signals,
};
use crate::{
    app::{self, App},
    clock::{Clock as _, DatabaseClock, SystemClock},
    config::{Config, Downstream},
    domain::endpoint::is_safe,
    telemetry,
};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: File,
    /// Serve without TLS and authentication. Only the loopback interface is served then: whoever is on this machine
    /// may ask for anybody's data.
    #[arg(long)]
    insecure: bool,
    /// The address and port to serve on; port 0 takes a free one. Default: server.listen of the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let overrides: Vec<_> =
        arguments.listen.map(|address| ("server.listen", address.to_string())).into_iter().collect();
    let config = arguments.file.load(&overrides)?;
    may_serve(&config, arguments.insecure)?;
    may_call(&config)?;
    let guard = telemetry::start(&app::telemetry_settings(&config, SystemClock.new_id().to_string()))
        .map_err(anyhow::Error::from)?;
    if let Some(address) = guard.metrics_address() {
        eprintln!("rightful shows its metrics on http://{address}/metrics");
    }
    let served = Box::pin(until_asked_to_end(config)).await;
    guard.shutdown().await;
    served
}

async fn until_asked_to_end(config: Config) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let address = config.server.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| Failure::new(Exit::Fault, format!("cannot listen on {address}: {error}")))?;
    let is_secure = config.server.tls.is_some();
    let app = Box::pin(App::build(config, Arc::new(DatabaseClock::over(SystemClock)))).await?;
    let running = app.start(listener)?;
    // On stderr: stdout has the log, which may be JSON.
    eprintln!("rightful serves on {}://{}", if is_secure { "https" } else { "http" }, running.address());
    signals.next().await;
    eprintln!("rightful stops; the same signal again ends it at once");
    tokio::select! {
        () = running.stop() => Ok(()),
        () = signals.next() => Err(Failure::new(Exit::Fault, "ended before everything was put in order")
            .detail("nothing is lost: what was under way is taken up again at the next start")),
    }
}

/// Serving without TLS and authentication has to be asked for, and does not leave this machine.
fn may_serve(config: &Config, insecure: bool) -> Result<(), Failure> {
    let mut missing = Vec::new();
    if config.server.tls.is_none() {
        missing.push("server.tls names no certificate: calls would travel in clear (docs/tls.md)");
    }
    if config.auth.is_none() {
        missing.push("auth.grant names nobody: whoever calls could ask for anybody's data (docs/access.md)");
    }
    if !insecure && !missing.is_empty() {
        let failure = Failure::usage("serving like this is not safe");
        return Err(missing.into_iter().fold(failure, Failure::detail).detail(
            "--insecure serves without them, on the loopback interface only: fine for trying it out",
        ));
    }
    let addresses = [Some(config.server.listen), config.telemetry.metrics_listen];
    let reachable = addresses.into_iter().flatten().find(|address| !address.ip().is_loopback());
    if insecure && let Some(address) = reachable {
        return Err(Failure::usage(format!(
            "--insecure does not serve on {address}, which others can reach"
        ))
        .detail("use a loopback address, such as 127.0.0.1:7443"));
    }
    Ok(())
}

/// Calling a downstream in clear does not leave this machine.
fn may_call(config: &Config) -> Result<(), Failure> {
    let in_clear = |downstream: &&Downstream| downstream.manual.is_none() && !is_safe(&downstream.endpoint);
    let Some(downstream) = config.downstreams.iter().find(in_clear) else { return Ok(()) };
    Err(Failure::usage(format!(
        "downstream {} is called at {}: personal data would travel in clear",
        downstream.name, downstream.endpoint
    ))
    .detail("use https://, or a loopback address such as http://127.0.0.1:50051"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_only_when_asked() {
        let may = |address: &str, insecure| {
            let mut config = Config::default();
            config.server.listen = address.parse().expect("is an address");
            may_serve(&config, insecure).is_ok()
        };
        assert!(may("127.0.0.1:0", true) && may("[::1]:7443", true));
        assert!(!may("127.0.0.1:0", false));
        assert!(!may("0.0.0.0:7443", true) && !may("[::]:7443", true) && !may("192.0.2.1:7443", true));
    }
}
