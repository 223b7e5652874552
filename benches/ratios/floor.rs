//! What this machine can do at all: rows committed one by one, and a bare stream.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use rightful::proto::downstream::v1::{
    CollectRequest, Identifier, Subject, collect_response::Item,
    subject_data_service_client::SubjectDataServiceClient,
};
use sea_orm::sqlx::{
    self, Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::Instant;

use crate::{caller, generator::CATEGORY, table::figure};

/// As large as a row of a new case.
const ROW_BYTES: usize = 600;

/// A table to insert into, with the settings that rightful's own database has.
pub struct Rows {
    connection: SqliteConnection,
    next: i64,
}

impl Rows {
    /// An empty one in `folder`.
    pub async fn create(folder: &Path) -> anyhow::Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(folder.join("floor.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        sqlx::query("CREATE TABLE floor (id INTEGER PRIMARY KEY, row BLOB NOT NULL)")
            .execute(&mut connection)
            .await?;
        Ok(Self { connection, next: 0 })
    }

    /// Rows a second, each in a transaction of its own, measured for so long.
    pub async fn rate(&mut self, time: Duration) -> anyhow::Result<f64> {
        let row = vec![7_u8; ROW_BYTES];
        let (start, first) = (Instant::now(), self.next);
        while start.elapsed() < time {
            sqlx::query("INSERT INTO floor (id, row) VALUES (?, ?)")
                .bind(self.next)
                .bind(&row)
                .execute(&mut self.connection)
                .await?;
            self.next += 1;
        }
        let rows = u64::try_from(self.next - first)?;
        Ok(figure(rows) / start.elapsed().as_secs_f64())
    }
}

/// Takes all that a generating downstream sends, and throws it away: how many bytes of data came.
pub async fn discard(endpoint: &str) -> anyhow::Result<u64> {
    let mut stub = SubjectDataServiceClient::new(caller::channel(endpoint).await?);
    let person = Identifier { kind: "email".to_owned(), value: "person@example.org".to_owned() };
    let request = CollectRequest {
        task_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        subject: Some(Subject { identifiers: vec![person] }),
        categories: vec![CATEGORY.to_owned()],
        ..CollectRequest::default()
    };
    let mut stream = stub.collect(request).await?.into_inner();
    let mut bytes = 0;
    while let Some(message) = stream.message().await? {
        bytes += match message.item.context("an empty message")? {
            Item::Record(record) => record.json.len() as u64,
            Item::FileChunk(chunk) => chunk.data.len() as u64,
            _ => 0,
        };
    }
    Ok(bytes)
}
