//! Admission: a call of ours comes in with the name of its caller and if there is room, or not at all. Health checks and
//! reflection are nobody's in particular and pass: a server that is busy is alive.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::{
    FutureExt as _,
    future::{self, BoxFuture},
};
use http::{Request, Response};
use tonic::{Status, body::Body};

use super::{
    caller::Caller,
    limits::{Limits, Place},
    rpc, status,
};

/// Lets calls in.
#[derive(Clone)]
pub(super) struct Layer {
    limits: Arc<Limits>,
}

impl Layer {
    /// Within these limits.
    pub(super) fn new(limits: Arc<Limits>) -> Self {
        Self { limits }
    }

    fn admit<B>(&self, request: &mut Request<B>) -> Result<Place, Status> {
        let caller = Caller::named_in(request.headers()).map_err(status::bad_request)?;
        let place = self.limits.call().map_err(|excess| status::excess(&excess, caller.name()))?;
        request.extensions_mut().insert(caller);
        Ok(place)
    }
}

impl<S> tower::Layer<S> for Layer {
    type Service = Gate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gate { inner, layer: self.clone() }
    }
}

/// A service behind its gate.
#[derive(Clone)]
pub(super) struct Gate<S> {
    inner: S,
    layer: Layer,
}

impl<S, B> tower::Service<Request<B>> for Gate<S>
where
    S: tower::Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        if !rpc::is_ours(request.uri().path()) {
            return self.inner.call(request).boxed();
        }
        match self.layer.admit(&mut request) {
            // A stream's answer is its beginning; from then on it has a place among the streams.
            Ok(place) => self.inner.call(request).inspect(move |_| drop(place)).boxed(),
            Err(status) => future::ready(Ok(status.into_http())).boxed(),
        }
    }
}
