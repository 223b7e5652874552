//! From the engine's errors to gRPC's: the only place where a status is made.
//!
//! Each carries a `google.rpc.ErrorInfo`; `error_reason.proto` documents reasons, codes and metadata.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::limits::Excess;
use crate::{
    domain::{Faults, Role},
    engine::Error,
    identity::Unidentified,
    proto::v1::ErrorReason,
    telemetry::{chain, metrics},
};

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "rightful";
/// Faults named in one answer: they travel in a header, and many clients take no more than 8 KiB of headers.
const VIOLATIONS_MAX: usize = 20;
/// When to come back after an overload: a queue that is full now has moved on by then.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The limit that a message met that is too large.
const REQUEST_BYTES: &str = "request_bytes";
const UNKNOWN_METHOD: &str = "there is no such method; reflection lists those that there are";

/// Metadata of an `ErrorInfo`.
type Metadata = Vec<(&'static str, String)>;

/// The status for an error of the engine. Faults of our own are logged here, and nowhere else; the caller learns
/// nothing of them but that they happened.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
#[expect(clippy::too_many_lines, reason = "a table: one row for each error")]
pub(super) fn from(error: Error) -> Status {
    let message = error.to_string();
    match &error {
        Error::BadInput(faults) => bad_request(faults.clone()),
        Error::NotFound { resource, id } => status(
            Code::NotFound,
            ErrorReason::NotFound,
            message,
            vec![("resource", (*resource).to_owned()), ("id", id.clone())],
        ),
        Error::RequestIdReused { case_id, differs } => status(
            Code::AlreadyExists,
            ErrorReason::RequestIdReused,
            message,
            vec![("case_id", case_id.to_string()), ("differs", differs.join(","))],
        ),
        Error::HoldRequestIdReused { hold_id, differs } => status(
            Code::AlreadyExists,
            ErrorReason::RequestIdReused,
            message,
            vec![("hold_id", hold_id.to_string()), ("differs", differs.join(","))],
        ),
        Error::HoldsInForce => status(
            Code::FailedPrecondition,
            ErrorReason::IllegalState,
            message,
            vec![("state", "PLANNED".to_owned()), ("event", "run".to_owned())],
        ),
        Error::IllegalState(transition) => status(
            Code::FailedPrecondition,
            ErrorReason::IllegalState,
            message,
            vec![("state", transition.from.to_uppercase()), ("event", transition.event.to_owned())],
        ),
        Error::FourEyes { caller } => {
            status(Code::PermissionDenied, ErrorReason::FourEyes, message, vec![("caller", caller.clone())])
        }
        Error::TooLate { event, with: (key, value) } => status(
            Code::FailedPrecondition,
            ErrorReason::TooLate,
            message,
            vec![("event", (*event).to_owned()), (*key, value.clone())],
        ),
        Error::NotExtendable { regimes } => status(
            Code::FailedPrecondition,
            ErrorReason::NotExtendable,
            message,
            vec![("regimes", regimes.join(","))],
        ),
        Error::NotReady { state } => status(
            Code::FailedPrecondition,
            ErrorReason::NotReady,
            message,
            vec![("state", state.to_uppercase())],
        ),
        Error::Expired { at } => status(
            Code::FailedPrecondition,
            ErrorReason::Expired,
            message,
            vec![("expire_time", at.to_string())],
        ),
        Error::NoticesGone { oldest } => status(
            Code::FailedPrecondition,
            ErrorReason::Expired,
            message,
            vec![("oldest_sequence", oldest.to_string())],
        ),
        Error::DuplicateCase { case_id } => status(
            Code::AlreadyExists,
            ErrorReason::DuplicateCase,
            message,
            vec![("case_id", case_id.to_string())],
        ),
        Error::Overloaded => overloaded(message, vec![], RETRY_AFTER),
        Error::Stopping => stopping(message),
        Error::Unavailable { .. } => {
            // The outage itself is said once, however many calls meet it.
            tracing::debug!(error = chain(&error), "a call failed");
            status(Code::Unavailable, ErrorReason::StoreUnavailable, message, vec![])
        }
        Error::Internal(_) => {
            tracing::error!(error = chain(&error), "a call failed");
            status(Code::Internal, ErrorReason::Internal, message, vec![])
        }
    }
}

/// The status for a request with bad fields.
pub(super) fn bad_request(faults: impl Into<Faults>) -> Status {
    let faults = faults.into();
    let faults = faults.as_slice();
    let violations: Vec<FieldViolation> = faults
        .iter()
        .take(VIOLATIONS_MAX)
        .map(|fault| FieldViolation::new(fault.field.as_str(), fault.description.as_str()))
        .collect();
    let message = match faults {
        [one] => one.to_string(),
        many => format!("{} fields are wrong", many.len()),
    };
    let mut details = info(ErrorReason::BadRequest, vec![]);
    details.set_bad_request(violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// The status for a call of somebody who is not known.
pub(super) fn unidentified(why: Unidentified) -> Status {
    let metadata = vec![("why", why.as_str().to_owned())];
    if why == Unidentified::KeysUnavailable {
        let mut details = info(ErrorReason::IssuerUnavailable, metadata);
        details.set_retry_info(Some(RETRY_AFTER));
        return Status::with_error_details(Code::Unavailable, why.to_string(), details);
    }
    status(Code::Unauthenticated, ErrorReason::Unauthenticated, why.to_string(), metadata)
}

/// The status for a call that its caller may not make.
pub(super) fn not_permitted(caller: &str, needed: &[Role]) -> Status {
    let needed: Vec<&str> = needed.iter().copied().chain([Role::Admin]).map(Role::as_str).collect();
    let message = format!("{caller} needs one of the roles {}", needed.join(", "));
    let metadata = vec![("caller", caller.to_owned()), ("needs", needed.join(","))];
    status(Code::PermissionDenied, ErrorReason::NotPermitted, message, metadata)
}

/// The status for a caller that met a limit.
pub(super) fn excess(excess: &Excess, caller: &str) -> Status {
    metrics::refused(excess.limit);
    let metadata = vec![("limit", excess.limit.to_owned()), ("caller", caller.to_owned())];
    overloaded(format!("the limit {} is reached", excess.limit), metadata, excess.wait)
}

/// The status for a call that stood still, or took, for longer than this limit says.
pub(super) fn too_slow(limit: &'static str) -> Status {
    let message = format!("the limit {limit} is reached");
    status(Code::DeadlineExceeded, ErrorReason::TooSlow, message, vec![("limit", limit.to_owned())])
}

/// What the framework says of a request that never reached a service, in our words: a program can tell why, and bytes that are
/// no message are their sender's fault, not ours. A status of ours is left as it is.
pub(super) fn of_framework(found: Status) -> Status {
    if !found.details().is_empty() {
        return found;
    }
    let (code, reason, metadata) = match found.code() {
        Code::Internal => (Code::InvalidArgument, ErrorReason::Malformed, vec![]),
        Code::OutOfRange | Code::ResourceExhausted => {
            metrics::refused(REQUEST_BYTES);
            let metadata = vec![("limit", REQUEST_BYTES.to_owned())];
            (Code::ResourceExhausted, ErrorReason::TooLarge, metadata)
        }
        Code::Unimplemented => (Code::Unimplemented, ErrorReason::Unimplemented, vec![]),
        _ => return found,
    };
    let message = if found.message().is_empty() { UNKNOWN_METHOD } else { found.message() };
    let mut said = status(code, reason, message.to_owned(), metadata);
    // What is accepted instead is said in the headers.
    *said.metadata_mut() = found.metadata().clone();
    said
}

fn overloaded(message: String, metadata: Metadata, wait: Duration) -> Status {
    let mut details = info(ErrorReason::Overloaded, metadata);
    details.set_retry_info(Some(wait));
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Whoever calls again, by the same name, reaches a replica that goes on.
fn stopping(message: String) -> Status {
    let mut details = info(ErrorReason::Stopping, vec![]);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, message, details)
}

fn status(code: Code, reason: ErrorReason, message: String, metadata: Metadata) -> Status {
    Status::with_error_details(code, message, info(reason, metadata))
}

fn info(reason: ErrorReason, metadata: Metadata) -> ErrorDetails {
    let metadata: HashMap<String, String> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    ErrorDetails::with_error_info(reason.as_str_name(), DOMAIN, metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CaseId, IllegalTransition};

    fn seen(error: Error) -> (Code, String, Vec<(String, String)>) {
        let status = from(error);
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.domain, "rightful");
        let mut metadata: Vec<_> = info.metadata.into_iter().collect();
        metadata.sort();
        (status.code(), info.reason, metadata)
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn every_error_has_its_code_reason_and_metadata() {
        let id = CaseId(uuid::Uuid::nil());
        assert_eq!(
            seen(Error::NotFound { resource: "case", id: id.to_string() }),
            (
                Code::NotFound,
                "ERROR_REASON_NOT_FOUND".into(),
                vec![pair("id", &id.to_string()), pair("resource", "case")]
            )
        );
        assert_eq!(
            seen(Error::RequestIdReused { case_id: id, differs: vec!["right".into(), "subject".into()] }),
            (
                Code::AlreadyExists,
                "ERROR_REASON_REQUEST_ID_REUSED".into(),
                vec![pair("case_id", &id.to_string()), pair("differs", "right,subject")]
            )
        );
        assert_eq!(
            seen(Error::IllegalState(IllegalTransition { from: "completed", event: "cancel" })),
            (
                Code::FailedPrecondition,
                "ERROR_REASON_ILLEGAL_STATE".into(),
                vec![pair("event", "cancel"), pair("state", "COMPLETED")]
            )
        );
        assert_eq!(
            seen(Error::NotReady { state: "in_progress" }),
            (Code::FailedPrecondition, "ERROR_REASON_NOT_READY".into(), vec![pair("state", "IN_PROGRESS")])
        );
        assert_eq!(
            seen(Error::Expired { at: jiff::Timestamp::UNIX_EPOCH }),
            (
                Code::FailedPrecondition,
                "ERROR_REASON_EXPIRED".into(),
                vec![pair("expire_time", "1970-01-01T00:00:00Z")]
            )
        );
    }

    #[test]
    fn faults_of_our_own_are_opaque() {
        let internal = from(Error::Internal("secret table broke".into()));
        assert_eq!((internal.code(), internal.message()), (Code::Internal, "internal fault"));
        let away = from(Error::Unavailable { what: "the database", source: "db.internal refused".into() });
        assert_eq!((away.code(), away.message()), (Code::Unavailable, "the database is unavailable"));
        for status in [internal, away] {
            let details = String::from_utf8_lossy(status.details()).into_owned();
            assert!(!details.contains("secret") && !details.contains("refused"), "{details}");
        }
    }

    #[test]
    fn an_overload_says_when_to_come_back() {
        let status = from(Error::Overloaded);
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
    }

    #[test]
    fn a_limit_is_named_with_the_real_wait() {
        let wait = Duration::from_micros(1_234);
        let status = excess(&Excess { limit: "opens_per_second", wait }, "crm");
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(status.get_details_retry_info().unwrap().retry_delay, Some(wait));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.reason, "ERROR_REASON_OVERLOADED");
        assert_eq!(
            (info.metadata["limit"].as_str(), info.metadata["caller"].as_str()),
            ("opens_per_second", "crm")
        );
    }

    #[test]
    fn what_the_framework_says_has_a_reason_too() {
        for (found, code, reason) in [
            (Status::internal("failed to decode"), Code::InvalidArgument, "ERROR_REASON_MALFORMED"),
            (Status::out_of_range("length"), Code::ResourceExhausted, "ERROR_REASON_TOO_LARGE"),
            (Status::unimplemented(""), Code::Unimplemented, "ERROR_REASON_UNIMPLEMENTED"),
        ] {
            let said = of_framework(found);
            assert_eq!(said.code(), code);
            assert_eq!(said.get_details_error_info().unwrap().reason, reason);
            assert!(!said.message().is_empty());
        }
        let ours = from(Error::Internal("broke".into()));
        assert_eq!(of_framework(ours).code(), Code::Internal, "ours are left alone");
        assert_eq!(of_framework(Status::cancelled("")).code(), Code::Cancelled);
    }

    #[test]
    fn bad_fields_are_named_up_to_a_bound() {
        let mut faults = Faults::default();
        faults.push("right", "must be one");
        let one = from(Error::BadInput(faults.clone()));
        assert_eq!((one.code(), one.message()), (Code::InvalidArgument, "right: must be one"));
        assert_eq!(one.get_details_bad_request().unwrap().field_violations[0].field, "right");

        for index in 0..100 {
            faults.push(format!("labels[{index}]"), "x".repeat(100));
        }
        let many = from(Error::BadInput(faults));
        assert_eq!(many.message(), "101 fields are wrong");
        assert_eq!(many.get_details_bad_request().unwrap().field_violations.len(), VIOLATIONS_MAX);
        assert!(many.details().len() < 6 * 1024, "{} bytes", many.details().len());
    }

    #[test]
    fn the_cause_is_in_the_log_line() {
        let error = Error::Unavailable { what: "the database", source: "connection refused".into() };
        assert_eq!(chain(&error), "the database is unavailable: connection refused");
    }
}
