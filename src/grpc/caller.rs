//! Who calls. There is no authentication yet, so a caller names itself; the server is reached over loopback only.

use std::sync::Arc;

use http::HeaderMap;
use tonic::Request;

use crate::domain::{
    Fault,
    caller::{CALLER_RULE, LOCAL, METADATA_KEY, is_caller},
};

/// How a fault names the metadata entry.
const FIELD: &str = "metadata.rightful-caller";

/// The name of a caller, under which its request ids are unique and its limits are counted.
#[derive(Clone, Debug)]
pub(super) struct Caller(Arc<str>);

impl Caller {
    /// The name that came with a call, or `local`. Two names are a fault: who it is would depend on who reads it.
    pub(super) fn named_in(headers: &HeaderMap) -> Result<Self, Fault> {
        let mut names = headers.get_all(METADATA_KEY).iter();
        let name = match (names.next(), names.next()) {
            (None, _) => LOCAL,
            (Some(name), None) => name
                .to_str()
                .ok()
                .filter(|name| is_caller(name))
                .ok_or_else(|| Fault::new(FIELD, CALLER_RULE))?,
            (Some(_), Some(_)) => return Err(Fault::new(FIELD, "must be given once")),
        };
        Ok(Self(name.into()))
    }

    /// Whose call it is. `admission` has put the name beside the request.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_else(|| Self(LOCAL.into()))
    }

    /// The name.
    pub(super) fn name(&self) -> &str {
        &self.0
    }
}
