//! Wake-ups. They carry no data and may be lost: whoever is woken looks into the tables, and looks now and then anyway.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{Notify, broadcast, watch};

use crate::domain::CaseId;

/// Changes that a slow watcher may fall behind before it is told only that there were many.
const BEHIND_MAX: usize = 1_024;

/// What was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// This case.
    Case(CaseId),
    /// Any may have been.
    Any,
}

/// Who is to be woken once a transaction has been committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a bell of its own, and any of them may ring together"
)]
pub(super) struct Rings {
    /// Lanes whose tasks may be due, or whose calls have ended.
    pub(super) lanes: BTreeSet<String>,
    /// All lanes, instead of some.
    pub(super) every_lane: bool,
    /// Cases that were changed.
    pub(super) cases: BTreeSet<CaseId>,
    /// Any case may have been changed.
    pub(super) any_case: bool,
    /// Cases may need work themselves.
    pub(super) work: bool,
    /// Notices were written that have no place in the order yet. Whoever wrote them gives them theirs: others are not told.
    pub(super) unplaced: bool,
    /// There are notices to read and to deliver.
    pub(super) notices: bool,
}

impl Rings {
    /// Everybody: something may have been missed.
    pub(super) fn all() -> Self {
        Self { every_lane: true, any_case: true, work: true, notices: true, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, other: &Self) {
        self.lanes.extend(other.lanes.iter().cloned());
        self.cases.extend(&other.cases);
        self.every_lane |= other.every_lane;
        self.any_case |= other.any_case;
        self.work |= other.work;
        self.notices |= other.notices;
    }
}

/// Who wants to know about commits.
#[derive(Debug)]
pub struct Wakes {
    lanes: Mutex<BTreeMap<String, Arc<Notify>>>,
    cases: Arc<Notify>,
    unplaced: Arc<Notify>,
    notices: watch::Sender<()>,
    changed: broadcast::Sender<Changed>,
    /// What the other replicas are to be told; only kept where there may be others.
    outbox: Option<Mutex<Rings>>,
    outgoing: Notify,
}

impl Wakes {
    /// `others`: whether other replicas are to be told as well.
    pub(super) fn new(others: bool) -> Self {
        Self {
            lanes: Mutex::default(),
            cases: Arc::default(),
            unplaced: Arc::default(),
            notices: watch::Sender::default(),
            changed: broadcast::Sender::new(BEHIND_MAX),
            outbox: others.then(Mutex::default),
            outgoing: Notify::new(),
        }
    }

    /// Rings when tasks of this downstream may have become due.
    pub fn lane(&self, downstream: &str) -> Arc<Notify> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(downstream.to_owned()).or_default())
    }

    /// Rings when cases themselves may need work.
    pub fn cases(&self) -> &Arc<Notify> {
        &self.cases
    }

    /// Rings when notices of ours wait for their places in the order.
    pub fn unplaced(&self) -> &Arc<Notify> {
        &self.unplaced
    }

    /// Changes when there are notices to read and to deliver.
    pub fn notices(&self) -> watch::Receiver<()> {
        self.notices.subscribe()
    }

    /// Tells which cases were changed. `Lagged` means: any may have.
    pub fn changed(&self) -> broadcast::Receiver<Changed> {
        self.changed.subscribe()
    }

    /// A transaction of ours was committed: rings here, and has the others told.
    pub(super) fn committed(&self, rings: &Rings) {
        self.ring(rings);
        if let Some(outbox) = &self.outbox
            && !rings.is_empty()
        {
            outbox.lock().unwrap_or_else(PoisonError::into_inner).add(rings);
            self.outgoing.notify_one();
        }
    }

    /// Rings here.
    pub(super) fn ring(&self, rings: &Rings) {
        if rings.every_lane {
            let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
            lanes.values().for_each(|lane| lane.notify_one());
        } else {
            rings.lanes.iter().for_each(|lane| self.lane(lane).notify_one());
        }
        if rings.work {
            self.cases.notify_one();
        }
        if rings.unplaced {
            self.unplaced.notify_one();
        }
        if rings.notices {
            self.notices.send_replace(());
        }
        // Nobody watching is no fault.
        if rings.any_case {
            let _ = self.changed.send(Changed::Any);
        }
        for case in &rings.cases {
            let _ = self.changed.send(Changed::Case(*case));
        }
    }

    /// Waits until the others have to be told something, and takes it. What comes meanwhile is told with the next.
    pub(super) async fn outgoing(&self) -> Rings {
        self.outgoing.notified().await;
        let outbox = self.outbox.as_ref().map(|outbox| outbox.lock().unwrap_or_else(PoisonError::into_inner));
        outbox.map(|mut rings| std::mem::take(&mut *rings)).unwrap_or_default()
    }
}
