//! The one place that knows which database the suite runs on.
//!
//! `RIGHTFUL_TEST_DATABASE` is `sqlite` (the default) or `postgresql`: a cluster of this process's own, or, if
//! `RIGHTFUL_TEST_DATABASE_URL` names a database of a running server whose user may make others, that server.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use sea_orm::{ConnectionTrait as _, DbBackend, Statement};

use super::{
    cluster::{Cluster, connect, execute},
    environment,
};

/// A world's database. What is not in the world's folder goes when this is dropped.
pub enum Database {
    /// A file in the world's folder.
    Sqlite { url: String },
    /// A database of its own in a server that others share.
    Postgresql { name: String, url: String, admin: String },
}

impl Database {
    /// A new and empty one, of the kind that the suite runs on.
    pub async fn create(dir: &Path) -> Self {
        match environment("RIGHTFUL_TEST_DATABASE").as_deref() {
            None | Some("sqlite") => Self::file(dir),
            Some("postgresql") => {
                let admin = environment("RIGHTFUL_TEST_DATABASE_URL");
                Self::in_server(admin.unwrap_or_else(|| Cluster::shared().url("postgres"))).await
            }
            Some(other) => panic!("RIGHTFUL_TEST_DATABASE is sqlite or postgresql, not {other}"),
        }
    }

    /// A file in this folder.
    pub fn file(dir: &Path) -> Self {
        Self::Sqlite { url: format!("sqlite://{}/rightful.sqlite", dir.display()) }
    }

    /// A new database in the server that this URL of one of its databases leads to.
    pub async fn in_server(admin: String) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(1);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("rightful_test_{}_{number}", std::process::id());
        // Of template0: nobody is ever connected to that, which would forbid to copy it.
        execute(&admin, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        let (place, options) = admin.split_once('?').unwrap_or((&admin, ""));
        let (server, _) = place.rsplit_once('/').expect("a database URL has a path");
        let url = format!("{server}/{name}?{options}");
        Self::Postgresql { name, url, admin }
    }

    /// `store.url`.
    pub fn url(&self) -> &str {
        match self {
            Self::Sqlite { url } | Self::Postgresql { url, .. } => url,
        }
    }

    /// Runs statements that answer nothing.
    pub async fn execute(&self, sql: &str) {
        execute(self.url(), sql).await;
    }

    /// The one number that a statement answers.
    pub async fn number(&self, sql: &str) -> i64 {
        let connection = connect(self.url()).await;
        let statement = Statement::from_string(connection.get_database_backend(), sql.to_owned());
        let row =
            connection.query_one_raw(statement).await.expect("it can be asked").expect("it answers a row");
        connection.close().await.expect("a connection can be closed");
        row.try_get_by_index(0).expect("it is a number")
    }

    /// PostgreSQL: another value of a setting, for all connections from now on; those that there are end.
    pub async fn set(&self, setting: &str, value: &str) {
        let Self::Postgresql { name, admin, .. } = self else { panic!("SQLite has no such settings") };
        execute(admin, &format!("ALTER DATABASE {name} SET {setting} = {value}")).await;
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname =";
        execute(admin, &format!("{end} '{name}'")).await;
    }

    /// Every row of every table as text, binary columns as hex, each with its table's name. SQLite's are all in its
    /// file, so there are none here.
    pub async fn rows(&self) -> Vec<(String, String)> {
        let Self::Postgresql { url, .. } = self else { return Vec::new() };
        let connection = connect(url).await;
        let all = async |sql: String| {
            let rows = connection.query_all_raw(Statement::from_string(DbBackend::Postgres, sql)).await;
            let rows = rows.expect("the tables can be read");
            rows.iter().map(|row| row.try_get_by_index::<String>(0).expect("it is text")).collect::<Vec<_>>()
        };
        let tables = all(
            "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'".into(),
        );
        let mut found = Vec::new();
        for table in tables.await {
            let rows = all(format!("SELECT row::text FROM {table} AS row")).await;
            found.extend(rows.into_iter().map(|row| (table.clone(), row)));
        }
        connection.close().await.expect("a connection can be closed");
        found
    }
}

impl Drop for Database {
    /// Leaves nothing behind in a server that lives on. Off this thread, which may be driving a runtime.
    fn drop(&mut self) {
        let Self::Postgresql { name, admin, .. } = self else { return };
        let (admin, sql) = (admin.clone(), format!("DROP DATABASE {name} WITH (FORCE)"));
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be built").block_on(execute(&admin, &sql));
        });
        // A test that fails has something more important to say.
        let _ = dropping.join();
    }
}
