//! What can go wrong in the store.

use std::path::PathBuf;

use sea_orm::{DbErr, RuntimeErr};

use crate::domain::{CaseId, IllegalTransition};

/// Why the store did not do it. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The state does not allow it.
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    /// The lease ran out, and the work is somebody else's now, or nobody's.
    #[error("the lease is lost")]
    LeaseLost,
    /// The subject has this case open, and policy refuses another one.
    #[error("the subject has an open case")]
    Duplicate(CaseId),
    /// The request id joined this case with another request.
    #[error("the request id was used for another request")]
    JoinedByAnother(CaseId),
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
    /// Another process serves from this file.
    #[error("another rightful uses the database ({} is locked): SQLite serves one at a time, PostgreSQL many", .0.display())]
    InUse(PathBuf),
    /// The lock file beside the database cannot be used.
    #[error("{} cannot be locked", .0.display())]
    LockFile(PathBuf, #[source] std::io::Error),
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        Self::Unavailable(error)
    }
}

/// Whose fault a failed transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It met another transaction: tried again, it goes through.
    Collision,
    /// The database is away, full, read-only or in trouble: nobody's writes go through.
    Database,
    /// Something in what was to be written.
    Own,
}

impl Error {
    /// Whose fault it is.
    pub(super) fn fault(&self) -> Fault {
        let Self::Unavailable(error) = self else { return Fault::Own };
        match code(error).as_deref() {
            // SQLSTATE serialization_failure and deadlock_detected; SQLITE_BUSY with its extended codes, SQLITE_LOCKED.
            Some("40001" | "40P01" | "5" | "261" | "517" | "6" | "262") => Fault::Collision,
            // SQLSTATE classes: data exception, constraint violation, syntax error; SQLITE_CONSTRAINT, _TOOBIG and
            // _MISMATCH.
            Some(code)
                if ["22", "23", "42"].iter().any(|class| code.len() == 5 && code.starts_with(class)) =>
            {
                Fault::Own
            }
            Some("19" | "18" | "20") => Fault::Own,
            Some(code) if code.parse::<u32>().is_ok_and(|code| code & 0xff == 19) && code.len() < 5 => {
                Fault::Own
            }
            _ => Fault::Database,
        }
    }
}

/// The SQLSTATE, or SQLite's (extended) result code.
fn code(error: &DbErr) -> Option<String> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    cause.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}
