//! Denied calls, until they are written down: equal ones of a moment together, so that a flood costs a few rows.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    engine::{Denied, Engine},
    telemetry::metrics,
};

/// From one writing to the next. What a crash loses is in the log.
const EVERY: Duration = Duration::from_secs(2);
/// Different ones of a moment. Beyond, callers and addresses are no longer told apart.
const KINDS_MAX: usize = 50;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    rpc: &'static str,
    reason: &'static str,
    caller: String,
    address: String,
}

/// What is still to be written down.
#[derive(Default)]
pub(super) struct Denials(Mutex<BTreeMap<Kind, (Timestamp, u64)>>);

impl Denials {
    /// Notes one. The first of its kind is logged.
    pub(super) fn note(
        &self,
        rpc: &'static str,
        reason: &'static str,
        (caller, address): (&str, Option<IpAddr>),
        now: Timestamp,
    ) {
        metrics::denied(rpc, reason);
        let address = address.map(|address| address.to_string()).unwrap_or_default();
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kind = Kind { rpc, reason, caller: caller.to_owned(), address };
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind) {
            kind = Kind { caller: String::new(), address: String::new(), ..kind };
        }
        match kinds.entry(kind) {
            Entry::Occupied(mut known) => known.get_mut().1 += 1,
            Entry::Vacant(new) => {
                let Kind { caller, address, .. } = new.key();
                tracing::warn!(rpc, reason, caller, address, "a call was denied");
                new.insert((now, 1));
            }
        }
    }

    /// Writes them down every so often. Never ends.
    pub(super) async fn keep(&self, engine: &Engine) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.write(engine).await;
        }
    }

    /// Writes down what there is. What cannot be written is in the log.
    pub(super) async fn write(&self, engine: &Engine) {
        let kinds = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let denied = |(kind, (at, count)): (Kind, (Timestamp, u64))| Denied {
            at,
            caller: kind.caller,
            address: kind.address,
            rpc: kind.rpc,
            reason: kind.reason,
            count,
        };
        let denied: Vec<Denied> = kinds.into_iter().map(denied).collect();
        if !denied.is_empty()
            && let Err(error) = engine.keep_denials(denied).await
        {
            tracing::warn!(error = &error as &dyn std::error::Error, "denials are not kept");
        }
    }
}
