//! Tasks and their lives.
//!
//! | from | event | to |
//! |---|---|---|
//! | blocked | unblock | pending |
//! | blocked | skip | skipped |
//! | pending, working, verifying | postpone | the same, later |
//! | pending | note | pending (what was found before the erasure is kept) |
//! | pending, working | accept | working |
//! | working | forget | pending (the downstream has lost it: it is sent again) |
//! | pending, working | erase | verifying |
//! | pending, verifying | finish | done |
//! | pending, working | refuse | refused |
//! | pending, working, verifying | give_up | needs_attention |
//! | needs_attention, refused | retry | pending |
//! | pending, working, verifying | retry | the same, at once |
//! | skipped | replan | blocked |
//! | needs_attention | replan | blocked |
//! | pending, working, needs_attention | resolve | done |
//! | pending, working, needs_attention | waive | skipped |
//! | needs_attention | refuse | refused |
//! | blocked, pending, working, verifying, needs_attention | cancel | cancelled |
//!
//! Everything else is an [`IllegalTransition`]. `docs/states.md` is printed from this table.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CaseId, CategoryResult, Directive, Ground, IdentifierKind, IllegalTransition, TaskId};

named! {
    /// What a task asks.
    pub enum TaskKind {
        /// Find further identifiers.
        Resolve = "resolve",
        /// Collect data.
        Collect = "collect",
        /// Erase, and verify.
        Erase = "erase",
    }
}

named! {
    /// Where a task stands.
    pub enum TaskState {
        /// Waits for other tasks.
        Blocked = "blocked",
        /// Will be attempted.
        Pending = "pending",
        /// Accepted by the downstream, polled.
        Working = "working",
        /// Erased, they say; collected again to see.
        Verifying = "verifying",
        /// Done.
        Done = "done",
        /// There was nothing to ask.
        Skipped = "skipped",
        /// The downstream refused.
        Refused = "refused",
        /// A person has to look.
        NeedsAttention = "needs_attention",
        /// The case was cancelled.
        Cancelled = "cancelled",
    }
}

named! {
    /// Why a task is where it is.
    pub enum TaskReason {
        /// Nothing is known that the downstream understands.
        NoKnownIdentifier = "no_known_identifier",
        /// The downstream does not support the right.
        RightNotSupported = "right_not_supported",
        /// The case's scope leaves it out.
        OutOfScope = "out_of_scope",
        /// Could not be reached, or said "again later".
        Unavailable = "unavailable",
        /// Its answer broke the contract.
        ContractViolation = "contract_violation",
        /// It said "never".
        Rejected = "rejected",
        /// More is left than it declared.
        ErasureUnconfirmed = "erasure_unconfirmed",
        /// It is no longer in the configuration.
        DownstreamUnknown = "downstream_unknown",
        /// It has never said what it holds.
        NotDescribed = "not_described",
        /// A fault of this side.
        Internal = "internal",
        /// A person has to do it, or has not done it in time: nothing answers by itself there.
        AwaitsPerson = "awaits_person",
        /// A person finished, waived or refused it.
        ResolvedByPerson = "resolved_by_person",
    }
}

named! {
    /// What happens to a task.
    pub enum TaskEvent {
        /// What it waited for is settled, and there is an identifier to ask by.
        Unblock = "unblock",
        /// There is nothing to ask.
        Skip = "skip",
        /// Tried in vain; again later.
        Postpone = "postpone",
        /// What was found before the erasure is written down.
        Note = "note",
        /// The downstream works on it.
        Accept = "accept",
        /// The downstream does not know the task that it accepted.
        Forget = "forget",
        /// The downstream says it erased.
        Erase = "erase",
        /// All done.
        Finish = "finish",
        /// The downstream, or a person in its stead, refuses.
        Refuse = "refuse",
        /// A person did it, or found that there is nothing to do.
        Resolve = "resolve",
        /// A person decides that it is not done.
        Waive = "waive",
        /// No further attempt makes sense without a person.
        GiveUp = "give_up",
        /// A person wants another attempt.
        Retry = "retry",
        /// New knowledge gives it a new chance.
        Replan = "replan",
        /// The case is cancelled.
        Cancel = "cancel",
    }
}

