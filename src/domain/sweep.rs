//! Retention sweeps: a downstream is asked to take away what has outlived its period, whoever's it is.
//!
//! | from | event | to |
//! |---|---|---|
//! | planning | report | planned |
//! | planned | run | running |
//! | running | finish | done |
//! | planning, planned, running | postpone | the same, later |
//! | planning, running | refuse | refused |
//! | planning, running | give_up | failed |
//! | planning, planned | discard | discarded |
//!
//! Everything else is an [`IllegalTransition`].

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{CategoryOutcome, Directive, Ground, IllegalTransition, SweepId, TaskReason};

named! {
    /// Where a sweep stands.
    pub enum SweepState {
        /// The downstream is asked what it would do.
        Planning = "planning",
        /// The report is there.
        Planned = "planned",
        /// The downstream does it.
        Running = "running",
        /// Done.
        Done = "done",
        /// The downstream refused, on a ground.
        Refused = "refused",
        /// It could not be asked, or did not answer usably.
        Failed = "failed",
        /// Somebody did not want it.
        Discarded = "discarded",
    }
}

named! {
    /// What happens to a sweep.
    pub enum SweepEvent {
        /// The report is there.
        Report = "report",
        /// It may be done.
        Run = "run",
        /// It is done.
        Finish = "finish",
        /// Again later.
        Postpone = "postpone",
        /// The downstream refuses.
        Refuse = "refuse",
        /// No further attempt makes sense.
        GiveUp = "give_up",
        /// Nobody wants it.
        Discard = "discard",
    }
}

impl SweepState {
    /// The state after the event.
    pub fn after(self, event: SweepEvent) -> Result<Self, IllegalTransition> {
        use SweepEvent as E;
        use SweepState as S;
        match (self, event) {
            (S::Planning, E::Report) => Ok(S::Planned),
            (S::Planned, E::Run) => Ok(S::Running),
            (S::Running, E::Finish) => Ok(S::Done),
            (S::Planning | S::Planned | S::Running, E::Postpone) => Ok(self),
            (S::Planning | S::Running, E::Refuse) => Ok(S::Refused),
            (S::Planning | S::Running, E::GiveUp) => Ok(S::Failed),
            (S::Planning | S::Planned, E::Discard) => Ok(S::Discarded),
            (S::Planning, E::Run | E::Finish)
            | (S::Planned, E::Report | E::Finish | E::Refuse | E::GiveUp)
            | (S::Running, E::Report | E::Run | E::Discard)
            | (S::Done | S::Refused | S::Failed | S::Discarded, _) => {
                Err(IllegalTransition { from: self.as_str(), event: event.as_str() })
            }
        }
    }

    /// Whether something may still happen to it. A downstream has one open sweep at the most.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Planning | Self::Planned | Self::Running)
    }
}

/// What happened to a sweep, when and by whom. Postponements are not written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepStep {
    /// What.
    pub event: SweepEvent,
    /// When.
    pub at: Timestamp,
    /// Who; `rightful` if nobody else did.
    pub caller: String,
}

/// A sweep of one downstream. It names nobody: there are counts by category only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Its id, and what the downstream sees as `task_id` when it is done.
    pub id: SweepId,
    /// What the downstream sees as `task_id` of the dry run.
    pub report_call_id: Uuid,
    /// Whom it asks.
    pub downstream: String,
    /// Who planned it; `rightful` if the schedule did.
    pub caller: String,
    /// When.
    pub planned_at: Timestamp,
    /// Where it stands.
    pub state: SweepState,
    /// Why.
    pub reason: Option<TaskReason>,
    /// What it asks for.
    pub directives: Vec<Directive>,
    /// What the dry run answered.
    pub report: Option<Vec<CategoryOutcome>>,
    /// What was done.
    pub outcome: Option<Vec<CategoryOutcome>>,
    /// The ground of a refusal.
    pub refusal: Option<Ground>,
    /// Whether the downstream works on it, and is polled.
    pub is_accepted: bool,
    /// Whether whoever runs it does so although legal holds are in force.
    pub despite_holds: bool,
    /// Attempts in a row.
    pub attempts: u32,
    /// When to work on it next; absent while it waits for a person, and in the end.
    pub due_at: Option<Timestamp>,
    /// What went wrong last, without personal data.
    pub last_error: Option<String>,
    /// What happened to it: at most one step a state.
    pub steps: Vec<SweepStep>,
}

impl Sweep {
    /// Moves to the state after the event, and writes that down.
    pub fn apply(&mut self, event: SweepEvent, at: Timestamp, caller: &str) -> Result<(), IllegalTransition> {
        self.state = self.state.after(event)?;
        if event != SweepEvent::Postpone {
            self.steps.push(SweepStep { event, at, caller: caller.to_owned() });
            (self.reason, self.last_error, self.attempts) = (None, None, 0);
            self.is_accepted = false;
            self.due_at = (self.state == SweepState::Running).then_some(at);
        }
        Ok(())
    }

    /// When it came to its state.
    pub fn since(&self) -> Timestamp {
        self.steps.last().map_or(self.planned_at, |step| step.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_code() {
        let source = include_str!("sweep.rs");
        let rows = source.lines().filter_map(|line| line.strip_prefix("//! | ")).skip(1);
        let mut documented = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
            for from in cells[0].split(", ") {
                let to = if cells[2].starts_with("the same") { from } else { cells[2] };
                documented.push((from.to_owned(), cells[1].to_owned(), to.to_owned()));
            }
        }
        documented.sort();
        let mut coded = Vec::new();
        for from in SweepState::ALL {
            for event in SweepEvent::ALL {
                if let Ok(to) = from.after(*event) {
                    coded.push((from.to_string(), event.to_string(), to.to_string()));
                }
            }
        }
        coded.sort();
        assert_eq!(documented, coded);
    }
}
