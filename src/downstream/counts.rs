//! How much of each category has arrived.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What has arrived of one category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Records.
    pub records: u64,
    /// Whole files.
    pub files: u64,
    /// The sum of all withheld counts.
    pub withheld: u64,
}

/// What has arrived, by category. Stored beside a resume token, so that the attempt that goes on from it can check the
/// summary, which counts the whole collection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<String, Count>);

impl Counts {
    /// What has arrived of this category; zeros if nothing has.
    pub fn get(&self, category: &str) -> Count {
        self.0.get(category).copied().unwrap_or_default()
    }

    /// The categories of which something has arrived, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Count)> {
        self.0.iter().map(|(category, count)| (category.as_str(), *count))
    }

    /// The count to add to.
    pub(super) fn of(&mut self, category: &str) -> &mut Count {
        if !self.0.contains_key(category) {
            self.0.insert(category.to_owned(), Count::default());
        }
        self.0.get_mut(category).expect("inserted above if it was missing")
    }
}
