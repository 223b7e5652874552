//! What policy and law make of a case, and what is sealed of it beside its subject.
//!
//! An expansion: cases of the version before have neither, which reads as empty.

use sea_orm_migration::{
    prelude::*,
    schema::{blob_null, text_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_expand_proceedings"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One column a statement: SQLite alters a table no faster.
        for column in [text_null("proceedings"), blob_null("details")] {
            manager.alter_table(Table::alter().table("cases").add_column(column).to_owned()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["details", "proceedings"] {
            manager.alter_table(Table::alter().table("cases").drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
