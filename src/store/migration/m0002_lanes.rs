//! Lanes, which all replicas share; who opened the case of a task, so that callers take turns.
//!
//! An expansion: a replica of the version before goes on working beside it. Its tasks have no caller (the empty name takes
//! its turn like any other), and it finds due tasks by an index made for others, which is slower and not wrong.

use sea_orm_migration::{
    prelude::*,
    schema::{big_integer_null, integer, string, string_null},
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_expand_lanes"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(lanes()).await?;
        let caller = Table::alter().table("tasks").add_column(string("caller").default("")).to_owned();
        manager.alter_table(caller).await?;
        let database = manager.get_connection();
        for statement in [
            "UPDATE tasks SET caller = (SELECT cases.caller FROM cases WHERE cases.id = tasks.case_id)",
            // Settled tasks have `claim_at` at its maximum and stay out of the claims' index, however many there are.
            "CREATE INDEX tasks_turn ON tasks (downstream, caller, claim_at) WHERE claim_at < 9223372036854775807",
            "CREATE INDEX tasks_leased ON tasks (downstream, claim_at) WHERE lease_token IS NOT NULL",
            "DROP INDEX tasks_claim",
        ] {
            database.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let database = manager.get_connection();
        for statement in [
            "CREATE INDEX tasks_claim ON tasks (downstream, claim_at)",
            "DROP INDEX tasks_leased",
            "DROP INDEX tasks_turn",
            "ALTER TABLE tasks DROP COLUMN caller",
        ] {
            database.execute_unprepared(statement).await?;
        }
        manager.drop_table(Table::drop().table("lanes").to_owned()).await
    }
}

fn lanes() -> TableCreateStatement {
    Table::create()
        .table("lanes")
        .col(string("name").primary_key())
        .col(big_integer_null("paused_at"))
        .col(string_null("pause_note"))
        .col(string("breaker").default("closed"))
        .col(integer("failures").default(0))
        .col(integer("openings").default(0))
        .col(big_integer_null("breaker_until"))
        .col(big_integer_null("held_until"))
        .col(big_integer_null("rate_at"))
        .col(string("turn").default(""))
        .to_owned()
}
