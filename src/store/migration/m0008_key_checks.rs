//! What tells the keys of a ring from others of the same names. An expansion.

use sea_orm_migration::{prelude::*, schema::string};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_expand_key_checks"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        let table =
            table.table("key_checks").col(string("key_id").primary_key()).col(string("tag")).to_owned();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("key_checks").to_owned()).await
    }
}
