//! Notices, to whom they are still to be delivered, and by which sign duplicates of a case are found.
//!
//! An expansion: a replica of the version before writes no notices, and its cases have no such sign. Both read as absent.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer, big_integer_null, integer, string, string_null, text, uuid, uuid_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_expand_notices"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [notices(), notice_order(), webhooks(), deliveries(), joined_requests()] {
            manager.create_table(table).await?;
        }
        let sameness = Table::alter().table("cases").add_column(string_null("sameness")).to_owned();
        manager.alter_table(sameness).await?;
        let database = manager.get_connection();
        for statement in [
            "INSERT INTO notice_order (name, last, pruned) VALUES ('notices', 0, 0)",
            "CREATE UNIQUE INDEX notices_sequence ON notices (sequence) WHERE sequence IS NOT NULL",
            // Almost always empty: what was written and has no place in the order yet.
            "CREATE INDEX notices_new ON notices (number) WHERE sequence IS NULL",
            "CREATE INDEX notice_deliveries_claim ON notice_deliveries (webhook, claim_at)",
        ] {
            database.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sameness = Table::alter().table("cases").drop_column("sameness").to_owned();
        manager.alter_table(sameness).await?;
        for table in ["joined_requests", "notice_deliveries", "webhooks", "notice_order", "notices"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn notices() -> TableCreateStatement {
    Table::create()
        .table("notices")
        .col(big_integer("number").primary_key().auto_increment())
        .col(big_integer_null("sequence"))
        .col(string("notice_id"))
        .col(uuid("case_id"))
        .col(string("notice_type"))
        .col(big_integer("at"))
        .col(text("facts"))
        .to_owned()
}

fn notice_order() -> TableCreateStatement {
    Table::create()
        .table("notice_order")
        .col(string("name").primary_key())
        .col(big_integer("last"))
        .col(big_integer("pruned"))
        .to_owned()
}

fn webhooks() -> TableCreateStatement {
    Table::create()
        .table("webhooks")
        .col(string("name").primary_key())
        .col(string("endpoint"))
        .col(big_integer_null("disabled_at"))
        .col(integer("failures").default(0))
        .col(big_integer_null("held_until"))
        .col(string_null("last_error"))
        .to_owned()
}

fn deliveries() -> TableCreateStatement {
    Table::create()
        .table("notice_deliveries")
        .col(string("webhook"))
        .col(big_integer("sequence"))
        .col(big_integer("at"))
        .col(integer("attempts").default(0))
        .col(big_integer("claim_at"))
        .col(uuid_null("lease_token"))
        .primary_key(Index::create().col("webhook").col("sequence"))
        .to_owned()
}

fn joined_requests() -> TableCreateStatement {
    Table::create()
        .table("joined_requests")
        .col(string("caller"))
        .col(string("request_id"))
        .col(string("digest"))
        .col(uuid("case_id"))
        .primary_key(Index::create().col("caller").col("request_id"))
        .to_owned()
}
