//! Cases and their lives.
//!
//! | from | event | to |
//! |---|---|---|
//! | in_progress | settle | completed |
//! | in_progress | cancel | cancelled |
//! | cancelled | cancel | cancelled |
//! | completed | reopen | in_progress |
//! | completed, cancelled | expire | expired |
//!
//! Everything else is an [`IllegalTransition`]. `docs/states.md` is printed from this table.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{CaseId, IdentifierKind, IllegalTransition, Right, Scope, Task, TaskReason, TaskState};

named! {
    /// Where a case stands.
    pub enum CaseState {
        /// Downstreams are being asked.
        InProgress = "in_progress",
        /// All that could be done is done.
        Completed = "completed",
        /// The caller stopped it.
        Cancelled = "cancelled",
        /// Its key is destroyed and its personal data deleted.
        Expired = "expired",
    }
}

named! {
    /// Why a case is where it is.
    pub enum CaseReason {
        /// Every downstream that had to be asked answered in full.
        Fulfilled = "fulfilled",
        /// At least one downstream's part is missing.
        PartiallyFulfilled = "partially_fulfilled",
        /// Every downstream answered, and none holds anything.
        NothingHeld = "nothing_held",
        /// The caller stopped it.
        CancelledByCaller = "cancelled_by_caller",
    }
}

named! {
    /// What happens to a case.
    pub enum CaseEvent {
        /// All its tasks are settled, and the export or receipt is made.
        Settle = "settle",
        /// The caller stops it.
        Cancel = "cancel",
        /// One of its tasks is retried.
        Reopen = "reopen",
        /// Its time is over.
        Expire = "expire",
    }
}

named! {
    /// What a case itself needs, beside its tasks. Every case that is not expired has one of these at a due time, or an
    /// active task.
    pub enum CaseWork {
        /// Some downstream had not described itself when the case was opened: plan when it has.
        Plan = "plan",
        /// Its due time has come: whoever cannot be reached now is waited for no longer.
        Due = "due",
        /// All tasks are settled: make the export or receipt.
        Settle = "settle",
        /// It has settled: delete what dead attempts left in the storage.
        Sweep = "sweep",
        /// The time of its personal data is over.
        Expire = "expire",
    }
}

impl CaseState {
    /// The state after the event.
    pub fn after(self, event: CaseEvent) -> Result<Self, IllegalTransition> {
        use CaseEvent::{Cancel, Expire, Reopen, Settle};
        use CaseState::{Cancelled, Completed, Expired, InProgress};
        match (self, event) {
            (InProgress, Settle) => Ok(Completed),
            (InProgress | Cancelled, Cancel) => Ok(Cancelled),
            (Completed, Reopen) => Ok(InProgress),
            (Completed | Cancelled, Expire) => Ok(Expired),
            (InProgress, Reopen | Expire)
            | (Completed, Settle | Cancel)
            | (Cancelled, Settle | Reopen)
            | (Expired, Settle | Cancel | Reopen | Expire) => {
                Err(IllegalTransition { from: self.as_str(), event: event.as_str() })
            }
        }
    }

    /// Whether nothing more happens by itself, but for expiry. A watcher's stream ends here.
    pub const fn is_settled(self) -> bool {
        !matches!(self, Self::InProgress)
    }
}

/// One data-subject request, without its sealed identifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its id.
    pub id: CaseId,
    /// Who opened it.
    pub caller: String,
    /// The caller's idempotency key.
    pub request_id: String,
    /// Which right.
    pub right: Right,
    /// Where it stands.
    pub state: CaseState,
    /// Why.
    pub reason: Option<CaseReason>,
    /// Counts the changes of the case and its tasks.
    pub revision: u64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When the person asked.
    pub received_at: Timestamp,
    /// When it has to be done.
    pub due_at: Timestamp,
    /// When it last settled.
    pub settled_at: Option<Timestamp>,
    /// When its personal data goes.
    pub expires_at: Option<Timestamp>,
    /// The kinds of identifiers known by now.
    pub identifier_kinds: Vec<IdentifierKind>,
    /// What it is about.
    pub scope: Scope,
    /// The caller's references.
    pub labels: BTreeMap<String, String>,
    /// The policy version it is handled under, or empty.
    pub policy_version: String,
    /// The subject, as a keyed pseudonym (hex): the same person gets the same one, and it names nobody.
    pub pseudonym: String,
}

/// How well a case went, once all its tasks are settled. A task that was skipped because the scope leaves it out or
/// because nothing is known that its downstream understands was not owed; the completeness statement names it.
pub fn settled_reason(tasks: &[Task]) -> CaseReason {
    let incomplete = |task: &Task| match task.state {
        TaskState::Done => false,
        TaskState::Skipped => task.reason == Some(TaskReason::RightNotSupported),
        _ => true,
    };
    if tasks.iter().any(incomplete) {
        CaseReason::PartiallyFulfilled
    } else if tasks.iter().flat_map(|task| &task.results).any(super::CategoryResult::holds_anything) {
        CaseReason::Fulfilled
    } else {
        CaseReason::NothingHeld
    }
}
