//! Downstreams: what each one described last, kept so that a restart does not forget it.

use jiff::Timestamp;
use sea_orm::{ActiveValue::Set, EntityTrait as _, sea_query::OnConflict};

use super::{Error, Store, convert, entity::downstream};
use crate::domain::Capabilities;

/// What a downstream described, and when.
#[derive(Clone, Debug)]
pub struct StoredDownstream {
    /// Its name.
    pub name: String,
    /// What it said.
    pub capabilities: Capabilities,
    /// When.
    pub described_at: Timestamp,
}

impl Store {
    /// All that was ever described, by name.
    pub async fn downstreams(&self) -> Result<Vec<StoredDownstream>, Error> {
        let rows = downstream::Entity::find().all(&self.reader).await?;
        rows.iter()
            .map(|row| {
                let place = convert::Place { table: "downstreams", id: &row.name };
                Ok(StoredDownstream {
                    name: row.name.clone(),
                    capabilities: place.json("capabilities", &row.capabilities)?,
                    described_at: place.time("described_at", row.described_at)?,
                })
            })
            .collect()
    }

    /// Keeps what a downstream described.
    pub async fn keep_description(
        &self,
        name: &str,
        capabilities: &Capabilities,
        now: Timestamp,
    ) -> Result<(), Error> {
        let row = downstream::ActiveModel {
            name: Set(name.to_owned()),
            capabilities: Set(convert::to_json(capabilities)),
            described_at: Set(now.as_microsecond()),
        };
        let known = OnConflict::column(downstream::Column::Name)
            .update_columns([downstream::Column::Capabilities, downstream::Column::DescribedAt])
            .to_owned();
        downstream::Entity::insert(row).on_conflict(known).exec_without_returning(&self.writer).await?;
        Ok(())
    }
}
