//! What is known of the downstreams: kept in memory for planning, in the store across restarts.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use futures::future::join_all;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Check, DownstreamView, Engine, Error};
use crate::{
    domain::{BreakerState, Capabilities, Lane, plan::Registered, processor::ProcessorPolicy},
    downstream::Registry,
    store::Store,
    telemetry::metrics,
};

/// Tasks of a manual downstream that are handed to people at once: that takes a commit, and no call.
const MANUAL_AT_ONCE: u32 = 16;

#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) capabilities: Option<Arc<Capabilities>>,
    pub(super) described_at: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    /// The lane as it was seen last.
    pub(super) lane: Lane,
}

/// The registered downstreams by name. Those that are only in the store are no longer registered, and left out.
pub(super) struct Directory(RwLock<BTreeMap<String, Known>>);

impl Directory {
    pub(super) async fn load(store: &Store, registry: &Registry) -> Result<Self, Error> {
        let mut known: BTreeMap<String, Known> =
            registry.names().map(|name| (name.to_owned(), Known::default())).collect();
        for (name, known) in &mut known {
            known.capabilities = registry.manual(name).cloned().map(Arc::new);
        }
        for stored in store.downstreams().await? {
            if let Some(known) =
                known.get_mut(&stored.name).filter(|_| registry.manual(&stored.name).is_none())
            {
                known.capabilities = Some(Arc::new(stored.capabilities));
                known.described_at = Some(stored.described_at);
            }
        }
        Ok(Self(RwLock::new(known)))
    }

    pub(super) fn all(&self) -> BTreeMap<String, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn get(&self, name: &str) -> Option<Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Notes how the last call to a downstream went.
    pub(super) fn note(&self, name: &str, error: Option<String>) {
        self.update(name, |known| known.last_error = error);
    }

    /// Keeps how a lane was seen.
    pub(super) fn see_lane(&self, name: &str, lane: Lane) {
        metrics::breaker(name, position(lane.breaker.state));
        self.update(name, |known| known.lane = lane);
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut Known)) {
        if let Some(known) = self.0.write().unwrap_or_else(PoisonError::into_inner).get_mut(name) {
            change(known);
        }
    }
}

/// The planner's view of a snapshot.
pub(super) fn registered(known: &BTreeMap<String, Known>, policy: ProcessorPolicy) -> Vec<Registered<'_>> {
    known
        .iter()
        .map(|(name, known)| {
            let capabilities = known.capabilities.as_deref();
            let controller = capabilities.and_then(|capabilities| capabilities.processor_for.as_deref());
            let controller = controller.filter(|_| policy == ProcessorPolicy::Forward);
            Registered { name, capabilities, controller }
        })
        .collect()
}

/// Asks every downstream what it holds, now and then, until `stop`.
pub(super) async fn keep_describing(engine: Engine, stop: CancellationToken) {
    loop {
        let names: Vec<String> = engine.0.registry.names().map(str::to_owned).collect();
        let round = join_all(names.iter().map(|name| engine.describe(name)));
        tokio::select! {
            () = stop.cancelled() => return,
            results = round => for (name, result) in names.iter().zip(results) {
                if let Err(error) = result {
                    tracing::warn!(downstream = %name, %error, "a downstream does not describe itself");
                }
            },
        }
        let next =
            engine.0.clock.now().saturating_add(engine.0.settings.describe_every).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = stop.cancelled() => return,
            () = engine.0.clock.until(next) => {}
        }
    }
}

impl Engine {
    /// All registered downstreams, by name.
    pub async fn downstreams(&self) -> Result<Vec<DownstreamView>, Error> {
        let (backlog, lanes) = (self.0.store.backlog().await?, self.0.store.lanes().await?);
        let under_way = self.0.store.under_way(self.0.clock.now()).await?;
        let view = |(name, mut known): (String, Known)| {
            known.lane = lanes.get(&name).cloned().unwrap_or_default();
            let count = |of: &BTreeMap<String, u64>| of.get(&name).copied().unwrap_or(0);
            self.view(&name, known, (count(&backlog), under_way.get(&name).copied().unwrap_or(0)))
        };
        Ok(self.0.directory.all().into_iter().map(view).collect())
    }

    /// One of them.
    pub async fn downstream(&self, name: &str) -> Result<DownstreamView, Error> {
        self.downstreams().await?.into_iter().find(|view| view.name == name).ok_or_else(|| unknown(name))
    }

    /// Asks one of them now what it holds, and says how that went.
    pub async fn check(&self, name: &str) -> Result<Check, Error> {
        if !self.0.registry.knows(name) {
            return Err(unknown(name));
        }
        let before = self.0.clock.now();
        let error = self.describe(name).await.err();
        let latency = self.0.clock.now().duration_since(before);
        Ok(Check { downstream: self.downstream(name).await?, error, latency })
    }

    /// Asks a downstream what it holds and keeps the answer. The error is fit to be shown.
    pub(super) async fn describe(&self, name: &str) -> Result<(), String> {
        if self.0.registry.manual(name).is_some() {
            return Ok(());
        }
        let Some(client) = self.0.registry.get(name) else { return Err("not registered".to_owned()) };
        let capabilities = match client.describe().await {
            Ok(capabilities) => capabilities,
            Err(failure) => {
                self.0.directory.note(name, Some(failure.message.clone()));
                return Err(failure.message);
            }
        };
        let now = self.0.clock.now();
        if let Err(error) = self.0.store.keep_description(name, &capabilities, now).await {
            Error::from(error).say("a description is not kept");
        }
        self.0.directory.update(name, |known| {
            known.capabilities = Some(Arc::new(capabilities));
            known.described_at = Some(now);
            known.last_error = None;
        });
        Ok(())
    }

    /// How many calls a downstream gets at once: as configured, and no more than it asked for.
    pub(super) fn parallel_calls(&self, name: &str) -> u32 {
        let configured =
            self.0.registry.get(name).map_or(MANUAL_AT_ONCE, |client| client.settings().parallel_calls);
        let wanted =
            self.0.directory.get(name).and_then(|known| known.capabilities).map_or(0, |c| c.parallel_calls);
        if wanted == 0 { configured } else { configured.min(wanted) }
    }

    fn view(&self, name: &str, known: Known, (backlog, under_way): (u64, u32)) -> DownstreamView {
        DownstreamView {
            name: name.to_owned(),
            manual: self.0.registry.manual(name).is_some(),
            endpoint: self.0.registry.get(name).map(|c| c.settings().endpoint.clone()).unwrap_or_default(),
            capabilities: known.capabilities.as_deref().cloned(),
            described_at: known.described_at,
            parallel_calls: self.parallel_calls(name),
            backlog,
            under_way,
            lane: known.lane,
            last_error: known.last_error,
        }
    }
}

/// As the metric has it.
const fn position(state: BreakerState) -> u64 {
    match state {
        BreakerState::Closed => 0,
        BreakerState::HalfOpen => 1,
        BreakerState::Open => 2,
    }
}

pub(super) fn unknown(name: &str) -> Error {
    Error::NotFound { resource: "downstream", id: name.to_owned() }
}
