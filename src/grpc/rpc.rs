//! One span for each call of ours, as a layer: the services know nothing of it.

use std::task::{Context, Poll};

use http::Request;
use tracing::{Instrument as _, Span, instrument::Instrumented};

use crate::telemetry::trace;

/// Services of ours begin so. Health checks and reflection are not worth a span: probes call them every few seconds.
const OURS: &str = "rightful.";
/// What a method is called that cannot be one of ours: the path is the caller's, and becomes the name of a span.
const OTHER: &str = "_OTHER";
/// Bytes of a service's or method's name at the most.
const NAME_BYTES_MAX: usize = 64;

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
    S: tower::Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Instrumented<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = span(&request);
        // The service may do its work before it hands out its future.
        let future = span.in_scope(|| self.inner.call(request));
        future.instrument(span)
    }
}

fn span<B>(request: &Request<B>) -> Span {
    let Some((service, method)) = names(request.uri().path()) else { return Span::none() };
    let span = tracing::info_span!(
        "rpc",
        otel.name = format!("{service}/{method}"),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
    );
    if let Some(parent) = request.headers().get(trace::HEADER).and_then(|value| value.to_str().ok()) {
        trace::continue_from(&span, parent);
    }
    span
}

/// Whether a call at this path is one of ours.
pub(super) fn is_ours(path: &str) -> bool {
    names(path).is_some()
}

/// `/rightful.v1.CaseService/OpenCase` is `OpenCase` of `rightful.v1.CaseService`; absent for what is not ours.
fn names(path: &str) -> Option<(&str, &str)> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    service.starts_with(OURS).then(|| (plain(service), plain(method)))
}

fn plain(name: &str) -> &str {
    let is_plain = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if is_plain { name } else { OTHER }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_calls_have_spans_and_names_stay_plain() {
        assert_eq!(names("/rightful.v1.CaseService/OpenCase"), Some(("rightful.v1.CaseService", "OpenCase")));
        assert_eq!(names("/grpc.health.v1.Health/Check"), None);
        assert_eq!(names("/"), None);
        let long = format!("/rightful.v1.CaseService/{}", "x".repeat(65));
        for path in ["/rightful.v1.CaseService/ada@example.org", "/rightful.v1.CaseService/", &long] {
            assert_eq!(names(path), Some(("rightful.v1.CaseService", OTHER)));
        }
    }
}
