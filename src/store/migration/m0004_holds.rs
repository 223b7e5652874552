//! Legal holds, and the blind index by which they find whom they cover.
//!
//! An expansion: a replica of the version before does not look for holds, so all replicas have to be of this version
//! before the first hold is placed.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, string, string_null, text, uuid},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_expand_holds"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(holds()).await?;
        manager.create_table(hold_identifiers()).await?;
        let mut request = Index::create();
        request.name("holds_request").table("holds").col("caller").col("request_id").unique();
        manager.create_index(request).await?;
        let mut blind = Index::create();
        blind.name("hold_identifiers_blind").table("hold_identifiers").col("blind").col("hold_id");
        manager.create_index(blind).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["hold_identifiers", "holds"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn holds() -> TableCreateStatement {
    Table::create()
        .table("holds")
        .col(uuid("id").primary_key())
        .col(string("caller"))
        .col(string("request_id"))
        .col(text("ground"))
        .col(string("matter"))
        .col(string("note"))
        .col(text("kinds"))
        .col(string("pseudonym"))
        .col(big_integer("placed_at"))
        .col(big_integer_null("released_at"))
        .col(string_null("released_by"))
        .col(string_null("release_note"))
        .to_owned()
}

fn hold_identifiers() -> TableCreateStatement {
    Table::create()
        .table("hold_identifiers")
        .col(uuid("hold_id"))
        .col(string("blind"))
        .primary_key(Index::create().col("hold_id").col("blind"))
        .to_owned()
}
