//! Hold: a legal hold stops what would take a subject's data away.
//!
//! **Expected flow.** Placing a hold writes it and its place in the blind index, and then puts those open cases' tasks on
//! hold that nobody works on. Every attempt at such a task looks for holds before it sends anything; one that finds a
//! hold puts its task on hold. Releasing a hold makes the tasks that it stopped due.
//!
//! **Guarantees.** Once PlaceHold has answered, no Erase is sent that its answer does not name. An attempt claims its
//! task before it looks for holds, and the hold is committed before the cases are looked at: either the attempt finds the
//! hold, or its claim is seen. A wake-up that is lost costs [`LOOK_AGAIN`]. A crash while a hold is being placed leaves it
//! placed, or not; the same call again answers which cases it covers.
//!
//! **Assumptions.** The cases of a subject have an identifier in common with the hold by the time when they erase.

use jiff::{SignedDuration, Timestamp};

use super::{
    Engine, Error, HeldCase, HoldFilter, HoldPage, NewHold, PlacedHold,
    attempt::{Attempt, Trouble},
    record::Step,
};
use crate::{
    domain::{
        CaseId, Hold, HoldId, Right, Subject, TaskEvent, TaskId, TaskReason, TaskState,
        hold::{Reach, Release, reach},
    },
    store::{self, CaseFile, Placed},
};

/// A held task is looked at this often although nobody woke it: the process that released the hold may have died before
/// it said so. The law counts in days.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(6);
/// Cases that an answer names. A person has a handful.
const CASES_MAX: u64 = 1_000;
/// Cases that are let go of at once. All of them are, page by page.
const CASES_PAGE: u64 = 100;
/// Holds that a preview names.
const HOLDS_SHOWN: u64 = 100;

impl Engine {
    /// Places a hold, and says which open cases it covers; in force, and durable, when it answers.
    pub async fn place_hold(&self, new: NewHold) -> Result<PlacedHold, Error> {
        let blinds =
            new.subject.identifiers().map(|identifier| self.0.ring.blind_index(identifier)).collect();
        let hold = Hold {
            id: HoldId(self.0.clock.new_id()),
            caller: new.caller,
            request_id: new.request_id,
            ground: new.ground,
            matter: new.matter,
            note: new.note,
            identifier_kinds: new.subject.kinds(),
            pseudonym: self.0.ring.pseudonym(&new.subject),
            placed_at: self.0.clock.now(),
            release: None,
        };
        let placed = self.0.store.place_hold(store::NewHold { hold: hold.clone(), blinds }).await?;
        let (hold, replayed) = match placed {
            Placed::New => (hold, false),
            Placed::Existing(existing) => (same(&hold, *existing)?, true),
        };
        let mut cases = Vec::new();
        if hold.release.is_none() {
            for case in self.0.store.open_cases_under(hold.id, CASES_MAX).await? {
                cases.extend(self.put_on_hold(case, hold.id).await?);
            }
        }
        tracing::info!(hold_id = %hold.id, cases = cases.len(), replayed, "a legal hold is in force");
        Ok(PlacedHold { hold, replayed, cases })
    }

    /// Ends a hold. Ending it again answers it again.
    pub async fn release_hold(&self, id: HoldId, caller: String, note: String) -> Result<Hold, Error> {
        self.hold(id).await?;
        let release = Release { at: self.0.clock.now(), caller, note };
        if self.0.store.release_hold(id, &release).await? {
            tracing::info!(hold_id = %id, "a legal hold is released");
        }
        // Said again to those who have not heard it, should the first call have died here.
        let mut after = None;
        loop {
            let cases = self.0.store.held_cases_under(id, after, CASES_PAGE).await?;
            for case in &cases {
                self.wake_held(*case).await?;
            }
            after = cases.last().copied();
            if after.is_none() {
                return self.hold(id).await;
            }
        }
    }

    /// One hold.
    pub async fn hold(&self, id: HoldId) -> Result<Hold, Error> {
        let missing = || Error::NotFound { resource: "hold", id: id.to_string() };
        self.0.store.hold(id).await?.ok_or_else(missing)
    }

    /// At most `size` holds that pass the filter, newest first, after the hold `after`.
    pub async fn holds(
        &self,
        filter: HoldFilter,
        after: Option<HoldId>,
        size: u32,
    ) -> Result<HoldPage, Error> {
        let blinds = filter.identifier.map(|identifier| vec![self.0.ring.blind_index(&identifier)]);
        // One more than asked for tells whether there is another page.
        let limit = u64::from(size) + 1;
        let mut holds = self.0.store.holds(filter.active, blinds.as_deref(), after, limit).await?;
        let more = holds.len() > size as usize;
        holds.truncate(size as usize);
        let next = holds.last().map(|last| last.id).filter(|_| more);
        Ok(HoldPage { holds, next })
    }

