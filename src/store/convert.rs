//! Rows to domain types and back. A row that does not convert is `Corrupt`, by table, column and id.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use sea_orm::ActiveValue::{NotSet, Set};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Error,
    case_file::{Blob, CaseFile, TaskExtra},
    entity::{case, task},
    openings::Request,
};
use crate::{
    domain::{Case, CaseId, Proceedings, Task, TaskId},
    vault::WrappedKey,
};

/// `claim_at` of rows that nobody may claim: at the far end of the claims' index, or outside of it.
pub(super) const NEVER: i64 = i64::MAX;

/// Tasks that could begin at once queue up by their cases' deadlines: each as if it had come this long before its
/// deadline, or now if that is later. The longest time that a law gives without an extension is 45 days, most give a
/// month.
const LEAD: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Tasks of minors that could begin at once stand before all others of their caller: as if they had come this much
/// earlier. A century is more than any deadline, and leaves the order among them as it is.
const MINORS_LEAD: SignedDuration = SignedDuration::from_hours(100 * 365 * 24);

/// What a task's place in the queue hangs on, beside itself.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    /// Who opened its case.
    pub(super) caller: &'a str,
    /// When its case is due.
    pub(super) case_due_at: Timestamp,
    /// Whether its subject is a minor.
    pub(super) minor: bool,
    /// The time.
    pub(super) now: Timestamp,
}

impl Turn<'_> {
    /// From when on a task may be claimed that is due at `due_at`. An earlier one goes first.
    fn claim_at(self, due_at: Timestamp) -> i64 {
        let place = if due_at > self.now {
            due_at
        } else {
            let lead = if self.minor { LEAD + MINORS_LEAD } else { LEAD };
            due_at.min(self.case_due_at.saturating_sub(lead).unwrap_or(Timestamp::MIN))
        };
        place.as_microsecond()
    }
}

/// Persisted JSON carries the version of its form, so that a later one can be told apart.
#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    v: u32,
    value: T,
}

pub(super) fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(&Versioned { v: 1, value }).expect("domain types are JSON")
}

/// Where a value stands, to name it if it is corrupt.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) table: &'static str,
    pub(super) id: &'a dyn std::fmt::Display,
}

impl Place<'_> {
    fn corrupt(self, column: &'static str) -> Error {
        Error::Corrupt { table: self.table, column, id: self.id.to_string() }
    }

    pub(super) fn json<T: DeserializeOwned>(self, column: &'static str, text: &str) -> Result<T, Error> {
        let versioned: Versioned<T> = serde_json::from_str(text).map_err(|_| self.corrupt(column))?;
        if versioned.v == 1 { Ok(versioned.value) } else { Err(self.corrupt(column)) }
    }

    pub(super) fn named<T: FromStr>(self, column: &'static str, text: &str) -> Result<T, Error> {
        text.parse().map_err(|_| self.corrupt(column))
    }

    pub(super) fn time(self, column: &'static str, micros: i64) -> Result<Timestamp, Error> {
        Timestamp::from_microsecond(micros).map_err(|_| self.corrupt(column))
    }

    pub(super) fn number<T: TryFrom<i64>>(self, column: &'static str, number: i64) -> Result<T, Error> {
        T::try_from(number).map_err(|_| self.corrupt(column))
    }
}

pub(super) fn case(row: &case::Model) -> Result<Case, Error> {
    let place = Place { table: "cases", id: &row.id };
    let request: Request = place.json("request", &row.request)?;
    let optional = |column, micros: Option<i64>| micros.map(|micros| place.time(column, micros)).transpose();
    Ok(Case {
        id: CaseId(row.id),
        caller: row.caller.clone(),
        request_id: row.request_id.clone(),
        right: place.named("right", &row.right)?,
        state: place.named("state", &row.state)?,
        reason: row.reason.as_deref().map(|reason| place.named("reason", reason)).transpose()?,
        revision: place.number("revision", row.revision)?,
        opened_at: place.time("opened_at", row.opened_at)?,
        received_at: place.time("received_at", row.received_at)?,
        due_at: place.time("due_at", row.due_at)?,
        settled_at: optional("settled_at", row.settled_at)?,
        expires_at: optional("expires_at", row.expires_at)?,
        identifier_kinds: place.json("kinds", &row.kinds)?,
        scope: request.scope,
        labels: request.labels,
        policy_version: request.policy_version,
        proceedings: match row.proceedings.as_deref() {
            Some(proceedings) => place.json("proceedings", proceedings)?,
            None => Proceedings::default(),
        },
        pseudonym: row.pseudonym.clone(),
    })
}

pub(super) fn wrapped_key(row: &case::Model) -> Option<WrappedKey> {
    Some(WrappedKey { key_id: row.key_id.clone()?, bytes: row.key_bytes.clone()? })
}

