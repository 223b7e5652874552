//! Denials: added, listed, and bounded.

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use uuid::Uuid;

use super::{Error, Store, convert::Place, entity::denial};
use crate::domain::Denial;

/// Rows that are kept: 20 MB at the most, and weeks of what misconfigured clients do. A flood pushes out its own past only.
const ROWS_MAX: u64 = 100_000;

impl Store {
    /// Adds some, and prunes what is beyond the bound.
    pub async fn add_denials(&self, denials: &[Denial]) -> Result<(), Error> {
        if denials.is_empty() {
            return Ok(());
        }
        let row = |denial: &Denial| denial::ActiveModel {
            id: Set(denial.id),
            at: Set(denial.at.as_microsecond()),
            caller: Set(denial.caller.clone()),
            address: Set(denial.address.clone()),
            rpc: Set(denial.rpc.clone()),
            reason: Set(denial.reason.clone()),
            count: Set(i64::try_from(denial.count).unwrap_or(i64::MAX)),
        };
        denial::Entity::insert_many(denials.iter().map(row)).exec_without_returning(&self.writer).await?;
        let beyond = denial::Entity::find()
            .select_only()
            .column(denial::Column::Id)
            .order_by_desc(denial::Column::Id)
            .offset(ROWS_MAX)
            .limit(1);
        let beyond: Option<Uuid> = beyond.into_tuple().one(&self.writer).await?;
        if let Some(oldest) = beyond {
            let old = denial::Column::Id.lte(oldest);
            denial::Entity::delete_many().filter(old).exec(&self.writer).await?;
        }
        Ok(())
    }

    /// At most `limit`, newest first, older than `after` if that is given.
    pub async fn denials(&self, after: Option<Uuid>, limit: u64) -> Result<Vec<Denial>, Error> {
        let mut query = denial::Entity::find().order_by_desc(denial::Column::Id).limit(limit);
        if let Some(after) = after {
            query = query.filter(denial::Column::Id.lt(after));
        }
        query.all(&self.reader).await?.iter().map(stored).collect()
    }
}

fn stored(row: &denial::Model) -> Result<Denial, Error> {
    Ok(Denial {
        id: row.id,
        at: Place { table: "denials", id: &row.id }.time("at", row.at)?,
        caller: row.caller.clone(),
        address: row.address.clone(),
        rpc: row.rpc.clone(),
        reason: row.reason.clone(),
        count: u64::try_from(row.count).unwrap_or(0),
    })
}
