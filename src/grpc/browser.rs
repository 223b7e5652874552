//! Calls from web pages: gRPC-Web (grpc/doc/PROTOCOL-WEB.md of the gRPC project), and what lets a browser make them (CORS, the
//! Fetch standard, 3.2). Only pages of origins that are configured; with none, nothing of this is there.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header};
use tonic_web::GrpcWebLayer;
use tower::{
    layer::util::{Identity, Stack},
    util::{Either, option_layer},
};
use tower_http::cors::CorsLayer;

/// A browser asks again after this. Chromium remembers no longer than two hours.
const REMEMBERED: Duration = Duration::from_hours(1);

/// Beneath it calls from web pages look like all others.
pub(super) type Layer = Either<Stack<GrpcWebLayer, CorsLayer>, Identity>;

/// For pages of these origins.
pub(super) fn layer(origins: &[HeaderValue]) -> Layer {
    let layers = || Stack::new(GrpcWebLayer::new(), cors(origins));
    option_layer((!origins.is_empty()).then(layers))
}

/// No credentials: who calls is told by the token in `authorization`, never by what a browser adds of its own accord.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let named = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(origins.to_vec())
        .allow_methods([Method::POST])
        .allow_headers([
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
            named("grpc-timeout"),
            named("rightful-caller"),
            named("traceparent"),
            named("tracestate"),
            named("x-grpc-web"),
            named("x-user-agent"),
        ])
        .expose_headers([named("grpc-status"), named("grpc-message"), named("grpc-status-details-bin")])
        .max_age(REMEMBERED)
}
