//! A row of `holds`.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "holds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub caller: String,
    pub request_id: String,
    /// A ground, as JSON.
    #[sea_orm(column_type = "Text")]
    pub ground: String,
    pub matter: String,
    pub note: String,
    /// A JSON list of identifier kinds.
    #[sea_orm(column_type = "Text")]
    pub kinds: String,
    pub pseudonym: String,
    pub placed_at: i64,
    /// Absent while it is in force, and so are the next two.
    pub released_at: Option<i64>,
    pub released_by: Option<String>,
    pub release_note: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
