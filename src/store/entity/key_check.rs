//! A row of `key_checks`: a digest of a key of the ring, which tells nothing of it but whether another one is the same.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "key_checks")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub key_id: String,
    pub tag: String,
}

impl ActiveModelBehavior for ActiveModel {}
