//! Uses that have stopped: what a service looks up before it writes to somebody or profiles them.
//!
//! A row says "not any more" to one use, or to one purpose that rested on consent, of one category. It names its owner, so
//! it goes when the category's rows go.

use jiff::Timestamp;
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, DatabaseTransaction, entity::prelude::*};

use super::{Error, moment};

/// One use that has stopped.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stopped_use")]
pub(super) struct Model {
    #[sea_orm(primary_key)]
    pub(super) id: i64,
    #[sea_orm(indexed)]
    pub(super) owner: String,
    pub(super) category: String,
    /// `use: profiling`, or `consent: Sending the newsletter that you asked for`.
    pub(super) what: String,
    pub(super) stopped_at: String,
}

impl ActiveModelBehavior for ActiveModel {}

/// Stops these uses of a category for its owners, each once.
pub(super) async fn stop(
    tx: &DatabaseTransaction,
    owners: &[String],
    category: &str,
    uses: &[String],
    now: Timestamp,
) -> Result<(), Error> {
    for owner in owners {
        for what in uses {
            let known = Entity::find()
                .filter(Column::Owner.eq(owner.as_str()))
                .filter(Column::Category.eq(category))
                .filter(Column::What.eq(what.as_str()));
            if known.one(tx).await?.is_none() {
                let row = ActiveModel {
                    id: NotSet,
                    owner: Set(owner.clone()),
                    category: Set(category.to_owned()),
                    what: Set(what.clone()),
                    stopped_at: Set(moment::text(now)),
                };
                Entity::insert(row).exec_without_returning(tx).await?;
            }
        }
    }
    Ok(())
}

/// Forgets what has stopped of a category: there is nothing left to be used.
pub(super) async fn forget(tx: &DatabaseTransaction, owners: &[String], category: &str) -> Result<(), Error> {
    let theirs = Entity::delete_many().filter(Column::Owner.is_in(owners));
    theirs.filter(Column::Category.eq(category)).exec(tx).await?;
    Ok(())
}
