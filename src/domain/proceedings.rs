//! Proceedings: what policy and law make of a case, beside what its downstreams are asked.
//!
//! None of it is personal data: it is stored and shown in clear. What is personal stands in [`Details`].

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    CaseState, Circumstances, Correction, FollowUps, Particulars, Subject,
    clock::Clocks,
    decision::{Approval, Refusal, WhenDue},
    verification::Verification,
};

/// From one look at a case that waits for people only to the next: nothing is missed in between, for every deadline has
/// been said.
const IDLE: SignedDuration = SignedDuration::from_hours(24);

/// All of it. A field that an older version did not write has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proceedings {
    /// Over which way the person asked, as the caller names it: `account_settings`, `support_desk`. May be empty.
    pub channel: String,
    /// The regimes that the case is under, by their names in the table of clocks.
    pub regimes: Vec<String>,
    /// By when the regimes and the company's promise want what.
    pub clocks: Clocks,
    /// How well the person has to be verified, and is.
    pub verification: Verification,
    /// Whether somebody has to approve it, and who did.
    pub approval: Approval,
    /// That it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Nobody is asked anything before this time: until then the person may think again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// What happens when it is due.
    pub when_due: WhenDue,
    /// From when on whoever cannot be reached is waited for no longer; absent: when the case is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliver_at: Option<Timestamp>,
    /// What exactly is asked for, beyond the right.
    pub particulars: Particulars,
    /// The erasures that are to come for what was retained.
    pub follow_ups: FollowUps,
    /// What is special about it.
    pub circumstances: Circumstances,
}

impl Default for Proceedings {
    fn default() -> Self {
        Self {
            channel: String::new(),
            regimes: Vec::new(),
            clocks: Clocks::default(),
            verification: Verification::default(),
            approval: Approval::default(),
            refusal: None,
            start_at: None,
            when_due: WhenDue::Deliver,
            deliver_at: None,
            particulars: Particulars::default(),
            follow_ups: FollowUps::default(),
            circumstances: Circumstances::default(),
        }
    }
}

impl Proceedings {
    /// Whether the time for second thoughts is not over yet.
    pub fn waits_to_start(&self, now: Timestamp) -> bool {
        self.start_at.is_some_and(|start_at| now < start_at)
    }

    /// When a case in this state is looked at next for no other reason than time.
    pub fn next_look(&self, state: CaseState, due_at: Timestamp, now: Timestamp) -> Timestamp {
        let is_running = state == CaseState::InProgress;
        let delivers = is_running && self.when_due == WhenDue::Deliver && !self.waits_to_start(now);
        let moments = [
            self.clocks.next_moment(),
            self.verification.waits_until(state),
            self.start_at.filter(|start_at| is_running && now < *start_at),
            delivers.then(|| self.deliver_at.unwrap_or(due_at)),
        ];
        let idle = now.saturating_add(IDLE).unwrap_or(Timestamp::MAX);
        moments.into_iter().flatten().min().unwrap_or(idle)
    }
}

/// What a case holds of the person beside the identifiers. It is sealed under the case's key, and destroyed with it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Rectification: the values, in the order of [`Particulars::corrections`].
    pub corrections: Vec<Correction>,
    /// Who is to be told of a minor's case.
    pub guardian: Option<Subject>,
}

impl Details {
    /// Whether there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Details(redacted)")
    }
}
