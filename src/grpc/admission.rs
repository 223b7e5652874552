//! Admission: a call of ours comes in if it is known who calls, if they may, and if there is room; or not at all. Health checks
//! and reflection are nobody's in particular and pass: a server that is busy is alive, and what it serves is no secret.

use std::{
    mem,
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{
    FutureExt as _,
    future::{self, BoxFuture},
};
use http::{HeaderMap, Request, Response, header::AUTHORIZATION};
use tonic::{Status, body::Body};

use super::{
    caller::{self, Caller},
    denials::Denials,
    limits::{Limits, Place},
    permission::{self, Reach},
    rpc,
    serve::Now,
    status,
};
use crate::{
    domain::{Identity, Peer},
    identity::{Authenticator, Unidentified},
    transport::Remote,
};

/// How a bearer token begins (RFC 6750).
const BEARER: &str = "bearer ";

/// Lets calls in.
#[derive(Clone)]
pub(super) struct Layer(Arc<Admission>);

struct Admission {
    limits: Arc<Limits>,
    /// Absent: callers say who they are, and may do all. The server is reached over loopback only then.
    auth: Option<Arc<Authenticator>>,
    denials: Arc<Denials>,
    now: Now,
}

impl Layer {
    /// Within these limits, and for whom `auth` knows.
    pub(super) fn new(
        limits: Arc<Limits>,
        auth: Option<Arc<Authenticator>>,
        denials: Arc<Denials>,
        now: Now,
    ) -> Self {
        Self(Arc::new(Admission { limits, auth, denials, now }))
    }
}

impl Admission {
    /// A place for a call of somebody who is known and may make it.
    async fn admit<B>(
        &self,
        auth: &Authenticator,
        rpc: &'static str,
        request: &mut Request<B>,
    ) -> Result<Place, Status> {
        // Taken apart before anything is waited for: a body need not be shared between threads.
        let (head, address) = (Head::of(request), caller::address(request));
        let identified = match head {
            Ok(head) => auth.identify(head.token.as_deref(), &head.peer, (self.now)()).await,
            Err(why) => Err(why),
        };
        let identity = identified.map_err(|why| {
            self.denials.note(rpc, why.as_str(), ("", address), (self.now)());
            status::unidentified(why)
        })?;
        let caller = self.permit(rpc, identity, address)?;
        caller.check_name(request.headers()).map_err(status::bad_request)?;
        self.enter(caller, request)
    }

    fn permit(
        &self,
        rpc: &'static str,
        identity: Identity,
        address: Option<IpAddr>,
    ) -> Result<Caller, Status> {
        match permission::reach(rpc, &identity) {
            Ok(reach) => Ok(Caller::identified(identity, reach)),
            // Nothing answers there.
            Err(_) if rpc == rpc::OTHER => Ok(Caller::identified(identity, Reach::Own)),
            Err(needed) => {
                self.denials.note(rpc, "role", (&identity.name, address), (self.now)());
                Err(status::not_permitted(&identity.name, &needed))
            }
        }
    }

    fn enter<B>(&self, caller: Caller, request: &mut Request<B>) -> Result<Place, Status> {
        let place = self.limits.call().map_err(|excess| status::excess(&excess, caller.name()))?;
        request.extensions_mut().insert(caller);
        Ok(place)
    }
}

/// What of a call says who makes it.
struct Head {
    token: Option<String>,
    peer: Arc<Peer>,
}

impl Head {
    fn of<B>(request: &Request<B>) -> Result<Self, Unidentified> {
        let peer = request.extensions().get::<Remote>().map(|remote| Arc::clone(&remote.peer));
        Ok(Self { token: bearer(request.headers())?, peer: peer.unwrap_or_default() })
    }
}

/// The token, if there is one. Two of them are none: who it is would depend on who reads it.
fn bearer(headers: &HeaderMap) -> Result<Option<String>, Unidentified> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|_| values.next().is_none()).ok_or(Unidentified::Malformed)?;
    let (scheme, token) = text.split_at_checked(BEARER.len()).ok_or(Unidentified::Malformed)?;
    if scheme.eq_ignore_ascii_case(BEARER) {
        Ok(Some(token.trim().to_owned()))
    } else {
        Err(Unidentified::Malformed)
    }
}

impl<S> tower::Layer<S> for Layer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate { inner, admission: Arc::clone(&self.0) }
    }
}

/// A service behind its gate.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    admission: Arc<Admission>,
}

impl<S, B> tower::Service<Request<B>> for Gate<S>
where
    S: tower::Service<Request<B>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    B: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let Some(rpc) = rpc::method(request.uri().path()) else { return self.inner.call(request).boxed() };
        let admission = Arc::clone(&self.admission);
        let Some(auth) = admission.auth.clone() else {
            let named = Caller::named_in(request.headers()).map_err(status::bad_request);
            return match named.and_then(|caller| admission.enter(caller, &mut request)) {
                // A stream's answer is its beginning; from then on it has a place among the streams.
                Ok(place) => self.inner.call(request).inspect(move |_| drop(place)).boxed(),
                Err(status) => future::ready(Ok(status.into_http())).boxed(),
            };
        };
        // The one that is ready is called, and a clone of it is made ready for the next call.
        let next = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, next);
        async move {
            match admission.admit(&auth, rpc, &mut request).await {
                Ok(place) => inner.call(request).inspect(move |_| drop(place)).await,
                Err(status) => Ok(status.into_http()),
            }
        }
        .boxed()
    }
}
