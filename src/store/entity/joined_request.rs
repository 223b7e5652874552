//! A row of `joined_requests`: a request that was answered with a case that was open already, so that it finds it again.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "joined_requests")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub request_id: String,
    /// A keyed digest of all that was asked for.
    pub digest: String,
    pub case_id: Uuid,
}

impl ActiveModelBehavior for ActiveModel {}
