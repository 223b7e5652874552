//! Proceedings: what policy and law make of a case, beside what its downstreams are asked.
//!
//! None of it is personal data: it is stored and shown in clear. What is personal stands in [`Details`].

use serde::{Deserialize, Serialize};

use super::{Circumstances, Correction, FollowUps, Particulars, Subject};

/// All of it. A field that an older version did not write has its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proceedings {
    /// Over which way the person asked, as the caller names it: `account_settings`, `support_desk`. May be empty.
    pub channel: String,
    /// The regimes that the case is under, by their names in the table of clocks.
    pub regimes: Vec<String>,
    /// What exactly is asked for, beyond the right.
    pub particulars: Particulars,
    /// The erasures that are to come for what was retained.
    pub follow_ups: FollowUps,
    /// What is special about it.
    pub circumstances: Circumstances,
}

/// What a case holds of the person beside the identifiers. It is sealed under the case's key, and destroyed with it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Rectification: the values, in the order of [`Particulars::corrections`].
    pub corrections: Vec<Correction>,
    /// Who is to be told of a minor's case.
    pub guardian: Option<Subject>,
}

impl Details {
    /// Whether there is nothing to seal.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl std::fmt::Debug for Details {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Details(redacted)")
    }
}
