//! Openings of a stream that were refused, with everything that the status of a single one would say.

use tonic::Status;
use tonic_types::StatusExt as _;

use crate::proto::v1;

/// A status that answers one of many openings.
pub(crate) fn refused(status: &Status) -> v1::OpenCaseError {
    let details = status.get_error_details();
    let info = details.error_info();
    let violation = |violation: &tonic_types::FieldViolation| v1::FieldViolation {
        field: violation.field.clone(),
        description: violation.description.clone(),
    };
    v1::OpenCaseError {
        code: status.code().into(),
        reason: info.and_then(|info| v1::ErrorReason::from_str_name(&info.reason)).map_or(0, Into::into),
        message: status.message().to_owned(),
        field_violations: details
            .bad_request()
            .map(|bad| bad.field_violations.iter().map(violation).collect())
            .unwrap_or_default(),
        metadata: info.map(|info| info.metadata.clone()).unwrap_or_default(),
    }
}
