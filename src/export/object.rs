//! Sealed objects: what is written as one stream of bytes, sealed in chunks, and read again from any place.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::storage::Upload;
use super::{Error, Storage};
use crate::domain::{CaseId, TaskId};
use crate::vault::{CHUNK_BYTES, CaseKey, SegmentKey, TAG_BYTES};

/// Bytes of a whole chunk once it is sealed.
const SEALED_BYTES: u64 = (CHUNK_BYTES + TAG_BYTES) as u64;
/// Chunks fetched at once: 1 MiB, so that a round trip to the storage is worth it.
const WINDOW_CHUNKS: u64 = 16;
/// An object ends beyond this; S3 takes 10,000 parts of 5 MiB, which is a little less than 50 GiB.
const OBJECT_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// The name of one stored object. It says nothing about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ObjectId {
    case_id: Uuid,
    task_id: Uuid,
    attempt: Uuid,
    number: u32,
}

impl ObjectId {
    /// Where it lies in the storage.
    pub(super) fn path(&self) -> String {
        format!("cases/{}/{}", self.case_id, self.file_name())
    }

    /// Whether the file was written by an attempt whose id is less than this. What is nobody's is old.
    pub(super) fn is_of_before(file_name: &str, before: Uuid) -> bool {
        let attempt = file_name.split('.').nth(1).and_then(|text| Uuid::try_parse(text).ok());
        attempt.is_none_or(|attempt| attempt < before)
    }

    /// The last part of its path.
    pub(super) fn file_name(&self) -> String {
        format!("{}.{}.{}", self.task_id, self.attempt, self.number)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}.{}", self.case_id, self.task_id, self.attempt, self.number)
    }
}

impl From<ObjectId> for String {
    fn from(id: ObjectId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ObjectId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for ObjectId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let corrupt = || Error::Corrupt("an object's name".to_owned());
        let mut fields = text.split('.');
        let mut next = || fields.next().ok_or_else(corrupt);
        let mut uuid = || Uuid::try_parse(next()?).map_err(|_| corrupt());
        let (case_id, task_id, attempt) = (uuid()?, uuid()?, uuid()?);
        let number = next()?.parse().map_err(|_| corrupt())?;
        if fields.next().is_some() {
            return Err(corrupt());
        }
        Ok(Self { case_id, task_id, attempt, number })
    }
}

/// A run of bytes in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Extent {
    /// In which object.
    pub(super) object: ObjectId,
    /// From which byte of what was written, before sealing.
    pub(super) start: u64,
    /// How many bytes.
    pub(super) length: u64,
}

/// Writes the objects of one attempt, one after the other. Everything that an attempt stores between two checkpoints
/// goes into one object, however many parts it belongs to: a small case costs a few files, not a few dozen.
pub(super) struct Shelf {
    storage: Storage,
    key: Arc<CaseKey>,
    /// The object that is written next, or now.
    next: ObjectId,
    open: Option<Writer>,
}

impl Shelf {
    pub(super) fn new(
        storage: Storage,
        key: Arc<CaseKey>,
        case_id: CaseId,
        task_id: TaskId,
        attempt: Uuid,
    ) -> Self {
        let next = ObjectId { case_id: case_id.0, task_id: task_id.0, attempt, number: 0 };
        Self { storage, key, next, open: None }
    }

    /// Appends the bytes to the object at hand.
    pub(super) async fn append(&mut self, bytes: &[u8]) -> Result<Extent, Error> {
        if self.open.as_ref().is_some_and(|writer| writer.length >= OBJECT_BYTES) {
            self.settle().await?;
        }
        let object = self.next;
        let writer = self.open.get_or_insert_with(|| Writer {
            upload: self.storage.upload(object),
            key: self.key.segment(&object.path()),
            chunk: Vec::new(),
            index: 0,
            length: 0,
        });
        let start = writer.length;
        writer.write(bytes).await?;
        Ok(Extent { object, start, length: writer.length - start })
    }

    /// Ends the object at hand: everything appended so far is durable when it answers.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        let Some(writer) = self.open.take() else { return Ok(()) };
        // An attempt's objects are as many as its checkpoints, which are far fewer than 2^32.
        self.next.number += 1;
        writer.finish().await
    }
}

struct Writer {
    upload: Upload,
    key: SegmentKey,
    chunk: Vec<u8>,
    index: u32,
    length: u64,
}

impl Writer {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            // A full chunk waits until it is known whether it is the last one.
            if self.chunk.len() == CHUNK_BYTES {
                self.key.seal(self.index, false, &mut self.chunk);
                self.upload.write(&self.chunk).await?;
                self.chunk.clear();
                self.index += 1;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.chunk.len()));
            self.chunk.extend_from_slice(now);
            self.length += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), Error> {
        self.key.seal(self.index, true, &mut self.chunk);
        self.upload.write(&self.chunk).await?;
        self.upload.finish().await
    }
}

