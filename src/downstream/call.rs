//! One call to a downstream: its time, and what telemetry sees of it (OpenTelemetry's conventions for gRPC clients).

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tonic::{Code, Request, Response, Status, transport::Uri};
use tracing::{Instrument as _, Span, field::Empty};

use super::{Failure, Settings};
use crate::telemetry::{code, metrics, trace};

/// What is told of a call that ended because nobody waited for it any more.
const GIVEN_UP: &str = "CANCELLED";
/// What is told of a call that took longer than we wait. No code of gRPC: the downstream did not say it.
const TIMEOUT: &str = "TIMEOUT";

/// A call under way. Ends when it is dropped, at the latest.
pub(super) struct Call {
    downstream: String,
    method: &'static str,
    span: Span,
    since: Instant,
    ended: Option<&'static str>,
}

/// The name of a method as telemetry has it.
macro_rules! method {
    ($name:literal) => {
        concat!("rightful.downstream.v1.SubjectDataService/", $name)
    };
}
pub(super) use method;

impl Call {
    /// Begins a call below the current span. `method` is `package.Service/Method`.
    pub(super) fn new(settings: &Settings, method: &'static str) -> Self {
        let span = tracing::info_span!(
            "downstream",
            otel.name = method,
            otel.kind = "client",
            otel.status_code = Empty,
            rpc.system.name = "grpc",
            rpc.method = method,
            rpc.response.status_code = Empty,
            server.address = Empty,
            server.port = Empty,
            downstream = settings.name,
        );
        let uri = settings.endpoint.parse::<Uri>().ok();
        if let Some((host, port)) = uri.as_ref().and_then(|uri| Some((uri.host()?, uri.port_u16()?))) {
            span.record("server.address", host).record("server.port", port);
        }
        Self { downstream: settings.name.clone(), method, span, since: Instant::now(), ended: None }
    }

    /// A request with this call's trace context, and with the time after which nobody waits for its answer any more
    /// (`grpc-timeout`): a downstream need not work on what is given up.
    pub(super) fn request<T>(&self, message: T, patience: Duration) -> Request<T> {
        let mut request = Request::new(message);
        // A little more than our own patience, so that it is always ours that ends the call, and says so in our words.
        request.set_timeout(patience + patience / 20);
        if let Some(value) = self.span.in_scope(trace::current).and_then(|text| text.parse().ok()) {
            request.metadata_mut().insert(trace::HEADER, value);
        }
        request
    }

    /// Waits for the answer, or for the beginning of a stream. `None`: it did not come in time.
    pub(super) async fn within<T>(
        &mut self,
        patience: Duration,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Option<Result<Response<T>, Status>> {
        let answered = timeout(patience, answer.instrument(self.span.clone())).await.ok();
        match &answered {
            Some(Ok(_)) => {}
            Some(Err(status)) => self.failed(status),
            None => self.late(),
        }
        answered
    }

    /// As [`Self::within`], for a call with one answer, which ends it.
    pub(super) async fn unary<T>(
        mut self,
        patience: Duration,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Result<T, Status>, Failure> {
        let answered = self.within(patience, answer).await;
        let answered =
            answered.ok_or_else(|| Failure::unavailable(format!("no answer within {patience:?}")))?;
        if answered.is_ok() {
            self.worked();
        }
        Ok(answered.map(Response::into_inner))
    }

    /// It ended well.
    pub(super) const fn worked(&mut self) {
        self.ended = Some("OK");
    }

    /// It ended with this status.
    pub(super) fn failed(&mut self, status: &Status) {
        self.ended = Some(code::name(status.code().into()));
    }

    /// It was waited for long enough.
    pub(super) const fn late(&mut self) {
        self.ended = Some(TIMEOUT);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let ended = self.ended.unwrap_or(GIVEN_UP);
        self.span.record("rpc.response.status_code", ended);
        // That somebody is not known, or that we gave up, is not an error of the call.
        if ended != code::name(Code::Ok.into())
            && ended != code::name(Code::NotFound.into())
            && ended != GIVEN_UP
        {
            self.span.record("otel.status_code", "ERROR");
        }
        metrics::client_call(&self.downstream, self.method, ended, self.since.elapsed(), &self.span);
    }
}
