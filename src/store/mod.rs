//! The tables: the only home of sea-orm.
//!
//! All changes of a case go through [`Store::change`]: the writer loads the case's [`CaseFile`], applies a pure
//! function, and writes the difference, its events and nothing else in one transaction. Many changes share one commit.

mod case_file;
mod cases;
mod connection;
mod convert;
mod downstreams;
mod entity;
mod error;
mod migration;
mod openings;
mod tasks;
mod wake;
mod writer;

use std::sync::Arc;

use sea_orm::DatabaseConnection;
use tokio::sync::mpsc;

pub use case_file::{CaseFile, Event, ExportFacts};
pub use cases::{Filter, StoredCase};
pub use connection::migrate;
pub use downstreams::StoredDownstream;
pub use error::Error;
pub use openings::{Existing, Opened, Opening};
pub use tasks::ClaimedTask;
pub use wake::Wakes;

/// Where the tables are, and how to connect.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://FILE` or `postgres://…`.
    pub url: String,
    /// Changes that share one commit at the most.
    pub batch_max: usize,
    /// Writes that may wait at once, at least 1. Who comes later is told to come back.
    pub waiting_max: usize,
}

/// The handle to the tables: cheap to clone.
#[derive(Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    jobs: mpsc::Sender<writer::Job>,
    wakes: Arc<Wakes>,
}

impl Store {
    /// Connects, brings the schema up to date, and starts the writer. The writer ends with the last handle.
    pub async fn open(settings: &Settings) -> Result<Self, Error> {
        let (reader, writer) = connection::connect(&settings.url).await?;
        connection::bring_up_to_date(&writer).await?;
        let wakes = Arc::new(Wakes::default());
        let (jobs, queue) = mpsc::channel(settings.waiting_max);
        writer::spawn(writer.clone(), queue, settings.batch_max, Arc::clone(&wakes));
        Ok(Self { reader, writer, jobs, wakes })
    }

    /// The wake-ups that commits ring.
    pub fn wakes(&self) -> &Arc<Wakes> {
        &self.wakes
    }

    /// Whether the database answers.
    pub async fn check(&self) -> Result<(), Error> {
        Ok(self.reader.ping().await?)
    }
}
