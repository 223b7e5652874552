//! Tasks and their lives.
//!
//! | from | event | to |
//! |---|---|---|
//! | blocked | unblock | pending |
//! | blocked | skip | skipped |
//! | pending, working, verifying | postpone | the same, later |
//! | pending | note | pending (what was found before the erasure or change is kept) |
//! | pending | hold | pending (a legal hold stops it) |
//! | pending | unhold | pending (no legal hold stops it any longer) |
//! | pending, working | accept | working |
//! | working | forget | pending (the downstream has lost it: it is sent again) |
//! | pending, working | erase | verifying |
//! | pending, working | change | verifying |
//! | pending, working, verifying | finish | done |
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

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    CaseId, CategoryPurposes, CategoryResult, Directive, Ground, IdentifierKind, IllegalTransition, TaskId,
    Use,
};

named! {
    /// What a task asks.
    pub enum TaskKind {
        /// Find further identifiers.
        Resolve = "resolve",
        /// Collect data.
        Collect = "collect",
        /// Erase, and verify.
        Erase = "erase",
        /// Put fields right, and verify.
        Rectify = "rectify",
        /// Stop using and keep, or lift that, and verify.
        Restrict = "restrict",
        /// Stop uses.
        Object = "object",
        /// Stop what rested on a consent.
        WithdrawConsent = "withdraw_consent",
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
        /// Erased or changed, they say; collected again to see.
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
        /// What was collected again does not show the change.
        ChangeUnconfirmed = "change_unconfirmed",
        /// A legal hold covers the subject.
        LegalHold = "legal_hold",
        /// A person has to do it, or has not done it in time: nothing answers by itself there.
        AwaitsPerson = "awaits_person",
        /// A person finished, waived or refused it.
        ResolvedByPerson = "resolved_by_person",
        /// The downstream holds its data for another controller, to whom the request is left.
        HeldForAnother = "held_for_another",
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
        /// What was found before the erasure or change is written down.
        Note = "note",
        /// A legal hold stops it before anything is sent.
        Hold = "hold",
        /// No hold stops it any longer.
        Unhold = "unhold",
        /// The downstream works on it.
        Accept = "accept",
        /// The downstream does not know the task that it accepted.
        Forget = "forget",
        /// The downstream says it erased.
        Erase = "erase",
        /// The downstream says it changed what it was asked to.
        Change = "change",
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
            (S::Blocked, E::Skip) | (S::Pending | S::Working | S::NeedsAttention, E::Waive) => Ok(S::Skipped),
            (S::Pending | S::Working | S::Verifying, E::Postpone | E::Retry)
            | (S::Pending, E::Note | E::Hold | E::Unhold) => Ok(self),
            (S::Pending | S::Working, E::Accept) => Ok(S::Working),
            (S::Pending | S::Working, E::Erase | E::Change) => Ok(S::Verifying),
            (S::Pending | S::Working | S::Verifying, E::Finish)
            | (S::Pending | S::Working | S::NeedsAttention, E::Resolve) => Ok(S::Done),
            (S::Pending | S::Working | S::NeedsAttention, E::Refuse) => Ok(S::Refused),
            (S::Pending | S::Working | S::Verifying, E::GiveUp) => Ok(S::NeedsAttention),
            (S::Skipped | S::NeedsAttention, E::Replan) => Ok(S::Blocked),
            (S::Blocked | S::Pending | S::Working | S::Verifying | S::NeedsAttention, E::Cancel) => {
                Ok(S::Cancelled)
            }
            (S::Pending, E::Unblock | E::Skip | E::Forget | E::Replan)
            | (S::Working, E::Unblock | E::Skip | E::Note | E::Hold | E::Unhold | E::Replan)
            | (
                S::Verifying,
                E::Unblock
                | E::Skip
                | E::Note
                | E::Hold
                | E::Unhold
                | E::Accept
                | E::Forget
                | E::Erase
                | E::Change
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
    /// To put these fields right; the values are sealed with the case.
    Rectify {
        /// One for each correction that concerns the downstream.
        fields: Vec<Field>,
    },
    /// To keep and not use these categories, or to use them again.
    Restrict {
        /// Which categories.
        categories: Vec<String>,
        /// To use them again.
        lift: bool,
    },
    /// To stop these uses.
    Object {
        /// Which categories.
        categories: Vec<String>,
        /// Which uses.
        uses: Vec<Use>,
    },
    /// To stop what rested on consent.
    WithdrawConsent {
        /// Which purposes of which categories.
        categories: Vec<CategoryPurposes>,
    },
}

/// A field to be put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its place among the case's corrections, from 0.
    pub correction: usize,
    /// Which category.
    pub category: String,
    /// The JSON pointer.
    pub field: String,
}

impl Ask {
    /// The kind of task that asks this.
    pub const fn kind(&self) -> TaskKind {
        match self {
            Self::Resolve { .. } => TaskKind::Resolve,
            Self::Collect { .. } => TaskKind::Collect,
            Self::Erase { .. } => TaskKind::Erase,
            Self::Rectify { .. } => TaskKind::Rectify,
            Self::Restrict { .. } => TaskKind::Restrict,
            Self::Object { .. } => TaskKind::Object,
            Self::WithdrawConsent { .. } => TaskKind::WithdrawConsent,
        }
    }

    /// The categories that it is about, each once.
    pub fn categories(&self) -> Vec<&str> {
        match self {
            Self::Resolve { .. } => Vec::new(),
            Self::Collect { categories }
            | Self::Restrict { categories, .. }
            | Self::Object { categories, .. } => categories.iter().map(String::as_str).collect(),
            Self::Erase { directives } => directives.iter().map(|d| d.category.as_str()).collect(),
            Self::Rectify { fields } => {
                let names: BTreeSet<&str> = fields.iter().map(|field| field.category.as_str()).collect();
                names.into_iter().collect()
            }
            Self::WithdrawConsent { categories } => categories.iter().map(|c| c.category.as_str()).collect(),
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
    pub understands: BTreeSet<IdentifierKind>,
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
    /// The ground of a refusal, or of a skip that has one.
    pub refusal: Option<Ground>,
}

impl Task {
    /// Whether it takes data away: a legal hold stops it.
    pub fn takes_away(&self) -> bool {
        match &self.ask {
            Ask::Erase { directives } => directives.iter().any(|directive| directive.action.takes_away()),
            _ => false,
        }
    }

    /// Whether a legal hold stops it just now.
    pub fn is_held(&self) -> bool {
        self.state == TaskState::Pending && self.reason == Some(TaskReason::LegalHold)
    }

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
