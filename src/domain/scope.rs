//! Which downstreams and categories a case is about.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Capabilities, Category, Right};

/// The caller's choice. Empty means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Names of downstreams; empty means all.
    pub downstreams: BTreeSet<String>,
    /// Categories by downstream; a downstream that is not named here is asked for all of its categories.
    pub categories: BTreeMap<String, BTreeSet<String>>,
}

impl Scope {
    /// Whether this downstream is asked at all.
    pub fn includes(&self, downstream: &str) -> bool {
        self.downstreams.is_empty() || self.downstreams.contains(downstream)
    }

    /// The categories that a case of this right asks this downstream for: in scope, and, for portability, provided by
    /// the subject (GDPR 20(1)).
    pub fn categories<'a>(
        &self,
        right: Right,
        downstream: &str,
        capabilities: &'a Capabilities,
    ) -> Vec<&'a Category> {
        let chosen = self.categories.get(downstream);
        capabilities
            .categories
            .iter()
            .filter(|category| chosen.is_none_or(|names| names.contains(&category.name)))
            .filter(|category| right != Right::Portability || category.provided_by_subject)
            .collect()
    }
}
