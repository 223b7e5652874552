//! Keys: which ones cases are sealed under, and whether they are those of the ring.

use std::collections::BTreeMap;

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{
    Error, Store, connection,
    entity::{case, key_check},
};
use crate::{domain::CaseId, vault::WrappedKey};

/// The same as [`Store::keys_in_use`] from outside of a server, which may be running.
pub async fn keys_in_use(url: &str) -> Result<BTreeMap<String, u64>, Error> {
    let (reader, _) = connection::connect(url).await?;
    in_use(&reader).await
}

async fn in_use(connection: &DatabaseConnection) -> Result<BTreeMap<String, u64>, Error> {
    let counted: Vec<(String, i64)> = case::Entity::find()
        .select_only()
        .column(case::Column::KeyId)
        .column_as(case::Column::Id.count(), "cases")
        .filter(case::Column::KeyId.is_not_null())
        .group_by(case::Column::KeyId)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(counted.into_iter().map(|(id, count)| (id, u64::try_from(count).unwrap_or(0))).collect())
}

impl Store {
    /// Keeps the tags of keys that are new, and answers the names of those that have another tag than before.
    pub async fn check_keys(&self, checks: &[(String, String)]) -> Result<Vec<String>, Error> {
        let row = |(key_id, tag): &(String, String)| key_check::ActiveModel {
            key_id: Set(key_id.clone()),
            tag: Set(tag.clone()),
        };
        let known = OnConflict::column(key_check::Column::KeyId).do_nothing().to_owned();
        let insert = key_check::Entity::insert_many(checks.iter().map(row)).on_conflict(known);
        insert.exec_without_returning(&self.writer).await?;
        let rows = key_check::Entity::find().all(&self.writer).await?;
        let kept: BTreeMap<String, String> = rows.into_iter().map(|row| (row.key_id, row.tag)).collect();
        let differs = |(id, tag): &&(String, String)| kept.get(id).is_some_and(|kept| kept != tag);
        Ok(checks.iter().filter(differs).map(|(id, _)| id.clone()).collect())
    }

    /// How many cases are sealed under each key. Reads all cases.
    pub async fn keys_in_use(&self) -> Result<BTreeMap<String, u64>, Error> {
        in_use(&self.reader).await
    }

    /// At most `limit` cases, by id after `after`, that are sealed under another key than this one.
    pub async fn sealed_under_others(
        &self,
        key_id: &str,
        after: Option<CaseId>,
        limit: u64,
    ) -> Result<Vec<(CaseId, WrappedKey)>, Error> {
        let mut query = case::Entity::find()
            .select_only()
            .column(case::Column::Id)
            .column(case::Column::KeyId)
            .column(case::Column::KeyBytes)
            .filter(case::Column::KeyId.is_not_null())
            .filter(case::Column::KeyId.ne(key_id))
            .order_by_asc(case::Column::Id)
            .limit(limit);
        if let Some(after) = after {
            query = query.filter(case::Column::Id.gt(after.0));
        }
        let rows: Vec<(Uuid, Option<String>, Option<Vec<u8>>)> = query.into_tuple().all(&self.reader).await?;
        let wrapped = |(id, key_id, bytes): (Uuid, Option<String>, Option<Vec<u8>>)| {
            Some((CaseId(id), WrappedKey { key_id: key_id?, bytes: bytes? }))
        };
        Ok(rows.into_iter().filter_map(wrapped).collect())
    }
}