impl TaskState {
    /// The state after the event.
    pub fn after(self, event: TaskEvent) -> Result<Self, IllegalTransition> {
        use TaskEvent as E;
        use TaskState as S;
        match (self, event) {
            (S::Blocked, E::Unblock)
            | (S::Working, E::Forget)
            | (S::NeedsAttention | S::Refused, E::Retry) => Ok(S::Pending),
            (S::Blocked, E::Skip) => Ok(S::Skipped),
            (S::Pending | S::Working | S::Verifying, E::Postpone | E::Retry) | (S::Pending, E::Note) => {
                Ok(self)
            }
            (S::Pending | S::Working, E::Accept) => Ok(S::Working),
            (S::Pending | S::Working, E::Erase) => Ok(S::Verifying),
            (S::Pending | S::Verifying, E::Finish)
            | (S::Pending | S::Working | S::NeedsAttention, E::Resolve) => Ok(S::Done),
            (S::Pending | S::Working | S::NeedsAttention, E::Waive) => Ok(S::Skipped),
            (S::Pending | S::Working | S::NeedsAttention, E::Refuse) => Ok(S::Refused),
            (S::Pending | S::Working | S::Verifying, E::GiveUp) => Ok(S::NeedsAttention),
            (S::Skipped | S::NeedsAttention, E::Replan) => Ok(S::Blocked),
            (S::Blocked | S::Pending | S::Working | S::Verifying | S::NeedsAttention, E::Cancel) => {
                Ok(S::Cancelled)
            }
            (S::Pending, E::Unblock | E::Skip | E::Forget | E::Replan)
            | (S::Working, E::Unblock | E::Skip | E::Note | E::Finish | E::Replan)
            | (
                S::Verifying,
                E::Unblock
                | E::Skip
                | E::Note
                | E::Accept
                | E::Forget
                | E::Erase
                | E::Refuse
                | E::Replan
                | E::Resolve
                | E::Waive,
            )
            | (S::Blocked | S::Done | S::Skipped | S::Refused | S::NeedsAttention | S::Cancelled, _) => {
                Err(IllegalTransition { from: self.as_str(), event: event.as_str() })
            }
        }
    }

    /// Whether a case need not wait for it any longer.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::Refused | Self::NeedsAttention | Self::Cancelled)
    }

    /// Whether the engine has to work on it at its due time.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Pending | Self::Working | Self::Verifying)
    }
}

/// What exactly a task asks its downstream for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// These kinds of identifiers.
    Resolve {
        /// Which kinds.
        wanted: Vec<IdentifierKind>,
    },
    /// The records of these categories.
    Collect {
        /// Which categories.
        categories: Vec<String>,
    },
    /// To do this.
    Erase {
        /// One for each category.
        directives: Vec<Directive>,
    },
}

impl Ask {
    /// The kind of task that asks this.
    pub const fn kind(&self) -> TaskKind {
        match self {
            Self::Resolve { .. } => TaskKind::Resolve,
            Self::Collect { .. } => TaskKind::Collect,
            Self::Erase { .. } => TaskKind::Erase,
        }
    }

    /// The categories that it is about.
    pub fn categories(&self) -> Vec<&str> {
        match self {
            Self::Resolve { .. } => Vec::new(),
            Self::Collect { categories } => categories.iter().map(String::as_str).collect(),
            Self::Erase { directives } => directives.iter().map(|d| d.category.as_str()).collect(),
        }
    }
}

/// What one case asks of one downstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// Its case.
    pub case_id: CaseId,
    /// Its place in the plan, from 0.
    pub position: u32,
    /// Whom it asks.
    pub downstream: String,
    /// What it asks.
    pub ask: Ask,
    /// The identifier kinds that the downstream understands: it is sent no others.
    pub understands: std::collections::BTreeSet<IdentifierKind>,
    /// Where it stands.
    pub state: TaskState,
    /// Why.
    pub reason: Option<TaskReason>,
    /// What the downstream sees as `task_id`: the task's own id, or a fresh one after a person retried it.
    pub call_id: Uuid,
    /// Attempts in a row.
    pub attempts: u32,
    /// When to work on it next; absent while blocked and once settled.
    pub due_at: Option<Timestamp>,
    /// The tasks that must be settled first.
    pub waits_for: Vec<TaskId>,
    /// What went wrong last, without personal data.
    pub last_error: Option<String>,
    /// What is known by category.
    pub results: Vec<CategoryResult>,
    /// The ground of a refusal.
    pub refusal: Option<Ground>,
}

impl Task {
    /// What kind of task.
    pub const fn kind(&self) -> TaskKind {
        self.ask.kind()
    }

    /// Moves to the state after `event`, with the reason that belongs to it.
    pub fn apply(&mut self, event: TaskEvent, reason: Option<TaskReason>) -> Result<(), IllegalTransition> {
        self.state = self.state.after(event)?;
        self.reason = reason;
        if self.state.is_settled() {
            self.due_at = None;
        }
        Ok(())
    }
}
