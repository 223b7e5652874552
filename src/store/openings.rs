//! Openings: the new cases of a batch, inserted with one statement a table.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
};

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    sea_query::OnConflict,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Error, Event, Store,
    case_file::TaskExtra,
    changes,
    convert::{self, Turn},
    duplicates::{self, Findings, Repeats},
    entity::{case, case_identifier, task},
    notices,
    wake::Rings,
};
use crate::{
    domain::{Case, CaseId, CaseWork, Duplicates, Scope, Task},
    vault::WrappedKey,
};

/// Rows of one insert. The widest row has 30 columns, and SQLite takes 32,766 parameters a statement.
const INSERT_ROWS: usize = 1_000;

/// What the caller said of the case that is not personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) scope: Scope,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) policy_version: String,
    pub(super) received_at: Option<Timestamp>,
    /// See [`Opening::asked`].
    #[serde(default)]
    pub(super) asked: BTreeMap<String, String>,
}

/// A case to be inserted.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The case.
    pub case: Case,
    /// Its tasks; empty if it is still to be planned.
    pub tasks: Vec<Task>,
    /// When the caller says the person asked, if it said so.
    pub received_at: Option<Timestamp>,
    /// The wrapped case key.
    pub key: WrappedKey,
    /// The sealed subject.
    pub subject: Vec<u8>,
    /// The sealed details, if there are any.
    pub details: Option<Vec<u8>>,
    /// Keyed digests of all else that the caller asked for, by field, so that a replay with something else is found out.
    pub asked: BTreeMap<String, String>,
    /// The blind indexes of its identifiers.
    pub blinds: Vec<String>,
    /// The caller's trace context.
    pub trace_parent: Option<String>,
    /// A digest of its right and scope: what makes cases of one subject duplicates.
    pub sameness: String,
    /// What policy says if the subject asks again.
    pub repeats: Repeats,
    /// A keyed digest of all that was asked for: how a request that joined a case is known again.
    pub digest: String,
    /// What the case itself needs.
    pub work: Option<(CaseWork, Timestamp)>,
}

/// How an opening went.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The case is new, and this was found out about it.
    New(Findings),
    /// The subject has this case open already, and policy joins it.
    Joined(CaseId),
    /// The caller has used this request id before.
    Existing(Existing),
}

/// The case that a request id opened.
#[derive(Clone, Debug)]
pub struct Existing {
    /// The case.
    pub case: Box<Case>,
    /// When the caller said then that the person asked.
    pub received_at: Option<Timestamp>,
    /// Keyed digests of all else that the caller asked for then, by field.
    pub asked: BTreeMap<String, String>,
}

/// Inserts the new cases of a batch, each answered for itself.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    openings: &[&Opening],
    rings: &mut Rings,
) -> Result<Vec<Result<Opened, Error>>, Error> {
    if openings.is_empty() {
        return Ok(Vec::new());
    }
    let mut known = existing(transaction, openings).await?;
    let mut new: Vec<&Opening> = Vec::new();
    for opening in openings {
        if let Entry::Vacant(unknown) = known.entry(key(opening)) {
            unknown.insert(Existing {
                case: Box::new(opening.case.clone()),
                received_at: opening.received_at,
                asked: opening.asked.clone(),
            });
            new.push(opening);
        }
    }
    let mut settled = settle_repeats(transaction, &mut new).await?;
    // Two replicas that open the same case wait for each other here; in this order never in a circle.
    new.sort_by_key(|opening| key(opening));
    let mut new: Vec<Cow<'_, Opening>> = new.into_iter().map(Cow::Borrowed).collect();
    for opening in &mut new {
        if let Some(Ok(Opened::New(findings))) = settled.get(&opening.case.id)
            && !findings.is_empty()
        {
            findings.apply(opening.to_mut());
        }
    }
    if insert_cases(transaction, &new).await? < new.len() {
        // Another replica was faster with some of them since they were looked for.
        let again: Vec<&Opening> = new.iter().map(|opening| &**opening).collect();
        known.extend(existing(transaction, &again).await?);
        new.retain(|opening| known.get(&key(opening)).is_some_and(|known| known.case.id == opening.case.id));
    }
    insert_rest(transaction, &new, rings).await?;
    // The first of several openings of one case in this batch is the one that opens it.
    let opened: BTreeSet<CaseId> = new.iter().map(|opening| opening.case.id).collect();
    let answer = |opening: &&Opening| {
        match settled.remove(&opening.case.id) {
            Some(Ok(Opened::New(_))) if !opened.contains(&opening.case.id) => {}
            Some(answer) => return answer,
            None => {}
        }
        known.get(&key(opening)).cloned().map(Opened::Existing).ok_or(Error::Gone("case"))
    };
    Ok(openings.iter().map(answer).collect())
}

