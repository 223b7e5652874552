//! Why a call brought nothing: to be repeated, or to be looked at by a person.

use std::error::Error as _;

use jiff::SignedDuration;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    domain::{Faults, TaskReason},
    telemetry::code,
    transport,
};

/// Faults that a message lists at the most; the rest is counted. Enough to mend an implementation, short enough to
/// store with a task.
const FAULTS_SHOWN_MAX: usize = 5;

/// How tonic's decoder begins its complaint about a message above our limit. It has no code of its own: without this,
/// our own OUT_OF_RANGE would look like the downstream's "never". A loopback test notices if tonic changes its words.
const TOO_LARGE: &str = "Error, decoded message length too large";

/// How prost begins its complaint about bytes that are not the message. Same reason.
const UNDECODABLE: &str = "failed to decode Protobuf message";

/// A call that brought no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// `Unavailable`: again later. `ContractViolation` and `Rejected`: hardly ever better by itself. `Internal`: a
    /// fault of ours.
    pub reason: TaskReason,
    /// In our own words, with code names: never the downstream's text, never personal data.
    pub message: String,
    /// How long the downstream wants to be left alone (`google.rpc.RetryInfo`).
    pub retry_after: Option<SignedDuration>,
    /// A quota is used up (RESOURCE_EXHAUSTED): `retry_after` is about every call, not only about this one.
    pub exhausted: bool,
}

impl Failure {
    pub(super) fn new(reason: TaskReason, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::of(reason) }
    }

    /// A failure of this kind, without words.
    pub const fn of(reason: TaskReason) -> Self {
        Self { reason, message: String::new(), retry_after: None, exhausted: false }
    }

    pub(super) fn violation(message: impl Into<String>) -> Self {
        Self::new(TaskReason::ContractViolation, message)
    }

    pub(super) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(TaskReason::Unavailable, message)
    }

    /// The answer has bad fields.
    pub(super) fn bad_fields(answer: &str, faults: &Faults) -> Self {
        let mut shown: Vec<String> =
            faults.as_slice().iter().take(FAULTS_SHOWN_MAX).map(ToString::to_string).collect();
        let more = faults.as_slice().len().saturating_sub(FAULTS_SHOWN_MAX);
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        Self::violation(format!("{answer} breaks the contract: {}", shown.join("; ")))
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        if status.code() == Code::OutOfRange && status.message().starts_with(TOO_LARGE) {
            return Self::violation("a message is larger than 4 MiB");
        }
        if status.code() == Code::Internal && status.message().starts_with(UNDECODABLE) {
            return Self::violation("a message is not what the contract says: it cannot be decoded");
        }
        let name = code::name(status.code().into());
        // A status with a source was made on this side, out of a connection's fault.
        let message = if let Some(why) = transport::why(status) {
            format!("the connection failed: {why}")
        } else if status.source().is_some() {
            format!("the connection failed ({name})")
        } else {
            format!("the downstream answered {name}")
        };
        let exhausted = status.code() == Code::ResourceExhausted;
        Self { reason: reason(status.code()), message, retry_after: retry_after(status), exhausted }
    }
}

/// `google.rpc.RetryInfo`, or the whole seconds of a `retry-after` that a proxy on the way put in.
fn retry_after(status: &Status) -> Option<SignedDuration> {
    let info = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let header = || status.metadata().get("retry-after")?.to_str().ok()?.trim().parse::<u32>().ok();
    info.and_then(|delay| SignedDuration::try_from(delay).ok())
        .or_else(|| header().map(|seconds| SignedDuration::from_secs(seconds.into())))
}

/// What a code means: `SubjectDataService` in `proto/` promises this to implementers.
const fn reason(code: Code) -> TaskReason {
    match code {
        // A status of OK is no error, and CANCELLED is not ours: something between us and the downstream gave up.
        Code::Ok
        | Code::Cancelled
        | Code::Unavailable
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unknown => TaskReason::Unavailable,
        Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::PermissionDenied
        | Code::Unauthenticated
        | Code::Unimplemented
        | Code::OutOfRange
        | Code::DataLoss
        | Code::AlreadyExists
        | Code::NotFound => TaskReason::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_downstreams_words_are_not_repeated() {
        for code in (0..=16).map(Code::from_i32) {
            let failure = Failure::from(&Status::new(code, "canary@example.org"));
            assert!(!format!("{failure:?} {failure}").contains("canary"), "{failure:?}");
        }
    }

    #[test]
    fn undecodable_bytes_break_the_contract() {
        use prost::Message as _;
        let error = crate::proto::downstream::v1::Record::decode(&b"\xff"[..]).unwrap_err();
        let failure = Failure::from(&Status::internal(error.to_string()));
        assert_eq!(failure.reason, TaskReason::ContractViolation, "{error}");
        assert_eq!(Failure::from(&Status::internal("")).reason, TaskReason::Unavailable);
    }

    #[test]
    fn many_faults_are_counted() {
        let mut faults = Faults::default();
        for field in 0..7 {
            faults.push(format!("f{field}"), "is bad");
        }
        let message = Failure::bad_fields("Describe", &faults).message;
        assert!(message.ends_with("f4: is bad; and 2 more"), "{message}");
    }
}
