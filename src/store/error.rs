//! What can go wrong in the store.

use sea_orm::DbErr;

use crate::domain::IllegalTransition;

/// Why the store did not do it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The lease ran out, and the work is somebody else's now, or nobody's.
    #[error("the lease is lost")]
    LeaseLost,
    /// The row is not there any more.
    #[error("no such {0}")]
    Gone(&'static str),
    /// The writer's queue is full, or it is shutting down.
    #[error("too many writes wait")]
    Overloaded,
    /// The database cannot be reached, or failed.
    #[error("the database is unavailable")]
    Unavailable(#[source] DbErr),
    /// A row holds what no version of rightful wrote.
    #[error("corrupt row: {table}.{column} of {id}")]
    Corrupt {
        /// Which table.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// Which row.
        id: String,
    },
    /// The database was migrated by a newer version.
    #[error("the schema has the unknown migration {0:?}: this binary is too old for this database")]
    UnknownSchema(String),
    /// The bundled SQLite has a known bug.
    #[error("SQLite {0} is too old: its WAL can corrupt the database, 3.51.3 is the first that is safe")]
    OldSqlite(String),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Unavailable(error)
    }
}
