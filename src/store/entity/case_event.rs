//! A row of `case_events`: append-only, and without identifiers.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "case_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub seq: i64,
    pub case_id: Uuid,
    pub task_id: Option<Uuid>,
    pub at: i64,
    pub event: String,
    /// Versioned JSON.
    #[sea_orm(column_type = "Text")]
    pub data: String,
}

impl ActiveModelBehavior for ActiveModel {}
