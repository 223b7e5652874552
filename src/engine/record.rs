//! Record: what an attempt brought becomes true, in one transaction with all that follows from it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Engine, attempt::Trouble, hold, open};
use crate::{
    domain::{
        Ask, CategoryResult, Ground, HoldId, Identifier, Task, TaskEvent, TaskId, TaskReason, confirmation,
        decision::WhenDue, retry::Policy,
    },
    downstream::Failure,
    store::{self, CaseFile, StoredCase},
    vault::CaseKey,
};

/// Characters of an error that are kept with a task: enough to act on, short enough for a table.
const ERROR_CHARS_MAX: usize = 1_000;

/// Attempts that a task gets even if its case is past its due time: one may meet a restart of the downstream.
const OVERDUE_ATTEMPTS: u32 = 3;

/// What an attempt brought.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// These identifiers.
    Resolved(Found),
    /// The data is stored.
    Collected {
        /// How much by category.
        results: Vec<CategoryResult>,
        /// The sealed list of its parts.
        parts: Vec<u8>,
    },
    /// What there is before the erasure or change.
    Noted(Vec<CategoryResult>),
    /// This legal hold stops it: nothing was sent.
    Held(HoldId),
    /// No legal hold stops it any longer.
    Unheld,
    /// The downstream works on it.
    Accepted {
        /// When to ask again.
        poll_after: SignedDuration,
    },
    /// A person has to do it.
    HandedToPerson,
    /// The downstream does not know it any more.
    Forgotten,
    /// The downstream says it erased.
    Erased(Vec<CategoryResult>),
    /// The downstream says it changed what it was asked to.
    Changed(Vec<CategoryResult>),
    /// It says so, and no collection can show it.
    Stated(Vec<CategoryResult>),
    /// What there is after the erasure or change.
    Verified(Vec<CategoryResult>),
    /// The downstream refuses.
    Refused(Ground),
}

impl Step {
    /// Whether the downstream said it.
    const fn is_an_answer(&self) -> bool {
        !matches!(self, Self::Held(_) | Self::Unheld)
    }

    /// What it is called in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Resolved(_) => "resolved",
            Self::Collected { .. } => "collected",
            Self::Noted(_) => "noted",
            Self::Held(_) => "held",
            Self::Unheld => "unheld",
            Self::Accepted { .. } => "accepted",
            Self::HandedToPerson => "handed_to_person",
            Self::Forgotten => "forgotten",
            Self::Erased(_) => "erased",
            Self::Changed(_) => "changed",
            Self::Stated(_) => "stated",
            Self::Verified(_) => "verified",
            Self::Refused(_) => "refused",
        }
    }
}

/// New identifiers with what it takes to keep them.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The case's key.
    pub(super) key: Arc<CaseKey>,
    /// What was found.
    pub(super) identifiers: Vec<Identifier>,
    /// Their blind indexes.
    pub(super) blinds: Vec<String>,
}

impl Engine {
    /// Records what an attempt brought.
    pub(super) async fn record(&self, task: &Task, token: Uuid, step: Step) -> Result<(), store::Error> {
        if step.is_an_answer() {
            self.0.directory.note(&task.downstream, None);
            self.note_answer(&task.downstream);
        }
        let id = task.id;
        let change = move |file: &mut CaseFile| {
            file.holds(id, token)?;
            if let Step::Resolved(found) = &step {
                keep_identifiers(file, found)?;
            }
            take_step(file, id, &step)?;
            file.advance();
            Ok(())
        };
        self.0.store.change(task.case_id, self.0.clock.now(), change).await
    }

    /// Records that an attempt brought nothing: it is postponed, or given up.
    pub(super) async fn record_trouble(
        &self,
        stored: &StoredCase,
        task: &Task,
        token: Uuid,
        trouble: Trouble,
    ) -> Result<(), store::Error> {
        let failure = match trouble {
            Trouble::Downstream(failure) => {
                self.0.directory.note(&task.downstream, Some(failure.message.clone()));
                self.note_failure(&task.downstream, &failure);
                tracing::warn!(reason = %failure.reason, error = %failure.message, "the attempt brought nothing");
                failure
            }
            Trouble::Ours(error) => {
                error.say("the attempt failed on our side");
                Failure { message: error.to_string(), ..Failure::of(TaskReason::Internal) }
            }
        };
        let due_at = stored.case.due_at;
        let (id, policy, unit) = (task.id, self.0.settings.retry, self.0.clock.chance());
        let change = move |file: &mut CaseFile| {
            file.holds(id, token)?;
            let attempts = file.task_mut(id)?.attempts + 1;
            let waits = file.case.proceedings.when_due == WhenDue::Wait;
            let verdict = verdict(&failure, attempts, &policy, !waits && file.now >= due_at);
            let pause = policy.pause(attempts, unit, failure.retry_after);
            let next = next_attempt(file.now, pause, due_at, failure.retry_after);
            fail(file, id, &failure, verdict, next)?;
            file.advance();
            Ok(())
        };
        self.0.store.change(task.case_id, self.0.clock.now(), change).await
    }
}

/// Whether another attempt makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Again,
    GiveUp,
}

fn verdict(failure: &Failure, attempts: u32, policy: &Policy, overdue: bool) -> Verdict {
    let give_up = match failure.reason {
        // Our own faults are mended by us; the task waits for that as long as it takes.
        TaskReason::Internal => false,
        TaskReason::Unavailable => {
            (overdue && attempts >= OVERDUE_ATTEMPTS) || attempts >= policy.unavailable_attempts
        }
        TaskReason::ContractViolation => attempts >= policy.violation_attempts,
        _ => true,
    };
    if give_up { Verdict::GiveUp } else { Verdict::Again }
}

