//! Due: the due time of a case has come.
//!
//! **Expected flow.** Whoever answers has answered long ago. Tasks whose downstreams nobody can reach, because they are
//! paused or their breakers are open, need a person; the case goes on without them, and says so. Everybody else's tasks
//! go on, and the case is looked at again.
//!
//! **Guarantees.** A downstream that is away for good holds up no case for longer than its deadline, even if none of the
//! case's tasks was ever tried: an open breaker keeps them back.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Engine, Error};
use crate::{
    domain::{CaseState, CaseWork, Lane, Task, TaskEvent, TaskId, TaskReason},
    store::{self, CaseFile, StoredCase, due_again},
};

impl Engine {
    /// Gives up on whom nobody can reach.
    pub(super) async fn look_at_due(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        let lanes = self.0.store.lanes().await?;
        self.change_case(stored.case.id, token, move |file| give_up_unreachable(file, &lanes)).await
    }
}

/// A task that a legal hold stops waits for its release, however long that takes and whoever is away meanwhile.
fn may_be_given_up(task: &Task) -> bool {
    task.state.is_active() && !task.is_held()
}

fn give_up_unreachable(file: &mut CaseFile, lanes: &BTreeMap<String, Lane>) -> Result<(), store::Error> {
    file.attempts = 0;
    if file.case.state != CaseState::InProgress {
        // It waits for a person: nobody has been asked anything.
        file.work = Some((CaseWork::Due, due_again(file.case.due_at, file.now)));
        return Ok(());
    }
    file.work = None;
    let mut lost: Vec<(TaskId, TaskReason, &str)> = Vec::new();
    for task in file.tasks.iter().filter(|task| may_be_given_up(task) && !file.is_leased(task.id)) {
        if task.reason == Some(TaskReason::AwaitsPerson) {
            lost.push((task.id, TaskReason::AwaitsPerson, "nobody had done it when the case was due"));
            continue;
        }
        match lanes.get(&task.downstream) {
            Some(lane) if lane.pause.is_some() => {
                lost.push((
                    task.id,
                    TaskReason::Unavailable,
                    "the downstream was paused when the case was due",
                ));
            }
            Some(lane) if lane.is_shut() => {
                lost.push((
                    task.id,
                    TaskReason::Unavailable,
                    "the downstream could not be reached when the case was due",
                ));
            }
            _ => {}
        }
    }
    for (task, reason, why) in lost {
        file.task_mut(task)?.last_error = Some(why.to_owned());
        file.set_progress(task, None);
        file.move_task(task, TaskEvent::GiveUp, Some(reason))?;
    }
    file.advance();
    Ok(())
}