/// What becomes of openings of subjects that ask again. Those that open a case stay in `new`.
async fn settle_repeats(
    transaction: &DatabaseTransaction,
    new: &mut Vec<&Opening>,
) -> Result<BTreeMap<CaseId, Result<Opened, Error>>, Error> {
    let mut answers = BTreeMap::new();
    let joins = |opening: &&Opening| opening.repeats.duplicates == Duplicates::Join;
    if new.iter().any(joins) {
        let joined = duplicates::joined(transaction, new).await?;
        new.retain(|opening| {
            let Some((case, digest)) = joined.get(&key(opening)) else { return true };
            let same = *digest == opening.digest;
            answers.insert(
                opening.case.id,
                if same { Ok(Opened::Joined(*case)) } else { Err(Error::JoinedByAnother(*case)) },
            );
            false
        });
    }
    let findings = duplicates::find(transaction, new).await?;
    let mut joining = Vec::new();
    for (opening, found) in new.iter().zip(findings) {
        let answer = match (opening.repeats.duplicates, found.duplicate_of) {
            (Duplicates::Join, Some(case)) => {
                joining.push((*opening, case));
                Ok(Opened::Joined(case))
            }
            (Duplicates::Refuse, Some(case)) => Err(Error::Duplicate(case)),
            _ => Ok(Opened::New(found)),
        };
        answers.insert(opening.case.id, answer);
    }
    duplicates::join(transaction, &joining).await?;
    new.retain(|opening| matches!(answers.get(&opening.case.id), Some(Ok(Opened::New(_)))));
    Ok(answers)
}

fn key(opening: &Opening) -> (String, String) {
    (opening.case.caller.clone(), opening.case.request_id.clone())
}

const fn turn(opening: &Opening) -> Turn<'_> {
    let Case { due_at, opened_at, .. } = opening.case;
    let minor = opening.case.proceedings.circumstances.minor;
    Turn { caller: opening.case.caller.as_str(), case_due_at: due_at, minor, now: opened_at }
}

