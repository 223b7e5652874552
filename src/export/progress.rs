//! How far a collection has come: all that a fresh process needs to go on from a resume token.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::counter::{self, SavedCount};
use super::object::ObjectId;
use super::part::{Part, SavedDraft};
use crate::domain::CategoryResult;

/// A checkpoint. Everything it speaks of is durable. It holds personal data (file names, a few bytes of content):
/// keep it sealed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Progress(pub(super) Version);

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "version")]
pub(super) enum Version {
    #[serde(rename = "1")]
    V1(State),
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct State {
    /// Hex of the resume token.
    pub(super) token: String,
    pub(super) counts: Vec<SavedCount>,
    /// By category, the records' parts.
    pub(super) records: Vec<(String, SavedDraft)>,
    pub(super) files: Vec<Part>,
    /// Bytes of content taken so far.
    pub(super) taken: u64,
}

impl Progress {
    pub(super) fn new(state: State) -> Self {
        Self(Version::V1(state))
    }

    fn state(&self) -> &State {
        let Version::V1(state) = &self.0;
        state
    }

    /// The resume token with which to ask the downstream for the rest.
    pub fn token(&self) -> Vec<u8> {
        super::hex::decode(&self.state().token).unwrap_or_default()
    }

    /// What was counted before the token.
    pub fn counts(&self) -> Vec<CategoryResult> {
        counter::results(&self.state().counts)
    }

    /// The objects that it needs.
    pub fn objects(&self) -> BTreeSet<ObjectId> {
        let records = self.state().records.iter().flat_map(|(_, draft)| &draft.extents);
        let files = self.state().files.iter().flat_map(|part| &part.extents);
        records.chain(files).map(|extent| extent.object).collect()
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Progress({} bytes taken)", self.state().taken)
    }
}
