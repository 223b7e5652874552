//! Who calls, as the services see it: by its token or certificate; without `[auth]`, on loopback only, by what it says.

use std::{net::IpAddr, sync::Arc};

use http::HeaderMap;
use tonic::Request;

use super::permission::Reach;
use crate::domain::{
    Fault, Identity, Role,
    caller::{CALLER_RULE, LOCAL, METADATA_KEY, is_caller},
};

/// How a fault names the metadata entry.
const FIELD: &str = "metadata.rightful-caller";

/// A caller that was let in. `admission` has put it beside the request.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    identity: Arc<Identity>,
    reach: Reach,
    is_authenticated: bool,
}

impl Caller {
    /// Whoever was identified, and how far this call of it goes.
    pub(super) fn identified(identity: Identity, reach: Reach) -> Self {
        Self { identity: Arc::new(identity), reach, is_authenticated: true }
    }

    /// Whoever says its name, or `local`. Two names are a fault: who it is would depend on who reads it.
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
        Ok(Self::local(name))
    }

    /// A fault if the call says a name although another one is known.
    pub(super) fn check_name(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let mut names = headers.get_all(METADATA_KEY).iter();
        if names.all(|name| name.as_bytes() == self.name().as_bytes()) {
            Ok(())
        } else {
            Err(Fault::new(FIELD, "must be left out: who calls is known by its token or certificate"))
        }
    }

    /// Whose call it is.
    pub(super) fn of<T>(request: &Request<T>) -> Self {
        request.extensions().get().cloned().unwrap_or_else(|| Self::local(LOCAL))
    }

    fn local(name: &str) -> Self {
        let roles = [Role::Admin].into();
        let identity = Identity { name: name.into(), roles, downstream: None };
        Self { identity: Arc::new(identity), reach: Reach::All, is_authenticated: false }
    }

    /// The name, under which its request ids are unique and its limits are counted.
    pub(super) fn name(&self) -> &str {
        &self.identity.name
    }

    /// All that is known of it.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Whether a token or a certificate says so.
    pub(super) const fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// Whose cases alone this call may see; absent: everybody's.
    pub(super) fn owner(&self) -> Option<&str> {
        (self.reach == Reach::Own).then(|| self.name())
    }

    /// Which downstream alone this call is about; absent: any.
    pub(super) fn itself(&self) -> Option<&str> {
        (self.reach == Reach::Itself).then(|| self.identity.downstream.as_deref().unwrap_or_default())
    }
}

/// From where a call came, for the list of denials.
pub(super) fn address<B>(request: &http::Request<B>) -> Option<IpAddr> {
    request.extensions().get::<crate::transport::Remote>()?.address.map(|address| address.ip())
}
