//! How a command ends: exit codes that mean something, and faults put so that a person can act on them.

use std::{error::Error, io, process::ExitCode};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::proto::v1::ErrorReason;

/// The exit codes. The end of `rightful --help` says the same in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done = 0,
    /// A fault of rightful, or one that is not known.
    Fault = 1,
    /// Wrong usage or bad input.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not possible in this state.
    NotPossible = 4,
    /// The server cannot be reached, or is overloaded.
    Unreachable = 5,
    /// A case was not fulfilled in full, rows were not opened, or a verification failed.
    Unfulfilled = 6,
    /// It is not known who calls, or they may not.
    NotAllowed = 7,
}

impl Exit {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 8] = [
        Self::Done,
        Self::Fault,
        Self::Usage,
        Self::NotFound,
        Self::NotPossible,
        Self::Unreachable,
        Self::Unfulfilled,
        Self::NotAllowed,
    ];

    fn of(status: &Status) -> Self {
        if came_from_transport(status) {
            return Self::Unreachable;
        }
        match status.code() {
            Code::Ok => Self::Done,
            Code::InvalidArgument => Self::Usage,
            Code::NotFound => Self::NotFound,
            Code::Unauthenticated => Self::NotAllowed,
            // Four eyes: somebody else may.
            Code::PermissionDenied if lacks_a_role(status) => Self::NotAllowed,
            Code::FailedPrecondition | Code::AlreadyExists | Code::PermissionDenied => Self::NotPossible,
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => Self::Unreachable,
            _ => Self::Fault,
        }
    }
}

fn lacks_a_role(status: &Status) -> bool {
    status.get_details_error_info().is_some_and(|info| info.reason == ErrorReason::NotPermitted.as_str_name())
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command did not do what it was asked. It never holds an identifier.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
    details: Vec<String>,
}

impl Failure {
    /// A failure with one sentence.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), details: Vec::new() }
    }

    /// Bad input.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A fault of a file, named. Do not name files whose names are personal data.
    pub(super) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::NotFound => Exit::NotFound,
            io::ErrorKind::AlreadyExists => Exit::NotPossible,
            _ => Exit::Fault,
        };
        Self::new(exit, format!("{}: {error}", path.display()))
    }

    /// Adds a line to the explanation.
    #[must_use]
    pub(super) fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// The code to end with.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }

    /// Tells the person, on stderr.
    pub(super) fn print(&self) {
        if self.exit == Exit::Done {
            return;
        }
        eprintln!("rightful: {}", self.message);
        for line in &self.details {
            eprintln!("  {line}");
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        let message = if status.message().is_empty() {
            status.code().description().to_lowercase()
        } else {
            status.message().to_owned()
        };
        let mut failure = Self::new(Exit::of(&status), message);
        let details = status.get_error_details();
        if let Some(bad) = details.bad_request() {
            for violation in &bad.field_violations {
                failure = failure.detail(format!("{}: {}", violation.field, violation.description));
            }
        }
        if let Some(info) = details.error_info() {
            let mut facts: Vec<_> = info.metadata.iter().collect();
            facts.sort();
            for (key, value) in facts {
                failure = failure.detail(format!("{key}: {value}"));
            }
            failure = failure.detail(format!("reason: {}", info.reason));
        }
        if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
            failure = failure.detail(format!("try again in {} s", delay.as_secs().max(1)));
        }
        failure
    }
}

impl From<io::Error> for Failure {
    /// Whoever closed the pipe has read enough (`rightful case list | head`): that is no fault.
    fn from(error: io::Error) -> Self {
        let exit = if error.kind() == io::ErrorKind::BrokenPipe { Exit::Done } else { Exit::Fault };
        Self::new(exit, error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut failure = Self::new(Exit::Fault, error.to_string());
        for cause in error.chain().skip(1) {
            failure = failure.detail(cause.to_string());
        }
        failure
    }
}

/// Whether this side made the status up because the connection failed. What a server sends has no source.
pub(super) fn came_from_transport(status: &Status) -> bool {
    status.source().is_some()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn codes_map_to_exits() {
        let expected = [
            (Code::InvalidArgument, Exit::Usage),
            (Code::NotFound, Exit::NotFound),
            (Code::FailedPrecondition, Exit::NotPossible),
            (Code::AlreadyExists, Exit::NotPossible),
            (Code::Unavailable, Exit::Unreachable),
            (Code::ResourceExhausted, Exit::Unreachable),
            (Code::DeadlineExceeded, Exit::Unreachable),
            (Code::Internal, Exit::Fault),
            (Code::Unimplemented, Exit::Fault),
            (Code::PermissionDenied, Exit::NotPossible),
            (Code::Unauthenticated, Exit::NotAllowed),
        ];
        for (code, exit) in expected {
            assert_eq!(Failure::from(Status::new(code, "x")).exit(), exit, "{code:?}");
        }
    }

    #[test]
    fn a_fault_of_the_connection_means_unreachable() {
        let status = Status::from_error(Box::new(io::Error::other("connection reset")));
        assert_eq!(Failure::from(status).exit(), Exit::Unreachable);
    }

    #[test]
    fn every_field_has_its_line() {
        let mut details = ErrorDetails::new();
        details
            .add_bad_request_violation("right", "is not served")
            .add_bad_request_violation("request_id", "must not be empty");
        details.set_error_info(
            "ERROR_REASON_BAD_REQUEST",
            "rightful",
            HashMap::from([("k".to_owned(), "v".to_owned())]),
        );
        let failure = Failure::from(Status::with_error_details(Code::InvalidArgument, "bad fields", details));
        assert_eq!(failure.message, "bad fields");
        let lines = [
            "right: is not served",
            "request_id: must not be empty",
            "k: v",
            "reason: ERROR_REASON_BAD_REQUEST",
        ];
        assert_eq!(failure.details, lines);
    }

    #[test]
    fn a_closed_pipe_is_no_fault() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit(), Exit::Done);
        assert_eq!(Failure::from(io::Error::other("disk")).exit(), Exit::Fault);
    }
}
