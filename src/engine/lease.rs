//! Keeping a lease while work goes on.
//!
//! A lease says who works, so that two do not work on the same at once; what is true is said by the state. If its
//! holder dies, the lease ends by itself and anybody may claim the work again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;
use uuid::Uuid;

use super::Engine;
use crate::{
    domain::{CaseId, SweepId, TaskId},
    store::Error,
    telemetry::metrics,
};

/// What is leased.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leased {
    /// A task.
    Task(TaskId),
    /// A case's own work.
    Case(CaseId),
    /// A retention sweep.
    Sweep(SweepId),
}

/// The tokens of leases that this process holds, so that it can hand them back when it stops.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(Arc<Mutex<BTreeMap<Uuid, usize>>>);

impl Leases {
    /// One piece of work goes on under this token.
    pub(super) fn hold(&self, token: Uuid) -> Held {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(token).or_default() += 1;
        Held { leases: self.clone(), token }
    }

    /// The tokens of work that did not end.
    pub(super) fn held(&self) -> Vec<Uuid> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }
}

/// A lease that this process holds until [`Held::end`]. Dropped without that, its work was cut off.
#[derive(Debug)]
pub(super) struct Held {
    leases: Leases,
    pub(super) token: Uuid,
}

impl Held {
    /// The work has ended, and the lease with it.
    pub(super) fn end(self) {
        let mut held = self.leases.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.token) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.token);
            }
        }
    }
}

impl Engine {
    /// When a lease that begins or is renewed now will end: an eighth before the time that is promised for going on after
    /// a crash, so that whoever finds the work does so within it.
    pub(super) fn lease_end(&self) -> Timestamp {
        let lease = self.0.settings.lease - self.0.settings.lease / 8;
        self.0.clock.now().saturating_add(lease).unwrap_or(Timestamp::MAX)
    }

    /// Renews the lease for as long as it is awaited. It completes only when the lease is lost: the work must stop.
    pub(super) async fn keep(&self, leased: Leased, token: Uuid) {
        let mut renewed_until = self.lease_end();
        loop {
            let third = self.0.settings.lease / 3;
            let next = self.0.clock.now().saturating_add(third).unwrap_or(Timestamp::MAX);
            self.0.clock.until(next).await;
            let until = self.lease_end();
            let renewed = match leased {
                Leased::Task(id) => self.0.store.renew(id, token, until).await,
                Leased::Sweep(id) => self.0.store.renew_sweep(id, token, until).await,
                Leased::Case(id) => self.0.store.renew_case(id, token, until).await,
            };
            match renewed {
                Ok(()) => renewed_until = until,
                Err(Error::LeaseLost) => return metrics::lease_lost(),
                // The database may be back before the lease ends.
                Err(_) if self.0.clock.now() < renewed_until => {}
                Err(_) => return,
            }
        }
    }
}
