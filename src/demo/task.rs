//! Remembers tasks, so that the same `task_id` has one effect and one answer, whatever happens in between.
//!
//! The row is written in the transaction of the effect: either both are there after a crash, or neither.

use jiff::{Span, Timestamp};
use prost::Message as _;
use sea_orm::{
    ActiveValue::Set, DatabaseTransaction, IntoActiveModel as _, QueryOrder as _, entity::prelude::*,
};

use super::{Error, background, moment, work::Work};
use crate::proto::downstream::v1::{GetTaskResponse, get_task_response::Answer};

/// The contract asks for 60 days.
const KEPT_DAYS: i64 = 90;

/// One task.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task")]
pub(super) struct Model {
    /// rightful's key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(super) task_id: String,
    /// By which RPC it came.
    pub(super) rpc: String,
    /// Whether the task only asked what would be.
    pub(super) dry_run: bool,
    /// The encoded request, while it is still to be done. It names the person, so it goes when the work is done.
    pub(super) request: Option<Vec<u8>>,
    /// The encoded answer, once there is one.
    pub(super) answer: Option<Vec<u8>>,
    /// When it came.
    pub(super) begun_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// The answer that was given, or that the work goes on.
    pub(super) fn state(&self) -> Answer {
        let known = self.answer.as_deref().and_then(|bytes| GetTaskResponse::decode(bytes).ok());
        known.and_then(|known| known.answer).unwrap_or_else(|| Answer::Working(background::working()))
    }

    /// What is still to be done.
    pub(super) fn work(&self) -> Option<Work> {
        Work::decode(&self.rpc, self.request.as_deref()?)
    }
}

/// The task, if it was ever seen.
pub(super) async fn recall<C: ConnectionTrait>(db: &C, task_id: &str) -> Result<Option<Model>, Error> {
    Ok(Entity::find_by_id(task_id).one(db).await?)
}

/// Remembers the answer of a task that was done at once.
pub(super) async fn answered(
    tx: &DatabaseTransaction,
    work: &Work,
    answer: &Answer,
    now: Timestamp,
) -> Result<(), Error> {
    let row = Model {
        task_id: work.task_id().to_owned(),
        rpc: work.rpc().to_owned(),
        dry_run: work.dry_run(),
        request: None,
        answer: Some(encoded(answer)),
        begun_at: moment::text(now),
    };
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Remembers a task that is to be done later.
pub(super) async fn accepted(tx: &DatabaseTransaction, work: &Work, now: Timestamp) -> Result<(), Error> {
    let row = Model {
        task_id: work.task_id().to_owned(),
        rpc: work.rpc().to_owned(),
        dry_run: work.dry_run(),
        request: Some(work.encode()),
        answer: None,
        begun_at: moment::text(now),
    };
    Entity::insert(row.into_active_model()).exec_without_returning(tx).await?;
    Ok(())
}

/// Puts the answer in the place of the request.
pub(super) async fn finished(tx: &DatabaseTransaction, task_id: &str, answer: &Answer) -> Result<(), Error> {
    let row = ActiveModel {
        task_id: Set(task_id.to_owned()),
        request: Set(None),
        answer: Set(Some(encoded(answer))),
        ..Default::default()
    };
    Entity::update(row).exec(tx).await?;
    Ok(())
}

/// All answers have one form, whichever RPC they are of.
fn encoded(answer: &Answer) -> Vec<u8> {
    GetTaskResponse { answer: Some(answer.clone()) }.encode_to_vec()
}

/// The oldest task that is not done yet.
pub(super) async fn unfinished<C: ConnectionTrait>(db: &C) -> Result<Option<Model>, Error> {
    let waiting = Entity::find().filter(Column::Request.is_not_null());
    Ok(waiting.order_by_asc(Column::BegunAt).order_by_asc(Column::TaskId).one(db).await?)
}

/// Forgets finished tasks that nobody will ask for again.
pub(super) async fn forget_old<C: ConnectionTrait>(db: &C, now: Timestamp) -> Result<(), Error> {
    let Some(limit) = moment::later(now, Span::new().days(-KEPT_DAYS)) else { return Ok(()) };
    Entity::delete_many()
        .filter(Column::Request.is_null())
        .filter(Column::BegunAt.lt(moment::text(limit)))
        .exec(db)
        .await?;
    Ok(())
}
