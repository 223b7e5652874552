//! A row of `denials`: calls that were turned away. Rows are added and, beyond a number, pruned from the oldest on.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "denials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub at: i64,
    pub caller: String,
    pub address: String,
    pub rpc: String,
    pub reason: String,
    pub count: i64,
}

impl ActiveModelBehavior for ActiveModel {}
