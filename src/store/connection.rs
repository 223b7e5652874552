//! Connections and the schema's version.

use std::{collections::BTreeSet, time::Duration};

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbBackend, DbErr, Statement,
    TransactionTrait as _,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};
use sea_orm_migration::MigratorTrait as _;

use super::{Error, migration::Migrator};

/// Readers at once. SQLite reads in WAL mode do not wait for the writer; more than a few only compete for two cores.
const READERS: u32 = 8;
/// How long a write waits for the one connection to SQLite: longer than a transaction may take.
const QUEUE: Duration = Duration::from_secs(40);
/// How long PostgreSQL is knocked at until a call is told that it is away.
const CONNECT: Duration = Duration::from_secs(5);
/// How long a statement waits for a lock of another process before it fails.
const BUSY: Duration = Duration::from_secs(5);
/// Pages in the log before they are copied into the database: 32 MiB. The default of 4 MiB is reached every few dozen
/// cases; later, many of the copies of a page have become one.
const CHECKPOINT_PAGES: &str = "8192";
/// The advisory lock of migrations: any number that no one else in this database uses ("rightful" as digits of a phone).
const MIGRATION_LOCK: i64 = 74_448_385;
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
        .acquire_timeout(if url.starts_with("sqlite:") { QUEUE } else { CONNECT })
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

/// Applies what is missing. Refuses a schema that has more than this binary knows, unless all of that are expansions: a
/// replica of the version before goes on working while the next one is rolled out.
///
/// Replicas that start together migrate one after the other: whoever comes second finds nothing to do.
pub(super) async fn bring_up_to_date(connection: &DatabaseConnection) -> Result<u32, Error> {
    // The lock is held by a transaction of its own, on another connection than the steps.
    let lock = if connection.get_database_backend() == DbBackend::Postgres {
        let lock = connection.begin().await?;
        let sql = format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})");
        lock.execute_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
        Some(lock)
    } else {
        None
    };
    Migrator::install(connection).await?;
    let known: BTreeSet<String> = Migrator::migrations().iter().map(|step| step.name().to_owned()).collect();
    let applied: BTreeSet<String> =
        Migrator::get_migration_models(connection).await?.into_iter().map(|model| model.version).collect();
    let unknown: Vec<&String> = applied.difference(&known).collect();
    if let Some(version) = unknown.iter().find(|version| !is_expansion(version)) {
        return Err(Error::UnknownSchema((*version).clone()));
    }
    if !unknown.is_empty() {
        // The migrator itself refuses to look at a schema that is ahead of it.
        tracing::warn!(
            ?unknown,
            "the schema is newer than this binary, by expansions only: it goes on working"
        );
        return Ok(0);
    }
    let missing = known.difference(&applied).count();
    Migrator::up(connection, None).await?;
    if let Some(lock) = lock {
        lock.commit().await?;
    }
    Ok(u32::try_from(missing).unwrap_or(u32::MAX))
}

/// `m0002_expand_lanes`: what the version before can live with.
fn is_expansion(version: &str) -> bool {
    let mut words = version.splitn(3, '_');
    let number = words.next().and_then(|word| word.strip_prefix('m'));
    number.is_some_and(|number| number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit()))
        && words.next() == Some("expand")
}

/// Brings the schema at `url` up to date and answers how many steps that took.
pub async fn migrate(url: &str) -> Result<u32, Error> {
    let (_, writer) = connect(url).await?;
    let steps = bring_up_to_date(&writer).await?;
    writer.close().await.map_err(|error: DbErr| Error::Unavailable(error))?;
    Ok(steps)
}
