//! What an erasure asks for, category by category.

use serde::{Deserialize, Serialize};

use super::{Category, Ground, Period};

named! {
    /// What is to be done with a category.
    pub enum Action {
        /// Delete the records.
        Erase = "erase",
        /// Make them nobody's.
        Anonymise = "anonymise",
        /// Keep them unused.
        Restrict = "restrict",
        /// Keep what the ground makes you keep until its release date, erase the rest.
        Retain = "retain",
    }
}

impl Action {
    /// Whether it takes records away, or makes them nobody's.
    pub const fn takes_away(self) -> bool {
        !matches!(self, Self::Restrict)
    }
}

/// One category's action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directive {
    /// Which category.
    pub category: String,
    /// What to do.
    pub action: Action,
    /// Why, if it is to be retained.
    pub ground: Option<Ground>,
    /// For how long, if it is to be retained.
    pub period: Option<Period>,
    /// Who says so. Directives of older versions do not say.
    #[serde(default)]
    pub source: DirectiveSource,
}

/// Who says what is to be done with a category.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum DirectiveSource {
    /// Nobody: what an erasure asks for is erased.
    #[default]
    Default,
    /// The downstream: it describes a duty to keep.
    Described,
    /// A rule of the configuration.
    Configured {
        /// Its place in the configuration, from 0.
        rule: u32,
    },
}

impl Directive {
    /// Erase, unless the category's retention binds against erasure: then retain, with its ground and period.
    pub fn for_category(category: &Category) -> Self {
        let retention = &category.retention;
        let action = if retention.ground.is_some() { Action::Retain } else { Action::Erase };
        Self {
            category: category.name.clone(),
            action,
            ground: retention.ground.clone(),
            period: retention.ground.as_ref().and(retention.period.clone()),
            source: if retention.ground.is_some() {
                DirectiveSource::Described
            } else {
                DirectiveSource::Default
            },
        }
    }
}