/// Sealed bytes as fetched: of which chunks, and how large the whole object is.
struct Fetched {
    object: ObjectId,
    first_chunk: u64,
    sealed: Bytes,
    object_bytes: u64,
}

async fn fetch(storage: Storage, object: ObjectId, first_chunk: u64) -> Result<Fetched, Error> {
    let start = first_chunk * SEALED_BYTES;
    let (sealed, object_bytes) = storage.get(object, start..start + WINDOW_CHUNKS * SEALED_BYTES).await?;
    Ok(Fetched { object, first_chunk, sealed, object_bytes })
}

/// Chunks that are open, each with its tag still behind it.
struct Window {
    object: ObjectId,
    first_chunk: u64,
    bytes: Bytes,
}

impl Window {
    /// The bytes from `position` to the end of its chunk.
    fn chunk_from(&self, position: u64) -> Option<Bytes> {
        let chunk = (position / CHUNK_BYTES as u64).checked_sub(self.first_chunk)?;
        let start = usize::try_from(chunk * SEALED_BYTES).ok()?;
        let end = self.bytes.len().min(start + CHUNK_BYTES + TAG_BYTES).checked_sub(TAG_BYTES)?;
        let from = start + usize::try_from(position % CHUNK_BYTES as u64).ok()?;
        (from < end).then(|| self.bytes.slice(from..end))
    }
}

/// Reads extents. It keeps the window it opened last, since neighbours are read next, and fetches the one after it
/// meanwhile.
pub(super) struct Reader {
    storage: Storage,
    key: Arc<CaseKey>,
    window: Option<Window>,
    ahead: Option<Ahead>,
}

/// A window that is being fetched.
struct Ahead {
    object: ObjectId,
    first_chunk: u64,
    fetching: AbortOnDropHandle<Result<Fetched, Error>>,
}

impl Reader {
    pub(super) fn new(storage: Storage, key: Arc<CaseKey>) -> Self {
        Self { storage, key, window: None, ahead: None }
    }

    /// Some bytes of the extent from `offset`, which is less than its length: at least one, at most a chunk.
    pub(super) async fn read(&mut self, extent: Extent, offset: u64) -> Result<Bytes, Error> {
        let position = extent.start + offset;
        let wanted = extent.length - offset;
        if let Some(bytes) = self.held(extent.object, position, wanted) {
            return Ok(bytes);
        }
        let fetched = self.fetched(extent.object, position / CHUNK_BYTES as u64).await?;
        self.read_ahead(&fetched, position + wanted);
        self.window = Some(self.unseal(fetched)?);
        self.held(extent.object, position, wanted).ok_or_else(|| Error::Corrupt(extent.object.to_string()))
    }

    fn held(&self, object: ObjectId, position: u64, wanted: u64) -> Option<Bytes> {
        let mut bytes =
            self.window.as_ref().filter(|window| window.object == object)?.chunk_from(position)?;
        bytes.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        Some(bytes)
    }

    async fn fetched(&mut self, object: ObjectId, first_chunk: u64) -> Result<Fetched, Error> {
        let is_it = |ahead: &Ahead| ahead.object == object && ahead.first_chunk == first_chunk;
        if let Some(ahead) = self.ahead.take().filter(is_it) {
            return ahead.fetching.await.map_err(Error::unavailable)?;
        }
        fetch(self.storage.clone(), object, first_chunk).await
    }

    fn read_ahead(&mut self, now: &Fetched, extent_end: u64) {
        let next_chunk = now.first_chunk + WINDOW_CHUNKS;
        if next_chunk * CHUNK_BYTES as u64 >= extent_end {
            return;
        }
        let fetching = tokio::spawn(fetch(self.storage.clone(), now.object, next_chunk));
        self.ahead = Some(Ahead {
            object: now.object,
            first_chunk: next_chunk,
            fetching: AbortOnDropHandle::new(fetching),
        });
    }

    /// Opens the chunks where they lie: what storage gives is nobody else's, so nothing is copied.
    fn unseal(&self, fetched: Fetched) -> Result<Window, Error> {
        let Fetched { object, first_chunk, sealed, object_bytes } = fetched;
        let corrupt = || Error::Corrupt(object.to_string());
        let key = self.key.segment(&object.path());
        let last_chunk = object_bytes.saturating_sub(1) / SEALED_BYTES;
        let mut bytes = sealed.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&*shared));
        for (chunk, index) in bytes.chunks_mut(CHUNK_BYTES + TAG_BYTES).zip(first_chunk..) {
            let number = u32::try_from(index).map_err(|_| corrupt())?;
            key.open(number, index == last_chunk, chunk).map_err(|_| corrupt())?;
        }
        Ok(Window { object, first_chunk, bytes: bytes.freeze() })
    }
}
