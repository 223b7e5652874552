//! Cases, tasks, events, the blind index, and what downstreams described.

use sea_orm_migration::{
    prelude::*,
    schema::{
        big_integer, big_integer_null, blob_null, integer, string, string_null, text, text_null, uuid,
        uuid_null,
    },
};

pub(super) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_cases"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in [cases(), tasks(), case_events(), case_identifiers(), downstreams()] {
            manager.create_table(table).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["case_identifiers", "case_events", "tasks", "cases", "downstreams"] {
            manager.drop_table(Table::drop().table(table).to_owned()).await?;
        }
        Ok(())
    }
}

fn cases() -> TableCreateStatement {
    Table::create()
        .table("cases")
        .col(uuid("id").primary_key())
        .col(string("caller"))
        .col(string("request_id"))
        .col(text("request"))
        .col(string("right"))
        .col(string("state"))
        .col(string_null("reason"))
        .col(big_integer("revision"))
        .col(big_integer("opened_at"))
        .col(big_integer("received_at"))
        .col(big_integer("due_at"))
        .col(big_integer_null("settled_at"))
        .col(big_integer_null("expires_at"))
        .col(string("pseudonym"))
        .col(text("kinds"))
        .col(string_null("trace_parent"))
        .col(string_null("work"))
        .col(integer("attempts"))
        .col(big_integer("claim_at"))
        .col(uuid_null("lease_token"))
        .col(string_null("key_id"))
        .col(blob_null("key_bytes"))
        .col(blob_null("subject"))
        .col(text_null("export"))
        .col(blob_null("manifest"))
        .col(blob_null("receipt"))
        .to_owned()
}

fn tasks() -> TableCreateStatement {
    Table::create()
        .table("tasks")
        .col(uuid("id").primary_key())
        .col(uuid("case_id"))
        .col(integer("position"))
        .col(string("downstream"))
        .col(text("ask"))
        .col(text("understands"))
        .col(string("state"))
        .col(string_null("reason"))
        .col(uuid("call_id"))
        .col(integer("attempts"))
        .col(big_integer_null("due_at"))
        .col(big_integer("claim_at"))
        .col(uuid_null("lease_token"))
        .col(text("waits_for"))
        .col(text_null("last_error"))
        .col(text("results"))
        .col(text_null("refusal"))
        .col(blob_null("progress"))
        .col(blob_null("parts"))
        .to_owned()
}

fn case_events() -> TableCreateStatement {
    Table::create()
        .table("case_events")
        .col(big_integer("seq").primary_key().auto_increment())
        .col(uuid("case_id"))
        .col(uuid_null("task_id"))
        .col(big_integer("at"))
        .col(string("event"))
        .col(text("data"))
        .to_owned()
}

fn case_identifiers() -> TableCreateStatement {
    Table::create()
        .table("case_identifiers")
        .col(uuid("case_id"))
        .col(string("blind"))
        .primary_key(Index::create().col("case_id").col("blind"))
        .to_owned()
}

fn downstreams() -> TableCreateStatement {
    Table::create()
        .table("downstreams")
        .col(string("name").primary_key())
        .col(text("capabilities"))
        .col(big_integer("described_at"))
        .to_owned()
}

/// One index for each question that is asked often. Rows that nobody may claim have `claim_at` at its maximum, so the
/// claims' indexes are read from their small end only.
fn indexes() -> Vec<IndexCreateStatement> {
    let index = |name: &str, table: &str, columns: &[&str]| {
        let mut statement = Index::create().name(name).table(table.to_owned()).to_owned();
        for column in columns {
            statement.col((*column).to_owned());
        }
        statement
    };
    vec![
        index("cases_request", "cases", &["caller", "request_id"]).unique().to_owned(),
        index("cases_claim", "cases", &["claim_at"]),
        index("cases_due", "cases", &["state", "due_at"]),
        // Lists of a state are read from their newest end, however many cases there are.
        index("cases_state", "cases", &["state", "id"]),
        index("tasks_case", "tasks", &["case_id", "position"]),
        index("tasks_claim", "tasks", &["downstream", "claim_at"]),
        index("case_events_case", "case_events", &["case_id", "seq"]),
        index("case_identifiers_blind", "case_identifiers", &["blind", "case_id"]),
    ]
}
