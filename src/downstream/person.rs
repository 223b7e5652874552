//! What a person says in the stead of a downstream: the same messages, and checked by the same code.

use super::{Answer, Counts, Failure, Item, answer, check::Progress};
use crate::{domain::Ask, proto::downstream::v1};

/// Something collected, as a downstream would send it.
pub type Message = v1::CollectResponse;
/// What became of it, as a downstream would answer it.
pub type Said = v1::EraseResponse;

/// What a person says became of what was asked.
pub fn said(said: Said, ask: &Ask) -> Result<Answer, Failure> {
    answer::read(said, ask)
}

/// What a person hands in, checked item by item. There is no summary: whoever hands in says when it is all by ending the
/// stream.
pub struct HandedIn(Progress);

impl HandedIn {
    /// Of these categories.
    pub fn new(categories: &[String]) -> Self {
        Self(Progress::new(categories, Counts::default()))
    }

    /// Checks the next message.
    pub fn admit(&mut self, message: Message) -> Result<Item, Failure> {
        let violation = || Failure::violation("only records, files and withheld items can be handed in");
        match self.0.admit(message)? {
            Some(Item::ResumeToken(_)) | None => Err(violation()),
            Some(item) => Ok(item),
        }
    }
}
