//! Alone: SQLite serves one rightful at a time, and who holds the database's lock file is the one.
//!
//! **Guarantees.** A second process on the same file is refused instead of working against the first. Who holds the lock
//! knows that every lease it finds at its start is of a process that is dead, and need not wait for their ends.

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    str::FromStr as _,
    time::Duration,
};

use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use tokio::time::{Instant, sleep};

use super::Error;

/// How long a start waits for the process before: a supervisor starts the next one while the last one drains.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it looks. The kernel tells nobody.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The lock of a database file, released by the kernel however the process ends.
#[derive(Debug)]
pub(super) struct Alone(#[expect(dead_code, reason = "held, not used")] File);

impl Alone {
    /// Locks the file beside the database. Nothing to lock is there in memory, and where a server has its own locks.
    pub(super) async fn claim(url: &str) -> Result<Option<Self>, Error> {
        let Some(path) = lock_file(url) else { return Ok(None) };
        let unusable = |error| Error::LockFile(path.clone(), error);
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
        let give_up = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self(file))),
                Err(TryLockError::WouldBlock) if Instant::now() < give_up => sleep(LOOK_EVERY).await,
                Err(TryLockError::WouldBlock) => return Err(Error::InUse(path)),
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
    }
}

/// `rightful.sqlite-lock` beside `rightful.sqlite`, as SQLite's own companions are called.
fn lock_file(url: &str) -> Option<PathBuf> {
    if !url.starts_with("sqlite:") {
        return None;
    }
    let options = SqliteConnectOptions::from_str(url).ok()?;
    let database = options.get_filename();
    if database == Path::new(":memory:") || database.as_os_str().is_empty() {
        return None;
    }
    let mut name = database.as_os_str().to_owned();
    name.push("-lock");
    Some(PathBuf::from(name))
}
