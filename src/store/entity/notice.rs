//! A row of `notices`: append-only but for its sequence, and pruned after its time.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notices")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub number: i64,
    /// Its place in the order; absent until it has been given one.
    pub sequence: Option<i64>,
    pub notice_id: String,
    pub case_id: Uuid,
    pub notice_type: String,
    pub at: i64,
    /// Versioned JSON.
    #[sea_orm(column_type = "Text")]
    pub facts: String,
}

impl ActiveModelBehavior for ActiveModel {}
