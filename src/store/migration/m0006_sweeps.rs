//! Retention sweeps. An expansion: the version before does not know them and leaves them alone.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string, string_null, text, uuid, uuid_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_expand_sweeps"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("sweeps")
            .col(uuid("id").primary_key())
            .col(string("downstream"))
            .col(string("state"))
            .col(string_null("open"))
            .col(text("facts"))
            .col(big_integer("planned_at"))
            .col(big_integer("claim_at"))
            .col(uuid_null("lease_token"))
            .to_owned();
        manager.create_table(table).await?;
        // Of all rows without a value a unique index takes any number: a downstream has one open sweep at the most.
        let mut open = Index::create();
        manager
            .create_index(open.name("sweeps_open").table("sweeps").col("open").unique().to_owned())
            .await?;
        let mut claim = Index::create();
        manager.create_index(claim.name("sweeps_claim").table("sweeps").col("claim_at").to_owned()).await?;
        let mut of = Index::create();
        let of = of.name("sweeps_downstream").table("sweeps").col("downstream").col("id").to_owned();
        manager.create_index(of).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sweeps").to_owned()).await
    }
}
