//! A row of `downstreams`: what each one described last.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "downstreams")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// As JSON.
    #[sea_orm(column_type = "Text")]
    pub capabilities: String,
    pub described_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
