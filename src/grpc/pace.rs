//! The pace of a call: who sends or takes nothing for too long has its call ended, and what was held for it is free again
//! (CVE-2007-6750 is the oldest of this kind, CVE-2019-9517 one of HTTP/2's).

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;
use tonic::{Status, body::Body};

use super::{
    limits::Place,
    rpc::{Kind, Rpc},
    status,
};
use crate::telemetry::metrics;

/// What is handed to HTTP/2 at once: one of its frames (RFC 9113, 4.2). It takes the first piece and the next of any answer,
/// however small the caller's window; what comes after that waits here.
const PIECE_BYTES: usize = 16 * 1024;

/// How long a call may take, and stand still. Each is above zero.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// From the headers of a call that is no stream to its answer.
    pub call_timeout: Duration,
    /// Nothing comes in the middle of a request.
    pub request_idle: Duration,
    /// Nothing is taken of an answer that lies ready.
    pub answer_idle: Duration,
}

impl Pace {
    /// Makes the call at this pace. The place of a call that is no stream is held until its answer has been taken.
    pub(super) async fn call<S>(
        self,
        mut inner: S,
        request: Request<Body>,
        rpc: Rpc,
        place: Option<Place>,
    ) -> Result<Response<Body>, S::Error>
    where
        S: tower::Service<Request<Body>, Response = Response<Body>>,
    {
        let request = request.map(|body| Body::new(Sent { body, idle: self.request_idle, timer: None }));
        let call = inner.call(request);
        let response = match rpc.kind {
            Kind::Stream => call.await?,
            Kind::Unary => match timeout(self.call_timeout, call).await {
                Ok(response) => response?,
                Err(_) => return Ok(ended("call_timeout").into_http()),
            },
        };
        // A stream's answer is its beginning; from then on it has a place among the streams.
        let place = place.filter(|_| rpc.kind == Kind::Unary || rpc.is_foreign());
        Ok(response.map(|body| Body::new(Taken::new(body, self.answer_idle, place))))
    }
}

fn ended(limit: &'static str) -> Status {
    metrics::refused(limit);
    status::too_slow(limit)
}

/// A request under way.
struct Sent {
    body: Body,
    idle: Duration,
    /// Runs while something is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.timer = None;
            return Poll::Ready(frame);
        }
        let idle = self.idle;
        ready!(self.timer.get_or_insert_with(|| Box::pin(sleep(idle))).as_mut().poll(context));
        Poll::Ready(Some(Err(ended("request_idle"))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// An answer under way. It is not asked for more while its caller takes nothing, so somebody else has to look.
struct Taken {
    answer: Arc<Mutex<Answer>>,
    /// Held by every piece: what HTTP/2 keeps for the caller is still to be taken.
    place: Option<Arc<Place>>,
    idle: Duration,
    watch: Option<AbortOnDropHandle<()>>,
}

struct Answer {
    /// Absent once it took too long. What it held goes with it.
    body: Option<Body>,
    /// What is left of a message.
    rest: Bytes,
    /// When something was handed out that has not been taken yet.
    given: Option<Instant>,
    has_begun: bool,
}

/// A piece of an answer, and its place until it has been sent.
struct Piece {
    bytes: Bytes,
    _place: Arc<Place>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Taken {
    fn new(body: Body, idle: Duration, place: Option<Place>) -> Self {
        let answer = Answer { body: Some(body), rest: Bytes::new(), given: None, has_begun: false };
        Self { answer: Arc::new(Mutex::new(answer)), place: place.map(Arc::new), idle, watch: None }
    }
}

impl http_body::Body for Taken {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let mut answer = this.answer.lock().unwrap_or_else(PoisonError::into_inner);
        // Being asked for more means that the last has been taken.
        answer.given = None;
        if answer.rest.is_empty() {
            let Some(body) = &mut answer.body else {
                return Poll::Ready(Some(trailers(&status::too_slow("answer_idle"))));
            };
            match ready!(Pin::new(body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => answer.rest = data,
                    Err(frame) => return Poll::Ready(Some(Ok(frame))),
                },
                end => return Poll::Ready(end),
            }
        }
        let length = answer.rest.len().min(PIECE_BYTES);
        let mut bytes = answer.rest.split_to(length);
        answer.given = Some(Instant::now());
        if answer.has_begun || !answer.rest.is_empty() {
            let (answer, idle) = (&this.answer, this.idle);
            this.watch
                .get_or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(watch(Arc::clone(answer), idle))));
        }
        answer.has_begun = true;
        if let Some(place) = &this.place {
            bytes = Bytes::from_owner(Piece { bytes, _place: Arc::clone(place) });
        }
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
        answer.rest.is_empty() && answer.body.as_ref().is_some_and(http_body::Body::is_end_stream)
    }
}

/// A status at the end of an answer that has begun. An end without one would be the server's fault to its caller.
fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut headers = http::HeaderMap::new();
    status.add_header(&mut headers)?;
    Ok(Frame::trailers(headers))
}

/// Drops the answer once nothing was taken of it for so long.
async fn watch(answer: Arc<Mutex<Answer>>, idle: Duration) {
    loop {
        let given = answer.lock().unwrap_or_else(PoisonError::into_inner).given;
        sleep_until(given.unwrap_or_else(Instant::now) + idle).await;
        let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
        if answer.given.is_some_and(|given| given.elapsed() >= idle) {
            (answer.body, answer.rest) = (None, Bytes::new());
            metrics::refused("answer_idle");
            return;
        }
    }
}
