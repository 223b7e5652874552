//! A case with all that belongs to it, as a change sees it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Error;
use crate::{
    domain::{
        Case, CaseEvent, CaseReason, CaseState, CaseWork, Subject, Task, TaskEvent, TaskId, TaskReason,
        TaskState, advance, clock::Tick, decision::WhenDue,
    },
    vault::WrappedKey,
};

/// From one look at a case that is past its due time to the next: downstreams that are there answer within minutes.
const DUE_AGAIN: SignedDuration = SignedDuration::from_hours(1);

/// One line of the append-only history of a case. It holds no identifiers.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The task, if it is about one.
    pub task: Option<TaskId>,
    /// What happened: `case.settle`, `task.postpone`, …
    pub name: String,
    /// More about it.
    pub data: Value,
}

impl Event {
    /// That what a task would ask is left to another controller, if it is.
    pub(super) fn forward(task: &Task, at: Timestamp) -> Option<Self> {
        let data = json!({ "v": 1, "downstream": task.downstream, "ground": task.refusal });
        let is_forwarded = task.reason == Some(TaskReason::HeldForAnother);
        is_forwarded.then(|| Self { at, task: Some(task.id), name: "task.forward".to_owned(), data })
    }
}

/// What is known of a finished export without opening it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportFacts {
    /// Hex SHA-256 of the whole file.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Its name.
    pub file_name: String,
}

/// A blob that a change may leave, set or clear.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Blob {
    #[default]
    Left,
    Set(Option<Vec<u8>>),
}

/// What a change does to a task beside its fields.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskExtra {
    pub(super) lease: Option<Uuid>,
    pub(super) keep_lease: bool,
    pub(super) progress: Blob,
    pub(super) parts: Blob,
}

/// A case, its tasks, and what is sealed of it. Changes to it are written when the change answers `Ok`.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// The case. Its revision is counted up by itself.
    pub case: Case,
    /// Its tasks in the order of the plan. A change may add to them; it must not take any away.
    pub tasks: Vec<Task>,
    /// The wrapped case key; absent once destroyed.
    pub key: Option<WrappedKey>,
    /// The sealed subject; absent once destroyed.
    pub subject: Option<Vec<u8>>,
    /// The sealed details; absent if there are none, and once destroyed.
    pub details: Option<Vec<u8>>,
    /// What the case itself needs next, and when.
    pub work: Option<(CaseWork, Timestamp)>,
    /// How often that was tried in vain.
    pub attempts: u32,
    /// The finished export.
    pub export: Option<ExportFacts>,
    /// The time of this change.
    pub now: Timestamp,
    pub(super) lease: Option<Uuid>,
    pub(super) manifest: Blob,
    pub(super) receipt: Blob,
    pub(super) extras: BTreeMap<TaskId, TaskExtra>,
    pub(super) events: Vec<Event>,
    pub(super) blinds: Vec<String>,
    pub(super) forget_blinds: bool,
}

/// When a case that is due at `due_at` is looked at because of that: then, or some time after a person took it up again.
pub fn due_again(due_at: Timestamp, now: Timestamp) -> Timestamp {
    due_at.max(now.saturating_add(DUE_AGAIN).unwrap_or(Timestamp::MAX))
}

impl TaskExtra {
    pub(super) fn is_changed(&self) -> bool {
        self.progress != Blob::Left || self.parts != Blob::Left
    }
}

impl CaseFile {
    /// Whether somebody works on the task just now.
    pub fn is_leased(&self, task: TaskId) -> bool {
        self.extras.get(&task).is_some_and(|extra| extra.lease.is_some())
    }

