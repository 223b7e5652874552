//! A row of `lanes`.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "lanes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    pub paused_at: Option<i64>,
    pub pause_note: Option<String>,
    /// Where the breaker stands.
    pub breaker: String,
    pub failures: i32,
    pub openings: i32,
    pub breaker_until: Option<i64>,
    pub held_until: Option<i64>,
    pub rate_at: Option<i64>,
    /// The caller whose task was claimed last: the next one in order of names is next.
    pub turn: String,
}

impl ActiveModelBehavior for ActiveModel {}
