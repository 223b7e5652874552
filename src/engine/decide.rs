//! Decide: what a person does with a case as a whole is one change of its file, or none.
//!
//! **Guarantees.** What the time has brought by then is written down first. A decision that is refused changes nothing.

use std::sync::Arc;

use super::{CaseView, Engine, Error, due};
use crate::{
    domain::{
        CaseEvent, CaseId, CaseReason, CaseState, CaseWork, TaskEvent, TaskId, TaskState, handling::Handling,
    },
    store::{self, CaseFile},
};

impl Engine {
    /// Applies a decision, and answers the case as it is then.
    pub(super) async fn decide(
        &self,
        id: CaseId,
        mut decision: impl FnMut(&mut CaseFile, &Handling) -> Result<(), Error> + Send + 'static,
    ) -> Result<CaseView, Error> {
        self.stored(id).await?;
        let handling = Arc::clone(&self.0.settings.handling);
        let change = move |file: &mut CaseFile| {
            let untouched = file.clone();
            let ticks = file.tick();
            let decided = decision(file, &handling);
            if decided.is_err() {
                *file = untouched;
            }
            Ok(decided.map(|()| ticks))
        };
        let ticks = self.0.store.change(id, self.0.clock.now(), change).await??;
        due::count(&ticks);
        self.case(id).await
    }
}

/// The case is verified, or needs no verification: it goes on to whoever has to approve it, or begins.
pub(super) fn pass(file: &mut CaseFile, handling: &Handling) -> Result<(), store::Error> {
    if file.case.state == CaseState::AwaitingApproval && !file.case.proceedings.approval.is_needed {
        file.move_case(CaseEvent::Approve, None)?;
        file.detail("asked", false.into());
    }
    if file.case.state == CaseState::AwaitingApproval && file.case.proceedings.circumstances.excessive {
        file.case.reason = Some(CaseReason::ExcessiveCandidate);
    }
    if file.case.state == CaseState::InProgress {
        // A minor's erasure begins at once.
        let waits = !file.case.proceedings.circumstances.minor;
        file.case.proceedings.start_at = handling.start_at(file.case.right, file.now).filter(|_| waits);
    }
    start_or_wait(file);
    Ok(())
}

/// A case that may begin is planned; another one is looked at when something is due.
pub(super) fn start_or_wait(file: &mut CaseFile) {
    if file.case.state == CaseState::InProgress && !file.case.proceedings.waits_to_start(file.now) {
        file.work = Some((CaseWork::Plan, file.now));
    } else {
        file.look_again();
    }
    file.attempts = 0;
}

/// Tasks that are not final do nothing more.
pub(super) fn stop_tasks(file: &mut CaseFile) -> Result<(), store::Error> {
    let can_stop = |state: TaskState| state.after(TaskEvent::Cancel).is_ok();
    let open: Vec<TaskId> =
        file.tasks.iter().filter(|task| can_stop(task.state)).map(|task| task.id).collect();
    for task in open {
        file.move_task(task, TaskEvent::Cancel, None)?;
        file.set_progress(task, None);
    }
    Ok(())
}
