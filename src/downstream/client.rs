//! The calls to one downstream. Each hands on the current trace, ends within its time, and checks what comes back.

use bytes::Bytes;
use tokio::time::Instant;
use tonic::{Request, Response, Status, transport::Channel};
use uuid::Uuid;

use super::{
    Collection, Counts, Failure, Settings,
    call::{Call, method},
    check::Progress,
    convert, describe,
    guard::Guard,
};
use crate::{
    domain::{Capabilities, Identifier, IdentifierKind, Subject, TaskReason},
    proto::downstream::v1::{self, subject_data_service_client::SubjectDataServiceClient},
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
    pub(super) stub: SubjectDataServiceClient<Guard>,
    settings: Settings,
}

impl Client {
    pub(super) fn new(channel: Channel, settings: Settings) -> Self {
        let stub = SubjectDataServiceClient::new(Guard(channel)).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Self { stub, settings }
    }

    /// As it was configured.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What the downstream says it holds and can do.
    pub async fn describe(&self) -> Result<Capabilities, Failure> {
        let mut stub = self.stub.clone();
        let call = self.call(method!("Describe"));
        let request = self.asked(&call, v1::DescribeRequest {});
        let response = self.unary(call, stub.describe(request)).await?;
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
        let call = self.call(method!("ResolveIdentifiers"));
        let request = self.asked(&call, request);
        let response = self.unary(call, stub.resolve_identifiers(request)).await?;
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
        let mut call = self.call(method!("Collect"));
        let request = call.request(request, self.settings.collect_timeout);
        let response = call
            .within(patience, stub.collect(request))
            .await
            .ok_or_else(|| Failure::unavailable(format!("the stream did not open within {patience:?}")))?
            .map_err(|status| Failure::from(&status))?;
        let progress = Progress::new(ask.categories, ask.so_far);
        Ok(Collection::new(response.into_inner(), call, progress, &self.settings, deadline))
    }

    /// Begins a call.
    pub(super) fn call(&self, method: &'static str) -> Call {
        Call::new(&self.settings, method)
    }

    /// A request that is to be answered within the call's time.
    pub(super) fn asked<T>(&self, call: &Call, message: T) -> Request<T> {
        call.request(message, self.settings.call_timeout)
    }

    /// Waits for the one answer of a call.
    pub(super) async fn unary<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        self.answer(call, answer).await?.map_err(|status| Failure::from(&status))
    }

    /// As [`Self::unary`], for whom a status is an answer.
    pub(super) async fn answer<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<Result<T, Status>, Failure> {
        call.unary(self.settings.call_timeout, answer).await
    }
}