/// How many were inserted: those whose request id was not used before.
async fn insert_cases(transaction: &DatabaseTransaction, new: &[Cow<'_, Opening>]) -> Result<usize, Error> {
    let mut inserted = 0;
    for chunk in new.chunks(INSERT_ROWS) {
        let known =
            OnConflict::columns([case::Column::Caller, case::Column::RequestId]).do_nothing().to_owned();
        let rows = case::Entity::insert_many(chunk.iter().map(|o| case_row(o))).on_conflict(known);
        inserted += usize::try_from(rows.exec_without_returning(transaction).await?).unwrap_or(usize::MAX);
    }
    Ok(inserted)
}

/// What belongs to the new cases.
async fn insert_rest(
    transaction: &DatabaseTransaction,
    new: &[Cow<'_, Opening>],
    rings: &mut Rings,
) -> Result<(), Error> {
    let tasks: Vec<_> = new.iter().flat_map(|o| o.tasks.iter().map(move |task| (task, turn(o)))).collect();
    for chunk in tasks.chunks(INSERT_ROWS) {
        let rows = chunk.iter().map(|(task, turn)| {
            let mut row = convert::task_row(task, &TaskExtra::default(), *turn);
            (row.progress, row.parts) = (Set(None), Set(None));
            row
        });
        task::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    let blind = |o: &Opening, blind: &String| case_identifier::ActiveModel {
        case_id: Set(o.case.id.0),
        blind: Set(blind.clone()),
    };
    let blinds = new.iter().flat_map(|o| o.blinds.iter().map(move |text| blind(o, text))).collect();
    insert_blinds(transaction, blinds).await?;
    let (mut events, mut noticed) = (Vec::with_capacity(new.len()), Vec::with_capacity(new.len()));
    for opening in new {
        let forwards = opening.tasks.iter().filter_map(|task| Event::forward(task, opening.case.opened_at));
        let happened: Vec<Event> = std::iter::once(opened_event(opening)).chain(forwards).collect();
        events.extend(happened.iter().map(|event| changes::event_row(opening.case.id, event)));
        noticed.extend(notices::rows(&opening.case, &opening.tasks, &happened));
    }
    changes::insert_events(transaction, events).await?;
    notices::insert(transaction, noticed, rings).await?;
    for opening in new {
        rings.cases.insert(opening.case.id);
        rings.work |= opening.work.is_some();
        let active = opening.tasks.iter().filter(|task| task.state.is_active());
        rings.lanes.extend(active.map(|task| task.downstream.clone()));
    }
    Ok(())
}

/// By caller and request id.
type Known = BTreeMap<(String, String), Existing>;

async fn existing(transaction: &DatabaseTransaction, openings: &[&Opening]) -> Result<Known, Error> {
    let rows = case::Entity::find()
        .filter(case::Column::Caller.is_in(openings.iter().map(|o| o.case.caller.clone())))
        .filter(case::Column::RequestId.is_in(openings.iter().map(|o| o.case.request_id.clone())))
        .all(transaction)
        .await?;
    let entry = |row: &case::Model| Ok(((row.caller.clone(), row.request_id.clone()), as_existing(row)?));
    rows.iter().map(entry).collect()
}

fn as_existing(row: &case::Model) -> Result<Existing, Error> {
    let request: Request = convert::Place { table: "cases", id: &row.id }.json("request", &row.request)?;
    Ok(Existing {
        case: Box::new(convert::case(row)?),
        received_at: request.received_at,
        asked: request.asked,
    })
}

impl Store {
    /// The case that this caller opened with this request id.
    pub async fn opened(&self, caller: &str, request_id: &str) -> Result<Option<Existing>, Error> {
        let row = case::Entity::find()
            .filter(case::Column::Caller.eq(caller))
            .filter(case::Column::RequestId.eq(request_id))
            .one(&self.reader)
            .await?;
        row.as_ref().map(as_existing).transpose()
    }
}

/// Adds to the blind index what is not in it yet.
pub(super) async fn insert_blinds(
    transaction: &DatabaseTransaction,
    rows: Vec<case_identifier::ActiveModel>,
) -> Result<(), Error> {
    for chunk in rows.chunks(INSERT_ROWS) {
        let known = OnConflict::columns([case_identifier::Column::CaseId, case_identifier::Column::Blind])
            .do_nothing()
            .to_owned();
        case_identifier::Entity::insert_many(chunk.to_vec())
            .on_conflict(known)
            .exec_without_returning(transaction)
            .await?;
    }
    Ok(())
}

fn case_row(opening: &Opening) -> case::ActiveModel {
    let case = &opening.case;
    let request = Request {
        scope: case.scope.clone(),
        labels: case.labels.clone(),
        policy_version: case.policy_version.clone(),
        received_at: opening.received_at,
        asked: opening.asked.clone(),
    };
    case::ActiveModel {
        id: Set(case.id.0),
        caller: Set(case.caller.clone()),
        request_id: Set(case.request_id.clone()),
        request: Set(convert::to_json(&request)),
        right: Set(case.right.as_str().to_owned()),
        state: Set(case.state.as_str().to_owned()),
        reason: Set(case.reason.map(|reason| reason.as_str().to_owned())),
        revision: Set(1),
        opened_at: Set(case.opened_at.as_microsecond()),
        received_at: Set(case.received_at.as_microsecond()),
        due_at: Set(case.due_at.as_microsecond()),
        settled_at: Set(None),
        expires_at: Set(None),
        pseudonym: Set(case.pseudonym.clone()),
        kinds: Set(convert::to_json(&case.identifier_kinds)),
        trace_parent: Set(opening.trace_parent.clone()),
        work: Set(opening.work.map(|(work, _)| work.as_str().to_owned())),
        attempts: Set(0),
        claim_at: Set(opening.work.map_or(convert::NEVER, |(_, at)| at.as_microsecond())),
        lease_token: Set(None),
        key_id: Set(Some(opening.key.key_id.clone())),
        key_bytes: Set(Some(opening.key.bytes.clone())),
        subject: Set(Some(opening.subject.clone())),
        proceedings: Set(Some(convert::to_json(&case.proceedings))),
        details: Set(opening.details.clone()),
        sameness: Set(Some(opening.sameness.clone())),
        export: Set(None),
        manifest: Set(None),
        receipt: Set(None),
    }
}

fn opened_event(opening: &Opening) -> Event {
    let case = &opening.case;
    let verification = &case.proceedings.verification;
    Event {
        at: case.opened_at,
        task: None,
        name: "case.open".to_owned(),
        data: json!({
            "v": 1, "right": case.right, "caller": case.caller, "received_at": case.received_at,
            "due_at": case.due_at, "pseudonym": case.pseudonym, "tasks": opening.tasks.len(),
            "policy_version": case.policy_version, "regimes": case.proceedings.regimes, "state": case.state,
            "verification": { "needed": verification.needed, "reached": verification.reached },
            "approval": case.proceedings.approval.is_needed, "start_at": case.proceedings.start_at,
        }),
    }
}
