//! What follows for the other tasks of a case when one of them has settled or new identifiers are known.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{IdentifierKind, Task, TaskEvent, TaskId, TaskReason, TaskState};

/// A move that the tasks made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Which task.
    pub task: TaskId,
    /// What happened to it.
    pub event: TaskEvent,
    /// Why.
    pub reason: Option<TaskReason>,
}

/// The moves that blocked tasks make now: those that wait for nothing any longer are unblocked, or skipped if nothing
/// is known that their downstreams understand. A skip may free others, so this looks until nothing moves.
pub fn advance(tasks: &mut [Task], known: &BTreeSet<IdentifierKind>, now: Timestamp) -> Vec<Move> {
    let mut moves = Vec::new();
    loop {
        let settled: BTreeSet<TaskId> = tasks.iter().filter(|t| t.state.is_settled()).map(|t| t.id).collect();
        let free = |task: &&mut Task| {
            task.state == TaskState::Blocked && task.waits_for.iter().all(|id| settled.contains(id))
        };
        let before = moves.len();
        for task in tasks.iter_mut().filter(free) {
            let (event, reason, due_at) = if task.understands.is_disjoint(known) {
                (TaskEvent::Skip, Some(TaskReason::NoKnownIdentifier), None)
            } else {
                (TaskEvent::Unblock, None, Some(now))
            };
            if task.apply(event, reason).is_ok() {
                task.due_at = due_at;
                moves.push(Move { task: task.id, event, reason });
            }
        }
        if moves.len() == before {
            return moves;
        }
    }
}

/// Whether nothing is left to do for the tasks.
pub fn all_settled(tasks: &[Task]) -> bool {
    tasks.iter().all(|task| task.state.is_settled())
}
