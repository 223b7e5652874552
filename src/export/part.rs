//! Parts: one file of the bag each, deflated and sealed, wherever its bytes lie.

use std::collections::BTreeSet;
use std::fmt;

use flate2::{Compress, Compression, FlushCompress, Status};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::object::{Extent, ObjectId};
use super::{Error, hex};

/// Bytes that are deflated in one go. Pieces of a fixed size make the deflated bytes a function of the content alone,
/// however it was cut on the wire.
pub(super) const PIECE_BYTES: usize = 32 * 1024;
/// Deflated bytes that a part gathers before they are stored: large enough that parts that take turns do not lie in
/// crumbs, small enough to hold one for each open deflater.
pub(super) const RUN_BYTES: usize = 128 * 1024;
/// Deflating is most of what a collection costs. On JSON records, level 3 takes 20 to 40 % more time for 7 %
/// fewer bytes, level 6 two to six times as much for 15 to 27 %; level 1 takes two thirds, for a third more.
const LEVEL: u32 = 2;
/// Room for what one call of the deflater gives.
const SCRATCH_BYTES: usize = 16 * 1024;
/// The shortest deflate block that ends a stream: final, fixed codes, nothing in it.
const EMPTY_FINAL_BLOCK: [u8; 2] = [0x03, 0x00];

/// One finished file of the bag.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its path in the bag.
    pub path: String,
    /// The category whose records or file it holds; absent for the bag's own documents.
    pub category: Option<String>,
    /// Such as `application/pdf`.
    pub media_type: String,
    /// Bytes of the content.
    pub length: u64,
    /// Bytes of the content once deflated.
    pub deflated: u64,
    /// CRC-32 of the content.
    pub crc32: u32,
    /// Hex SHA-256 of the content.
    pub sha256: String,
    /// Where the deflated bytes lie, in order.
    pub(super) extents: Vec<Extent>,
}

impl Part {
    /// The objects that hold its bytes.
    pub fn objects(&self) -> BTreeSet<ObjectId> {
        self.extents.iter().map(|extent| extent.object).collect()
    }
}

impl fmt::Debug for Part {
    /// File names may be personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({} bytes, {} deflated)", self.length, self.deflated)
    }
}

/// Raw deflate that can be interrupted: after a full flush, another deflater goes on with an empty dictionary.
pub(super) struct Deflater {
    compress: Compress,
    scratch: Box<[u8; SCRATCH_BYTES]>,
}

impl Deflater {
    pub(super) fn new() -> Self {
        let compress = Compress::new(Compression::new(LEVEL), false);
        Self { compress, scratch: Box::new([0; SCRATCH_BYTES]) }
    }

    /// Makes it as good as new.
    pub(super) fn reset(&mut self) {
        self.compress.reset();
    }

    fn run(&mut self, mut input: &[u8], flush: FlushCompress, out: &mut Vec<u8>) {
        loop {
            let (taken, made) = (self.compress.total_in(), self.compress.total_out());
            let status = self
                .compress
                .compress(input, &mut self.scratch[..], flush)
                .expect("a deflate stream that is not finished takes any input");
            let count = |after: u64, before: u64| usize::try_from(after - before).expect("within a buffer");
            input = &input[count(self.compress.total_in(), taken)..];
            let made = count(self.compress.total_out(), made);
            out.extend_from_slice(&self.scratch[..made]);
            // Room left over means that nothing is left to say.
            if status == Status::StreamEnd || (input.is_empty() && made < SCRATCH_BYTES) {
                return;
            }
        }
    }
}

/// What a draft is to become.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) path: String,
    pub(super) category: Option<String>,
    pub(super) media_type: String,
}

/// A part in the making.
pub(super) struct Draft {
    about: About,
    piece: Vec<u8>,
    /// Deflated, and not stored yet.
    pub(super) run: Vec<u8>,
    pub(super) deflater: Option<Deflater>,
    crc32: u32,
    sha256: Sha256,
    length: u64,
    deflated: u64,
    extents: Vec<Extent>,
}

/// A draft at a checkpoint, when all of it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SavedDraft {
    about: About,
    crc32: u32,
    /// Hex of the hash's state, which holds up to 63 bytes of the content.
    sha256_state: String,
    length: u64,
    deflated: u64,
    pub(super) extents: Vec<Extent>,
}

