//! A row of `sweeps`.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sweeps")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub downstream: String,
    pub state: String,
    /// The downstream's name while the sweep is open.
    pub open: Option<String>,
    /// All of it, as JSON.
    #[sea_orm(column_type = "Text")]
    pub facts: String,
    pub planned_at: i64,
    /// From when it may be claimed: its due time, or the end of the lease of who works on it.
    pub claim_at: i64,
    pub lease_token: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