    /// Fails unless `token` still holds the lease of the task: every write of leased work starts with this.
    pub fn holds(&self, task: TaskId, token: Uuid) -> Result<(), Error> {
        let lease = self.extras.get(&task).and_then(|extra| extra.lease);
        if lease == Some(token) { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// Fails unless `token` still holds the lease of the case's own work.
    pub fn holds_case(&self, token: Uuid) -> Result<(), Error> {
        if self.lease == Some(token) { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// The task of this id.
    pub fn task_mut(&mut self, id: TaskId) -> Result<&mut Task, Error> {
        self.tasks.iter_mut().find(|task| task.id == id).ok_or(Error::Gone("task"))
    }

    /// Moves a task, and writes that down.
    pub fn move_task(
        &mut self,
        id: TaskId,
        event: TaskEvent,
        reason: Option<TaskReason>,
    ) -> Result<(), Error> {
        let task = self.task_mut(id)?;
        let from = task.state;
        task.apply(event, reason)?;
        let data = json!({
            "v": 1, "downstream": task.downstream, "from": from, "to": task.state, "reason": reason,
            "attempts": task.attempts, "error": task.last_error,
        });
        self.note(Some(id), format!("task.{event}"), data);
        Ok(())
    }

    /// Writes down that what the task would ask is left to another controller, if it is.
    pub fn note_forward(&mut self, id: TaskId) -> Result<(), Error> {
        let at = self.now;
        let forward = Event::forward(self.task_mut(id)?, at);
        self.events.extend(forward);
        Ok(())
    }

    /// Moves the case, and writes that down.
    pub fn move_case(&mut self, event: CaseEvent, reason: Option<CaseReason>) -> Result<(), Error> {
        let from = self.case.state;
        self.case.state = from.after(event)?;
        self.case.reason = reason;
        self.note(
            None,
            format!("case.{event}"),
            json!({ "v": 1, "from": from, "to": self.case.state, "reason": reason }),
        );
        Ok(())
    }

    /// Lets the blocked tasks move, and asks for the case to be settled once nothing is left to do for any. Until then
    /// it is looked at when it is due.
    pub fn advance(&mut self) {
        let now = self.now;
        let known: BTreeSet<_> = self.case.identifier_kinds.iter().cloned().collect();
        for moved in advance::advance(&mut self.tasks, &known, now) {
            self.note(
                Some(moved.task),
                format!("task.{}", moved.event),
                json!({ "v": 1, "reason": moved.reason }),
            );
        }
        if self.case.state.is_settled() {
            return;
        }
        if self.case.state != CaseState::InProgress || self.case.proceedings.waits_to_start(now) {
            self.look_again_if_idle();
        } else if advance::all_settled(&self.tasks) && !self.waits_for_a_person() {
            self.work = Some((CaseWork::Settle, now));
        } else if self.work.is_none() {
            let deliver_at = &mut self.case.proceedings.deliver_at;
            if deliver_at.is_none_or(|at| at <= now) {
                *deliver_at = Some(due_again(self.case.due_at, now));
            }
            self.look_again();
        }
    }

    /// Whether policy lets no gap stand that nobody has decided about.
    fn waits_for_a_person(&self) -> bool {
        self.case.proceedings.when_due == WhenDue::Escalate
            && self.tasks.iter().any(|task| task.state == TaskState::NeedsAttention)
    }

    /// Asks for the case to be looked at when the time has something to say about it.
    pub fn look_again(&mut self) {
        let Case { state, due_at, .. } = self.case;
        let at = self.case.proceedings.next_look(state, due_at, self.now);
        self.work = Some((CaseWork::Due, at));
    }

    /// The same, unless it needs something else first.
    pub fn look_again_if_idle(&mut self) {
        if matches!(self.work, None | Some((CaseWork::Due, _))) {
            self.look_again();
        }
    }

    /// The clocks have moved: the case is due when the first of them is.
    pub fn set_due(&mut self) {
        if let Some(due_at) = self.case.proceedings.clocks.deadline() {
            self.case.due_at = due_at;
        }
        self.case.proceedings.deliver_at = None;
        self.look_again_if_idle();
    }

    /// Writes down what the clocks have to say by now, each end once.
    pub fn tick(&mut self) -> Vec<Tick> {
        if !self.case.state.is_open() {
            return Vec::new();
        }
        let ticks = self.case.proceedings.clocks.tick(self.now);
        for tick in &ticks {
            let name = if tick.is_missed { "case.deadline_missed" } else { "case.deadline_near" };
            let data = json!({ "v": 1, "regime": tick.regime, "kind": tick.kind, "due_at": tick.due_at });
            self.note(None, name.to_owned(), data);
        }
        ticks
    }

    /// Adds to what was written down last.
    pub fn detail(&mut self, key: &str, value: Value) {
        if let Some(data) = self.events.last_mut().and_then(|event| event.data.as_object_mut()) {
            data.insert(key.to_owned(), value);
        }
    }

    /// Writes down that something happened.
    pub fn note(&mut self, task: Option<TaskId>, name: String, data: Value) {
        self.events.push(Event { at: self.now, task, name, data });
    }

    /// The holder of the task's lease keeps it across this change.
    pub fn keep_lease(&mut self, task: TaskId) {
        self.extras.entry(task).or_default().keep_lease = true;
    }

    /// Keeps, or clears, the sealed progress of a task's collection.
    pub fn set_progress(&mut self, task: TaskId, sealed: Option<Vec<u8>>) {
        self.extras.entry(task).or_default().progress = Blob::Set(sealed);
    }

    /// Keeps, or clears, the sealed list of parts that a task collected.
    pub fn set_parts(&mut self, task: TaskId, sealed: Option<Vec<u8>>) {
        self.extras.entry(task).or_default().parts = Blob::Set(sealed);
    }

    /// Keeps, or clears, the sealed manifest of the export.
    pub fn set_manifest(&mut self, sealed: Option<Vec<u8>>) {
        self.manifest = Blob::Set(sealed);
    }

    /// Keeps the receipt.
    pub fn set_receipt(&mut self, json: Vec<u8>) {
        self.receipt = Blob::Set(Some(json));
    }

    /// Makes the case findable by these blind indexes too, and shows the subject's kinds.
    pub fn index(&mut self, subject: &Subject, blinds: impl IntoIterator<Item = String>) {
        self.case.identifier_kinds = subject.kinds().into_iter().collect();
        self.blinds.extend(blinds);
    }

    /// Destroys the key and with it all that is sealed, and takes the case out of the blind index.
    pub fn destroy(&mut self) {
        self.key = None;
        self.subject = None;
        self.details = None;
        self.export = None;
        self.set_manifest(None);
        for task in self.tasks.iter().map(|task| task.id).collect::<Vec<_>>() {
            self.set_progress(task, None);
            self.set_parts(task, None);
        }
        self.forget_blinds = true;
    }
}
