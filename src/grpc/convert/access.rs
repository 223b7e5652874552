//! Identities and denials as messages.

use super::{choice, time};
use crate::{
    domain::{Denial, Identity},
    proto::v1,
};

/// Who calls.
pub(crate) fn identity(identity: &Identity, is_authenticated: bool) -> v1::GetCallerResponse {
    v1::GetCallerResponse {
        caller: identity.name.to_string(),
        roles: identity.roles.iter().map(|role| choice::role(*role).into()).collect(),
        downstream: identity.downstream.as_deref().unwrap_or_default().to_owned(),
        authenticated: is_authenticated,
    }
}

/// Calls that were denied.
pub(crate) fn denial(denial: Denial) -> v1::Denial {
    v1::Denial {
        deny_time: Some(time::time(denial.at)),
        caller: denial.caller,
        address: denial.address,
        rpc: denial.rpc,
        reason: denial.reason,
        count: denial.count,
    }
}
