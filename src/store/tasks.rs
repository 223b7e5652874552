//! Tasks: read, renew, hand back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use uuid::Uuid;

use super::{
    Error, Store, StoredCase, convert,
    entity::{case, task},
};
use crate::domain::{CaseId, Task, TaskId, TaskState};

/// The states in which a task still waits for its downstream.
const OPEN: [TaskState; 4] =
    [TaskState::Blocked, TaskState::Pending, TaskState::Working, TaskState::Verifying];

/// Times that a case is read whose tasks change meanwhile: a change waits for the disk, and a read seldom does.
const READS_MAX: u32 = 8;

impl Store {
    /// The tasks of a case, in the order of its plan.
    pub async fn tasks(&self, case: CaseId) -> Result<Vec<Task>, Error> {
        let query =
            task::Entity::find().filter(task::Column::CaseId.eq(case.0)).order_by_asc(task::Column::Position);
        query.all(&self.reader).await?.iter().map(convert::task).collect()
    }

    /// A case with its tasks as they were at its revision: two queries see two moments, and whoever is told of a revision with
    /// the tasks of the next takes that for no change. Of a case that changes all the time, the last that was read.
    pub async fn case_with_tasks(&self, id: CaseId) -> Result<Option<(StoredCase, Vec<Task>)>, Error> {
        let mut read = 0;
        let mut case = self.case(id).await?;
        while let Some(stored) = case {
            let tasks = self.tasks(id).await?;
            read += 1;
            if read == READS_MAX || self.revision(id).await? == Some(stored.case.revision) {
                return Ok(Some((stored, tasks)));
            }
            case = self.case(id).await?;
        }
        Ok(None)
    }

    async fn revision(&self, id: CaseId) -> Result<Option<u64>, Error> {
        let query = case::Entity::find_by_id(id.0).select_only().column(case::Column::Revision);
        let revision: Option<i64> = query.into_tuple().one(&self.reader).await?;
        Ok(revision.and_then(|revision| u64::try_from(revision).ok()))
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
