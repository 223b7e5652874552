//! What a downstream says it holds and can do.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Category, IdentifierKind, Right};

/// The checked answer of a downstream's Describe.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// The name for a person.
    pub title: String,
    /// Identifier kinds by which it finds a person; one is enough.
    pub understands: BTreeSet<IdentifierKind>,
    /// Identifier kinds that it can find out.
    pub provides: BTreeSet<IdentifierKind>,
    /// What it supports.
    pub rights: BTreeSet<Right>,
    /// What it holds.
    pub categories: Vec<Category>,
    /// Whether an erasure can be tried dry.
    pub supports_dry_run: bool,
    /// How long erased data lives on in its backups, in seconds.
    pub backup_horizon_seconds: Option<u64>,
    /// How many calls at once it wants; 0 leaves it to the configuration.
    pub parallel_calls: u32,
    /// Whether it can be swept. Descriptions of older versions do not say.
    #[serde(default)]
    pub supports_sweep: bool,
    /// The controller for whom it holds its data, if it is not ours. Descriptions of older versions do not say.
    #[serde(default)]
    pub processor_for: Option<String>,
}

impl Capabilities {
    /// Whether a case of this right can ask it. A downstream that lets its data be accessed serves portability too.
    pub fn supports(&self, right: Right) -> bool {
        self.rights.contains(&right) || (right == Right::Portability && self.rights.contains(&Right::Access))
    }

    /// The category of this name.
    pub fn category(&self, name: &str) -> Option<&Category> {
        self.categories.iter().find(|category| category.name == name)
    }
}
