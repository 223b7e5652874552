//! A row of `tasks`.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub case_id: Uuid,
    /// Who opened the case: callers take turns.
    pub caller: String,
    pub position: i32,
    pub downstream: String,
    /// What it asks, as JSON.
    #[sea_orm(column_type = "Text")]
    pub ask: String,
    /// A JSON list of identifier kinds.
    #[sea_orm(column_type = "Text")]
    pub understands: String,
    pub state: String,
    pub reason: Option<String>,
    pub call_id: Uuid,
    pub attempts: i32,
    pub due_at: Option<i64>,
    /// From when it may be claimed: its due time, or the end of the lease of who works on it.
    pub claim_at: i64,
    pub lease_token: Option<Uuid>,
    /// A JSON list of task ids.
    #[sea_orm(column_type = "Text")]
    pub waits_for: String,
    pub last_error: Option<String>,
    /// Category results, as JSON.
    #[sea_orm(column_type = "Text")]
    pub results: String,
    /// A ground, as JSON.
    #[sea_orm(column_type = "Text", nullable)]
    pub refusal: Option<String>,
    /// The sealed progress of an unfinished collection.
    pub progress: Option<Vec<u8>>,
    /// The sealed list of the parts that were collected.
    pub parts: Option<Vec<u8>>,
}

impl ActiveModelBehavior for ActiveModel {}
