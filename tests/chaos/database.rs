//! The database of one world: what the configuration says of it, and what its tables say at the end.

use std::path::{Path, PathBuf};

use sea_orm::sqlx::{self, Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

/// A settled case's sealed manifest, and what it takes to open it.
pub struct Sealed {
    pub case_id: Uuid,
    pub key_id: String,
    pub key_bytes: Vec<u8>,
    pub manifest: Vec<u8>,
}

/// Where the tables are.
pub struct Database {
    file: PathBuf,
}

/// Everybody who works on something, or should have done so long ago. What only expires later is at rest.
const BUSY: &str = "SELECT \
    (SELECT count(*) FROM tasks WHERE lease_token IS NOT NULL) + \
    (SELECT count(*) FROM cases WHERE lease_token IS NOT NULL) AS leases, \
    (SELECT count(*) FROM tasks WHERE state NOT IN ('done', 'skipped', 'refused', 'needs_attention', 'cancelled')) + \
    (SELECT count(*) FROM cases WHERE work IS NOT NULL AND work <> 'expire') AS work";

const MANIFESTS: &str = "SELECT id, key_id, key_bytes, manifest FROM cases WHERE manifest IS NOT NULL";

impl Database {
    /// One SQLite file in `world`.
    pub fn sqlite(world: &Path) -> Self {
        Self { file: world.join("rightful.sqlite") }
    }

    /// Its part of the configuration.
    pub fn settings(&self) -> String {
        format!("store.url = \"sqlite://{}\"\n", self.file.display())
    }

    async fn connect(&self) -> anyhow::Result<SqliteConnection> {
        Ok(SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&self.file)).await?)
    }

    /// How many leases live, and how much there is to do.
    pub async fn busy(&self) -> anyhow::Result<(i64, i64)> {
        let mut connection = self.connect().await?;
        let row = sqlx::query(BUSY).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// How many cases there are.
    pub async fn cases(&self) -> anyhow::Result<i64> {
        let mut connection = self.connect().await?;
        let count = sqlx::query_scalar("SELECT count(*) FROM cases").fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    }

    /// The manifests of all exports.
    pub async fn manifests(&self) -> anyhow::Result<Vec<Sealed>> {
        let mut connection = self.connect().await?;
        let rows = sqlx::query(MANIFESTS).fetch_all(&mut connection).await?;
        connection.close().await?;
        let sealed = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Sealed {
                case_id: row.try_get(0)?,
                key_id: row.try_get(1)?,
                key_bytes: row.try_get(2)?,
                manifest: row.try_get(3)?,
            })
        };
        rows.iter().map(sealed).collect()
    }
}
