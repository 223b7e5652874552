//! What a person may ask for.

named! {
    /// A right, by the names of the GDPR's articles 15 to 22 and 7(3).
    pub enum Right {
        /// A copy and the facts about its use (GDPR 15).
        Access = "access",
        /// A copy of what the person provided (GDPR 20).
        Portability = "portability",
        /// To be forgotten (GDPR 17).
        Erasure = "erasure",
        /// To have wrong data corrected (GDPR 16).
        Rectification = "rectification",
        /// To have data kept but not used (GDPR 18).
        Restriction = "restriction",
        /// To object to a use (GDPR 21).
        Objection = "objection",
        /// To take a consent back (GDPR 7(3)).
        ConsentWithdrawal = "consent_withdrawal",
    }
}

impl Right {
    /// Whether a case of this right ends in an export.
    pub const fn ends_in_export(self) -> bool {
        matches!(self, Self::Access | Self::Portability)
    }

    /// Whether recipients are told of what a case of this right changes (GDPR 19).
    pub const fn tells_recipients(self) -> bool {
        matches!(self, Self::Erasure | Self::Rectification | Self::Restriction)
    }
}