    /// The holds in force that cover a subject.
    pub(super) async fn holds_on(&self, subject: &Subject) -> Result<Vec<HoldId>, Error> {
        let blinds: Vec<String> =
            subject.identifiers().map(|identifier| self.0.ring.blind_index(identifier)).collect();
        let holds = self.0.store.holds(true, Some(&blinds), None, HOLDS_SHOWN).await?;
        Ok(holds.into_iter().rev().map(|hold| hold.id).collect())
    }

    /// Puts the tasks of a case on hold that nobody works on, and says which wait and which it is too late for.
    async fn put_on_hold(&self, case: CaseId, hold: HoldId) -> Result<Option<HeldCase>, Error> {
        let change = move |file: &mut CaseFile| {
            let mut covered = HeldCase { case_id: case, waiting: Vec::new(), sent: Vec::new() };
            let mut stopped = Vec::new();
            for task in &file.tasks {
                let is_leased = file.is_leased(task.id);
                match reach(task, is_leased) {
                    Reach::Waits => {
                        covered.waiting.push(task.downstream.clone());
                        let is_free = task.state == TaskState::Pending && !is_leased && !task.is_held();
                        stopped.extend(is_free.then_some(task.id));
                    }
                    Reach::TooLate => covered.sent.push(task.downstream.clone()),
                    Reach::Untouched => {}
                }
            }
            for task in stopped {
                stop(file, task, hold)?;
            }
            let is_unplanned = file.tasks.is_empty() && file.case.right == Right::Erasure;
            Ok((is_unplanned || !covered.waiting.is_empty() || !covered.sent.is_empty()).then_some(covered))
        };
        Ok(self.0.store.change(case, self.0.clock.now(), change).await?)
    }

    /// Makes the held tasks of a case due: each looks for itself whether another hold stops it.
    async fn wake_held(&self, case: CaseId) -> Result<(), Error> {
        let still_held = self.0.store.hold_on(case).await?.is_some();
        let change = move |file: &mut CaseFile| {
            let held: Vec<TaskId> =
                file.tasks.iter().filter(|task| task.is_held()).map(|task| task.id).collect();
            for id in held {
                // Whoever works on it just now may have found the old hold: a change ends its lease.
                if still_held {
                    file.task_mut(id)?.due_at = Some(file.now);
                } else {
                    let_go(file, id)?;
                }
            }
            Ok(())
        };
        Ok(self.0.store.change(case, self.0.clock.now(), change).await?)
    }
}

impl Attempt {
    /// What comes of it if a hold stops the task, or did so until now.
    pub(super) async fn look_for_holds(&self) -> Result<Option<Step>, Trouble> {
        let hold = self.engine.0.store.hold_on(self.task.case_id).await?;
        Ok(match hold {
            Some(hold) => Some(Step::Held(hold)),
            None => self.task.is_held().then_some(Step::Unheld),
        })
    }
}

/// Puts a task on hold, and says so once. Attempts are not counted. What was noted before an erasure that was never sent
/// is noted again after the release.
pub(super) fn stop(file: &mut CaseFile, id: TaskId, hold: HoldId) -> Result<(), store::Error> {
    let later = file.now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX);
    let task = file.task_mut(id)?;
    task.due_at = Some(later);
    task.last_error = Some(format!("the legal hold {hold} covers the subject"));
    if task.attempts == 0 && task.results.iter().all(|result| result.outcome.is_none()) {
        task.results.clear();
    }
    if task.is_held() {
        return Ok(());
    }
    file.move_task(id, TaskEvent::Hold, Some(TaskReason::LegalHold))
}

/// Lets a task go on at once.
pub(super) fn let_go(file: &mut CaseFile, id: TaskId) -> Result<(), store::Error> {
    let now = file.now;
    let task = file.task_mut(id)?;
    task.due_at = Some(now);
    task.last_error = None;
    file.move_task(id, TaskEvent::Unhold, None)
}

/// The hold that a request id placed, if it asked for the same.
fn same(asked: &Hold, existing: Hold) -> Result<Hold, Error> {
    let fields = [
        ("subject", asked.pseudonym != existing.pseudonym),
        ("ground", asked.ground != existing.ground),
        ("matter", asked.matter != existing.matter),
        ("note", asked.note != existing.note),
    ];
    let differs: Vec<String> =
        fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()).collect();
    if differs.is_empty() {
        Ok(existing)
    } else {
        Err(Error::HoldRequestIdReused { hold_id: existing.id, differs })
    }
}