/// When to try again: after the pause, but once more just before a deadline that lies within it, unless the downstream
/// asked to be left alone for longer.
fn next_attempt(
    now: Timestamp,
    pause: SignedDuration,
    due_at: Timestamp,
    hint: Option<SignedDuration>,
) -> Timestamp {
    let next = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
    if now >= due_at || hint.is_some() { next } else { next.min(due_at) }
}

fn fail(
    file: &mut CaseFile,
    id: TaskId,
    failure: &Failure,
    verdict: Verdict,
    next: Timestamp,
) -> Result<(), store::Error> {
    let task = file.task_mut(id)?;
    task.attempts += 1;
    task.last_error = Some(failure.message.chars().take(ERROR_CHARS_MAX).collect());
    if verdict == Verdict::GiveUp || failure.reason == TaskReason::ContractViolation {
        // What came before a violation may be part of it: the next attempt starts from nothing.
        file.set_progress(id, None);
    }
    if verdict == Verdict::GiveUp {
        return file.move_task(id, TaskEvent::GiveUp, Some(failure.reason));
    }
    file.task_mut(id)?.due_at = Some(next);
    file.move_task(id, TaskEvent::Postpone, Some(failure.reason))
}

fn take_step(file: &mut CaseFile, id: TaskId, step: &Step) -> Result<(), store::Error> {
    match step {
        Step::Held(hold) => return hold::stop(file, id, *hold),
        Step::Unheld => return hold::let_go(file, id),
        _ => {}
    }
    let now = file.now;
    let task = file.task_mut(id)?;
    task.last_error = None;
    task.due_at = Some(now);
    match step {
        Step::Resolved(_) => {
            task.attempts += 1;
            file.move_task(id, TaskEvent::Finish, None)
        }
        Step::Collected { results, parts } => {
            task.attempts += 1;
            task.results.clone_from(results);
            file.set_progress(id, None);
            file.set_parts(id, Some(parts.clone()));
            file.move_task(id, TaskEvent::Finish, None)
        }
        // A fresh count: from here on a failure may mean that the Erase was received.
        Step::Noted(results) => {
            task.attempts = 0;
            task.results.clone_from(results);
            file.move_task(id, TaskEvent::Note, None)
        }
        Step::Accepted { poll_after } => {
            task.attempts = 0;
            task.due_at = Some(now.saturating_add(*poll_after).unwrap_or(Timestamp::MAX));
            file.move_task(id, TaskEvent::Accept, None)
        }
        Step::Held(_) | Step::Unheld => Ok(()),
        Step::HandedToPerson => {
            // Nobody looks at it again by itself: it waits for ResolveTask, or for the case to be due.
            task.due_at = None;
            file.move_task(id, TaskEvent::Accept, Some(TaskReason::AwaitsPerson))
        }
        Step::Forgotten => file.move_task(id, TaskEvent::Forget, None),
        Step::Erased(results) => {
            task.attempts = 0;
            task.results.clone_from(results);
            file.move_task(id, TaskEvent::Erase, None)
        }
        Step::Changed(results) => {
            task.attempts = 0;
            task.results.clone_from(results);
            file.move_task(id, TaskEvent::Change, None)
        }
        Step::Stated(results) => {
            task.attempts += 1;
            task.results.clone_from(results);
            file.move_task(id, TaskEvent::Finish, None)
        }
        Step::Refused(ground) => {
            task.refusal = Some(ground.clone());
            file.move_task(id, TaskEvent::Refuse, None)
        }
        Step::Verified(results) => {
            task.attempts += 1;
            task.results.clone_from(results);
            confirm(file, id, results)
        }
    }
}

/// Done if nothing speaks against it; otherwise a person has to look.
fn confirm(file: &mut CaseFile, id: TaskId, results: &[CategoryResult]) -> Result<(), store::Error> {
    let (against, reason) = match &file.task_mut(id)?.ask {
        Ask::Rectify { .. } => (confirmation::unrectified(results), TaskReason::ChangeUnconfirmed),
        Ask::Restrict { lift, .. } => {
            (confirmation::unrestricted(results, *lift), TaskReason::ChangeUnconfirmed)
        }
        _ => (leftovers(results), TaskReason::ErasureUnconfirmed),
    };
    if against.is_empty() {
        return file.move_task(id, TaskEvent::Finish, None);
    }
    file.task_mut(id)?.last_error = Some(against.join("; ").chars().take(ERROR_CHARS_MAX).collect());
    file.move_task(id, TaskEvent::GiveUp, Some(reason))
}

fn leftovers(results: &[CategoryResult]) -> Vec<String> {
    let text = |left: &confirmation::Leftover| {
        format!(
            "{}: {} found after the erasure, {} declared to remain",
            left.category, left.remaining, left.allowed
        )
    };
    confirmation::leftovers(results).iter().map(text).collect()
}

/// Adds to the sealed subject, as it is now: another resolver may have added to it meanwhile.
fn keep_identifiers(file: &mut CaseFile, found: &Found) -> Result<(), store::Error> {
    let sealed = file.subject.as_ref().ok_or(store::Error::Gone("subject"))?;
    let corrupt =
        |_| store::Error::Corrupt { table: "cases", column: "subject", id: file.case.id.to_string() };
    let mut subject = open::open_subject(&found.key, sealed).map_err(corrupt)?;
    for identifier in &found.identifiers {
        subject.add(identifier.clone());
    }
    file.subject = Some(open::seal_subject(&found.key, &subject).map_err(corrupt)?);
    file.index(&subject, found.blinds.iter().cloned());
    Ok(())
}
