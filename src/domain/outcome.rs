//! What became of a category in a task.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FieldResult, Ground};

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
    /// Records kept, or left as they were.
    pub retained: Vec<Retained>,
    /// Records in which a field was put right.
    #[serde(default)]
    pub rectified: u64,
    /// Records that may be used again.
    #[serde(default)]
    pub unrestricted: u64,
    /// Records that are no longer used so.
    #[serde(default)]
    pub stopped: u64,
    /// The purposes for which they are no longer used.
    #[serde(default)]
    pub stopped_purposes: Vec<String>,
    /// The recipients that were told.
    #[serde(default)]
    pub told: Vec<String>,
}

impl CategoryOutcome {
    /// How many records a later collection may still find.
    pub fn may_remain(&self) -> u64 {
        self.restricted.saturating_add(self.retained())
    }

    /// How many records were kept, or left as they were, on a ground.
    pub fn retained(&self) -> u64 {
        self.retained.iter().fold(0, |sum, retained| sum.saturating_add(retained.count))
    }

    /// Whether anything is said of any record.
    pub fn touches_anything(&self) -> bool {
        let changed = [self.erased, self.anonymised, self.rectified, self.unrestricted, self.stopped];
        changed.into_iter().any(|count| count > 0) || self.may_remain() > 0
    }

    /// Adds what an earlier call of the same task did: what was done adds up, what is so is as it is now.
    pub fn add_earlier(&mut self, before: &Self) {
        self.erased = self.erased.saturating_add(before.erased);
        self.anonymised = self.anonymised.saturating_add(before.anonymised);
        self.rectified = self.rectified.saturating_add(before.rectified);
        self.unrestricted = self.unrestricted.saturating_add(before.unrestricted);
        for (own, before) in
            [(&mut self.told, &before.told), (&mut self.stopped_purposes, &before.stopped_purposes)]
        {
            own.extend(before.iter().filter(|name| !own.contains(name)).cloned().collect::<Vec<_>>());
        }
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
    /// Collected, or found before the erasure or change.
    pub found: Tally,
    /// Not disclosed.
    pub withheld: Vec<Withheld>,
    /// What the downstream says became of it.
    pub outcome: Option<CategoryOutcome>,
    /// Found when it was collected again.
    pub remaining: Option<Tally>,
    /// What was found of each corrected field, in the order of the corrections.
    #[serde(default)]
    pub fields: Vec<FieldResult>,
}

impl CategoryResult {
    /// A result of which only the name is known.
    pub fn new(category: impl Into<String>) -> Self {
        Self { category: category.into(), ..Self::default() }
    }

    /// Whether the downstream holds, or held, anything of this category.
    pub fn holds_anything(&self) -> bool {
        let changed = self.outcome.as_ref().is_some_and(CategoryOutcome::touches_anything);
        self.found.items() > 0 || self.withheld.iter().any(|w| w.count > 0) || changed
    }
}
