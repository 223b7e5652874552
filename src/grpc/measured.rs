//! The end of a call, seen from outside: with which code, and after which time.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Frame;
use tokio::time::Instant;
use tonic::{Code, Status, body::Body};
use tracing::Span;

use crate::telemetry::{code, metrics};

/// What is told of a call whose caller did not wait for its end.
const GONE: &str = "CANCELLED";

/// A call under way. It is measured when it is dropped: a caller may go away at any moment.
pub(super) struct Measured {
    method: &'static str,
    span: Span,
    since: Instant,
    ended: Option<&'static str>,
}

impl Measured {
    /// From now on.
    pub(super) fn new(method: &'static str, span: Span) -> Self {
        Self { method, span, since: Instant::now(), ended: None }
    }

    /// The answer is measured to its end.
    pub(super) fn answered(mut self, response: Response<Body>) -> Response<Body> {
        // An answer that has nothing but a status has it here.
        if let Some(code) = code_of(response.headers()) {
            self.ended = Some(code);
        }
        response.map(|body| Body::new(Answer { body, measured: self }))
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let ended = self.ended.unwrap_or(GONE);
        self.span.record("rpc.response.status_code", ended);
        if code::is_servers_fault(ended) {
            self.span.record("otel.status_code", "ERROR");
        }
        metrics::server_call(self.method, ended, self.since.elapsed(), &self.span);
    }
}

/// `grpc-status` of headers or trailers.
fn code_of(headers: &HeaderMap) -> Option<&'static str> {
    let code = Code::from_bytes(headers.get(Status::GRPC_STATUS)?.as_bytes());
    Some(code::name(code.into()))
}

/// An answer under way.
struct Answer {
    body: Body,
    measured: Measured,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(code) = frame.trailers_ref().and_then(code_of) {
                    self.measured.ended = Some(code);
                }
            }
            Some(Err(status)) => self.measured.ended = Some(code::name(status.code().into())),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
