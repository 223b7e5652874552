//! The verbs: one file each.
//!
//! [`Engine`] is the handle that the services hold: cheap to clone, safe to share. [`Engine::start`] sets the lanes to
//! work; it takes no hints, so the happy path, the restart after a crash and a second replica run the same code.

mod api;
mod attempt;
mod cancel;
mod collect;
mod desk;
mod directory;
mod download;
mod erase;
mod error;
mod expire;
mod lane;
mod lease;
mod open;
mod plan;
mod preview;
mod read;
mod record;
mod resolve;
mod retry;
mod settle;
mod sweep;
mod watch;

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use api::*;
pub use error::Error;

use crate::{
    clock::Clock,
    domain::{Period, retry::Policy},
    downstream::Registry,
    export::{Controller, Storage},
    store::Store,
    vault::KeyRing,
};
use directory::Directory;

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a lease lasts; it is renewed three times as often. After a crash the work rests for this long.
    pub lease: SignedDuration,
    /// How often the lanes look for work that nobody woke them for.
    pub poll: SignedDuration,
    /// How often downstreams are asked what they hold.
    pub describe_every: SignedDuration,
    /// How long a case waits for a downstream that has never described itself before it is planned without it.
    pub describe_patience: SignedDuration,
    /// How long after the person asked a case is due.
    pub respond_within: Period,
    /// How long an export, and all personal data of a settled case, is kept.
    pub export_lives: Period,
    /// How failures are retried.
    pub retry: Policy,
}

/// What the engine works with.
pub struct Tools {
    /// The tables.
    pub store: Store,
    /// The objects.
    pub storage: Storage,
    /// The keys.
    pub ring: KeyRing,
    /// The downstreams.
    pub registry: Registry,
    /// Time, ids and chance.
    pub clock: Arc<dyn Clock>,
    /// Who answers for the data: named in exports and receipts.
    pub controller: Controller,
    /// How to work.
    pub settings: Settings,
}

struct Shared {
    store: Store,
    storage: Storage,
    ring: KeyRing,
    registry: Registry,
    directory: Directory,
    clock: Arc<dyn Clock>,
    controller: Controller,
    settings: Settings,
}

/// The handle to everything that rightful does.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// Lanes at work.
pub struct Lanes {
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Engine {
    /// An engine that answers, but does not work yet.
    pub async fn new(tools: Tools) -> Result<Self, Error> {
        let directory = Directory::load(&tools.store, &tools.registry).await?;
        let Tools { store, storage, ring, registry, clock, controller, settings } = tools;
        Ok(Self(Arc::new(Shared { store, storage, ring, registry, directory, clock, controller, settings })))
    }

    /// Whether the database and the storage answer: what readiness hangs on.
    pub async fn check_health(&self) -> Result<(), Error> {
        self.0.store.check().await?;
        Ok(self.0.storage.check().await?)
    }

    /// Sets one lane to work for each downstream, one for the cases themselves, and one that keeps asking downstreams
    /// what they hold.
    pub fn start(&self) -> Lanes {
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for name in self.0.registry.names() {
            running.spawn(lane::run(self.clone(), name.to_owned(), stop.clone()));
        }
        running.spawn(desk::run(self.clone(), stop.clone()));
        running.spawn(directory::keep_describing(self.clone(), stop.clone()));
        Lanes { stop, running }
    }
}

impl Lanes {
    /// Claims nothing more, waits up to `patience` for what is under way, and hands back the rest.
    pub async fn stop(mut self, patience: Duration) {
        self.stop.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            // What is cut off here is claimed again when its lease ends, as after a crash.
            tracing::warn!("work that did not end in time is left to its lease");
            self.running.shutdown().await;
        }
    }
}
