//! Circumstances: what is special about a case, beside what it asks for.

use serde::{Deserialize, Serialize};

use super::{CaseId, IdentifierKind};

named! {
    /// What is done about a case whose subject has an open case of the same right and scope already.
    pub enum Duplicates {
        /// It is opened, and says of which case it is a duplicate.
        Allow = "allow",
        /// It is not opened: the caller is answered the open one.
        Join = "join",
        /// It is refused.
        Refuse = "refuse",
    }
}

/// None of it is personal data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Circumstances {
    /// The case of the same subject, right and scope that was open when this one was opened.
    pub duplicate_of: Option<CaseId>,
    /// The subject has asked more often than policy takes for granted: a person decides (GDPR 12(5)).
    pub excessive: bool,
    /// The subject is a minor: its tasks go first.
    pub minor: bool,
    /// The kinds of identifiers by which a guardian is known. Their values are sealed.
    pub guardian_identifier_kinds: Vec<IdentifierKind>,
}

impl Circumstances {
    /// Whether there is a guardian to be told.
    pub fn has_guardian(&self) -> bool {
        self.minor && !self.guardian_identifier_kinds.is_empty()
    }
}
