//! One span and one measurement for each call of ours, as a layer: the services know nothing of it (OpenTelemetry's
//! conventions for gRPC servers).

use std::{
    collections::BTreeMap,
    sync::LazyLock,
    task::{Context, Poll},
};

use futures::{FutureExt as _, future::BoxFuture};
use http::{Request, Response};
use prost::Message as _;
use prost_types::{MethodDescriptorProto, ServiceDescriptorProto};
use tonic::body::Body;
use tracing::{Instrument as _, Span, field::Empty};

use super::measured::Measured;
use crate::{proto::FILE_DESCRIPTOR_SET, telemetry::trace};

/// Services of ours begin so. Health checks and reflection are not worth a span: probes call them every few seconds.
const OURS: &str = "rightful.";
/// What a method is called that cannot be one of ours: the path is the caller's, and becomes the name of a span.
pub(super) const OTHER: &str = "_OTHER";
/// What probes ask. Nothing may keep it from being answered: who is not answered here is killed.
const PROBE: &str = "grpc.health.v1.Health/Check";

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

/// How often messages go to and fro in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Once.
    Unary,
    /// More often, in one direction at least.
    Stream,
}

/// A method as admission sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rpc {
    /// What telemetry calls it, such as `rightful.v1.CaseService/OpenCase`; absent for what is not ours.
    pub(super) name: Option<&'static str>,
    pub(super) kind: Kind,
}

impl Rpc {
    /// The method at this path. A path is the caller's, so names that do not exist share one.
    pub(super) fn at(path: &str) -> Self {
        let path = path.strip_prefix('/').unwrap_or_default();
        if !path.starts_with(OURS) {
            let kind = if path == PROBE { Kind::Unary } else { Kind::Stream };
            return Self { name: None, kind };
        }
        let known = METHODS.get_key_value(path);
        let (name, kind) = known.map_or((OTHER, Kind::Unary), |(name, kind)| (name.as_str(), *kind));
        Self { name: Some(name), kind }
    }

    /// Whether it is one of health or reflection.
    pub(super) const fn is_foreign(self) -> bool {
        self.name.is_none()
    }
}

/// What telemetry calls the method at this path; absent for what is not ours.
fn method(path: &str) -> Option<&'static str> {
    Rpc::at(path).name
}

/// The names of all methods that `proto/` declares, those of downstreams among them.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    METHODS.keys().map(String::as_str)
}

/// All methods that `proto/` declares.
static METHODS: LazyLock<BTreeMap<String, Kind>> = LazyLock::new(|| {
    let files = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap_or_default().file;
    let named = |package: &str, service: &ServiceDescriptorProto| {
        let prefix = format!("{package}.{}/", service.name());
        let entry = |method: &MethodDescriptorProto| {
            let is_stream = method.client_streaming() || method.server_streaming();
            (format!("{prefix}{}", method.name()), if is_stream { Kind::Stream } else { Kind::Unary })
        };
        service.method.iter().map(entry).collect::<Vec<_>>()
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
        assert_eq!(Rpc::at("/rightful.v1.CaseService/WatchCase").kind, Kind::Stream);
        assert_eq!(Rpc::at(&format!("/{open}")).kind, Kind::Unary);
        for path in ["/rightful.v1.CaseService/ada@example.org", "/rightful.v1.CaseService/", "/rightful.x"] {
            assert_eq!(method(path), Some(OTHER));
        }
    }
}
