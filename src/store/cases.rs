//! Cases: open, read, list, claim.

use std::{collections::BTreeMap, future::Future};

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait, DatabaseTransaction, DbBackend, EntityTrait as _, FromQueryResult,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement,
    sea_query::{Expr, ExprTrait as _, OnConflict, Query},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    CaseFile, Error, Event, ExportFacts, Store, convert,
    entity::{case, case_identifier, task},
    writer::{self, Change, Job, Rings},
};
use crate::{
    domain::{Case, CaseId, CaseState, CaseWork, Right, Scope, Task},
    vault::WrappedKey,
};

/// Rows of one insert. The widest row has 26 columns, and SQLite takes 32,766 parameters a statement.
const INSERT_ROWS: usize = 1_000;

/// What the caller said of the case that is not personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) scope: Scope,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) policy_version: String,
    pub(super) received_at: Option<Timestamp>,
}

/// A case to be inserted.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The case.
    pub case: Case,
    /// Its tasks; empty if it is still to be planned.
    pub tasks: Vec<Task>,
    /// Who opens it.
    pub caller: String,
    /// When the caller says the person asked, if it said so.
    pub received_at: Option<Timestamp>,
    /// The wrapped case key.
    pub key: WrappedKey,
    /// The sealed subject.
    pub subject: Vec<u8>,
    /// The blind indexes of its identifiers.
    pub blinds: Vec<String>,
    /// The caller's trace context.
    pub trace_parent: Option<String>,
    /// What the case itself needs.
    pub work: Option<(CaseWork, Timestamp)>,
}

/// How an opening went.
#[derive(Clone, Debug)]
pub enum Opened {
    /// The case is new.
    New,
    /// The caller has used this request id before.
    Existing {
        /// The case that it opened.
        case: Box<Case>,
        /// When the caller said then that the person asked.
        received_at: Option<Timestamp>,
    },
}

/// A case as it is read.
#[derive(Clone, Debug)]
pub struct StoredCase {
    /// The case.
    pub case: Case,
    /// The wrapped case key; absent once destroyed.
    pub key: Option<WrappedKey>,
    /// The sealed subject; absent once destroyed.
    pub subject: Option<Vec<u8>>,
    /// The caller's trace context.
    pub trace_parent: Option<String>,
    /// What the case itself needs.
    pub work: Option<CaseWork>,
    /// How often that was tried in vain.
    pub attempts: u32,
    /// The finished export.
    pub export: Option<ExportFacts>,
}

/// Which cases to list; everything that is set must hold.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; empty means all.
    pub states: Vec<CaseState>,
    /// Of this right.
    pub right: Option<Right>,
    /// With a task at this downstream.
    pub downstream: Option<String>,
    /// Due before.
    pub due_before: Option<Timestamp>,
    /// With this blind index.
    pub blind: Option<String>,
    /// Older than this case.
    pub after: Option<CaseId>,
}

