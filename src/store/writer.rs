//! The writer: many changes, one commit.
//!
//! **Expected flow.** Whatever waits in the queue, up to a bound, becomes one transaction: the new cases by one insert a
//! table, then the changes, each a pure function over its case's file, then the claims. One fsync serves all of them
//! (group commit, as in DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984).
//!
//! **Guarantees.** A job is answered after its commit. A change that answers an error writes nothing, and the others
//! of its batch are not touched by it. If the transaction itself fails, nothing is written and all of them are told.
//!
//! **Assumptions.** Changes are pure: a batch may be applied twice when its transaction is retried.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction,
    EntityTrait as _, QueryFilter as _, QueryOrder as _, QueryResult, QuerySelect as _,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    CaseFile, Error, Opened, Opening, Wakes,
    case_file::Event,
    convert,
    entity::{case, case_event, case_identifier, task},
    openings,
};
use crate::domain::CaseId;

/// A pure change: `Ok` means write, an error means leave all as it was.
pub(super) type Change = Box<dyn FnMut(&mut CaseFile) -> Result<(), Error> + Send>;

type Reply<T> = oneshot::Sender<Result<T, Error>>;
/// A change that waits for its answer.
type Waiting = (CaseId, Change, Reply<()>);

pub(super) enum Job {
    Open(Box<Opening>, Reply<Opened>),
    Change(CaseId, Change, Reply<()>),
    /// One statement that leases what is due, and answers it.
    Claim(Statement, Reply<Vec<QueryResult>>),
}

/// What one transaction is to do.
#[derive(Default)]
struct Batch {
    openings: Vec<(Box<Opening>, Reply<Opened>)>,
    changes: Vec<Waiting>,
    claims: Vec<(Statement, Reply<Vec<QueryResult>>)>,
}

/// Runs until the last handle of the store is dropped.
pub(super) fn spawn(
    connection: DatabaseConnection,
    mut queue: mpsc::Receiver<Job>,
    batch_max: usize,
    wakes: Arc<Wakes>,
) {
    tokio::spawn(async move {
        let mut batch = Vec::with_capacity(batch_max);
        while queue.recv_many(&mut batch, batch_max).await > 0 {
            run(&connection, std::mem::take(&mut batch), &wakes).await;
        }
    });
}

async fn run(connection: &DatabaseConnection, jobs: Vec<Job>, wakes: &Wakes) {
    let mut batch = Batch::default();
    for job in jobs {
        match job {
            Job::Open(opening, reply) => batch.openings.push((opening, reply)),
            Job::Change(case, change, reply) => batch.changes.push((case, change, reply)),
            Job::Claim(statement, reply) => batch.claims.push((statement, reply)),
        }
    }
    let mut rings = Rings::default();
    let outcome = async {
        let transaction = connection.begin_with_options(write_options()).await?;
        let new: Vec<&Opening> = batch.openings.iter().map(|(opening, _)| &**opening).collect();
        let opened = openings::insert(&transaction, &new, &mut rings).await?;
        let applied = apply(&transaction, &mut batch.changes, &mut rings).await?;
        let mut claimed = Vec::with_capacity(batch.claims.len());
        for (statement, _) in &batch.claims {
            claimed.push(transaction.query_all_raw(statement.clone()).await?);
        }
        transaction.commit().await?;
        Ok::<_, Error>((opened, applied, claimed))
    }
    .await;
    match outcome {
        Ok((opened, applied, claimed)) => {
            rings.ring(wakes);
            // A caller that has gone away does not want its answer any more. What it claimed is free again when its
            // lease ends.
            for ((_, reply), answer) in batch.openings.into_iter().zip(opened) {
                let _ = reply.send(answer);
            }
            for ((.., reply), answer) in batch.changes.into_iter().zip(applied) {
                let _ = reply.send(answer);
            }
            for ((_, reply), rows) in batch.claims.into_iter().zip(claimed) {
                let _ = reply.send(Ok(rows));
            }
        }
        Err(error) => fail(batch, &error),
    }
}

/// SQLite must take the write lock at the start: a transaction that reads first and is then refused it cannot wait.
fn write_options() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

fn fail(batch: Batch, error: &Error) {
    let Batch { openings, changes, claims } = batch;
    let writes = openings.len() + changes.len() + claims.len();
    tracing::error!(error = %chain(error), writes, "a transaction failed");
    let copy = || Error::Unavailable(sea_orm::DbErr::Custom(chain(error)));
    for (_, reply) in openings {
        let _ = reply.send(Err(copy()));
    }
    for (.., reply) in changes {
        let _ = reply.send(Err(copy()));
    }
    for (_, reply) in claims {
        let _ = reply.send(Err(copy()));
    }
}

fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Who is to be woken once the transaction has been committed.
#[derive(Default)]
pub(super) struct Rings {
    pub(super) lanes: BTreeSet<String>,
    pub(super) cases: BTreeSet<CaseId>,
    pub(super) work: bool,
}

