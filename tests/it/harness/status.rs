//! What errors say to a program.

use std::collections::BTreeMap;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The reason in the ErrorInfo.
fn reason(status: &Status) -> String {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?} has no ErrorInfo"));
    assert_eq!(info.domain, "rightful");
    info.reason.clone()
}

/// The metadata in the ErrorInfo.
pub fn metadata(status: &Status) -> BTreeMap<String, String> {
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("{status:?} has no ErrorInfo"));
    info.metadata.clone().into_iter().collect()
}

/// The bad fields, in order of their names.
pub fn fields(status: &Status) -> Vec<String> {
    let details = status.get_error_details();
    let bad = details.bad_request().unwrap_or_else(|| panic!("{status:?} has no BadRequest"));
    let mut fields: Vec<String> =
        bad.field_violations.iter().map(|violation| violation.field.clone()).collect();
    fields.sort();
    for violation in &bad.field_violations {
        assert!(!violation.description.is_empty(), "{} says what would be right", violation.field);
    }
    fields
}

/// Fails unless the call was refused with this code and reason.
pub fn assert_refused<T>(answer: Result<T, Status>, code: Code, expected: &str) -> Status {
    let Err(status) = answer else { panic!("{expected} was expected") };
    assert_eq!((status.code(), reason(&status).as_str()), (code, expected), "{status:?}");
    status
}
