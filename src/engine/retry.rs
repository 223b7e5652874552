//! Retry: a person wants another attempt at a task.
//!
//! **Guarantees.** The downstream sees a fresh task id, so that it does the work again instead of repeating its answer.
//! A completed case goes back to work and ends in a new export or receipt.

use uuid::Uuid;

use super::{CaseView, Engine, Error};
use crate::{
    domain::{CaseEvent, CaseState, CaseWork, TaskEvent, TaskId, TaskKind, TaskReason, TaskState},
    store::{self, CaseFile},
};

impl Engine {
    /// Tries a task again that needs attention, or at once one that waits for its next attempt.
    pub async fn retry(&self, id: TaskId) -> Result<CaseView, Error> {
        let missing = || Error::NotFound { resource: "task", id: id.to_string() };
        let case = self.0.store.case_of(id).await?.ok_or_else(missing)?;
        let call_id = self.0.clock.new_id();
        self.0.store.change(case, self.0.clock.now(), move |file| retry(file, id, call_id)).await?;
        self.case(case).await
    }
}

fn retry(file: &mut CaseFile, id: TaskId, call_id: Uuid) -> Result<(), store::Error> {
    let now = file.now;
    let leased = file.is_leased(id);
    let task = file.task_mut(id)?;
    if task.state.is_active() {
        // Whoever works on it just now is as fast as another attempt would be.
        if !leased {
            task.due_at = Some(now);
            file.move_task(id, TaskEvent::Retry, None)?;
        }
        return Ok(());
    }
    // Asked before anything is changed: the error is about the task, not about the case.
    task.state.after(TaskEvent::Retry)?;
    let kind = task.kind();
    let not_described = task.reason == Some(TaskReason::NotDescribed);
    if file.case.state != CaseState::InProgress {
        reopen(file)?;
    }
    if not_described {
        file.work = Some((CaseWork::Plan, now));
        return Ok(());
    }
    let task = file.task_mut(id)?;
    task.call_id = call_id;
    task.attempts = 0;
    task.last_error = None;
    task.refusal = None;
    task.due_at = Some(now);
    file.move_task(id, TaskEvent::Retry, None)?;
    if kind == TaskKind::Resolve {
        reconsider(file, id)?;
    }
    Ok(())
}

/// A case that had settled goes back to work.
pub(super) fn reopen(file: &mut CaseFile) -> Result<(), store::Error> {
    file.move_case(CaseEvent::Reopen, None)?;
    file.case.settled_at = None;
    file.case.expires_at = None;
    file.export = None;
    file.set_manifest(None);
    file.work = None;
    Ok(())
}

/// Those who were skipped for want of an identifier wait again for the resolver that may find it now.
fn reconsider(file: &mut CaseFile, resolver: TaskId) -> Result<(), store::Error> {
    let skipped: Vec<TaskId> = file
        .tasks
        .iter()
        .filter(|task| task.state == TaskState::Skipped && task.reason == Some(TaskReason::NoKnownIdentifier))
        .filter(|task| task.waits_for.contains(&resolver))
        .map(|task| task.id)
        .collect();
    for task in skipped {
        file.move_task(task, TaskEvent::Replan, None)?;
    }
    Ok(())
}
