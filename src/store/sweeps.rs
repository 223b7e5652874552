//! Retention sweeps: planned, claimed, changed.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, EntityTrait as _,
    FromQueryResult as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, Value,
    sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    Error, Store, claims, convert,
    entity::sweep,
    transaction::{self, Work},
};
use crate::domain::{Sweep, SweepId};

/// A pure change of a sweep.
type SweepChange<'a> = &'a mut (dyn FnMut(&mut Sweep) -> Result<(), Error> + Send);

/// What a change does, and under which lease, if it needs one.
struct Changing<'a> {
    id: SweepId,
    token: Option<Uuid>,
    change: SweepChange<'a>,
}

impl Work for Changing<'_> {
    const NAME: &'static str = "change_sweep";
    type Answer = Sweep;

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<Sweep, Error> {
        let found = sweep::Entity::find_by_id(self.id.0).lock_exclusive().one(transaction).await?;
        let row = found.ok_or(Error::Gone("sweep"))?;
        if self.token.is_some() && row.lease_token != self.token {
            return Err(Error::LeaseLost);
        }
        let mut changed = stored(&row)?;
        (self.change)(&mut changed)?;
        sweep::Entity::update(self::row(&changed)).exec_without_returning(transaction).await?;
        Ok(changed)
    }
}

impl Store {
    /// Plans a sweep, and answers whether it did: not if its downstream has an open one.
    pub async fn plan_sweep(&self, sweep: &Sweep) -> Result<bool, Error> {
        let open = OnConflict::column(sweep::Column::Open).do_nothing().to_owned();
        let insert = sweep::Entity::insert_many([row(sweep)]).on_conflict(open);
        Ok(insert.exec_without_returning(&self.writer).await? == 1)
    }

    /// Applies a pure change to a sweep and answers it. With a `token`, only under that lease. The lease ends with it.
    pub async fn change_sweep(
        &self,
        id: SweepId,
        token: Option<Uuid>,
        mut change: impl FnMut(&mut Sweep) -> Result<(), Error> + Send,
    ) -> Result<Sweep, Error> {
        transaction::run(&self.writer, &mut Changing { id, token, change: &mut change }).await
    }

    /// The sweep of this id.
    pub async fn sweep(&self, id: SweepId) -> Result<Option<Sweep>, Error> {
        sweep::Entity::find_by_id(id.0).one(&self.reader).await?.as_ref().map(stored).transpose()
    }

    /// The open sweep of a downstream.
    pub async fn open_sweep(&self, downstream: &str) -> Result<Option<Sweep>, Error> {
        let query = sweep::Entity::find().filter(sweep::Column::Open.eq(downstream));
        query.one(&self.reader).await?.as_ref().map(stored).transpose()
    }

    /// At most `limit` sweeps, newest first, of one downstream if it is given, older than `after` if that is.
    pub async fn sweeps(
        &self,
        downstream: Option<&str>,
        after: Option<SweepId>,
        limit: u64,
    ) -> Result<Vec<Sweep>, Error> {
        let mut query = sweep::Entity::find().order_by_desc(sweep::Column::Id).limit(limit);
        if let Some(downstream) = downstream {
            query = query.filter(sweep::Column::Downstream.eq(downstream));
        }
        if let Some(after) = after {
            query = query.filter(sweep::Column::Id.lt(after.0));
        }
        query.all(&self.reader).await?.iter().map(stored).collect()
    }

    /// Leases at most `limit` sweeps that are due, until `until`.
    pub async fn claim_sweeps(
        &self,
        (now, until): (Timestamp, Timestamp),
        token: Uuid,
        limit: u32,
    ) -> Result<Vec<Sweep>, Error> {
        let backend = self.writer.get_database_backend();
        let values: [Value; 4] = [
            token.into(),
            until.as_microsecond().into(),
            now.as_microsecond().into(),
            i64::from(limit).into(),
        ];
        let sql = claims::claim_sql(backend, "sweeps", "claim_at <= $3", "$4");
        let rows = self.writer.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
        rows.iter().map(|row| stored(&sweep::Model::from_query_result(row, "")?)).collect()
    }

    /// Prolongs the lease of a sweep, or says that it is lost.
    pub async fn renew_sweep(&self, id: SweepId, token: Uuid, until: Timestamp) -> Result<(), Error> {
        let renewed = sweep::Entity::update_many()
            .col_expr(sweep::Column::ClaimAt, until.as_microsecond().into())
            .filter(sweep::Column::Id.eq(id.0))
            .filter(sweep::Column::LeaseToken.eq(token))
            .exec(&self.writer)
            .await?;
        if renewed.rows_affected == 1 { Ok(()) } else { Err(Error::LeaseLost) }
    }

    /// When the next sweep is due.
    pub async fn next_sweep_claim(&self) -> Result<Option<Timestamp>, Error> {
        let query = sweep::Entity::find().select_only().column_as(sweep::Column::ClaimAt.min(), "at");
        let least: Option<Option<i64>> = query.into_tuple().one(&self.reader).await?;
        Ok(least.flatten().and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }
}

fn row(sweep: &Sweep) -> sweep::ActiveModel {
    sweep::ActiveModel {
        id: Set(sweep.id.0),
        downstream: Set(sweep.downstream.clone()),
        state: Set(sweep.state.as_str().to_owned()),
        open: Set(sweep.state.is_open().then(|| sweep.downstream.clone())),
        facts: Set(convert::to_json(sweep)),
        planned_at: Set(sweep.planned_at.as_microsecond()),
        claim_at: Set(sweep.due_at.map_or(convert::NEVER, Timestamp::as_microsecond)),
        lease_token: Set(None),
    }
}

fn stored(row: &sweep::Model) -> Result<Sweep, Error> {
    convert::Place { table: "sweeps", id: &row.id }.json("facts", &row.facts)
}
