//! Where a collection goes: into parts, or into counts only.

use super::{Collected, Collector, Counter, Error, Progress};
use crate::domain::Withheld;

/// Takes a downstream's stream, item by item.
pub enum Sink {
    /// Stores it, for an export.
    Store(Box<Collector>),
    /// Counts it, before and after an erasure or change.
    Count(Counter),
}

impl Sink {
    /// Takes a record: one JSON object, valid UTF-8.
    pub async fn record(&mut self, category: &str, json: &[u8]) -> Result<(), Error> {
        match self {
            Self::Store(collector) => collector.record(category, json).await,
            Self::Count(counter) => counter.record(category, json),
        }
    }

    /// Begins a file.
    pub fn file_begin(&mut self, category: &str, name: &str, media_type: &str) -> Result<(), Error> {
        match self {
            Self::Store(collector) => collector.file_begin(category, name, media_type),
            Self::Count(counter) => counter.file_begin(category),
        }
    }

    /// Takes the next bytes of the file.
    pub async fn file_chunk(&mut self, data: &[u8]) -> Result<(), Error> {
        match self {
            Self::Store(collector) => collector.file_chunk(data).await,
            Self::Count(counter) => counter.file_chunk(data),
        }
    }

    /// Ends the file. The digest given, unless it is empty, must be that of what came.
    pub async fn file_end(&mut self, sha256: &[u8]) -> Result<(), Error> {
        match self {
            Self::Store(collector) => collector.file_end(sha256).await,
            Self::Count(counter) => counter.file_end(sha256),
        }
    }

    /// Notes what is not disclosed.
    pub fn withheld(&mut self, category: &str, withheld: Withheld) -> Result<(), Error> {
        match self {
            Self::Store(collector) => collector.withheld(category, withheld),
            Self::Count(counter) => counter.withheld(category, withheld),
        }
    }

    /// A resume token has come. Counts are cheap to make again, so they have no checkpoints.
    pub async fn checkpoint(&mut self, token: &[u8]) -> Result<Option<Progress>, Error> {
        match self {
            Self::Store(collector) => collector.checkpoint(token).await,
            Self::Count(_) => Ok(None),
        }
    }

    /// The stream is complete.
    pub async fn finish(self) -> Result<Collected, Error> {
        match self {
            Self::Store(collector) => collector.finish().await,
            Self::Count(counter) => Ok(Collected { parts: Vec::new(), results: counter.finish() }),
        }
    }
}
