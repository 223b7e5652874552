//! The database of one world: what the configuration says of it, and what its tables say at the end.

#[path = "../it/harness/cluster.rs"]
#[expect(dead_code, reason = "the end-to-end tests share one cluster, and make many databases in it")]
mod cluster;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use sea_orm::{ConnectOptions, ConnectionTrait as _, DatabaseConnection, QueryResult, Statement};
use uuid::Uuid;

use crate::proxy::{End, Proxy};
use cluster::Cluster;

/// A settled case's sealed manifest, and what it takes to open it.
pub struct Sealed {
    pub case_id: Uuid,
    pub key_id: String,
    pub key_bytes: Vec<u8>,
    pub manifest: Vec<u8>,
}

/// Where the tables are.
pub enum Database {
    /// One file.
    Sqlite(PathBuf),
    /// A cluster of this world's own, behind a proxy.
    Postgresql { cluster: Arc<Cluster>, proxy: Proxy },
}

/// Everybody who works on something, or should have done so long ago. What only expires later is at rest.
const BUSY: &str = "SELECT \
    (SELECT count(*) FROM tasks WHERE lease_token IS NOT NULL) + \
    (SELECT count(*) FROM cases WHERE lease_token IS NOT NULL) AS leases, \
    (SELECT count(*) FROM tasks WHERE state NOT IN ('done', 'skipped', 'refused', 'needs_attention', 'cancelled')) + \
    (SELECT count(*) FROM cases WHERE work IS NOT NULL AND work NOT IN ('expire', 'release')) AS work";

const CASES: &str = "SELECT count(*) FROM cases";

const MANIFESTS: &str = "SELECT id, key_id, key_bytes, manifest FROM cases WHERE manifest IS NOT NULL";

/// The database in a cluster that is a world's own.
const NAME: &str = "postgres";

impl Database {
    /// One SQLite file in `world`.
    pub fn sqlite(world: &Path) -> Self {
        Self::Sqlite(world.join("rightful.sqlite"))
    }

    /// A new PostgreSQL cluster.
    pub async fn postgresql() -> anyhow::Result<Self> {
        let cluster = Arc::new(tokio::task::spawn_blocking(Cluster::start).await?);
        let proxy = Proxy::open(End::Socket(socket(&cluster)?)).await?;
        Ok(Self::Postgresql { cluster, proxy })
    }

    /// Its part of the configuration.
    pub fn settings(&self) -> String {
        let url = match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgresql { proxy, .. } => format!("postgres://rightful@{}/{NAME}", proxy.address()),
        };
        format!("store.url = \"{url}\"\n")
    }

    /// Between rightful and the server, if it is one.
    pub fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgresql { proxy, .. } => Some(proxy),
        }
    }

    /// Ends the server as a crash would, and starts it again.
    pub async fn restart(&self) -> anyhow::Result<()> {
        let Self::Postgresql { cluster, .. } = self else { anyhow::bail!("a file cannot be restarted") };
        let cluster = Arc::clone(cluster);
        let restart = move || {
            cluster.stop();
            cluster.start_again();
        };
        tokio::task::spawn_blocking(restart).await.context("the database does not come back")
    }

    /// How many leases live, and how much there is to do.
    pub async fn busy(&self) -> anyhow::Result<(i64, i64)> {
        let rows = self.query(BUSY).await?;
        let row = rows.first().context("counts are a row")?;
        Ok((row.try_get_by_index(0)?, row.try_get_by_index(1)?))
    }

    /// How many cases there are.
    pub async fn cases(&self) -> anyhow::Result<i64> {
        let rows = self.query(CASES).await?;
        Ok(rows.first().context("a count is a row")?.try_get_by_index(0)?)
    }

    /// The manifests of all exports.
    pub async fn manifests(&self) -> anyhow::Result<Vec<Sealed>> {
        let rows = self.query(MANIFESTS).await?;
        let sealed = |row: &QueryResult| {
            Ok(Sealed {
                case_id: row.try_get_by_index(0)?,
                key_id: row.try_get_by_index(1)?,
                key_bytes: row.try_get_by_index(2)?,
                manifest: row.try_get_by_index(3)?,
            })
        };
        rows.iter().map(sealed).collect()
    }

    async fn query(&self, sql: &str) -> anyhow::Result<Vec<QueryResult>> {
        let connection = self.connect().await?;
        let backend = connection.get_database_backend();
        let rows = connection.query_all_raw(Statement::from_string(backend, sql)).await?;
        connection.close().await?;
        Ok(rows)
    }

    /// Past the proxy.
    async fn connect(&self) -> anyhow::Result<DatabaseConnection> {
        let url = match self {
            Self::Sqlite(file) => format!("sqlite://{}", file.display()),
            Self::Postgresql { cluster, .. } => cluster.url(NAME),
        };
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        Ok(sea_orm::Database::connect(options).await?)
    }
}

/// Where the cluster listens.
fn socket(cluster: &Cluster) -> anyhow::Result<PathBuf> {
    let url = cluster.url(NAME);
    let (_, folder) = url.split_once("?host=").context("a cluster listens on a socket in its folder")?;
    Ok(Path::new(folder).join(".s.PGSQL.5432"))
}

/// A variable of whoever runs this.
#[expect(
    clippy::disallowed_methods,
    reason = "the product reads its environment in config; this looks for PostgreSQL"
)]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