impl Store {
    /// Inserts a case with its tasks, or answers the one that has its request id. Durable when it answers.
    pub async fn insert(&self, opening: Opening) -> Result<Opened, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Open(Box::new(opening), reply), answer).await
    }

    /// Applies a pure change to a case and its tasks. Durable when it answers. `change` may be called more than once.
    pub async fn change<T: Send + 'static>(
        &self,
        id: CaseId,
        now: Timestamp,
        mut change: impl FnMut(&mut CaseFile) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let (send_value, value) = std::sync::mpsc::channel();
        let change: Change = Box::new(move |file| {
            file.now = now;
            let answer = change(file)?;
            // The receiver lives until the commit is answered; if it is gone, so is the caller.
            let _ = send_value.send(answer);
            Ok(())
        });
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Change(id, change, reply), answer).await?;
        value.try_iter().last().ok_or(Error::Overloaded)
    }

    fn enqueue<T>(
        &self,
        job: Job,
        answer: oneshot::Receiver<Result<T, Error>>,
    ) -> impl Future<Output = Result<T, Error>> {
        let queued = self.jobs.try_send(job).is_ok();
        async move { if queued { answer.await.unwrap_or(Err(Error::Overloaded)) } else { Err(Error::Overloaded) } }
    }

    /// The case of this id.
    pub async fn case(&self, id: CaseId) -> Result<Option<StoredCase>, Error> {
        case::Entity::find_by_id(id.0).one(&self.reader).await?.as_ref().map(stored).transpose()
    }

    /// The cases of these ids, in no order.
    pub async fn cases(&self, ids: &[CaseId]) -> Result<Vec<StoredCase>, Error> {
        let filter = case::Column::Id.is_in(ids.iter().map(|id| id.0));
        case::Entity::find().filter(filter).all(&self.reader).await?.iter().map(stored).collect()
    }

    /// At most `limit` cases that pass the filter, newest first.
    pub async fn list(&self, filter: &Filter, limit: u64) -> Result<Vec<StoredCase>, Error> {
        let mut query = case::Entity::find().order_by_desc(case::Column::Id).limit(limit);
        if let Some(after) = filter.after {
            query = query.filter(case::Column::Id.lt(after.0));
        }
        if !filter.states.is_empty() {
            query = query.filter(case::Column::State.is_in(filter.states.iter().map(|state| state.as_str())));
        }
        if let Some(right) = filter.right {
            query = query.filter(case::Column::Right.eq(right.as_str()));
        }
        if let Some(due_before) = filter.due_before {
            query = query.filter(case::Column::DueAt.lt(due_before.as_microsecond()));
        }
        if let Some(blind) = &filter.blind {
            let cases = Query::select()
                .column(case_identifier::Column::CaseId)
                .from(case_identifier::Entity)
                .and_where(case_identifier::Column::Blind.eq(blind.clone()))
                .to_owned();
            query = query.filter(case::Column::Id.in_subquery(cases));
        }
        if let Some(downstream) = &filter.downstream {
            let tasks = Query::select()
                .expr(Expr::val(1))
                .from(task::Entity)
                .and_where(
                    Expr::col((task::Entity, task::Column::CaseId)).equals((case::Entity, case::Column::Id)),
                )
                .and_where(task::Column::Downstream.eq(downstream.clone()))
                .to_owned();
            query = query.filter(Expr::exists(tasks));
        }
        query.all(&self.reader).await?.iter().map(stored).collect()
    }

    /// The sealed manifest of the case's export.
    pub async fn manifest(&self, id: CaseId) -> Result<Option<Vec<u8>>, Error> {
        self.blob(id, case::Column::Manifest).await
    }

    /// The case's receipt.
    pub async fn receipt(&self, id: CaseId) -> Result<Option<Vec<u8>>, Error> {
        self.blob(id, case::Column::Receipt).await
    }

    async fn blob(&self, id: CaseId, column: case::Column) -> Result<Option<Vec<u8>>, Error> {
        let query = case::Entity::find_by_id(id.0).select_only().column(column);
        let found: Option<Option<Vec<u8>>> = query.into_tuple().one(&self.reader).await?;
        Ok(found.flatten())
    }

    /// Leases at most `limit` cases that need work themselves, until `until`.
    pub async fn claim_cases(
        &self,
        now: Timestamp,
        until: Timestamp,
        token: Uuid,
        limit: u32,
    ) -> Result<Vec<StoredCase>, Error> {
        let values = [
            token.into(),
            until.as_microsecond().into(),
            now.as_microsecond().into(),
            i64::from(limit).into(),
        ];
        let sql = claim_sql(self.writer.get_database_backend(), "cases", "claim_at <= $3", "$4");
        let statement = Statement::from_sql_and_values(self.writer.get_database_backend(), sql, values);
        let rows = self.writer.query_all_raw(statement).await?;
        let models =
            rows.iter().map(|row| case::Model::from_query_result(row, "")).collect::<Result<Vec<_>, _>>()?;
        models.iter().map(stored).collect()
    }

    /// Prolongs the lease of a case's work, or says that it is lost.
    pub async fn renew_case(&self, id: CaseId, token: Uuid, until: Timestamp) -> Result<(), Error> {
        let renewed = case::Entity::update_many()
            .col_expr(case::Column::ClaimAt, until.as_microsecond().into())
            .filter(case::Column::Id.eq(id.0))
            .filter(case::Column::LeaseToken.eq(token))
            .exec(&self.writer)
            .await?;
        if renewed.rows_affected == 1 { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// When the next case needs work.
    pub async fn next_case_claim(&self) -> Result<Option<Timestamp>, Error> {
        let query = case::Entity::find().select_only().column_as(case::Column::ClaimAt.min(), "at");
        let least: Option<Option<i64>> = query.into_tuple().one(&self.reader).await?;
        Ok(least.flatten().and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }
}

/// The claim of HOUSE: one statement, on PostgreSQL with `SKIP LOCKED` so that replicas pass each other.
pub(super) fn claim_sql(backend: DbBackend, table: &str, due: &str, limit: &str) -> String {
    let skip_locked = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    format!(
        "WITH due AS (SELECT id FROM {table} WHERE {due} ORDER BY claim_at LIMIT {limit} {skip_locked}) \
         UPDATE {table} SET lease_token = $1, claim_at = $2 WHERE id IN (SELECT id FROM due) RETURNING *"
    )
}

fn stored(row: &case::Model) -> Result<StoredCase, Error> {
    let file = convert::case_file(row, &[])?;
    Ok(StoredCase {
        trace_parent: row.trace_parent.clone(),
        case: file.case,
        key: file.key,
        subject: file.subject,
        work: file.work.map(|(work, _)| work),
        attempts: file.attempts,
        export: file.export,
    })
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
    let (mut new, mut answers) = (Vec::new(), Vec::with_capacity(openings.len()));
    for opening in openings {
        let key = (opening.caller.clone(), opening.case.request_id.clone());
        if let Some((case, received_at)) = known.get(&key) {
            answers.push(Ok(Opened::Existing { case: Box::new(case.clone()), received_at: *received_at }));
        } else {
            known.insert(key, (opening.case.clone(), opening.received_at));
            new.push(*opening);
            answers.push(Ok(Opened::New));
        }
    }
    for chunk in new.chunks(INSERT_ROWS) {
        case::Entity::insert_many(chunk.iter().map(|o| case_row(o)))
            .exec_without_returning(transaction)
            .await?;
    }
    let tasks: Vec<_> = new.iter().flat_map(|o| &o.tasks).collect();
    for chunk in tasks.chunks(INSERT_ROWS) {
        let rows = chunk.iter().map(|task| {
            let mut row = convert::task_row(task, &super::case_file::TaskExtra::default());
            (row.progress, row.parts) = (Set(None), Set(None));
            row
        });
        task::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    let blind = |o: &&Opening, blind: &String| case_identifier::ActiveModel {
        case_id: Set(o.case.id.0),
        blind: Set(blind.clone()),
    };
    let blinds = new.iter().flat_map(|o| o.blinds.iter().map(move |text| blind(o, text))).collect();
    insert_blinds(transaction, blinds).await?;
    let events =
        new.iter().map(|opening| writer::event_row(opening.case.id, &opened_event(opening))).collect();
    writer::insert_events(transaction, events).await?;
    for opening in &new {
        rings.cases.insert(opening.case.id);
        rings.work |= opening.work.is_some();
        let active = opening.tasks.iter().filter(|task| task.state.is_active());
        rings.lanes.extend(active.map(|task| task.downstream.clone()));
    }
    Ok(answers)
}

type Existing = BTreeMap<(String, String), (Case, Option<Timestamp>)>;

async fn existing(transaction: &DatabaseTransaction, openings: &[&Opening]) -> Result<Existing, Error> {
    let rows = case::Entity::find()
        .filter(case::Column::Caller.is_in(openings.iter().map(|o| o.caller.clone())))
        .filter(case::Column::RequestId.is_in(openings.iter().map(|o| o.case.request_id.clone())))
        .all(transaction)
        .await?;
    let mut existing = Existing::new();
    for row in &rows {
        let place = convert::Place { table: "cases", id: &row.id };
        let request: Request = place.json("request", &row.request)?;
        let key = (row.caller.clone(), row.request_id.clone());
        existing.insert(key, (convert::case(row)?, request.received_at));
    }
    Ok(existing)
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
    };
    case::ActiveModel {
        id: Set(case.id.0),
        caller: Set(opening.caller.clone()),
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
        export: Set(None),
        manifest: Set(None),
        receipt: Set(None),
    }
}

fn opened_event(opening: &Opening) -> Event {
    let case = &opening.case;
    Event {
        at: case.opened_at,
        task: None,
        name: "case.open".to_owned(),
        data: json!({
            "v": 1, "right": case.right, "caller": opening.caller, "received_at": case.received_at,
            "due_at": case.due_at, "pseudonym": case.pseudonym, "tasks": opening.tasks.len(),
            "policy_version": case.policy_version,
        }),
    }
}
