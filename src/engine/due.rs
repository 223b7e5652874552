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
    domain::{Lane, Task, TaskEvent, TaskId, TaskReason},
    store::{self, CaseFile, StoredCase},
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
    file.work = None;
    file.attempts = 0;
    let mut lost: Vec<(TaskId, &str)> = Vec::new();
    for task in file.tasks.iter().filter(|task| may_be_given_up(task) && !file.is_leased(task.id)) {
        match lanes.get(&task.downstream) {
            Some(lane) if lane.pause.is_some() => {
                lost.push((task.id, "the downstream was paused when the case was due"));
            }
            Some(lane) if lane.is_shut() => {
                lost.push((task.id, "the downstream could not be reached when the case was due"));
            }
            _ => {}
        }
    }
    for (task, why) in lost {
        file.task_mut(task)?.last_error = Some(why.to_owned());
        file.set_progress(task, None);
        file.move_task(task, TaskEvent::GiveUp, Some(TaskReason::Unavailable))?;
    }
    file.advance();
    Ok(())
}
