//! Particulars: what exactly a case asks for, beyond its right. None of it is personal data.

use serde::{Deserialize, Serialize};

use super::{Category, LegalBasis, Right};

named! {
    /// A use that a person can object to. Messages that a service needs are none of these.
    pub enum Use {
        /// Advertising that is addressed to the person (GDPR 21(2)).
        DirectMarketing = "direct_marketing",
        /// Profiling, and decisions that are based on it (GDPR 21(1), 22).
        Profiling = "profiling",
        /// Selling or sharing data for advertising across contexts (CCPA 1798.120).
        SaleOrSharing = "sale_or_sharing",
    }
}

/// A correction without its values, which stay sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionRef {
    /// Whom it is meant for; empty for every downstream that describes the category.
    pub downstream: String,
    /// Which category.
    pub category: String,
    /// A JSON pointer into its records.
    pub field: String,
}

impl CorrectionRef {
    /// Whether it is about this category of this downstream.
    pub fn concerns(&self, downstream: &str, category: &str) -> bool {
        (self.downstream.is_empty() || self.downstream == downstream) && self.category == category
    }
}

/// The purposes of one category whose consent is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryPurposes {
    /// Which category.
    pub category: String,
    /// Some of its purposes; at least one.
    pub purposes: Vec<String>,
}

/// What exactly is asked for. Each field belongs to one right and is empty for all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Particulars {
    /// Objection: the uses that are to stop.
    pub uses: Vec<Use>,
    /// Consent withdrawal: the purposes; empty means all that rest on consent.
    pub purposes: Vec<String>,
    /// Restriction: it is lifted instead.
    pub lift: bool,
    /// Rectification: what is put right, in the order of the sealed values.
    pub corrections: Vec<CorrectionRef>,
}

impl Particulars {
    /// Whether a case of this right is about this category of this downstream, its scope aside.
    pub fn concern(&self, right: Right, downstream: &str, category: &Category) -> bool {
        match right {
            Right::Rectification => self.corrections.iter().any(|c| c.concerns(downstream, &category.name)),
            Right::ConsentWithdrawal => !self.withdrawn(category).is_empty(),
            Right::Access | Right::Portability | Right::Erasure | Right::Restriction | Right::Objection => {
                true
            }
        }
    }

    /// The purposes of the category whose consent is taken back; none unless it rests on consent.
    pub fn withdrawn(&self, category: &Category) -> Vec<String> {
        let is_meant = |purpose: &&String| self.purposes.is_empty() || self.purposes.contains(purpose);
        match category.legal_basis {
            Some(LegalBasis::Consent) => category.purposes.iter().filter(is_meant).cloned().collect(),
            _ => Vec::new(),
        }
    }
}
