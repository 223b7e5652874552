//! Cases and their lives.
//!
//! | from | event | to |
//! |---|---|---|
//! | awaiting_verification | verify | awaiting_approval |
//! | awaiting_approval | approve | in_progress |
//! | in_progress | settle | completed |
//! | awaiting_verification, awaiting_approval, in_progress | refuse | refused |
//! | awaiting_verification, awaiting_approval, in_progress | cancel | cancelled |
//! | cancelled | cancel | cancelled |
//! | completed | reopen | in_progress |
//! | completed, refused, cancelled | expire | expired |
//!
//! Everything else is an [`IllegalTransition`]. `docs/states.md` is printed from this table.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    CaseId, IdentifierKind, IllegalTransition, Proceedings, Right, Scope, Task, TaskReason, TaskState,
};

named! {
    /// Where a case stands.
    pub enum CaseState {
        /// Nobody has verified yet that the subject asks.
        AwaitingVerification = "awaiting_verification",
        /// Nobody has approved it yet.
        AwaitingApproval = "awaiting_approval",
        /// Downstreams are being asked.
        InProgress = "in_progress",
        /// All that could be done is done.
        Completed = "completed",
        /// A person refused it on a ground, or its subject was not verified.
        Refused = "refused",
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
        /// Refused: the subject's identity stayed in doubt (GDPR 12(6)).
        InsufficientVerification = "insufficient_verification",
        /// Refused: manifestly unfounded (GDPR 12(5)).
        ManifestlyUnfounded = "manifestly_unfounded",
        /// Refused: excessive (GDPR 12(5)).
        Excessive = "excessive",
        /// Refused: another ground of a law.
        Exempt = "exempt",
        /// Stopped for a person to decide: the subject asks more often than policy takes for granted.
        ExcessiveCandidate = "excessive_candidate",
    }
}

named! {
    /// What happens to a case.
    pub enum CaseEvent {
        /// The subject's identity is verified well enough.
        Verify = "verify",
        /// It may begin.
        Approve = "approve",
        /// All its tasks are settled, and the export or receipt is made.
        Settle = "settle",
        /// A person refuses it on a ground, or verification failed.
        Refuse = "refuse",
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
        /// Something that was retained is released: erase it now.
        Release = "release",
        /// The time of its personal data is over.
        Expire = "expire",
    }
}

impl CaseState {
    /// The state after the event.
    pub fn after(self, event: CaseEvent) -> Result<Self, IllegalTransition> {
        use CaseEvent as E;
        use CaseState as S;
        match (self, event) {
            (S::AwaitingVerification, E::Verify) => Ok(S::AwaitingApproval),
            (S::AwaitingApproval, E::Approve) | (S::Completed, E::Reopen) => Ok(S::InProgress),
            (S::InProgress, E::Settle) => Ok(S::Completed),
            (S::AwaitingVerification | S::AwaitingApproval | S::InProgress, E::Refuse) => Ok(S::Refused),
            (S::AwaitingVerification | S::AwaitingApproval | S::InProgress | S::Cancelled, E::Cancel) => {
                Ok(S::Cancelled)
            }
            (S::Completed | S::Refused | S::Cancelled, E::Expire) => Ok(S::Expired),
            (S::AwaitingVerification, E::Approve | E::Settle | E::Reopen | E::Expire)
            | (S::AwaitingApproval, E::Verify | E::Settle | E::Reopen | E::Expire)
            | (S::InProgress, E::Verify | E::Approve | E::Reopen | E::Expire)
            | (S::Completed, E::Verify | E::Approve | E::Settle | E::Refuse | E::Cancel)
            | (S::Refused, E::Verify | E::Approve | E::Settle | E::Refuse | E::Cancel | E::Reopen)
            | (S::Cancelled, E::Verify | E::Approve | E::Settle | E::Refuse | E::Reopen)
            | (S::Expired, _) => Err(IllegalTransition { from: self.as_str(), event: event.as_str() }),
        }
    }

    /// Whether nothing more happens by itself, but for expiry. A watcher's stream ends here.
    pub const fn is_settled(self) -> bool {
        !self.is_open()
    }

    /// Whether the person still waits for an answer.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::AwaitingVerification | Self::AwaitingApproval | Self::InProgress)
    }

    /// Every state in which the person still waits.
    pub fn open() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|state| state.is_open()).collect()
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
    /// What policy and law make of it.
    pub proceedings: Proceedings,
    /// The subject, as a keyed pseudonym (hex): the same person gets the same one, and it names nobody.
    pub pseudonym: String,
}

/// How well a case went, once all its tasks are settled. A task that was skipped because the scope leaves it out or
/// because nothing is known that its downstream understands was not owed; the completeness statement names it.
pub fn settled_reason(tasks: &[Task]) -> CaseReason {
    let incomplete = |task: &Task| match task.state {
        TaskState::Done => false,
        TaskState::Skipped => {
            matches!(task.reason, Some(TaskReason::RightNotSupported | TaskReason::ResolvedByPerson))
        }
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