impl Rings {
    fn ring(self, wakes: &Wakes) {
        for lane in &self.lanes {
            wakes.ring_lane(lane);
        }
        if self.work {
            wakes.cases().notify_one();
        }
        for case in self.cases {
            wakes.ring_changed(case);
        }
    }
}

async fn apply(
    transaction: &DatabaseTransaction,
    changes: &mut [Waiting],
    rings: &mut Rings,
) -> Result<Vec<Result<(), Error>>, Error> {
    let ids: BTreeSet<CaseId> = changes.iter().map(|(case, ..)| *case).collect();
    let before = load(transaction, &ids).await?;
    let mut after = before.clone();
    let mut answers = Vec::with_capacity(changes.len());
    for (case, change, _) in changes {
        answers.push(match after.get_mut(case) {
            None => Err(Error::Gone("case")),
            Some(file) => {
                let untouched = file.clone();
                change(file).inspect_err(|_| *file = untouched)
            }
        });
    }
    for (id, file) in &mut after {
        if let Some(before) = before.get(id) {
            save(transaction, before, file, rings).await?;
        }
    }
    let mut events = Vec::new();
    for file in after.values() {
        events.extend(file.events.iter().map(|event| event_row(file.case.id, event)));
    }
    insert_events(transaction, events).await?;
    Ok(answers)
}

/// The files of these cases, locked until the transaction ends.
async fn load(
    transaction: &DatabaseTransaction,
    ids: &BTreeSet<CaseId>,
) -> Result<BTreeMap<CaseId, CaseFile>, Error> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    // In order of ids, so that two replicas never wait for each other in a circle. SQLite leaves the lock out.
    let cases = case::Entity::find()
        .filter(case::Column::Id.is_in(ids.clone()))
        .order_by_asc(case::Column::Id)
        .lock_exclusive()
        .all(transaction)
        .await?;
    let tasks = task::Entity::find()
        .filter(task::Column::CaseId.is_in(ids))
        .order_by_asc(task::Column::CaseId)
        .order_by_asc(task::Column::Position)
        .all(transaction)
        .await?;
    let mut files = BTreeMap::new();
    for row in &cases {
        let own: Vec<_> = tasks.iter().filter(|task| task.case_id == row.id).cloned().collect();
        files.insert(CaseId(row.id), convert::case_file(row, &own)?);
    }
    Ok(files)
}

/// Writes what differs. Nothing at all is written for a file that no change touched.
async fn save(
    transaction: &DatabaseTransaction,
    before: &CaseFile,
    file: &mut CaseFile,
    rings: &mut Rings,
) -> Result<(), Error> {
    // What only says when to look at the case again is nothing that a reader could see.
    let mut seen = !file.events.is_empty() || file.case != before.case;
    for task in &file.tasks {
        let extra = file.extras.get(&task.id).cloned().unwrap_or_default();
        let old = before.tasks.iter().find(|old| old.id == task.id);
        if old == Some(task) && !extra.is_changed() {
            continue;
        }
        seen = true;
        let row = convert::task_row(task, &extra);
        if old.is_some() {
            task::Entity::update(row).exec_without_returning(transaction).await?;
        } else {
            task::Entity::insert(row).exec_without_returning(transaction).await?;
        }
        if task.state.is_active() && !extra.keep_lease {
            rings.lanes.insert(task.downstream.clone());
        }
    }
    if !seen && file.work == before.work {
        return Ok(());
    }
    if seen {
        file.case.revision += 1;
        rings.cases.insert(file.case.id);
    }
    if file.work != before.work || file.attempts != before.attempts {
        // Whoever changes what is to be done next ends the lease on what was to be done.
        file.lease = None;
    }
    case::Entity::update(convert::case_update(file)).exec_without_returning(transaction).await?;
    save_blinds(transaction, file).await?;
    rings.work |= file.work.is_some();
    Ok(())
}

async fn save_blinds(transaction: &DatabaseTransaction, file: &CaseFile) -> Result<(), Error> {
    if file.forget_blinds {
        let own = case_identifier::Column::CaseId.eq(file.case.id.0);
        case_identifier::Entity::delete_many().filter(own).exec(transaction).await?;
    } else if !file.blinds.is_empty() {
        let row = |blind: &String| case_identifier::ActiveModel {
            case_id: Set(file.case.id.0),
            blind: Set(blind.clone()),
        };
        openings::insert_blinds(transaction, file.blinds.iter().map(row).collect()).await?;
    }
    Ok(())
}

/// A line of the history.
pub(super) fn event_row(case: CaseId, event: &Event) -> case_event::ActiveModel {
    case_event::ActiveModel {
        case_id: Set(case.0),
        task_id: Set(event.task.map(|task| task.0)),
        at: Set(event.at.as_microsecond()),
        event: Set(event.name.clone()),
        data: Set(event.data.to_string()),
        ..Default::default()
    }
}

/// Appends to the history.
pub(super) async fn insert_events(
    transaction: &DatabaseTransaction,
    rows: Vec<case_event::ActiveModel>,
) -> Result<(), Error> {
    if !rows.is_empty() {
        case_event::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}
