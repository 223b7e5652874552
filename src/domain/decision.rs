//! What people decide about a case: that it may begin, or that it is refused and on which ground.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CaseReason, Ground, GroundCode, Task, TaskKind, TaskState};

/// Whether a case needs an approval, and who gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Approval {
    /// Whether policy asks for one.
    pub is_needed: bool,
    /// Who approved: another than who opened the case.
    pub approver: String,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// More about it, without personal data.
    pub note: String,
}

/// That a case is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// On which ground.
    pub ground: Ground,
    /// Who refused; empty if the time did, or failed attempts.
    pub refuser: String,
    /// Where the person may complain.
    pub complaint_body: String,
    /// Which court the person may go to, if a regime wants that said.
    pub court: String,
    /// When.
    pub refused_at: Timestamp,
}

impl Refusal {
    /// The reason that a case has which is refused on this ground.
    pub const fn reason(code: GroundCode) -> CaseReason {
        match code {
            GroundCode::IdentityInDoubt => CaseReason::InsufficientVerification,
            GroundCode::ManifestlyUnfounded => CaseReason::ManifestlyUnfounded,
            GroundCode::Excessive => CaseReason::Excessive,
            _ => CaseReason::Exempt,
        }
    }
}

named! {
    /// What happens when a case is due and not all downstreams have answered.
    pub enum WhenDue {
        /// Whoever cannot be reached is waited for no longer; the rest is delivered, and the gap stated.
        Deliver = "deliver",
        /// It goes on trying.
        Wait = "wait",
        /// It goes on trying, and a case never settles with a gap: a person decides about each task that needs attention.
        Escalate = "escalate",
    }
}

/// Whether a change may have been sent to the downstream of this task: it cannot be taken back. `is_leased`: somebody
/// works on it just now.
pub fn may_be_sent(task: &Task, is_leased: bool) -> bool {
    let is_change = !matches!(task.kind(), TaskKind::Resolve | TaskKind::Collect);
    // Of these, what was there before is noted before anything is sent; others are sent at once.
    let is_noted = matches!(task.kind(), TaskKind::Erase | TaskKind::Rectify | TaskKind::Restrict);
    let is_tried = if is_noted { !task.results.is_empty() } else { is_leased || task.attempts > 0 };
    let is_begun = matches!(task.state, TaskState::Working | TaskState::Verifying | TaskState::Done);
    is_change && (is_begun || is_tried)
}
