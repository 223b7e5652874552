//! The sink of one collect attempt: what a downstream streams becomes sealed parts.
//!
//! **Expected flow.** `begin`, then the stream's items in their order, `checkpoint` at each resume token, `finish`.
//! The caller has checked the contract's shape (order, counts, valid JSON); what it cannot see is checked here.
//!
//! **Guarantees.** The parts are a function of what the downstream sent: an attempt that was interrupted and went on
//! from a checkpoint ends in the same bytes as one that was not. Memory stays within a few MiB.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use super::counter::{Counter, line};
use super::name::{self, Names};
use super::object::Shelf;
use super::part::{About, Part};
use super::press::{DraftId, Press};
use super::progress::{Progress, State, Version};
use super::{Error, Storage, hex};
use crate::domain::{CaseId, CategoryResult, TaskId, Withheld};
use crate::vault::CaseKey;

/// Content between two checkpoints at least: what a crash may cost, against what a checkpoint costs.
pub const CHECKPOINT_BYTES: u64 = 8 * 1024 * 1024;
/// In a large collection, at least this fraction of what was taken lies between two checkpoints: a crash repeats some
/// percent of the work at most, and there are a few hundred checkpoints at most, not tens of thousands.
const CHECKPOINT_FRACTION: u64 = 64;

/// Where the collected data belongs.
#[derive(Clone, Debug)]
pub struct Place {
    /// The case.
    pub case_id: CaseId,
    /// The task.
    pub task_id: TaskId,
    /// The downstream's name: the folder in the bag.
    pub downstream: String,
    /// Fresh for each attempt, so that attempts never write over each other.
    pub attempt: Uuid,
}

/// What an attempt brought.
#[derive(Debug)]
pub struct Collected {
    /// The files for the bag, all durable.
    pub parts: Vec<Part>,
    /// The counts.
    pub results: Vec<CategoryResult>,
}

/// Takes what one downstream streams.
pub struct Collector {
    folder: String,
    press: Press,
    counter: Counter,
    records: BTreeMap<String, DraftId>,
    files: Vec<Part>,
    file: Option<DraftId>,
    names: Names,
    taken: u64,
    since_checkpoint: u64,
    pub(super) checkpoint_bytes: u64,
}

impl Collector {
    /// Begins an attempt, from the start or from a checkpoint. [`Error::Corrupt`] if that is not one of ours.
    pub fn begin(
        storage: Storage,
        key: Arc<CaseKey>,
        place: Place,
        saved: Option<Progress>,
    ) -> Result<Self, Error> {
        let Place { case_id, task_id, downstream, attempt } = place;
        let shelf = Shelf::new(storage, key, case_id, task_id, attempt);
        let mut collector = Self {
            folder: folder(&downstream),
            press: Press::new(shelf),
            counter: Counter::new(),
            records: BTreeMap::new(),
            files: Vec::new(),
            file: None,
            names: Names::default(),
            taken: 0,
            since_checkpoint: 0,
            checkpoint_bytes: CHECKPOINT_BYTES,
        };
        if let Some(Progress(Version::V1(state))) = saved {
            collector.counter = Counter::restore(state.counts)?;
            for (category, draft) in state.records {
                let id = collector.press.restore(draft)?;
                collector.records.insert(category, id);
            }
            for part in &state.files {
                collector.names.take(&part.path);
            }
            collector.files = state.files;
            collector.taken = state.taken;
        }
        Ok(collector)
    }

    /// Takes a record: one JSON object, valid UTF-8.
    pub async fn record(&mut self, category: &str, json: &[u8]) -> Result<(), Error> {
        self.counter.record(category, json)?;
        let id = match self.records.get(category) {
            Some(id) => *id,
            None => self.begin_records(category),
        };
        self.press.write(id, &line(json)).await?;
        self.press.write(id, b"\n").await?;
        self.took(json.len() + 1);
        Ok(())
    }

    fn begin_records(&mut self, category: &str) -> DraftId {
        let id = self.press.begin(About {
            path: format!("{}/{}.ndjson", self.folder, name::safe(category)),
            category: Some(category.to_owned()),
            media_type: "application/x-ndjson".to_owned(),
        });
        self.records.insert(category.to_owned(), id);
        id
    }

    fn took(&mut self, bytes: usize) {
        self.taken += bytes as u64;
        self.since_checkpoint += bytes as u64;
    }

    /// Begins a file. Its name is made safe and unique.
    pub fn file_begin(&mut self, category: &str, name: &str, media_type: &str) -> Result<(), Error> {
        self.counter.file_begin(category)?;
        let folder = format!("{}/files/{}", self.folder, name::safe(category));
        self.file = Some(self.press.begin(About {
            path: self.names.unique(&folder, &name::safe(name)),
            category: Some(category.to_owned()),
            media_type: name::media_type(media_type).to_owned(),
        }));
        Ok(())
    }

    /// Takes the next bytes of the file.
    pub async fn file_chunk(&mut self, data: &[u8]) -> Result<(), Error> {
        self.counter.file_chunk(data)?;
        if let Some(id) = self.file {
            self.press.write(id, data).await?;
        }
        self.took(data.len());
        Ok(())
    }

    /// Ends the file. The digest given, unless it is empty, must be that of what came.
    pub async fn file_end(&mut self, sha256: &[u8]) -> Result<(), Error> {
        self.counter.file_end(sha256)?;
        if let Some(id) = self.file.take() {
            self.files.push(self.press.end(id).await?);
        }
        Ok(())
    }

    /// Notes what is not disclosed.
    pub fn withheld(&mut self, category: &str, withheld: Withheld) -> Result<(), Error> {
        self.counter.withheld(category, withheld)
    }

    /// A resume token has come. If enough came since the last checkpoint, makes everything durable and answers what
    /// to store (sealed) so that the next attempt can go on from here.
    pub async fn checkpoint(&mut self, token: &[u8]) -> Result<Option<Progress>, Error> {
        let due = self.checkpoint_bytes.max(self.taken / CHECKPOINT_FRACTION);
        if self.since_checkpoint < due || self.counter.is_in_file() {
            return Ok(None);
        }
        self.press.settle().await?;
        self.since_checkpoint = 0;
        let saved = |(category, id): (&String, &DraftId)| Some((category.clone(), self.press.save(*id)?));
        Ok(Some(Progress::new(State {
            token: hex::encode(token),
            counts: self.counter.save(),
            records: self.records.iter().filter_map(saved).collect(),
            files: self.files.clone(),
            taken: self.taken,
        })))
    }

    /// The stream is complete: ends all parts, and answers when they are durable.
    pub async fn finish(mut self) -> Result<Collected, Error> {
        if self.counter.is_in_file() {
            return Err(Error::violation("the stream ends inside a file"));
        }
        let mut parts = Vec::with_capacity(self.records.len() + self.files.len());
        for id in self.records.values() {
            parts.push(self.press.end(*id).await?);
        }
        parts.append(&mut self.files);
        self.press.settle().await?;
        Ok(Collected { parts, results: self.counter.finish() })
    }
}

/// The downstream's folder in the bag. `schemas` is taken, and an underscore begins no downstream's name.
pub(super) fn folder(downstream: &str) -> String {
    let name = name::safe(downstream);
    if name == "schemas" { "data/_schemas".to_owned() } else { format!("data/{name}") }
}
