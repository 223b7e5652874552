//! Tasks: read, claim, renew, hand back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, FromQueryResult as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, Statement,
};
use uuid::Uuid;

use super::{Error, Store, cases::claim_sql, convert, entity::task};
use crate::domain::{CaseId, Task, TaskId, TaskState};

/// A task under a lease.
#[derive(Clone, Debug)]
pub struct ClaimedTask {
    /// The task.
    pub task: Task,
    /// The sealed progress of its collection.
    pub progress: Option<Vec<u8>>,
}

/// The states in which a task still waits for its downstream.
const OPEN: [TaskState; 4] =
    [TaskState::Blocked, TaskState::Pending, TaskState::Working, TaskState::Verifying];

impl Store {
    /// The tasks of a case, in the order of its plan.
    pub async fn tasks(&self, case: CaseId) -> Result<Vec<Task>, Error> {
        let query =
            task::Entity::find().filter(task::Column::CaseId.eq(case.0)).order_by_asc(task::Column::Position);
        query.all(&self.reader).await?.iter().map(convert::task).collect()
    }

    /// The case of a task.
    pub async fn case_of(&self, id: TaskId) -> Result<Option<CaseId>, Error> {
        let query = task::Entity::find_by_id(id.0).select_only().column(task::Column::CaseId);
        let case: Option<Uuid> = query.into_tuple().one(&self.reader).await?;
        Ok(case.map(CaseId))
    }

    /// The sealed parts that the case's tasks collected, by task.
    pub async fn parts(&self, case: CaseId) -> Result<BTreeMap<TaskId, Vec<u8>>, Error> {
        let query = task::Entity::find()
            .filter(task::Column::CaseId.eq(case.0))
            .filter(task::Column::Parts.is_not_null())
            .select_only()
            .columns([task::Column::Id, task::Column::Parts]);
        let rows: Vec<(Uuid, Vec<u8>)> = query.into_tuple().all(&self.reader).await?;
        Ok(rows.into_iter().map(|(id, parts)| (TaskId(id), parts)).collect())
    }

    /// Leases at most `limit` tasks of a downstream that are due, until `until`.
    pub async fn claim(
        &self,
        downstream: &str,
        (now, until): (Timestamp, Timestamp),
        token: Uuid,
        limit: u32,
    ) -> Result<Vec<ClaimedTask>, Error> {
        let backend = self.writer.get_database_backend();
        let values = [
            token.into(),
            until.as_microsecond().into(),
            downstream.into(),
            now.as_microsecond().into(),
            i64::from(limit).into(),
        ];
        let sql = claim_sql(backend, "tasks", "downstream = $3 AND claim_at <= $4", "$5");
        let rows = self.claim_rows(Statement::from_sql_and_values(backend, sql, values)).await?;
        let claimed = |row| {
            let row = task::Model::from_query_result(row, "")?;
            Ok(ClaimedTask { task: convert::task(&row)?, progress: row.progress })
        };
        rows.iter().map(claimed).collect()
    }

    /// When the next task of a downstream may be claimed.
    pub async fn next_claim(&self, downstream: &str) -> Result<Option<Timestamp>, Error> {
        let query = task::Entity::find()
            .filter(task::Column::Downstream.eq(downstream))
            .select_only()
            .column_as(task::Column::ClaimAt.min(), "at");
        let least: Option<Option<i64>> = query.into_tuple().one(&self.reader).await?;
        Ok(least.flatten().and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Prolongs a lease, or says that it is lost.
    pub async fn renew(&self, id: TaskId, token: Uuid, until: Timestamp) -> Result<(), Error> {
        let renewed = task::Entity::update_many()
            .col_expr(task::Column::ClaimAt, until.as_microsecond().into())
            .filter(task::Column::Id.eq(id.0))
            .filter(task::Column::LeaseToken.eq(token))
            .exec(&self.writer)
            .await?;
        if renewed.rows_affected == 1 { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// How many tasks wait for each downstream or are under way.
    pub async fn backlog(&self) -> Result<BTreeMap<String, u64>, Error> {
        let query = task::Entity::find()
            .filter(task::Column::State.is_in(OPEN.map(TaskState::as_str)))
            .select_only()
            .column(task::Column::Downstream)
            .column_as(task::Column::Id.count(), "tasks")
            .group_by(task::Column::Downstream);
        let rows: Vec<(String, i64)> = query.into_tuple().all(&self.reader).await?;
        Ok(rows.into_iter().map(|(name, tasks)| (name, u64::try_from(tasks).unwrap_or(0))).collect())
    }

    /// Cases with open tasks at this downstream, at most `limit`.
    pub async fn cases_with_open_tasks(&self, downstream: &str, limit: u64) -> Result<Vec<CaseId>, Error> {
        let query = task::Entity::find()
            .filter(task::Column::Downstream.eq(downstream))
            .filter(task::Column::State.is_in(OPEN.map(TaskState::as_str)))
            .select_only()
            .column(task::Column::CaseId)
            .distinct()
            .limit(limit);
        let rows: Vec<Uuid> = query.into_tuple().all(&self.reader).await?;
        Ok(rows.into_iter().map(CaseId).collect())
    }
}