pub(super) fn task(row: &task::Model) -> Result<Task, Error> {
    let place = Place { table: "tasks", id: &row.id };
    Ok(Task {
        id: TaskId(row.id),
        case_id: CaseId(row.case_id),
        position: place.number("position", row.position.into())?,
        downstream: row.downstream.clone(),
        ask: place.json("ask", &row.ask)?,
        understands: place.json("understands", &row.understands)?,
        state: place.named("state", &row.state)?,
        reason: row.reason.as_deref().map(|reason| place.named("reason", reason)).transpose()?,
        call_id: row.call_id,
        attempts: place.number("attempts", row.attempts.into())?,
        due_at: row.due_at.map(|micros| place.time("due_at", micros)).transpose()?,
        waits_for: place.json("waits_for", &row.waits_for)?,
        last_error: row.last_error.clone(),
        results: place.json("results", &row.results)?,
        refusal: row.refusal.as_deref().map(|refusal| place.json("refusal", refusal)).transpose()?,
    })
}

pub(super) fn case_file(row: &case::Model, tasks: &[task::Model]) -> Result<CaseFile, Error> {
    let place = Place { table: "cases", id: &row.id };
    let work = match row.work.as_deref() {
        Some(work) => Some((place.named("work", work)?, place.time("claim_at", row.claim_at)?)),
        None => None,
    };
    let extra = |task: &task::Model| TaskExtra { lease: task.lease_token, ..TaskExtra::default() };
    Ok(CaseFile {
        case: case(row)?,
        tasks: tasks.iter().map(self::task).collect::<Result<_, _>>()?,
        key: wrapped_key(row),
        subject: row.subject.clone(),
        details: row.details.clone(),
        work,
        attempts: place.number("attempts", row.attempts.into())?,
        export: row.export.as_deref().map(|export| place.json("export", export)).transpose()?,
        now: Timestamp::UNIX_EPOCH,
        lease: row.lease_token,
        manifest: Blob::Left,
        receipt: Blob::Left,
        extras: tasks.iter().map(|task| (TaskId(task.id), extra(task))).collect(),
        events: Vec::new(),
        blinds: Vec::new(),
        forget_blinds: false,
    })
}

fn blob(blob: &Blob) -> sea_orm::ActiveValue<Option<Vec<u8>>> {
    match blob {
        Blob::Left => NotSet,
        Blob::Set(value) => Set(value.clone()),
    }
}

/// The columns of a case that a change may write.
pub(super) fn case_update(file: &CaseFile) -> case::ActiveModel {
    let case = &file.case;
    case::ActiveModel {
        id: sea_orm::Unchanged(case.id.0),
        state: Set(case.state.as_str().to_owned()),
        reason: Set(case.reason.map(|reason| reason.as_str().to_owned())),
        revision: Set(i64::try_from(case.revision).unwrap_or(i64::MAX)),
        settled_at: Set(case.settled_at.map(Timestamp::as_microsecond)),
        expires_at: Set(case.expires_at.map(Timestamp::as_microsecond)),
        kinds: Set(to_json(&case.identifier_kinds)),
        work: Set(file.work.map(|(work, _)| work.as_str().to_owned())),
        attempts: Set(i32::try_from(file.attempts).unwrap_or(i32::MAX)),
        claim_at: Set(file.work.map_or(NEVER, |(_, at)| at.as_microsecond())),
        lease_token: Set(file.lease),
        key_id: Set(file.key.as_ref().map(|key| key.key_id.clone())),
        key_bytes: Set(file.key.as_ref().map(|key| key.bytes.clone())),
        subject: Set(file.subject.clone()),
        due_at: Set(case.due_at.as_microsecond()),
        proceedings: Set(Some(to_json(&case.proceedings))),
        details: Set(file.details.clone()),
        export: Set(file.export.as_ref().map(to_json)),
        manifest: blob(&file.manifest),
        receipt: blob(&file.receipt),
        ..Default::default()
    }
}

/// All columns of a task. The lease is let go unless its holder keeps it.
pub(super) fn task_row(task: &Task, extra: &TaskExtra, turn: Turn<'_>) -> task::ActiveModel {
    let claim_at = if task.state.is_active() {
        task.due_at.map_or(NEVER, |due_at| turn.claim_at(due_at))
    } else {
        NEVER
    };
    task::ActiveModel {
        id: Set(task.id.0),
        case_id: Set(task.case_id.0),
        caller: Set(turn.caller.to_owned()),
        position: Set(i32::try_from(task.position).unwrap_or(i32::MAX)),
        downstream: Set(task.downstream.clone()),
        ask: Set(to_json(&task.ask)),
        understands: Set(to_json(&task.understands)),
        state: Set(task.state.as_str().to_owned()),
        reason: Set(task.reason.map(|reason| reason.as_str().to_owned())),
        call_id: Set(task.call_id),
        attempts: Set(i32::try_from(task.attempts).unwrap_or(i32::MAX)),
        due_at: Set(task.due_at.map(Timestamp::as_microsecond)),
        claim_at: if extra.keep_lease { NotSet } else { Set(claim_at) },
        lease_token: if extra.keep_lease { NotSet } else { Set(None) },
        waits_for: Set(to_json(&task.waits_for)),
        last_error: Set(task.last_error.clone()),
        results: Set(to_json(&task.results)),
        refusal: Set(task.refusal.as_ref().map(to_json)),
        progress: blob(&extra.progress),
        parts: blob(&extra.parts),
    }
}
