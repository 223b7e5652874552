//! Connections and the schema's version.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr, Statement,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait as _;

use super::{Error, migration::Migrator};

/// Readers at once. SQLite reads in WAL mode do not wait for the writer; more than a few only compete for two cores.
const READERS: u32 = 8;
/// How long a statement waits for a lock of another process before it fails.
const BUSY: Duration = Duration::from_secs(10);
/// Pages in the log before they are copied into the database: 32 MiB. The default of 4 MiB is reached every few dozen
/// cases; later, many of the copies of a page have become one.
const CHECKPOINT_PAGES: &str = "8192";
/// The first SQLite without the WAL-reset corruption (present in 3.7.0 to 3.51.2).
const SQLITE_MIN: (u32, u32, u32) = (3, 51, 3);

/// A pool for reading and one for writing. SQLite has one writer at a time, so its pool has one connection: waiting in
/// our queue is fair, while its own busy handler sleeps and starves.
pub(super) async fn connect(url: &str) -> Result<(DatabaseConnection, DatabaseConnection), Error> {
    let sqlite = url.starts_with("sqlite:");
    let writer = Database::connect(options(url, if sqlite { 1 } else { READERS }, false)).await?;
    if sqlite {
        refuse_old_sqlite(&writer).await?;
    }
    let reader = Database::connect(options(url, READERS, sqlite)).await?;
    Ok((reader, writer))
}

fn options(url: &str, connections: u32, read_only: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .sqlx_logging(false)
        // A server that was restarted leaves dead connections in the pool, each of which would fail somebody's call. A
        // file has no such thing.
        .test_before_acquire(!url.starts_with("sqlite:"))
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                // An answer to OpenCase promises that the case survives a power cut.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(false)
                .statement_cache_capacity(256)
                .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
                .busy_timeout(BUSY);
            if read_only { sqlite.pragma("query_only", "on") } else { sqlite }
        });
    options
}

async fn refuse_old_sqlite(connection: &DatabaseConnection) -> Result<(), Error> {
    let statement = Statement::from_string(DbBackend::Sqlite, "select sqlite_version() as version");
    let row = connection.query_one_raw(statement).await?;
    let version: String = row.map(|row| row.try_get("", "version")).transpose()?.unwrap_or_default();
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    if (next(), next(), next()) < SQLITE_MIN { Err(Error::OldSqlite(version)) } else { Ok(()) }
}

/// Applies what is missing; refuses a schema that has more than this binary knows.
pub(super) async fn bring_up_to_date(connection: &DatabaseConnection) -> Result<u32, Error> {
    Migrator::install(connection).await?;
    let known: BTreeSet<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied = Migrator::get_migration_models(connection).await?;
    if let Some(unknown) = applied.iter().find(|model| !known.contains(&model.version)) {
        return Err(Error::UnknownSchema(unknown.version.clone()));
    }
    Migrator::up(connection, None).await?;
    Ok(u32::try_from(known.len() - applied.len()).unwrap_or(u32::MAX))
}

/// Brings the schema at `url` up to date and answers how many steps that took.
pub async fn migrate(url: &str) -> Result<u32, Error> {
    let (_, writer) = connect(url).await?;
    let steps = bring_up_to_date(&writer).await?;
    writer.close().await.map_err(|error: DbErr| Error::Unavailable(error))?;
    Ok(steps)
}
