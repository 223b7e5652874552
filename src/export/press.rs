//! Makes parts: several at once, with few deflaters and little memory, onto one shelf.
//!
//! **Guarantees.** The deflated bytes of a part are a function of what was written and of when it was settled, not of
//! how the writes were cut or of which process made them. Once `settle` answers, everything written is durable.

use std::collections::{BTreeMap, VecDeque};

use super::Error;
use super::object::Shelf;
use super::part::{About, Deflater, Draft, Part, RUN_BYTES, SavedDraft};

/// Deflaters at work at once: each holds some 300 KiB, and with its run and piece not half a MiB.
const OPEN_DEFLATERS: usize = 8;
/// Places where an attempt's parts lie, at most: more than 8 parts that take turns for many GiB. Each costs 72 bytes
/// of memory.
const EXTENTS: usize = 200_000;

/// Which draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DraftId(u32);

/// The parts in the making of one attempt.
pub(super) struct Press {
    shelf: Shelf,
    drafts: BTreeMap<DraftId, Draft>,
    next: u32,
    /// Those with a deflater, in the order in which they got it.
    open: VecDeque<DraftId>,
    /// Deflaters to use again: making one costs more than a small part.
    spare: Vec<Deflater>,
    extents: usize,
}

impl Press {
    pub(super) fn new(shelf: Shelf) -> Self {
        let (drafts, open, spare) = (BTreeMap::new(), VecDeque::new(), Vec::new());
        Self { shelf, drafts, next: 0, open, spare, extents: 0 }
    }

    fn insert(&mut self, draft: Draft) -> DraftId {
        let id = DraftId(self.next);
        self.next += 1;
        self.drafts.insert(id, draft);
        id
    }

    fn draft(&mut self, id: DraftId) -> &mut Draft {
        self.drafts.get_mut(&id).expect("ids are given out by begin and restore, and used until end")
    }

    pub(super) fn begin(&mut self, about: About) -> DraftId {
        self.insert(Draft::new(about))
    }

    pub(super) async fn write(&mut self, id: DraftId, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let draft = self.draft(id);
            bytes = draft.fill(bytes);
            if draft.is_piece_full() {
                self.open(id).await?;
                self.draft(id).press();
                if self.draft(id).run.len() >= RUN_BYTES {
                    self.store(id).await?;
                }
            }
        }
        Ok(())
    }

    /// Ends the part. Its bytes are durable after the next `settle`.
    pub(super) async fn end(&mut self, id: DraftId) -> Result<Part, Error> {
        if !self.draft(id).is_piece_empty() {
            self.open(id).await?;
        }
        let used = self.draft(id).close();
        self.put_back(id, used);
        self.store(id).await?;
        let draft = self.drafts.remove(&id).expect("it was there a moment ago");
        Ok(draft.finish())
    }

    /// Makes durable all that was written. The drafts can be saved then.
    pub(super) async fn settle(&mut self) -> Result<(), Error> {
        let ids: Vec<DraftId> = self.drafts.keys().copied().collect();
        for id in ids {
            if !self.draft(id).is_piece_empty() {
                self.open(id).await?;
                self.draft(id).press();
            }
            let used = self.draft(id).flush();
            self.put_back(id, used);
            self.store(id).await?;
        }
        self.shelf.settle().await
    }

    /// The draft as it is after `settle`.
    pub(super) fn save(&self, id: DraftId) -> Option<SavedDraft> {
        self.drafts.get(&id).map(Draft::save)
    }

    pub(super) fn restore(&mut self, saved: SavedDraft) -> Result<DraftId, Error> {
        self.extents += saved.extents.len();
        Ok(self.insert(Draft::restore(saved)?))
    }

    /// Gives the draft a deflater. If too many are at work, the one that began first stops.
    async fn open(&mut self, id: DraftId) -> Result<(), Error> {
        if self.draft(id).deflater.is_some() {
            return Ok(());
        }
        if self.open.len() >= OPEN_DEFLATERS {
            let first = self.open[0];
            let used = self.draft(first).flush();
            self.put_back(first, used);
            self.store(first).await?;
        }
        let deflater = self.spare.pop().unwrap_or_else(Deflater::new);
        self.draft(id).deflater = Some(deflater);
        self.open.push_back(id);
        Ok(())
    }

    fn put_back(&mut self, id: DraftId, used: Option<Deflater>) {
        if let Some(mut deflater) = used {
            deflater.reset();
            self.spare.push(deflater);
            self.open.retain(|open| *open != id);
        }
    }

    async fn store(&mut self, id: DraftId) -> Result<(), Error> {
        let draft =
            self.drafts.get_mut(&id).expect("ids are given out by begin and restore, and used until end");
        if draft.run.is_empty() {
            return Ok(());
        }
        let before = draft.extents();
        draft.stored(self.shelf.append(&draft.run).await?);
        self.extents += draft.extents() - before;
        if self.extents > EXTENTS {
            return Err(Error::violation("too many categories take turns in too large a collection"));
        }
        Ok(())
    }
}
