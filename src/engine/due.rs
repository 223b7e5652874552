//! Due: a moment of a case has come: a clock comes to its end, an answer is due, evidence is waited for no longer, or the
//! time for second thoughts is over.
//!
//! **Expected flow.** What the clocks have to say is written down, each once. When the answer is due, whoever answers has
//! answered long ago: tasks whose downstreams nobody can reach, because they are paused or their breakers are open, need a
//! person, and the case goes on without them, unless policy says to wait. Everybody else's tasks go on, and the case is
//! looked at again.
//!
//! **Guarantees.** A downstream that is away for good holds up no case for longer than its deadline, even if none of the
//! case's tasks was ever tried: an open breaker keeps them back.

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use super::{
    Engine, Error,
    confirm::{Doubt, refuse_unverified},
    decide::start_or_wait,
};
use crate::{
    domain::{
        CaseState, Lane, Task, TaskEvent, TaskId, TaskReason, clock::Tick, decision::WhenDue,
        handling::Handling,
    },
    store::{self, CaseFile, StoredCase},
    telemetry::metrics,
};

impl Engine {
    /// Does what the moment asks for.
    pub(super) async fn look_at_due(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        let lanes = self.0.store.lanes().await?;
        let handling = Arc::clone(&self.0.settings.handling);
        let doubt = self.doubt();
        let look = move |file: &mut CaseFile| look(file, &lanes, &handling, &doubt);
        count(&self.change_case(stored.case.id, token, look).await?);
        Ok(())
    }
}

/// A task that a legal hold stops waits for its release, however long that takes and whoever is away meanwhile.
fn may_be_given_up(task: &Task) -> bool {
    task.state.is_active() && !task.is_held()
}

/// Counts what the clocks had to say, once it is written down.
pub(super) fn count(ticks: &[Tick]) {
    for tick in ticks.iter().filter(|tick| tick.is_missed) {
        metrics::deadline_missed(&tick.regime, tick.kind.as_str());
    }
}

fn look(
    file: &mut CaseFile,
    lanes: &BTreeMap<String, Lane>,
    handling: &Handling,
    doubt: &Doubt,
) -> Result<Vec<Tick>, store::Error> {
    let ticks = file.tick();
    file.work = None;
    file.attempts = 0;
    let (state, now) = (file.case.state, file.now);
    let proceedings = &file.case.proceedings;
    let is_expired = proceedings.verification.waits_until(state).is_some_and(|until| until <= now);
    let deliver_at = proceedings.deliver_at.unwrap_or(file.case.due_at);
    if is_expired {
        refuse_unverified(file, handling, doubt, "nobody showed in time who asks")?;
    } else if state == CaseState::InProgress && file.tasks.is_empty() {
        start_or_wait(file);
    } else {
        if state == CaseState::InProgress && proceedings.when_due != WhenDue::Wait && deliver_at <= now {
            give_up_unreachable(file, lanes)?;
        }
        file.advance();
    }
    Ok(ticks)
}

fn give_up_unreachable(file: &mut CaseFile, lanes: &BTreeMap<String, Lane>) -> Result<(), store::Error> {
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
    Ok(())
}
