//! The server in this process, on a runtime of its own, so that it can be ended at any instant.

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use rightful::{
    app::{App, Running},
    clock::Clock,
    config,
};
use tokio::{net::TcpListener, runtime::Runtime};

/// How long a blocking call (a file, a statement) may take at the end.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// A server that runs here.
pub struct Embedded {
    running: Running,
    runtime: Runtime,
    address: SocketAddr,
}

impl Embedded {
    /// Starts on a free port.
    pub async fn start(file: &Path, clock: Arc<dyn Clock>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime can be built");
        let config =
            config::load(Some(file), std::iter::empty(), &[]).expect("the test's configuration is right");
        let starting = runtime.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Box::pin(App::build(config, clock)).await?.start(listener)
        });
        let running = starting.await.expect("starting does not panic").expect("the server starts");
        Self { address: running.address(), running, runtime }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it between two instructions.
    pub async fn kill(self) {
        let Self { running, runtime, .. } = self;
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(SHUTDOWN))
            .await
            .expect("a runtime can be shut down");
        drop(running);
    }

    /// Ends it as SIGTERM would.
    pub async fn stop(self) {
        let Self { running, runtime, .. } = self;
        runtime.spawn(running.stop()).await.expect("stopping does not panic");
        runtime.shutdown_background();
    }
}
