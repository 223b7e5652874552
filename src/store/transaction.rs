//! Transactions: each has a name, is repeated when the database says that it collided with another one, ends within a
//! bound, and is measured.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use super::{Error, error::Fault};
use crate::telemetry::metrics;

/// Times that a transaction is tried when it collides: each time the one that it collided with has gone through, so
/// more would mean that something is wrong.
const TRIES_MAX: u32 = 8;
/// After this, one that collides is not repeated any more: whoever it collides with does not let go.
const REPEAT_MAX: Duration = Duration::from_secs(5);
/// No transaction takes longer; one that does waits for a database that will not answer. Far above the two seconds that
/// a commit takes on a disk in trouble, below the 60 s in which callers lose patience.
const TRANSACTION_MAX: Duration = Duration::from_secs(30);

/// What a transaction does. It may be done more than once; only the last time counts.
pub(super) trait Work: Send {
    /// Its name in metrics and logs.
    const NAME: &'static str;
    /// What comes of it.
    type Answer: Send;

    /// Does it. The transaction is committed if this answers `Ok`.
    fn run(
        &mut self,
        transaction: &DatabaseTransaction,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// Does the work in a transaction: durable when it answers `Ok`. After an error nothing is written, save that a commit
/// whose answer was lost may have happened.
pub(super) async fn run<W: Work>(connection: &DatabaseConnection, work: &mut W) -> Result<W::Answer, Error> {
    let began = Instant::now();
    let mut tries = 1;
    let outcome = loop {
        let done = tokio::time::timeout(TRANSACTION_MAX, once(connection, work)).await;
        match done.unwrap_or_else(|_| Err(Error::Unavailable(silent()))) {
            Err(error)
                if error.fault() == Fault::Collision && tries < TRIES_MAX && began.elapsed() < REPEAT_MAX =>
            {
                metrics::transaction(W::NAME, "repeated");
                tracing::debug!(transaction = W::NAME, tries, %error, "it collided with another one");
                tries += 1;
            }
            outcome => break outcome,
        }
    };
    metrics::transaction(W::NAME, if outcome.is_ok() { "committed" } else { "failed" });
    metrics::transaction_took(system(connection), W::NAME, began.elapsed());
    outcome
}

/// What the database is called in OpenTelemetry's semantic conventions.
pub(super) fn system(connection: &DatabaseConnection) -> &'static str {
    match connection.get_database_backend() {
        DbBackend::Sqlite => "sqlite",
        _ => "postgresql",
    }
}

async fn once<W: Work>(connection: &DatabaseConnection, work: &mut W) -> Result<W::Answer, Error> {
    let transaction = connection.begin_with_options(write_options()).await?;
    let done = async {
        let answer = work.run(&transaction).await?;
        transaction.commit().await?;
        Ok(answer)
    }
    .await;
    if done.is_err() {
        give_away(connection).await;
    }
    done
}

/// After a transaction that failed, SQLite's connection is closed; the pool opens another one.
///
/// On a full disk SQLite rolls back by itself. sqlx 0.9 then fails to roll back what is not there any more, and goes on
/// counting a transaction as open: sea-orm would make the next one a savepoint in it, whose "commit" is none. Everybody
/// would be told that it is durable, and all of it would be gone with the process.
async fn give_away(connection: &DatabaseConnection) {
    if connection.get_database_backend() == DbBackend::Sqlite {
        // A connection that cannot be had or closed is none that could do harm.
        if let Ok(used) = connection.get_sqlite_connection_pool().acquire().await {
            let _ = used.close().await;
        }
    }
}

/// SQLite must take the write lock at the start: a transaction that reads first and is then refused it cannot wait.
fn write_options() -> TransactionOptions {
    TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    }
}

fn silent() -> DbErr {
    DbErr::Custom(format!("no answer within {TRANSACTION_MAX:?}"))
}
