//! What can go wrong with a verb. `grpc/status.rs` maps it to gRPC, once.

use crate::{
    domain::{CaseId, Faults, HoldId, IllegalTransition},
    export, store, vault,
};

/// Why a verb failed. Nothing was changed, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input has bad fields.
    #[error("bad input: {0}")]
    BadInput(#[from] Faults),
    /// There is no such thing.
    #[error("no such {resource}")]
    NotFound {
        /// `case`, `task`, `downstream` or `webhook`.
        resource: &'static str,
        /// As it was asked for.
        id: String,
    },
    /// The request id was used before with another body.
    #[error("the request id was used for another request")]
    RequestIdReused {
        /// The case that it opened.
        case_id: CaseId,
        /// The fields that differ.
        differs: Vec<String>,
    },
    /// The request id was used before for another hold.
    #[error("the request id was used for another hold")]
    HoldRequestIdReused {
        /// The hold that it placed.
        hold_id: HoldId,
        /// The fields that differ.
        differs: Vec<String>,
    },
    /// Legal holds are in force.
    #[error("legal holds are in force")]
    HoldsInForce,
    /// The state does not allow it.
    #[error(transparent)]
    IllegalState(#[from] IllegalTransition),
    /// Who opened the case cannot approve it.
    #[error("who opened a case cannot approve it")]
    FourEyes {
        /// Who tried.
        caller: String,
    },
    /// It cannot be done any more.
    #[error("it is too late to {event}")]
    TooLate {
        /// What was to be done.
        event: &'static str,
        /// The key and value that say why.
        with: (&'static str, String),
    },
    /// None of the regimes knows an extension.
    #[error("the deadline cannot be extended")]
    NotExtendable {
        /// Which regimes bind the case.
        regimes: Vec<String>,
    },
    /// There is no export or receipt (yet).
    #[error("nothing to hand out in state {state}")]
    NotReady {
        /// The case's state.
        state: &'static str,
    },
    /// The export's time is over.
    #[error("expired")]
    Expired {
        /// Since when.
        at: jiff::Timestamp,
    },
    /// Notices after the asked sequence are no longer kept: some may have been missed.
    #[error("notices before {oldest} are no longer kept")]
    NoticesGone {
        /// The first sequence that is kept.
        oldest: u64,
    },
    /// The subject has an open case of the same right and scope, and policy refuses another one.
    #[error("the subject has an open case of this right")]
    DuplicateCase {
        /// That case.
        case_id: CaseId,
    },
    /// Too much at once.
    #[error("overloaded")]
    Overloaded,
    /// This replica stops: another one answers.
    #[error("this replica stops")]
    Stopping,
    /// The database or the storage cannot be reached.
    #[error("{what} is unavailable")]
    Unavailable {
        /// `the database` or `the storage`.
        what: &'static str,
        /// The cause, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A fault of ours.
    #[error("internal fault")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Logs it, once for each time that it matters: an outage of the database or the storage is said when it begins and
    /// when it is over, so here it is a detail.
    pub(super) fn say(&self, what: &'static str) {
        let error: &dyn std::error::Error = self;
        if matches!(self, Self::Unavailable { .. } | Self::Overloaded) {
            tracing::debug!(error, "{what}");
        } else {
            tracing::error!(error, "{what}");
        }
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Illegal(illegal) => Self::IllegalState(illegal),
            store::Error::Gone(resource) => Self::NotFound { resource, id: String::new() },
            store::Error::Overloaded => Self::Overloaded,
            store::Error::Duplicate(case_id) => Self::DuplicateCase { case_id },
            store::Error::JoinedByAnother(case_id) => {
                Self::RequestIdReused { case_id, differs: vec!["body".to_owned()] }
            }
            store::Error::Unavailable(_) => {
                Self::Unavailable { what: "the database", source: Box::new(error) }
            }
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<export::Error> for Error {
    fn from(error: export::Error) -> Self {
        match error {
            export::Error::Unavailable(_) => {
                Self::Unavailable { what: "the storage", source: Box::new(error) }
            }
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<vault::Error> for Error {
    fn from(error: vault::Error) -> Self {
        Self::Internal(Box::new(error))
    }
}
