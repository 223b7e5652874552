//! What can go wrong with personal data at rest.

/// Why data could not be stored, read or made into a bag. Never holds personal data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage's settings make no sense.
    #[error("storage settings: {0}")]
    Settings(String),
    /// The storage cannot be reached, or refuses. Trying again later makes sense.
    #[error("the storage is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An object that should be there is not.
    #[error("stored object {0} is missing")]
    Missing(String),
    /// An object does not open, or a saved progress or manifest is not one of ours.
    #[error("{0} is corrupt")]
    Corrupt(String),
    /// What a downstream sent breaks the contract. Trying again does not help.
    #[error("contract violation: {0}")]
    Violation(String),
}

impl Error {
    pub(super) fn unavailable(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Box::new(source))
    }

    pub(super) fn violation(what: impl Into<String>) -> Self {
        Self::Violation(what.into())
    }
}
