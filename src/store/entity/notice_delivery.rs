//! A row of `notice_deliveries`: a notice that a webhook has not taken yet.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notice_deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub webhook: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub sequence: i64,
    /// When what it says happened.
    pub at: i64,
    pub attempts: i32,
    /// From when it may be claimed: its due time, or the end of the lease of who sends it.
    pub claim_at: i64,
    pub lease_token: Option<Uuid>,
}

impl ActiveModelBehavior for ActiveModel {}
