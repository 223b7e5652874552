//! The calls to one downstream. Each hands on the current trace, ends within its time, and checks what comes back.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout};
use tonic::{Request, Response, Status, transport::Channel};
use uuid::Uuid;

use super::{Collection, Counts, Failure, Settings, check::Progress, convert, describe};
use crate::{
    domain::{Capabilities, Identifier, IdentifierKind, Subject, TaskReason},
    proto::downstream::v1::{self, subject_data_service_client::SubjectDataServiceClient},
    telemetry::trace,
};

/// The largest message that is decoded. The largest that the contract allows is a Describe with schemas; records and
/// chunks end at 1 MiB. It bounds what one hostile message can take.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// What to collect.
pub struct Collect<'a> {
    /// The idempotency key.
    pub call_id: Uuid,
    /// Who, by the kinds of identifiers that the downstream understands.
    pub subject: &'a Subject,
    /// Which categories; at least one.
    pub categories: &'a [String],
    /// Where to go on; empty from the start.
    pub resume_token: Bytes,
    /// What had arrived when the resume token came; nothing from the start.
    pub so_far: Counts,
}

/// The client of one downstream.
pub struct Client {
    pub(super) stub: SubjectDataServiceClient<Channel>,
    settings: Settings,
}

impl Client {
    pub(super) fn new(channel: Channel, settings: Settings) -> Self {
        let stub = SubjectDataServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Self { stub, settings }
    }

    /// As it was configured.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the downstream says it holds and can do.
    pub async fn describe(&self) -> Result<Capabilities, Failure> {
        let mut stub = self.stub.clone();
        let response = self.unary(stub.describe(self.asked(v1::DescribeRequest {}))).await?;
        describe::capabilities(&self.settings.name, response)
    }

    /// Identifiers of the wanted kinds, each once; none if the person is unknown there.
    pub async fn resolve(
        &self,
        call_id: Uuid,
        subject: &Subject,
        wanted: &[IdentifierKind],
    ) -> Result<Vec<Identifier>, Failure> {
        let request = v1::ResolveIdentifiersRequest {
            task_id: call_id.to_string(),
            subject: Some(convert::subject(subject)),
            wanted_kinds: wanted.iter().map(ToString::to_string).collect(),
        };
        let mut stub = self.stub.clone();
        let response = self.unary(stub.resolve_identifiers(self.asked(request))).await?;
        convert::identifiers(response, wanted)
    }

    /// Begins a collection.
    pub async fn collect(&self, ask: Collect<'_>) -> Result<Collection, Failure> {
        if ask.categories.is_empty() {
            // On the wire an empty list means all, and then no summary could be checked.
            return Err(Failure::new(TaskReason::Internal, "no category was asked for"));
        }
        let deadline = Instant::now() + self.settings.collect_timeout;
        let request = v1::CollectRequest {
            task_id: ask.call_id.to_string(),
            subject: Some(convert::subject(ask.subject)),
            categories: ask.categories.to_vec(),
            resume_token: ask.resume_token,
        };
        let mut stub = self.stub.clone();
        // Until the stream opens, it is silent.
        let patience = self.settings.idle_timeout.min(self.settings.collect_timeout);
        let response = timeout(patience, stub.collect(within_time(request, self.settings.collect_timeout)))
            .await
            .map_err(|_| Failure::unavailable(format!("the stream did not open within {patience:?}")))?
            .map_err(|status| Failure::from(&status))?;
        let progress = Progress::new(ask.categories, ask.so_far);
        Ok(Collection::new(response.into_inner(), progress, &self.settings, deadline))
    }

    /// A request that is to be answered within the call's time.
    pub(super) fn asked<T>(&self, message: T) -> Request<T> {
        within_time(message, self.settings.call_timeout)
    }

    pub(super) async fn unary<T>(
        &self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        self.within(call).await?.map(Response::into_inner).map_err(|status| Failure::from(&status))
    }

    pub(super) async fn within<T>(&self, call: impl Future<Output = T>) -> Result<T, Failure> {
        let patience = self.settings.call_timeout;
        timeout(patience, call)
            .await
            .map_err(|_| Failure::unavailable(format!("no answer within {patience:?}")))
    }
}

/// A request with the current span's trace context, and with the time after which nobody waits for its answer any
/// more (`grpc-timeout`): a downstream need not work on what is given up.
fn within_time<T>(message: T, patience: Duration) -> Request<T> {
    let mut request = Request::new(message);
    // A little more than our own patience, so that it is always ours that ends the call, and says so in our words.
    request.set_timeout(patience + patience / 20);
    if let Some(value) = trace::current().and_then(|text| text.parse().ok()) {
        request.metadata_mut().insert(trace::HEADER, value);
    }
    request
}
