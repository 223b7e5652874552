//! The completeness statement: what is said of every registered downstream, so that a gap is never silent.

use serde::{Deserialize, Serialize};

use super::{Ask, CategoryResult, Ground, Task, TaskKind, TaskReason, TaskState};

named! {
    /// How one downstream's part went, in one word.
    pub enum Standing {
        /// Data was collected.
        Collected = "collected",
        /// It answered, and holds nothing.
        NothingHeld = "nothing_held",
        /// It holds something, and all of that is withheld.
        Withheld = "withheld",
        /// It erased, and that was verified.
        Erased = "erased",
        /// A person says what was done: nothing was verified.
        Stated = "stated",
        /// A person decided that it is not done.
        Waived = "waived",
        /// It put fields right, and that was verified.
        Rectified = "rectified",
        /// It keeps and does not use; nothing was lost.
        Restricted = "restricted",
        /// It may use again; nothing was lost.
        Unrestricted = "unrestricted",
        /// It stopped uses, as it states.
        Stopped = "stopped",
        /// It erased or changed, and what was collected again shows something else.
        Unconfirmed = "unconfirmed",
        /// It refused, on a ground.
        Refused = "refused",
        /// It could not be asked, or did not answer usably.
        Failed = "failed",
        /// It holds its data for another controller, to whom the request is left.
        Forwarded = "forwarded",
        /// It was not asked.
        NotAsked = "not_asked",
    }
}

named! {
    /// What stands behind an outcome.
    pub enum Proof {
        /// It was collected again, and that agrees.
        Verified = "verified",
        /// The word of the downstream, or of who resolved the task.
        Stated = "stated",
    }
}

/// What is said of one downstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Which.
    pub downstream: String,
    /// How it went.
    pub standing: Standing,
    /// Why, where the standing alone does not say it.
    pub reason: Option<TaskReason>,
    /// The ground of a refusal, or of leaving it to another controller.
    pub ground: Option<Ground>,
    /// What stands behind its outcomes, where there are any.
    pub proof: Option<Proof>,
    /// By category.
    pub results: Vec<CategoryResult>,
}

/// One statement for each downstream that has a task beside resolving, in the order of the plan. The plan has such a
/// task for every registered downstream, skipped ones included, so this is complete.
pub fn statements(tasks: &[Task]) -> Vec<Statement> {
    tasks.iter().filter(|task| task.kind() != TaskKind::Resolve).map(of_task).collect()
}

fn of_task(task: &Task) -> Statement {
    let found_any = task.results.iter().any(|result| result.found.items() > 0);
    let holds_any = task.results.iter().any(CategoryResult::holds_anything);
    let by_person = task.reason == Some(TaskReason::ResolvedByPerson);
    let standing = match (task.state, task.kind()) {
        (TaskState::Done, _) if !holds_any => Standing::NothingHeld,
        (TaskState::Done, kind) if by_person && kind != TaskKind::Collect => Standing::Stated,
        (TaskState::Done, TaskKind::Erase) => Standing::Erased,
        (TaskState::Done, TaskKind::Rectify) => Standing::Rectified,
        (TaskState::Done, TaskKind::Restrict) if is_lift(task) => Standing::Unrestricted,
        (TaskState::Done, TaskKind::Restrict) => Standing::Restricted,
        (TaskState::Done, TaskKind::Object | TaskKind::WithdrawConsent) => Standing::Stopped,
        (TaskState::Done, _) if found_any => Standing::Collected,
        (TaskState::Done, _) => Standing::Withheld,
        (TaskState::Skipped, _) if by_person => Standing::Waived,
        (TaskState::Skipped, _) if task.reason == Some(TaskReason::HeldForAnother) => Standing::Forwarded,
        (TaskState::Skipped, _) => Standing::NotAsked,
        (TaskState::Refused, _) => Standing::Refused,
        (_, _)
            if matches!(
                task.reason,
                Some(TaskReason::ErasureUnconfirmed | TaskReason::ChangeUnconfirmed)
            ) =>
        {
            Standing::Unconfirmed
        }
        (_, _) => Standing::Failed,
    };
    // What a failed collection brought is not delivered, so it is not claimed either.
    let keeps_results = matches!(task.state, TaskState::Done) || task.kind() != TaskKind::Collect;
    Statement {
        downstream: task.downstream.clone(),
        standing,
        reason: task.reason,
        ground: task.refusal.clone(),
        proof: proof(task),
        results: if keeps_results { task.results.clone() } else { Vec::new() },
    }
}

const fn is_lift(task: &Task) -> bool {
    matches!(task.ask, Ask::Restrict { lift: true, .. })
}

fn proof(task: &Task) -> Option<Proof> {
    match (task.state, task.kind()) {
        (TaskState::Done, kind)
            if task.reason == Some(TaskReason::ResolvedByPerson) && kind != TaskKind::Collect =>
        {
            Some(Proof::Stated)
        }
        (TaskState::Done, TaskKind::Erase | TaskKind::Rectify | TaskKind::Restrict) => Some(Proof::Verified),
        (TaskState::Done, TaskKind::Object | TaskKind::WithdrawConsent) => Some(Proof::Stated),
        _ => None,
    }
}
