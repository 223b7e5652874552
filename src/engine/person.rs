//! Person: somebody does, waives or refuses a task in the stead of its downstream.
//!
//! **Expected flow.** The task is one of a manual downstream, or needs attention. What is handed in for an export becomes
//! sealed parts, as if a downstream had streamed it, within the same limits. Then one transaction ends the task; a case
//! that had settled without it goes back to work and ends in a new export or receipt.
//!
//! **Guarantees.** A stream that breaks changes nothing, and what it had stored is swept with its case. Who it was stands in
//! the history; the completeness statement and the receipt say that it was a person: nothing of it was verified.
//!
//! **Assumptions.** The stream's end says that it was all.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream::BoxStream};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{CaseView, Engine, Error, Resolution, ResolvedAs, change, collect, retry, sweep};
use crate::{
    domain::{
        CaseState, CategoryResult, Fault, Faults, Ground, IllegalTransition, Task, TaskEvent, TaskKind,
        TaskReason, TaskState,
    },
    downstream::{Answer, HandedIn, Message},
    export::{self, Collector, Place, Sink},
    store::{CaseFile, StoredCase},
};

/// How long whoever hands in may be silent: people wait at the other end, not machines that work.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// How long handing in may take altogether: as long as a downstream's stream by default.
const HANDING_IN_MAX: Duration = Duration::from_hours(6);

/// The stream of what is handed in broke.
#[derive(Clone, Copy, Debug)]
pub struct Broken;

/// What is handed in.
pub type HandingIn = BoxStream<'static, Result<Message, Broken>>;

/// How the task ends.
#[derive(Clone)]
struct End {
    event: TaskEvent,
    results: Option<Vec<CategoryResult>>,
    parts: Option<Vec<u8>>,
    refusal: Option<Ground>,
    /// Shown with a task that was not done.
    shown: Option<String>,
}

impl Engine {
    /// Ends a task by what a person says and hands in.
    pub async fn resolve_task(&self, said: Resolution, handed_in: HandingIn) -> Result<CaseView, Error> {
        let missing = || Error::NotFound { resource: "task", id: said.task_id.to_string() };
        let case_id = self.0.store.case_of(said.task_id).await?.ok_or_else(missing)?;
        let stored = self.stored(case_id).await?;
        let tasks = self.0.store.tasks(case_id).await?;
        let task = tasks.into_iter().find(|task| task.id == said.task_id).ok_or_else(missing)?;
        let is_manual = self.0.registry.manual(&task.downstream).is_some();
        check(&task, is_manual)?;
        let handing_in = tokio::time::timeout(HANDING_IN_MAX, self.end(&stored, &task, &said, handed_in));
        let end = handing_in.await.map_err(|_| bad("items", "must come within six hours"))??;
        let settled_at = stored.case.settled_at;
        let (id, by, note) = (task.id, said.by.clone(), said.note.clone());
        let change = move |file: &mut CaseFile| {
            if file.case.settled_at != settled_at && end.parts.is_some() {
                // What was stored may have been swept meanwhile.
                return Err(illegal(file.case.state.as_str(), TaskEvent::Resolve).into());
            }
            check(file.task_mut(id)?, is_manual)?;
            if file.case.state != CaseState::InProgress {
                retry::reopen(file)?;
            }
            let (reason, event) = (Some(TaskReason::ResolvedByPerson), end.event);
            let task = file.task_mut(id)?;
            task.last_error.clone_from(&end.shown);
            task.refusal.clone_from(&end.refusal);
            if let Some(results) = &end.results {
                task.results.clone_from(results);
            }
            file.set_progress(id, None);
            file.set_parts(id, end.parts.clone());
            file.move_task(id, event, reason)?;
            // The line that says who it was, beside the one that says what became of the task.
            file.note(
                Some(id),
                "task.person".to_owned(),
                json!({ "v": 1, "by": by, "event": event, "note": note }),
            );
            file.advance();
            Ok(())
        };
        self.0.store.change(case_id, self.0.clock.now(), change).await?;
        self.case(case_id).await
    }

