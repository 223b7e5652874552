//! Denied calls; and an index to list the cases of one caller by. An expansion.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, string, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_expand_denials"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("denials")
            .col(uuid("id").primary_key())
            .col(big_integer("at"))
            .col(string("caller"))
            .col(string("address"))
            .col(string("rpc"))
            .col(string("reason"))
            .col(big_integer("count"))
            .to_owned();
        manager.create_table(table).await?;
        let mut own = Index::create();
        let own = own.name("cases_caller").table("cases").col("caller").col("id").to_owned();
        manager.create_index(own).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name("cases_caller").table("cases").to_owned()).await?;
        manager.drop_table(Table::drop().table("denials").to_owned()).await
    }
}
