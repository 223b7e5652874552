//! Legal holds: while one is in force, nothing of its subject is erased.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Ground, HoldId, IdentifierKind, Task, TaskState};

/// A legal hold. Whom it covers is in the blind index only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Who placed it.
    pub caller: String,
    /// The idempotency key that it was placed with.
    pub request_id: String,
    /// Why.
    pub ground: Ground,
    /// The matter that it belongs to, 1 to 128 bytes, in clear.
    pub matter: String,
    /// More about it, at most 256 bytes, in clear.
    pub note: String,
    /// The kinds of the identifiers that it covers.
    pub identifier_kinds: BTreeSet<IdentifierKind>,
    /// The subject, as a keyed pseudonym.
    pub pseudonym: String,
    /// When it was placed.
    pub placed_at: Timestamp,
    /// How it ended; absent while it is in force.
    pub release: Option<Release>,
}

/// How a hold ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at: Timestamp,
    /// Who released it.
    pub caller: String,
    /// Why, at most 256 bytes, in clear.
    pub note: String,
}

/// How a task stands towards a hold that has just come into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It takes nothing away, or is over without having done so.
    Untouched,
    /// It waits from now on.
    Waits,
    /// Its Erase has been sent, or may have been.
    TooLate,
}

/// Whether a hold that is in force by now still reaches a task. `is_leased`: somebody works on it.
///
/// An attempt looks for holds after it has claimed its task and before it sends Erase. So a task that nobody has claimed
/// is reached; so is one that is held, for an attempt at that only says whether it still is. One that is claimed with
/// what was found before the erasure noted may be sending just now, and one that was tried in vain may have been received.
pub fn reach(task: &Task, is_leased: bool) -> Reach {
    if !task.takes_away() {
        return Reach::Untouched;
    }
    let has_outcome = task.results.iter().any(|result| result.outcome.is_some());
    match task.state {
        TaskState::Working | TaskState::Verifying | TaskState::Done => Reach::TooLate,
        _ if has_outcome => Reach::TooLate,
        TaskState::Pending
            if !task.is_held() && !task.results.is_empty() && (is_leased || task.attempts > 0) =>
        {
            Reach::TooLate
        }
        TaskState::Blocked | TaskState::Pending => Reach::Waits,
        // Without anything noted nothing was sent; with it, an attempt may have been received before it was given up.
        TaskState::NeedsAttention | TaskState::Refused | TaskState::Cancelled if !task.results.is_empty() => {
            Reach::TooLate
        }
        TaskState::NeedsAttention | TaskState::Refused | TaskState::Cancelled | TaskState::Skipped => {
            Reach::Untouched
        }
    }
}
