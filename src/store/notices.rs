//! Notices: written with the events that they follow from, then given their places in one order, read from there.
//!
//! **Guarantees.** A notice is durable exactly if its event is. Sequences are given in transactions that follow one
//! another (they lock the one row of `notice_order`), so whoever has read up to a sequence has missed none before it,
//! however late another replica's transaction was committed. SQLite has one writer, so there the places are given in the
//! transaction that writes; on PostgreSQL in one of their own, right after it: the lock would make openings wait for each
//! other's commits.

use std::sync::PoisonError;

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend,
    EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, Value,
};

use super::{
    Error, Event, Store,
    convert::{self, Place},
    entity::{notice, notice_delivery, notice_order},
    transaction::{self, Work},
    wake::Rings,
};
use crate::domain::{
    Case, CaseId, Notice, NoticeType, Task,
    notice::{Facts, of_event},
};

/// The name of the one order.
const ORDER: &str = "notices";
/// Notices that get their places in one transaction, and rows that are pruned by one: the lock is held for milliseconds.
pub(super) const PLACED_MAX: usize = 1_000;
/// Rows of one insert.
const INSERT_ROWS: usize = 1_000;

/// Gives the first notices that have none their places in the order.
const PLACE: &str = "UPDATE notices SET sequence = placed.sequence FROM ( \
       SELECT number, $1 + row_number() OVER (ORDER BY number) AS sequence FROM ( \
         SELECT number FROM notices WHERE sequence IS NULL ORDER BY number LIMIT $2 \
       ) AS fresh \
     ) AS placed WHERE notices.number = placed.number \
     RETURNING notices.sequence AS sequence, notices.notice_type AS notice_type, notices.at AS at";
/// Rows lie in order of time, so the oldest ones tell whether there is anything to do.
const PRUNE: &str = "DELETE FROM notices WHERE number IN ( \
       SELECT number FROM (SELECT number, at, sequence FROM notices ORDER BY number LIMIT $2) AS oldest \
       WHERE at < $1 AND sequence IS NOT NULL \
     ) RETURNING sequence";

/// A webhook, as far as it decides which notices are kept for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its name.
    pub webhook: String,
    /// What it wants; empty means all.
    pub types: Vec<NoticeType>,
}

impl Subscription {
    fn wants(&self, notice_type: NoticeType) -> bool {
        self.types.is_empty() || self.types.contains(&notice_type)
    }
}

/// The notices that follow from the events of one change of a case, given the case and its tasks as they are after it.
pub(super) fn rows(case: &Case, tasks: &[Task], events: &[Event]) -> Vec<notice::ActiveModel> {
    let mut rows = Vec::new();
    for event in events {
        let task = event.task.and_then(|id| tasks.iter().find(|task| task.id == id));
        for notice_type in of_event(&event.name, case, task) {
            rows.push(notice::ActiveModel {
                // The revision counts the changes, so this names the notice for good.
                notice_id: Set(format!("{}-{}-{}", case.id, case.revision, rows.len())),
                case_id: Set(case.id.0),
                notice_type: Set(notice_type.as_str().to_owned()),
                at: Set(event.at.as_microsecond()),
                facts: Set(convert::to_json(&Facts::of(case, task))),
                ..Default::default()
            });
        }
    }
    rows
}

/// Writes them.
pub(super) async fn insert(
    transaction: &DatabaseTransaction,
    rows: Vec<notice::ActiveModel>,
    rings: &mut Rings,
) -> Result<(), Error> {
    rings.unplaced |= !rows.is_empty();
    for chunk in rows.chunks(INSERT_ROWS) {
        notice::Entity::insert_many(chunk.to_vec()).exec_without_returning(transaction).await?;
    }
    Ok(())
}

/// Gives notices their places, and keeps them for the webhooks that want them. How many there were: as many as possible
/// means that there may be more.
pub(super) async fn place(
    transaction: &DatabaseTransaction,
    subscriptions: &[Subscription],
    rings: &mut Rings,
) -> Result<usize, Error> {
    let order = locked(transaction).await?;
    let values: [Value; 2] = [order.last.into(), bound()];
    let backend = transaction.get_database_backend();
    let placed = transaction.query_all_raw(Statement::from_sql_and_values(backend, PLACE, values)).await?;
    if placed.is_empty() {
        return Ok(0);
    }
    let mut last = order.last;
    let mut deliveries = Vec::new();
    for row in &placed {
        let (sequence, at): (i64, i64) = (row.try_get("", "sequence")?, row.try_get("", "at")?);
        let name: String = row.try_get("", "notice_type")?;
        let notice_type = Place { table: "notices", id: &sequence }.named("notice_type", &name)?;
        last = last.max(sequence);
        let wanting = subscriptions.iter().filter(|subscription| subscription.wants(notice_type));
        deliveries.extend(wanting.map(|subscription| notice_delivery::ActiveModel {
            webhook: Set(subscription.webhook.clone()),
            sequence: Set(sequence),
            at: Set(at),
            attempts: Set(0),
            claim_at: Set(at),
            lease_token: Set(None),
        }));
    }
    for chunk in deliveries.chunks(INSERT_ROWS) {
        notice_delivery::Entity::insert_many(chunk.to_vec()).exec_without_returning(transaction).await?;
    }
    let row = notice_order::ActiveModel {
        name: sea_orm::Unchanged(order.name),
        last: Set(last),
        ..Default::default()
    };
    notice_order::Entity::update(row).exec_without_returning(transaction).await?;
    rings.notices = true;
    Ok(placed.len())
}

