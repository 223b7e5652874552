//! Cases: read, list, claim.

use std::future::Future;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
    sea_query::{Expr, ExprTrait as _, Query},
};
use tokio::sync::oneshot;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use super::{
    CaseFile, Error, ExportFacts, Opened, Opening, Store,
    changes::Change,
    convert,
    entity::{case, case_identifier, joined_request, task},
    transaction,
    writer::Job,
};
use crate::{
    domain::{Case, CaseId, CaseState, CaseWork, Right},
    vault::WrappedKey,
};

/// A case as it is read.
#[derive(Clone, Debug)]
pub struct StoredCase {
    /// The case.
    pub case: Case,
    /// The wrapped case key; absent once destroyed.
    pub key: Option<WrappedKey>,
    /// The sealed subject; absent once destroyed.
    pub subject: Option<Vec<u8>>,
    /// The sealed details; absent if there are none, and once destroyed.
    pub details: Option<Vec<u8>>,
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
    /// Opened by this caller.
    pub caller: Option<String>,
    /// With this blind index.
    pub blind: Option<String>,
    /// Older than this case.
    pub after: Option<CaseId>,
}

impl Store {
    /// Inserts a case with its tasks, or answers the one that has its request id. Durable when it answers.
    pub async fn insert(&self, opening: Opening) -> Result<Opened, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Open(Box::new(opening), reply), answer).instrument(self.span("open")).await
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
        self.enqueue(Job::Change(id, change, reply), answer).instrument(self.span("change")).await?;
        value.try_iter().last().ok_or(Error::Overloaded)
    }

    /// From the queue to the commit, as whoever waits for it sees it: the transaction itself serves many at once.
    fn span(&self, operation: &'static str) -> Span {
        tracing::info_span!(
            "db",
            otel.name = operation,
            otel.kind = "client",
            db.system.name = transaction::system(&self.writer),
            db.operation.name = operation,
        )
    }

    pub(super) fn enqueue<T>(
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

    /// Whether a request of this caller was answered with this case, which was open already.
    pub async fn has_joined(&self, caller: &str, id: CaseId) -> Result<bool, Error> {
        let query = joined_request::Entity::find()
            .filter(joined_request::Column::Caller.eq(caller))
            .filter(joined_request::Column::CaseId.eq(id.0));
        Ok(query.one(&self.reader).await?.is_some())
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
        if let Some(caller) = &filter.caller {
            query = query.filter(case::Column::Caller.eq(caller.as_str()));
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

/// A row as it is read.
pub(super) fn stored(row: &case::Model) -> Result<StoredCase, Error> {
    let file = convert::case_file(row, &[])?;
    Ok(StoredCase {
        trace_parent: row.trace_parent.clone(),
        case: file.case,
        key: file.key,
        subject: file.subject,
        details: file.details,
        work: file.work.map(|(work, _)| work),
        attempts: file.attempts,
        export: file.export,
    })
}
