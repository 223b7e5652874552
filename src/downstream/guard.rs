//! What of an answer must not reach the framework: tonic 0.14 panics at details of a status that are no base64. They are
//! dropped; code and message stay.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use futures::{FutureExt as _, TryFutureExt as _, future::BoxFuture};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use tonic::{Status, body::Body, transport::Channel};

/// Where a status has its details.
const DETAILS: &str = "grpc-status-details-bin";
/// As gRPC has it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A connection whose answers can be read without harm.
#[derive(Clone)]
pub(super) struct Guard(pub(super) Channel);

impl tower::Service<Request<Body>> for Guard {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        tower::Service::poll_ready(&mut self.0, context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        tower::Service::call(&mut self.0, request).map_ok(guarded).boxed()
    }
}

fn guarded(mut response: Response<Body>) -> Response<Body> {
    clean(response.headers_mut());
    response.map(|body| Body::new(Answer(body)))
}

/// Drops details that cannot be decoded.
fn clean(headers: &mut HeaderMap) {
    if headers.get(DETAILS).is_some_and(|details| BASE64.decode(details).is_err()) {
        headers.remove(DETAILS);
    }
}

/// An answer whose trailers are looked at before anybody else sees them.
struct Answer(Body);

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.0).poll_frame(context));
        if let Some(trailers) = frame.as_mut().and_then(|frame| frame.as_mut().ok()?.trailers_mut()) {
            clean(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_are_none_are_dropped_and_good_ones_stay() {
        for (details, stays) in
            [("CAUSBm9vcHM", true), ("CAUSBm9vcHM=", true), ("", true), ("*", false), ("a", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(DETAILS, details.parse().unwrap());
            clean(&mut headers);
            assert_eq!(headers.contains_key(DETAILS), stays, "{details:?}");
            let _ = Status::from_header_map(&headers);
        }
    }
}
