//! One span and one measurement for each call of ours, as a layer: the services know nothing of it (OpenTelemetry's
//! conventions for gRPC servers).

use std::{
    collections::BTreeSet,
    sync::LazyLock,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{Request, Response};
use prost::Message as _;
use prost_types::ServiceDescriptorProto;
use tonic::body::Body;
use tracing::{Instrument as _, Span, field::Empty};

use super::measured::Measured;
use crate::{proto::FILE_DESCRIPTOR_SET, telemetry::trace};

/// Services of ours begin so. Health checks and reflection are not worth a span: probes call them every few seconds.
const OURS: &str = "rightful.";
/// What a method is called that cannot be one of ours: the path is the caller's, and becomes the name of a span.
pub(super) const OTHER: &str = "_OTHER";
/// Wraps every call of ours in a span `rpc`, whose parent is the caller's context (`traceparent`, W3C).
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer;

impl<S> tower::Layer<S> for Layer {
    type Service = Spanned<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Spanned { inner }
    }
}

/// A service whose calls run in spans.
#[derive(Clone, Debug)]
pub(super) struct Spanned<S> {
    inner: S,
}

impl<S, B> tower::Service<Request<B>> for Spanned<S>
where
    S: tower::Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(method) = method(request.uri().path()) else { return self.inner.call(request).boxed() };
        let span = span(method, &request);
        let measured = Measured::new(method, span.clone());
        // The service may do its work before it hands out its future.
        let future = span.in_scope(|| self.inner.call(request));
        async move { future.await.map(|response| measured.answered(response)) }.instrument(span).boxed()
    }
}

fn span<B>(method: &'static str, request: &Request<B>) -> Span {
    let span = tracing::info_span!(
        "rpc",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = Empty,
    );
    if let Some(parent) = request.headers().get(trace::HEADER).and_then(|value| value.to_str().ok()) {
        trace::continue_from(&span, parent);
    }
    span
}

/// What telemetry calls the method at this path, such as `rightful.v1.CaseService/OpenCase`; absent for what is not ours. A
/// path is the caller's, so names that do not exist share one.
pub(super) fn method(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix('/')?;
    name.starts_with(OURS).then(|| METHODS.get(name).map_or(OTHER, String::as_str))
}

/// The names of all methods that `proto/` declares, those of downstreams among them.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(String::as_str)
}

/// All methods that `proto/` declares.
static METHODS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    let named = |package: &str, service: &ServiceDescriptorProto| {
        let prefix = format!("{package}.{}/", service.name());
        service.method.iter().map(|method| format!("{prefix}{}", method.name())).collect::<Vec<_>>()
    };
    files
        .iter()
        .flat_map(|file| file.service.iter().flat_map(|service| named(file.package(), service)))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_calls_have_spans_and_names_are_of_a_closed_list() {
        let open = "rightful.v1.CaseService/OpenCase";
        assert_eq!(method(&format!("/{open}")), Some(open));
        assert_eq!(method("/grpc.health.v1.Health/Check"), None);
        assert_eq!(method("/"), None);
        for path in ["/rightful.v1.CaseService/ada@example.org", "/rightful.v1.CaseService/", "/rightful.x"] {
            assert_eq!(method(path), Some(OTHER));
        }
    }
}
