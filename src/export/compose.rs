//! The ZIP, composed while it is read. It is never stored: headers come from the manifest, data from the sealed parts.
//!
//! **Guarantees.** The same manifest gives the same bytes. From any offset on they are the same as from the start, at
//! the cost of at most one window of sealed chunks. Memory does not grow with the export.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::{BoxStream, try_unfold};

use super::layout::{self, Entry};
use super::object::Reader;
use super::{Error, Manifest, Storage};
use crate::vault::CaseKey;

/// Pieces smaller than this are gathered before they are handed on.
const GATHER_BYTES: usize = 64 * 1024;

/// The bytes of the export from `offset` to the end, in chunks of at most 128 KiB. Nothing, if the offset is the size or
/// more. [`Error::Missing`] and [`Error::Corrupt`] if the storage was tampered with or lost something.
pub fn stream(
    storage: Storage,
    key: Arc<CaseKey>,
    manifest: Arc<Manifest>,
    offset: u64,
) -> BoxStream<'static, Result<Bytes, Error>> {
    let extents = layout::measure(manifest.parts().iter().map(Entry::from));
    let composer = Composer {
        reader: Reader::new(storage, key),
        manifest,
        extents,
        at: At::Header(0),
        skip: offset,
        gathered: BytesMut::new(),
        held: None,
    };
    try_unfold(
        composer,
        |mut composer| async move { Ok(composer.next().await?.map(|bytes| (bytes, composer))) },
    )
    .boxed()
}

/// What comes next.
#[derive(Clone, Copy)]
enum At {
    /// The local header of this entry.
    Header(usize),
    /// This entry's data: from this byte of this extent.
    Data { entry: usize, extent: usize, from: u64 },
    /// The directory's line of this entry, whose local header is at this offset.
    Directory { entry: usize, offset: u64 },
    /// The end record.
    End,
    /// Nothing.
    Done,
}

struct Composer {
    reader: Reader,
    manifest: Arc<Manifest>,
    extents: layout::Extents,
    at: At,
    /// Bytes still to leave out.
    skip: u64,
    gathered: BytesMut,
    held: Option<Bytes>,
}

impl Composer {
    /// The next chunk: small pieces together, large ones as they are.
    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let piece = match self.held.take() {
                Some(piece) => Some(piece),
                None => self.piece().await?,
            };
            let Some(piece) = piece else {
                return Ok(self.take_gathered());
            };
            if piece.len() < GATHER_BYTES {
                self.gathered.extend_from_slice(&piece);
                if self.gathered.len() >= GATHER_BYTES {
                    return Ok(self.take_gathered());
                }
            } else if self.gathered.is_empty() {
                return Ok(Some(piece));
            } else {
                self.held = Some(piece);
                return Ok(self.take_gathered());
            }
        }
    }

    fn take_gathered(&mut self) -> Option<Bytes> {
        (!self.gathered.is_empty()).then(|| self.gathered.split().freeze())
    }

    /// The next piece after the skipped ones.
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let piece = match self.at {
                At::Header(entry) => self.header(entry),
                At::Data { entry, extent, from } => self.data(entry, extent, from).await?,
                At::Directory { entry, offset } => self.directory(entry, offset),
                At::End => {
                    self.at = At::Done;
                    let count = self.manifest.parts().len() as u64;
                    let end =
                        layout::end(count, self.extents.directory_offset, self.extents.directory_length);
                    self.cut(end)
                }
                At::Done => return Ok(None),
            };
            if let Some(piece) = piece.filter(|piece| !piece.is_empty()) {
                return Ok(Some(piece));
            }
        }
    }

    /// Leaves out what is to be skipped of a header.
    fn cut(&mut self, bytes: Vec<u8>) -> Option<Bytes> {
        let skipped = self.skip.min(bytes.len() as u64);
        self.skip -= skipped;
        let from = usize::try_from(skipped).ok()?;
        Some(Bytes::from(bytes).slice(from..))
    }

    fn header(&mut self, index: usize) -> Option<Bytes> {
        let manifest = Arc::clone(&self.manifest);
        let Some(part) = manifest.parts().get(index) else {
            self.at = At::Directory { entry: 0, offset: 0 };
            return None;
        };
        let entry = Entry::from(part);
        let whole = entry.local_length() + entry.deflated;
        if self.skip >= whole {
            self.skip -= whole;
            self.at = At::Header(index + 1);
            return None;
        }
        self.at = At::Data { entry: index, extent: 0, from: 0 };
        self.cut(entry.local_header())
    }

    async fn data(&mut self, entry: usize, extent: usize, from: u64) -> Result<Option<Bytes>, Error> {
        let Some(here) = self.manifest.parts()[entry].extents.get(extent).copied() else {
            self.at = At::Header(entry + 1);
            return Ok(None);
        };
        let skipped = self.skip.min(here.length - from);
        self.skip -= skipped;
        let from = from + skipped;
        if from >= here.length {
            self.at = At::Data { entry, extent: extent + 1, from: 0 };
            return Ok(None);
        }
        let bytes = self.reader.read(here, from).await?;
        self.at = At::Data { entry, extent, from: from + bytes.len() as u64 };
        Ok(Some(bytes))
    }

    fn directory(&mut self, index: usize, offset: u64) -> Option<Bytes> {
        let manifest = Arc::clone(&self.manifest);
        let Some(part) = manifest.parts().get(index) else {
            self.at = At::End;
            return None;
        };
        let entry = Entry::from(part);
        let next = offset + entry.local_length() + entry.deflated;
        self.at = At::Directory { entry: index + 1, offset: next };
        let line = entry.central_header(offset);
        self.cut(line)
    }
}
