//! Notices: what a controller has to know of, or act on. Each follows from an event of a case's history.
//!
//! | event | notice |
//! |---|---|
//! | case.open | case.opened: acknowledge it to the person |
//! | case.open, case.verify | case.awaits_verification or case.awaits_approval, if the case stands there now |
//! | case.open of a minor with a guardian | case.guardian: tell the guardian |
//! | case.extend | case.extended: tell the person, with reasons |
//! | case.pause, case.resume | case.paused, case.resumed |
//! | case.deadline_near, case.deadline_missed | the same |
//! | case.settle | case.settled: hand it out, tell the person |
//! | case.refuse | case.refused: tell the person, with ground and complaint body |
//! | case.cancel | case.cancelled |
//! | case.release | case.released: what was retained is erased now |
//! | task.give_up | task.needs_attention |
//! | task.forward | task.forwarded: tell the controller for whom the downstream holds its data |
//! | task.accept of a manual downstream | task.awaits_person |
//!
//! Everything else is nobody's business but the history's.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    Case, CaseId, CaseReason, CaseState, Ground, Right, Task, TaskId, TaskKind, TaskReason, caller::OWN,
};

named! {
    /// What a notice says. In CloudEvents `rightful.` stands before it and `.v1` behind.
    pub enum NoticeType {
        /// A case was opened.
        CaseOpened = "case.opened",
        /// Its subject has to be verified.
        CaseAwaitsVerification = "case.awaits_verification",
        /// Somebody has to approve or refuse it.
        CaseAwaitsApproval = "case.awaits_approval",
        /// A minor's case was opened, and there is a guardian to be told.
        CaseGuardian = "case.guardian",
        /// Its deadline was extended.
        CaseExtended = "case.extended",
        /// Its clocks were stopped.
        CasePaused = "case.paused",
        /// They run again.
        CaseResumed = "case.resumed",
        /// Its deadline comes near.
        CaseDeadlineNear = "case.deadline_near",
        /// Its deadline was missed.
        CaseDeadlineMissed = "case.deadline_missed",
        /// It is completed; the reason says how well.
        CaseSettled = "case.settled",
        /// It was refused.
        CaseRefused = "case.refused",
        /// The caller stopped it.
        CaseCancelled = "case.cancelled",
        /// What an earlier case retained is erased now.
        CaseReleased = "case.released",
        /// A person has to look at a task.
        TaskNeedsAttention = "task.needs_attention",
        /// A task of a manual downstream waits for a person to do it.
        TaskAwaitsPerson = "task.awaits_person",
        /// A downstream holds its data for another controller, who has to be told.
        TaskForwarded = "task.forwarded",
    }
}

/// A notice: one thing that happened, said to whoever listens. It holds no identifier of the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its place in the one order of all notices, from 1. Who has seen it has seen all before it.
    pub sequence: u64,
    /// Unique, and the same however often it is delivered.
    pub id: String,
    /// What it says.
    pub notice_type: NoticeType,
    /// When that happened.
    pub at: Timestamp,
    /// Of which case.
    pub case_id: CaseId,
    /// The case as it was then.
    pub facts: Facts,
}

/// What a notice says of its case, beside the case's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The caller's idempotency key.
    pub request_id: String,
    /// Who opened it.
    pub caller: String,
    /// The caller's own references.
    pub labels: BTreeMap<String, String>,
    /// Which right.
    pub right: Right,
    /// Where the case stood.
    pub state: CaseState,
    /// Why.
    pub reason: Option<CaseReason>,
    /// When it was due.
    pub due_at: Timestamp,
    /// The task, if it is about one.
    pub task: Option<TaskFacts>,
}

/// What a notice says of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskFacts {
    /// Its id.
    pub task_id: TaskId,
    /// Whom it asks.
    pub downstream: String,
    /// What it asks.
    pub kind: TaskKind,
    /// Why it is where it is.
    pub reason: Option<TaskReason>,
    /// On which ground it is not asked. Notices of older versions do not say.
    #[serde(default)]
    pub ground: Option<Ground>,
}

impl Facts {
    /// The facts of a case, and of one of its tasks.
    pub fn of(case: &Case, task: Option<&Task>) -> Self {
        let of_task = |task: &Task| TaskFacts {
            task_id: task.id,
            downstream: task.downstream.clone(),
            kind: task.kind(),
            reason: task.reason,
            ground: task.refusal.clone(),
        };
        Self {
            request_id: case.request_id.clone(),
            caller: case.caller.clone(),
            labels: case.labels.clone(),
            right: case.right,
            state: case.state,
            reason: case.reason,
            due_at: case.due_at,
            task: task.map(of_task),
        }
    }
}

/// What an event of the history has to be told of, given the case, and the task that it is about, as they are after it.
pub fn of_event(event: &str, case: &Case, task: Option<&Task>) -> Vec<NoticeType> {
    use NoticeType as T;
    match event {
        "case.open" => {
            let guardian = case.proceedings.circumstances.has_guardian().then_some(T::CaseGuardian);
            // What rightful opens itself, nobody asked for: that is said by case.release.
            let opened = (case.caller != OWN).then_some(T::CaseOpened);
            [opened, guardian, awaited(case.state)].into_iter().flatten().collect()
        }
        "case.verify" => awaited(case.state).into_iter().collect(),
        "case.extend" => vec![T::CaseExtended],
        "case.pause" => vec![T::CasePaused],
        "case.resume" => vec![T::CaseResumed],
        "case.deadline_near" => vec![T::CaseDeadlineNear],
        "case.deadline_missed" => vec![T::CaseDeadlineMissed],
        "case.settle" => vec![T::CaseSettled],
        "case.refuse" => vec![T::CaseRefused],
        "case.cancel" => vec![T::CaseCancelled],
        "case.release" => vec![T::CaseReleased],
        "task.give_up" => vec![T::TaskNeedsAttention],
        "task.forward" => vec![T::TaskForwarded],
        "task.accept" if task.and_then(|task| task.reason) == Some(TaskReason::AwaitsPerson) => {
            vec![T::TaskAwaitsPerson]
        }
        _ => Vec::new(),
    }
}

/// Whom a case in this state waits for, if it does.
const fn awaited(state: CaseState) -> Option<NoticeType> {
    match state {
        CaseState::AwaitingVerification => Some(NoticeType::CaseAwaitsVerification),
        CaseState::AwaitingApproval => Some(NoticeType::CaseAwaitsApproval),
        _ => None,
    }
}
