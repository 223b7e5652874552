//! What became of a category in a task.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Ground;

/// Records that were kept, by ground and release date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retained {
    /// How many.
    pub count: u64,
    /// Why.
    pub ground: Ground,
    /// From when they may be erased.
    pub release_at: Option<Timestamp>,
}

/// What a downstream says became of a category.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryOutcome {
    /// Which.
    pub category: String,
    /// Records deleted.
    pub erased: u64,
    /// Records that are nobody's now.
    pub anonymised: u64,
    /// Records kept unused.
    pub restricted: u64,
    /// Records kept.
    pub retained: Vec<Retained>,
}

impl CategoryOutcome {
    /// How many records a later collection may still find.
    pub fn may_remain(&self) -> u64 {
        self.retained.iter().fold(self.restricted, |sum, retained| sum.saturating_add(retained.count))
    }
}

/// Items that exist and were not disclosed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// What they are, in words.
    pub description: String,
    /// How many.
    pub count: u64,
    /// Why.
    pub ground: Ground,
}

/// How much of a category was found, and a digest over it that does not depend on the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Records.
    pub records: u64,
    /// Files.
    pub files: u64,
    /// Hex of the sum, modulo 2^256, of the SHA-256 digests of all records and files.
    pub digest: String,
}

impl Tally {
    /// Records and files together.
    pub fn items(&self) -> u64 {
        self.records.saturating_add(self.files)
    }
}

/// All that is known of one category in one task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryResult {
    /// Which.
    pub category: String,
    /// Collected, or found before the erasure.
    pub found: Tally,
    /// Not disclosed.
    pub withheld: Vec<Withheld>,
    /// What the downstream says an erasure did.
    pub outcome: Option<CategoryOutcome>,
    /// Found after the erasure.
    pub remaining: Option<Tally>,
}

impl CategoryResult {
    /// A result of which only the name is known.
    pub fn new(category: impl Into<String>) -> Self {
        Self { category: category.into(), ..Self::default() }
    }

    /// Whether the downstream holds, or held, anything of this category.
    pub fn holds_anything(&self) -> bool {
        let outcome = self.outcome.as_ref();
        let changed = outcome.is_some_and(|o| o.erased > 0 || o.anonymised > 0 || o.may_remain() > 0);
        self.found.items() > 0 || self.withheld.iter().any(|w| w.count > 0) || changed
    }
}
