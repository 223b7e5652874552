//! A row of `webhooks`: what all replicas share about the way to each.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhooks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// A digest of its URL: another URL is another webhook.
    pub endpoint: String,
    /// Since when it is not called any more, because it said that it is gone.
    pub disabled_at: Option<i64>,
    /// Failures in a row.
    pub failures: i32,
    /// Until when it is left alone.
    pub held_until: Option<i64>,
    pub last_error: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