    /// Takes what is handed in, and says how the task ends.
    async fn end(
        &self,
        stored: &StoredCase,
        task: &Task,
        said: &Resolution,
        mut handed_in: HandingIn,
    ) -> Result<End, Error> {
        let end = |event| End { event, results: None, parts: None, refusal: None, shown: None };
        let nothing = || task.ask.categories().into_iter().map(CategoryResult::new).collect();
        let is_collection = task.kind() == TaskKind::Collect;
        let found = match &said.outcome {
            ResolvedAs::Waived => {
                let shown = Some(format!("waived: {}", said.note));
                End { shown, ..end(TaskEvent::Waive) }
            }
            ResolvedAs::NothingHeld => End { results: Some(nothing()), ..end(TaskEvent::Resolve) },
            ResolvedAs::Said(answer) => {
                match crate::downstream::said(answer.clone(), &task.ask).map_err(violation("outcome"))? {
                    Answer::Refused(ground) => End { refusal: Some(ground), ..end(TaskEvent::Refuse) },
                    Answer::Working { .. } => return Err(bad("outcome", "must be final")),
                    Answer::Done(outcomes) if is_collection && !outcomes.is_empty() => {
                        return Err(bad("outcome", "must have no categories: what is handed in is counted"));
                    }
                    Answer::Done(_) if is_collection => return self.collected(stored, task, handed_in).await,
                    Answer::Done(_) if task.kind() == TaskKind::Resolve => {
                        return Err(bad(
                            "outcome",
                            "must be nothing held, refused or waived: identifiers cannot be handed in",
                        ));
                    }
                    Answer::Done(_)
                        if task.takes_away() && self.0.store.hold_on(task.case_id).await?.is_some() =>
                    {
                        // What a legal hold keeps, people keep as well.
                        return Err(illegal(TaskReason::LegalHold.as_str(), TaskEvent::Resolve).into());
                    }
                    Answer::Done(outcomes) => {
                        let before = if task.results.is_empty() { nothing() } else { task.results.clone() };
                        let results = Some(change::with_outcomes(before, outcomes));
                        End { results, ..end(TaskEvent::Resolve) }
                    }
                }
            }
        };
        match next(&mut handed_in).await? {
            None => Ok(found),
            Some(_) => Err(bad("items", "must be none: only what was collected is handed in")),
        }
    }

    /// Stores what is handed in for an export.
    async fn collected(
        &self,
        stored: &StoredCase,
        task: &Task,
        mut handed_in: HandingIn,
    ) -> Result<End, Error> {
        let key = Arc::new(self.case_key(stored)?);
        let fresh = self.0.clock.new_id();
        let place = Place {
            case_id: task.case_id,
            task_id: task.id,
            downstream: task.downstream.clone(),
            attempt: self.attempt_after(stored.case.settled_at, fresh),
        };
        let mut sink =
            Sink::Store(Box::new(Collector::begin(self.0.storage.clone(), Arc::clone(&key), place, None)?));
        let categories: Vec<String> = task.ask.categories().into_iter().map(str::to_owned).collect();
        let mut checked = HandedIn::new(&categories);
        while let Some(message) = next(&mut handed_in).await? {
            let item = checked.admit(message).map_err(violation("items"))?;
            collect::take(&mut sink, item).await.map_err(stored_badly)?;
        }
        let collected = sink.finish().await.map_err(stored_badly)?;
        let parts = Some(collect::seal_parts(&key, &collected.parts)?);
        let results = Some(collect::complete(&task.ask, collected.results));
        Ok(End { event: TaskEvent::Resolve, results, parts, refusal: None, shown: None })
    }

    /// The id of an attempt that the sweep of the case, if it is still ahead, leaves alone.
    fn attempt_after(&self, settled_at: Option<Timestamp>, fresh: Uuid) -> Uuid {
        let Some(settled_at) = settled_at else { return fresh };
        let first = sweep::first_id_after(settled_at, self.0.settings.lease);
        if fresh > first {
            fresh
        } else {
            Uuid::from_u128(first.as_u128() | (fresh.as_u128() & u128::from(u64::MAX)))
        }
    }
}

/// A person may end what waits for one, and what has no other way on.
fn check(task: &Task, is_manual: bool) -> Result<(), IllegalTransition> {
    let waits = is_manual && matches!(task.state, TaskState::Pending | TaskState::Working);
    if waits || task.state == TaskState::NeedsAttention {
        return Ok(());
    }
    Err(illegal(task.state.as_str(), TaskEvent::Resolve))
}

const fn illegal(from: &'static str, event: TaskEvent) -> IllegalTransition {
    IllegalTransition { from, event: event.as_str() }
}

async fn next(handed_in: &mut HandingIn) -> Result<Option<Message>, Error> {
    match tokio::time::timeout(SILENCE_MAX, handed_in.next()).await {
        Ok(message) => message.transpose().map_err(|Broken| bad("items", "must come to their end")),
        Err(_) => Err(bad("items", "must not be silent for a minute")),
    }
}

fn bad(field: &str, rule: impl Into<String>) -> Error {
    Faults::from(Fault::new(field, rule)).into()
}

fn violation(field: &'static str) -> impl Fn(crate::downstream::Failure) -> Error {
    move |failure| bad(field, failure.message)
}

/// What only shows while it is stored is the sender's doing as well.
fn stored_badly(error: export::Error) -> Error {
    match error {
        export::Error::Violation(message) => bad("items", message),
        other => other.into(),
    }
}
