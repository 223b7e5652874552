//! The one row of `notice_order`: whoever gives notices their places locks it.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notice_order")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The last sequence that was given.
    pub last: i64,
    /// The last sequence that is no longer kept.
    pub pruned: i64,
}

impl ActiveModelBehavior for ActiveModel {}