impl Draft {
    pub(super) fn new(about: About) -> Self {
        Self {
            about,
            piece: Vec::new(),
            run: Vec::new(),
            deflater: None,
            crc32: 0,
            sha256: Sha256::new(),
            length: 0,
            deflated: 0,
            extents: Vec::new(),
        }
    }

    /// Takes what fits into the piece, and gives back the rest.
    pub(super) fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let (now, later) = bytes.split_at(bytes.len().min(PIECE_BYTES - self.piece.len()));
        self.piece.extend_from_slice(now);
        later
    }

    pub(super) fn is_piece_full(&self) -> bool {
        self.piece.len() == PIECE_BYTES
    }

    pub(super) fn is_piece_empty(&self) -> bool {
        self.piece.is_empty()
    }

    fn sum_piece(&mut self) {
        let mut crc = crc32fast::Hasher::new_with_initial(self.crc32);
        crc.update(&self.piece);
        self.crc32 = crc.finalize();
        self.sha256.update(&self.piece);
        self.length += self.piece.len() as u64;
    }

    fn deflate(&mut self, with_piece: bool, flush: FlushCompress) {
        let Some(deflater) = &mut self.deflater else { return };
        let before = self.run.len();
        deflater.run(if with_piece { &self.piece } else { &[] }, flush, &mut self.run);
        self.deflated += (self.run.len() - before) as u64;
        if with_piece {
            self.sum_piece();
            self.piece.clear();
        }
    }

    /// Deflates the piece. It has a deflater.
    pub(super) fn press(&mut self) {
        self.deflate(true, FlushCompress::None);
    }

    /// Ends what the deflater has at hand at a byte's boundary, forgets its dictionary, and gives it back. The piece
    /// stays for the next one.
    pub(super) fn flush(&mut self) -> Option<Deflater> {
        self.deflate(false, FlushCompress::Full);
        self.deflater.take()
    }

    /// Ends the deflate stream. Whatever is in the piece goes with it, for which it needs a deflater.
    pub(super) fn close(&mut self) -> Option<Deflater> {
        if self.deflater.is_none() {
            self.run.extend_from_slice(&EMPTY_FINAL_BLOCK);
            self.deflated += EMPTY_FINAL_BLOCK.len() as u64;
        }
        self.deflate(true, FlushCompress::Finish);
        self.deflater.take()
    }

    /// Notes where the run went.
    pub(super) fn stored(&mut self, extent: Extent) {
        self.run.clear();
        match self.extents.last_mut() {
            Some(last) if last.object == extent.object && last.start + last.length == extent.start => {
                last.length += extent.length;
            }
            _ => self.extents.push(extent),
        }
    }

    pub(super) fn extents(&self) -> usize {
        self.extents.len()
    }

    /// The part, once it is closed and stored.
    pub(super) fn finish(self) -> Part {
        Part {
            path: self.about.path,
            category: self.about.category,
            media_type: self.about.media_type,
            length: self.length,
            deflated: self.deflated,
            crc32: self.crc32,
            sha256: hex::encode(&self.sha256.finalize()),
            extents: self.extents,
        }
    }

    /// What is needed to go on, once it is flushed and stored.
    pub(super) fn save(&self) -> SavedDraft {
        use sha2::digest::common::hazmat::SerializableState as _;
        SavedDraft {
            about: self.about.clone(),
            crc32: self.crc32,
            sha256_state: hex::encode(&self.sha256.serialize()),
            length: self.length,
            deflated: self.deflated,
            extents: self.extents.clone(),
        }
    }

    pub(super) fn restore(saved: SavedDraft) -> Result<Self, Error> {
        use sha2::digest::common::hazmat::SerializableState as _;
        let state = hex::decode(&saved.sha256_state).and_then(|bytes| bytes.as_slice().try_into().ok());
        let sha256 = state.and_then(|state| Sha256::deserialize(&state).ok());
        Ok(Self {
            sha256: sha256.ok_or_else(|| Error::Corrupt("a saved progress".to_owned()))?,
            crc32: saved.crc32,
            length: saved.length,
            deflated: saved.deflated,
            extents: saved.extents,
            ..Self::new(saved.about)
        })
    }
}
