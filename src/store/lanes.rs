//! Lanes: what all replicas share about the way to each downstream.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};
use tokio::sync::oneshot;

use super::{
    Error, Store, convert,
    entity::{lane, task},
    writer::Job,
};
use crate::domain::{Breaker, Lane, lane::Pause};

/// A pure change of a lane.
pub(super) type LaneChange = Box<dyn FnMut(&mut Lane) + Send>;

/// A lane with whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredLane {
    pub(super) lane: Lane,
    /// The caller whose task was claimed last.
    pub(super) turn: String,
}

impl Store {
    /// Makes a lane for each of these downstreams that has none.
    pub async fn register(&self, names: impl Iterator<Item = &str> + Send) -> Result<(), Error> {
        let rows: Vec<_> = names
            .map(|name| lane::ActiveModel { name: Set(name.to_owned()), ..Default::default() })
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let known = OnConflict::column(lane::Column::Name).do_nothing().to_owned();
        lane::Entity::insert_many(rows).on_conflict(known).exec_without_returning(&self.writer).await?;
        Ok(())
    }

    /// All lanes, by the names of their downstreams.
    pub async fn lanes(&self) -> Result<BTreeMap<String, Lane>, Error> {
        let rows = lane::Entity::find().all(&self.reader).await?;
        rows.into_iter().map(|row| Ok((row.name.clone(), stored(&row)?.lane))).collect()
    }

    /// Changes a lane and answers what it is now. Durable when it answers.
    pub async fn change_lane(
        &self,
        name: &str,
        change: impl FnMut(&mut Lane) + Send + 'static,
    ) -> Result<Lane, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Lane(name.to_owned(), Box::new(change), reply), answer).await
    }

    /// How many calls are under way to each downstream, of all replicas.
    pub async fn under_way(&self, now: Timestamp) -> Result<BTreeMap<String, u32>, Error> {
        let query = task::Entity::find()
            .filter(task::Column::LeaseToken.is_not_null())
            .filter(task::Column::ClaimAt.gt(now.as_microsecond()))
            .select_only()
            .column(task::Column::Downstream)
            .column_as(task::Column::Id.count(), "tasks")
            .group_by(task::Column::Downstream);
        let rows: Vec<(String, i64)> = query.into_tuple().all(&self.reader).await?;
        Ok(rows.into_iter().map(|(name, tasks)| (name, u32::try_from(tasks).unwrap_or(0))).collect())
    }
}

/// These lanes, locked in order of their names until the transaction ends, so that replicas wait in turn.
pub(super) async fn lock(
    transaction: &DatabaseTransaction,
    names: Vec<&String>,
) -> Result<BTreeMap<String, StoredLane>, Error> {
    let rows = lane::Entity::find()
        .filter(lane::Column::Name.is_in(names))
        .order_by_asc(lane::Column::Name)
        .lock_exclusive()
        .all(transaction)
        .await?;
    rows.into_iter().map(|row| Ok((row.name.clone(), stored(&row)?))).collect()
}

/// Writes a lane that has changed.
pub(super) async fn save(
    transaction: &DatabaseTransaction,
    name: &str,
    stored: &StoredLane,
) -> Result<(), Error> {
    let StoredLane { lane, turn } = stored;
    let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
    let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let row = lane::ActiveModel {
        name: sea_orm::Unchanged(name.to_owned()),
        paused_at: Set(micros(lane.pause.as_ref().map(|pause| pause.at))),
        pause_note: Set(lane.pause.as_ref().map(|pause| pause.note.clone())),
        breaker: Set(lane.breaker.state.as_str().to_owned()),
        failures: Set(count(lane.breaker.failures)),
        openings: Set(count(lane.breaker.openings)),
        breaker_until: Set(micros(lane.breaker.until)),
        held_until: Set(micros(lane.held_until)),
        rate_at: Set(micros(lane.rate_at)),
        turn: Set(turn.clone()),
    };
    lane::Entity::update(row).exec_without_returning(transaction).await?;
    Ok(())
}

fn stored(row: &lane::Model) -> Result<StoredLane, Error> {
    let place = convert::Place { table: "lanes", id: &row.name };
    let time = |column, micros: Option<i64>| micros.map(|micros| place.time(column, micros)).transpose();
    let pause = time("paused_at", row.paused_at)?
        .map(|at| Pause { at, note: row.pause_note.clone().unwrap_or_default() });
    let breaker = Breaker {
        state: place.named("breaker", &row.breaker)?,
        failures: place.number("failures", row.failures.into())?,
        openings: place.number("openings", row.openings.into())?,
        until: time("breaker_until", row.breaker_until)?,
    };
    let lane = Lane {
        pause,
        breaker,
        held_until: time("held_until", row.held_until)?,
        rate_at: time("rate_at", row.rate_at)?,
    };
    Ok(StoredLane { lane, turn: row.turn.clone() })
}
