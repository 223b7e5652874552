//! The database in somebody else's hands.

use std::fs;

use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection, DbBackend};

use super::World;

/// Somebody else holds the database: every write waits until this is let go.
pub struct Held(DatabaseConnection);

impl Held {
    /// Takes it.
    pub async fn database_of(world: &World) -> Self {
        let file = fs::read_to_string(world.dir().join("rightful.toml")).expect("the configuration is there");
        let url = file.lines().find_map(|line| line.strip_prefix("store.url = ")).expect("it has a database");
        let mut options = sea_orm::ConnectOptions::new(url.trim_matches('"').to_owned());
        options.max_connections(1);
        let connection = Database::connect(options).await.expect("the database can be reached");
        let lock = match connection.get_database_backend() {
            DbBackend::Sqlite => "BEGIN IMMEDIATE",
            _ => "BEGIN; LOCK TABLE cases IN EXCLUSIVE MODE",
        };
        connection.execute_unprepared(lock).await.expect("it can be locked");
        Self(connection)
    }

    /// Gives it back.
    pub async fn let_go(self) {
        self.0.execute_unprepared("ROLLBACK").await.expect("it can be let go");
        self.0.close().await.expect("it can be closed");
    }
}
