//! The verbs: one file each.
//!
//! [`Engine`] is the handle that the services hold: cheap to clone, safe to share. [`Engine::start`] sets the lanes to
//! work; it takes no hints, so the happy path, the restart after a crash and a second replica run the same code.

mod access;
mod api;
mod approve;
mod attempt;
mod cancel;
mod change;
mod check;
mod collect;
mod confirm;
mod courier;
mod deadline;
mod decide;
mod desk;
mod directory;
mod download;
mod due;
mod error;
mod expire;
mod guardian;
mod hold;
mod judge;
mod lane;
mod lease;
mod notice;
mod open;
mod pause;
mod person;
mod plan;
mod preview;
mod read;
mod record;
mod refuse;
mod release;
mod resolve;
mod retention_sweep;
mod retry;
mod rewrap;
mod sequencer;
mod settle;
mod sweep;
mod timekeeping;
mod watch;

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

pub use api::*;
pub use confirm::Confirmation;
pub use error::Error;

use crate::{
    clock::Clock,
    domain::{Duplicates, Period, breaker, handling::Handling, retention, retry::Policy},
    downstream::Registry,
    export::{Controller, Storage},
    notice::Webhooks,
    store::{Store, Subscription},
    vault::KeyRing,
};
use directory::Directory;
use lease::Leases;

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// After a crash the work rests for this long at the most; a lease lasts an eighth less, and is renewed three times
    /// as often.
    pub lease: SignedDuration,
    /// How often the lanes look for work that nobody woke them for.
    pub poll: SignedDuration,
    /// How often downstreams are asked what they hold.
    pub describe_every: SignedDuration,
    /// How long a case waits for a downstream that has never described itself before it is planned without it.
    pub describe_patience: SignedDuration,
    /// How cases are handled.
    pub handling: Arc<Handling>,
    /// How long an export, and all personal data of a settled case, is kept.
    pub export_lives: Period,
    /// What is retained, anonymised or restricted instead of erased.
    pub retention: retention::Policy,
    /// What is done about a case whose subject has an open case of the same right and scope.
    pub duplicates: Duplicates,
    /// Cases of one right that a subject may open within `excessive_within`, up to 100. 0: any number.
    pub excessive_cases: u32,
    /// See `excessive_cases`.
    pub excessive_within: Period,
    /// How long notices can be read again, and may still be delivered.
    pub notices_kept: Period,
    /// From one sweep of a downstream to the next; absent: none is planned by itself.
    pub sweep_every: Option<Period>,
    /// Whether a sweep that was planned by itself runs by itself.
    pub sweeps_run_by_themselves: bool,
    /// How failures are retried.
    pub retry: Policy,
    /// When a downstream that fails again and again is left alone.
    pub breaker: breaker::Policy,
    /// Calls to one downstream that this replica has under way at once, however many the downstream takes: they bound
    /// its memory.
    pub calls_per_lane: u32,
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
    /// Whom notices are sent to.
    pub webhooks: Webhooks,
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
    webhooks: Webhooks,
    directory: Directory,
    clock: Arc<dyn Clock>,
    controller: Controller,
    settings: Settings,
    leases: Leases,
    /// Wakes those who work on retention sweeps of this replica; others find them by their poll.
    sweeps: Arc<Notify>,
    stopping: CancellationToken,
}

/// What can be used just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// The database answers, and takes writes.
    pub database: bool,
    /// The storage takes objects.
    pub storage: bool,
}

/// The handle to everything that rightful does.
#[derive(Clone)]
pub struct Engine(Arc<Shared>);

/// Lanes at work.
pub struct Lanes {
    engine: Engine,
    running: JoinSet<()>,
}

impl Engine {
    /// An engine that answers, but does not work yet.
    pub async fn new(tools: Tools) -> Result<Self, Error> {
        let Tools { store, storage, ring, registry, webhooks, clock, controller, settings } = tools;
        timekeeping::synchronise(&store, &*clock).await?;
        store.register(registry.names()).await?;
        subscribe(&store, &webhooks).await?;
        store.hand_back_of_the_dead(clock.now()).await?;
        let directory = Directory::load(&store, &registry).await?;
        let (leases, stopping) = (Leases::default(), CancellationToken::new());
        Ok(Self(Arc::new(Shared {
            store,
            storage,
            ring,
            registry,
            webhooks,
            directory,
            clock,
            controller,
            settings,
            leases,
            sweeps: Arc::default(),
            stopping,
        })))
    }

    /// Whether the database and the storage can be used: what readiness hangs on. Whatever the answer, it comes within
    /// seconds.
    pub async fn health(&self) -> Health {
        let (database, storage) = tokio::join!(self.0.store.check(), self.0.storage.check());
        Health { database: database.is_ok() && !self.0.store.is_out(), storage: storage.is_ok() }
    }

    /// Fails, with the cause, if the database or the storage does not answer.
    pub async fn check_health(&self) -> Result<(), Error> {
        self.0.store.check().await?;
        Ok(self.0.storage.check().await?)
    }

    /// Sets one lane to work for each downstream, one for the cases themselves, and one that keeps asking downstreams
    /// what they hold.
    pub fn start(&self) -> Lanes {
        let stop = self.0.stopping.clone();
        let mut running = JoinSet::new();
        for name in self.0.registry.names() {
            running.spawn(lane::run(self.clone(), name.to_owned(), stop.clone()));
        }
        for webhook in self.0.webhooks.iter() {
            running.spawn(courier::run(self.clone(), Arc::clone(webhook), stop.clone()));
        }
        running.spawn(rewrap::run(self.clone(), stop.clone()));
        running.spawn(sequencer::run(self.clone(), stop.clone()));
        running.spawn(desk::run(self.clone(), stop.clone()));
        running.spawn(retention_sweep::run(self.clone(), stop.clone()));
        running.spawn(directory::keep_describing(self.clone(), stop.clone()));
        running.spawn(self.clone().keep_counting(stop.clone()));
        running.spawn(timekeeping::keep(self.clone(), stop));
        Lanes { engine: self.clone(), running }
    }
}

/// Has notices kept for these webhooks from now on.
async fn subscribe(store: &Store, webhooks: &Webhooks) -> Result<(), Error> {
    let endpoint = |url: &str| hex::encode(Sha256::digest(url));
    let named: Vec<(String, String)> = webhooks
        .iter()
        .map(|webhook| (webhook.settings().name.clone(), endpoint(&webhook.settings().url)))
        .collect();
    store.register_webhooks(&named).await?;
    let subscription = |webhook: &Arc<crate::notice::Webhook>| Subscription {
        webhook: webhook.settings().name.clone(),
        types: webhook.settings().types.clone(),
    };
    store.subscribe(webhooks.iter().map(subscription).collect());
    Ok(())
}

impl Lanes {
    /// Claims nothing more, ends watches, waits up to `patience` for work that is under way, and hands the rest back: others
    /// may claim it at once.
    pub async fn stop(mut self, patience: Duration) {
        self.engine.0.stopping.cancel();
        let all = async { while self.running.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_ok() {
            return;
        }
        self.running.shutdown().await;
        let tokens = self.engine.0.leases.held();
        tracing::warn!(leases = tokens.len(), "work that did not end in time is handed back");
        let now = self.engine.0.clock.now();
        if let Err(error) = self.engine.0.store.hand_back(&tokens, now).await {
            Error::from(error).say("it is left to its leases, as after a crash");
        }
    }
}