fn bound() -> Value {
    i64::try_from(PLACED_MAX).unwrap_or(i64::MAX).into()
}

async fn locked(transaction: &DatabaseTransaction) -> Result<notice_order::Model, Error> {
    let found = notice_order::Entity::find_by_id(ORDER).lock_exclusive().one(transaction).await?;
    found.ok_or(Error::Gone("notice order"))
}

/// A transaction that gives places.
struct Placing {
    subscriptions: Vec<Subscription>,
}

impl Work for Placing {
    const NAME: &'static str = "place_notices";
    type Answer = (usize, Rings);

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<Self::Answer, Error> {
        let mut rings = Rings::default();
        let placed = place(transaction, &self.subscriptions, &mut rings).await?;
        Ok((placed, rings))
    }
}

/// A transaction that prunes.
struct Pruning {
    before: Timestamp,
}

impl Work for Pruning {
    const NAME: &'static str = "prune_notices";
    type Answer = usize;

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<usize, Error> {
        let order = locked(transaction).await?;
        let values: [Value; 2] = [self.before.as_microsecond().into(), bound()];
        let backend = transaction.get_database_backend();
        let rows = transaction.query_all_raw(Statement::from_sql_and_values(backend, PRUNE, values)).await?;
        let mut pruned = order.pruned;
        for row in &rows {
            pruned = pruned.max(row.try_get::<i64>("", "sequence")?);
        }
        if pruned > order.pruned {
            // Whoever did not take it by now will not get it any more.
            notice_delivery::Entity::delete_many()
                .filter(notice_delivery::Column::Sequence.lte(pruned))
                .exec(transaction)
                .await?;
            let row = notice_order::ActiveModel {
                name: sea_orm::Unchanged(order.name),
                pruned: Set(pruned),
                ..Default::default()
            };
            notice_order::Entity::update(row).exec_without_returning(transaction).await?;
        }
        Ok(rows.len())
    }
}

impl Store {
    /// From now on, notices are kept for these webhooks until they have taken them.
    pub fn subscribe(&self, subscriptions: Vec<Subscription>) {
        *self.subscriptions.write().unwrap_or_else(PoisonError::into_inner) = subscriptions;
    }

    /// Gives notices that have none their places in the order: PostgreSQL's, and what a dead process left. Whether there
    /// may be more of them.
    pub async fn place_notices(&self) -> Result<bool, Error> {
        let unplaced = notice::Entity::find().filter(notice::Column::Sequence.is_null()).limit(1);
        if unplaced.one(&self.reader).await?.is_none() {
            return Ok(false);
        }
        let subscriptions = self.subscriptions.read().unwrap_or_else(PoisonError::into_inner).clone();
        let (placed, rings) = transaction::run(&self.writer, &mut Placing { subscriptions }).await?;
        self.wakes.committed(&rings);
        Ok(placed == PLACED_MAX)
    }

    /// Deletes notices of before, with all that is left of their deliveries. Whether there may be more of them.
    pub async fn prune_notices(&self, before: Timestamp) -> Result<bool, Error> {
        let oldest = notice::Entity::find().order_by_asc(notice::Column::Number).limit(1);
        let Some(oldest) = oldest.one(&self.reader).await? else { return Ok(false) };
        if oldest.at >= before.as_microsecond() {
            return Ok(false);
        }
        let pruned = transaction::run(&self.writer, &mut Pruning { before }).await?;
        Ok(pruned == PLACED_MAX)
    }

    /// The last sequence that was given, and the last one that is no longer kept.
    pub async fn notice_bounds(&self) -> Result<(u64, u64), Error> {
        let order = notice_order::Entity::find_by_id(ORDER).one(&self.reader).await?;
        let order = order.ok_or(Error::Gone("notice order"))?;
        let place = Place { table: "notice_order", id: &ORDER };
        Ok((place.number("last", order.last)?, place.number("pruned", order.pruned)?))
    }

    /// At most `limit` notices after this sequence, of these types (empty means all), in their order.
    pub async fn notices(&self, after: u64, types: &[NoticeType], limit: u64) -> Result<Vec<Notice>, Error> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let mut query = notice::Entity::find()
            .filter(notice::Column::Sequence.gt(after))
            .order_by_asc(notice::Column::Sequence)
            .limit(limit);
        if !types.is_empty() {
            query = query.filter(notice::Column::NoticeType.is_in(types.iter().map(|name| name.as_str())));
        }
        query.all(&self.reader).await?.iter().map(as_notice).collect()
    }
}

/// A row that has its place.
pub(super) fn as_notice(row: &notice::Model) -> Result<Notice, Error> {
    let place = Place { table: "notices", id: &row.number };
    Ok(Notice {
        sequence: place.number("sequence", row.sequence.unwrap_or(-1))?,
        id: row.notice_id.clone(),
        notice_type: place.named("notice_type", &row.notice_type)?,
        at: place.time("at", row.at)?,
        case_id: CaseId(row.case_id),
        facts: place.json("facts", &row.facts)?,
    })
}

/// Whether places are given in the transaction that writes.
pub(super) fn places_at_once(backend: DbBackend) -> bool {
    backend == DbBackend::Sqlite
}
