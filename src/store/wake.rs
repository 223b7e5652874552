//! Wake-ups. They carry no data and may be lost: whoever is woken looks into the tables, and looks now and then anyway.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, broadcast};

use crate::domain::CaseId;

/// Changes that a slow watcher may fall behind before it is told only that there were many.
const BEHIND_MAX: usize = 1_024;

/// Who wants to know about commits.
#[derive(Debug)]
pub struct Wakes {
    lanes: Mutex<BTreeMap<String, Arc<Notify>>>,
    cases: Arc<Notify>,
    changed: broadcast::Sender<CaseId>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self { lanes: Mutex::default(), cases: Arc::default(), changed: broadcast::Sender::new(BEHIND_MAX) }
    }
}

impl Wakes {
    /// Rings when tasks of this downstream may have become due.
    pub fn lane(&self, downstream: &str) -> Arc<Notify> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(downstream.to_owned()).or_default())
    }

    /// Rings when cases themselves may need work.
    pub fn cases(&self) -> &Arc<Notify> {
        &self.cases
    }

    /// Tells which cases were changed. `Lagged` means: any may have.
    pub fn changed(&self) -> broadcast::Receiver<CaseId> {
        self.changed.subscribe()
    }

    pub(super) fn ring_changed(&self, case: CaseId) {
        // Nobody watching is no fault.
        let _ = self.changed.send(case);
    }

    pub(super) fn ring_lane(&self, downstream: &str) {
        self.lane(downstream).notify_one();
    }
}
