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
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use tonic::{Code, Status, body::Body};

use super::{
    caller::{self, Caller},
    denials::Denials,
    limits::{Limits, Place},
    pace::Pace,
    permission::{self, Reach},
    rpc::{self, Kind, Rpc},
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
/// What a call of gRPC says its body is; `+proto` or parameters may follow.
const CONTENT_TYPE_OF_GRPC: &[u8] = b"application/grpc";
/// Where a status of ours has its details.
const STATUS_DETAILS: &str = "grpc-status-details-bin";

/// Lets calls in.
#[derive(Clone)]
pub(super) struct Layer(Arc<Admission>);

struct Admission {
    limits: Arc<Limits>,
    /// Absent: callers say who they are, and may do all. The server is reached over loopback only then.
    auth: Option<Arc<Authenticator>>,
    denials: Arc<Denials>,
    now: Now,
    pace: Pace,
}

impl Layer {
    /// Within these limits, at this pace, and for whom `auth` knows.
    pub(super) fn new(
        (limits, pace): (Arc<Limits>, Pace),
        auth: Option<Arc<Authenticator>>,
        denials: Arc<Denials>,
        now: Now,
    ) -> Self {
        Self(Arc::new(Admission { limits, auth, denials, now, pace }))
    }
}

impl Admission {
    /// A place for a call of somebody who is known and may make it. Probes need none.
    async fn admit(&self, rpc: Rpc, request: &mut Request<Body>) -> Result<Option<Place>, Status> {
        let Some(name) = rpc.name else {
            let needs_place = rpc.kind == Kind::Stream;
            let place = needs_place.then(|| self.limits.foreign_stream()).transpose();
            return place.map_err(|excess| status::excess(&excess, ""));
        };
        let caller = match &self.auth {
            None => Caller::named_in(request.headers()).map_err(status::bad_request)?,
            Some(auth) => self.known(auth, name, request).await?,
        };
        let place = self.limits.call(&caller).map_err(|excess| status::excess(&excess, caller.name()))?;
        request.extensions_mut().insert(caller);
        Ok(Some(place))
    }

    /// Who calls, if that is known and they may.
    async fn known(
        &self,
        auth: &Authenticator,
        rpc: &'static str,
        request: &mut Request<Body>,
    ) -> Result<Caller, Status> {
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
        Ok(caller)
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

impl<S> tower::Service<Request<Body>> for Gate<S>
where
    S: tower::Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(refusal) = no_grpc(&request) {
            return future::ready(Ok(refusal)).boxed();
        }
        let admission = Arc::clone(&self.admission);
        // The one that is ready is called, and a clone of it is made ready for the next call.
        let next = self.inner.clone();
        let inner = mem::replace(&mut self.inner, next);
        async move {
            let rpc = Rpc::at(request.uri().path());
            match admission.admit(rpc, &mut request).await {
                Ok(place) => admission.pace.call(inner, request, rpc, place).await.map(described),
                Err(status) => Ok(status.into_http()),
            }
        }
        .boxed()
    }
}

/// The answer to what is HTTP but no gRPC, as gRPC over HTTP/2 has it.
fn no_grpc(request: &Request<Body>) -> Option<Response<Body>> {
    let is_grpc = |kind: &HeaderValue| {
        let rest = kind.as_bytes().strip_prefix(CONTENT_TYPE_OF_GRPC);
        rest.is_some_and(|rest| rest.first().is_none_or(|next| b"+;".contains(next)))
    };
    let code = if request.method() != Method::POST {
        StatusCode::METHOD_NOT_ALLOWED
    } else if !request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    } else {
        return None;
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    Some(response)
}

/// Gives an answer of the framework's its reason.
fn described(response: Response<Body>) -> Response<Body> {
    let headers = response.headers();
    let is_bare = headers.contains_key(Status::GRPC_STATUS) && !headers.contains_key(STATUS_DETAILS);
    match is_bare.then(|| Status::from_header_map(headers)).flatten() {
        Some(found) if found.code() != Code::Ok => status::of_framework(found).into_http(),
        _ => response,
    }
}
