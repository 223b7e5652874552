//! The RPCs of a sample downstream, over whatever tables it holds.
//!
//! Guarantees, whatever the service: the same `task_id` has one effect and one answer; a dry run changes nothing; an
//! unknown person is a success with zeros; an error never says anything about the person.

use std::{marker::PhantomData, pin::Pin, sync::Arc};

use futures::Stream;
use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseConnection};
use tokio::sync::Notify;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::{
    Error,
    collection::{Collection, Position},
    holding::{Holding, NOBODY},
    task,
};
use crate::proto::downstream::v1::{
    CollectRequest, CollectResponse, DescribeRequest, DescribeResponse, EraseRequest, EraseResponse,
    GetTaskRequest, GetTaskResponse, Identifier, ObjectRequest, ObjectResponse, RectifyRequest,
    RectifyResponse, ResolveIdentifiersRequest, ResolveIdentifiersResponse, RestrictRequest,
    RestrictResponse, Subject, SweepRetentionRequest, SweepRetentionResponse, WithdrawConsentRequest,
    WithdrawConsentResponse, erase_response, get_task_response::Answer, object_response, rectify_response,
    restrict_response, subject_data_service_server::SubjectDataService, withdraw_consent_response,
};

/// Identifiers in one call, either way: the contract's bound.
const IDENTIFIERS_MAX: usize = 64;

/// What makes a sample service the one that it is.
pub(super) trait Source: Send + Sync + 'static {
    /// The service's name in addresses and file names.
    const NAME: &'static str;

    /// What it says of itself; the categories are added from [`Source::holdings`].
    fn describe() -> DescribeResponse;

    /// Its tables, in the order in which they are collected and disposed of.
    fn holdings() -> Vec<Box<dyn Holding>>;

    /// The service's own keys for everybody whom ANY of the subject's identifiers names; doubles do not matter.
    fn owners<C: ConnectionTrait>(
        db: &C,
        subject: &Subject,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// The identifiers that it can provide for those keys; doubles do not matter.
    fn known_as<C: ConnectionTrait>(
        db: &C,
        owners: &[String],
    ) -> impl Future<Output = Result<Vec<Identifier>, Error>> + Send;

    /// Changes are accepted at once and done later.
    const IN_BACKGROUND: bool = false;

    /// It tells the recipients of its data of what it changes (GDPR 19).
    const TELLS_RECIPIENTS: bool = true;
}

/// A sample downstream.
pub(super) struct Service<S> {
    db: DatabaseConnection,
    holdings: Arc<[Box<dyn Holding>]>,
    now: Timestamp,
    /// Wakes the background work. Carries no data: the work is in the task table.
    wake: Arc<Notify>,
    source: PhantomData<fn() -> S>,
}

// Not derived: `S` itself is never held, so it need not be `Clone`.
impl<S> Clone for Service<S> {
    fn clone(&self) -> Self {
        Self {
            db: self.db.clone(),
            holdings: Arc::clone(&self.holdings),
            now: self.now,
            wake: Arc::clone(&self.wake),
            source: PhantomData,
        }
    }
}

impl<S: Source> Service<S> {
    /// The service over an open database. `now` decides which retention periods have run.
    pub(super) fn new(db: DatabaseConnection, now: Timestamp) -> Self {
        let wake = Arc::new(Notify::new());
        Self { db, holdings: S::holdings().into(), now, wake, source: PhantomData }
    }

    /// The database, for the background work.
    pub(super) fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Returns when there may be background work.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// What retention periods are measured against.
    pub(super) const fn time(&self) -> Timestamp {
        self.now
    }

    /// Its tables.
    pub(super) fn holdings(&self) -> &[Box<dyn Holding>] {
        &self.holdings
    }

    /// There is background work.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Changes something, and puts the answer into the response of the RPC.
macro_rules! change {
    ($service:expr, $request:expr, $Response:ident, $answer:ident) => {{
        let request = $request.into_inner();
        check_task_id(&request.task_id)?;
        subject(request.subject.as_ref())?;
        let answer = match $service.change(request.into()).await? {
            Answer::Outcome(outcome) => $answer::Answer::Outcome(outcome),
            Answer::Working(working) => $answer::Answer::Working(working),
            Answer::Refusal(refusal) => $answer::Answer::Refusal(refusal),
        };
        Ok(Response::new($Response { answer: Some(answer) }))
    }};
}

#[tonic::async_trait]
impl<S: Source> SubjectDataService for Service<S> {
    type CollectStream = Pin<Box<dyn Stream<Item = Result<CollectResponse, Status>> + Send>>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        let categories = self.holdings.iter().map(|holding| holding.category().clone()).collect();
        Ok(Response::new(DescribeResponse { categories, ..S::describe() }))
    }

    async fn resolve_identifiers(
        &self,
        request: Request<ResolveIdentifiersRequest>,
    ) -> Result<Response<ResolveIdentifiersResponse>, Status> {
        let request = request.into_inner();
        check_task_id(&request.task_id)?;
        let owners = owners::<S, _>(&self.db, request.subject.as_ref()).await?;
        let mut identifiers = S::known_as(&self.db, &owners).await.map_err(fault)?;
        identifiers.retain(|identifier| request.wanted_kinds.contains(&identifier.kind));
        identifiers.sort_unstable_by(|a, b| (&a.kind, &a.value).cmp(&(&b.kind, &b.value)));
        identifiers.dedup();
        identifiers.truncate(IDENTIFIERS_MAX);
        Ok(Response::new(ResolveIdentifiersResponse { identifiers }))
    }

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let request = request.into_inner();
        check_task_id(&request.task_id)?;
        let position = Position::find(&request.categories, &request.resume_token, &self.holdings)?;
        let owners = owners::<S, _>(&self.db, request.subject.as_ref()).await?;
        let collection = Collection { db: self.db.clone(), holdings: Arc::clone(&self.holdings), owners };
        Ok(Response::new(Box::pin(collection.stream(position, fault))))
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Result<Response<EraseResponse>, Status> {
        change!(self, request, EraseResponse, erase_response)
    }

    async fn rectify(&self, request: Request<RectifyRequest>) -> Result<Response<RectifyResponse>, Status> {
        change!(self, request, RectifyResponse, rectify_response)
    }

    async fn restrict(
        &self,
        request: Request<RestrictRequest>,
    ) -> Result<Response<RestrictResponse>, Status> {
        change!(self, request, RestrictResponse, restrict_response)
    }

    async fn object(&self, request: Request<ObjectRequest>) -> Result<Response<ObjectResponse>, Status> {
        change!(self, request, ObjectResponse, object_response)
    }

    async fn withdraw_consent(
        &self,
        request: Request<WithdrawConsentRequest>,
    ) -> Result<Response<WithdrawConsentResponse>, Status> {
        change!(self, request, WithdrawConsentResponse, withdraw_consent_response)
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Result<Response<GetTaskResponse>, Status> {
        let task_id = request.into_inner().task_id;
        check_task_id(&task_id)?;
        let known = task::recall(&self.db, &task_id).await.map_err(fault)?;
        let known = known.ok_or_else(|| Status::not_found("this task was never seen here"))?;
        Ok(Response::new(GetTaskResponse { answer: Some(known.state()) }))
    }

    async fn sweep_retention(
        &self,
        _: Request<SweepRetentionRequest>,
    ) -> Result<Response<SweepRetentionResponse>, Status> {
        Err(Status::unimplemented("it is not described as supported"))
    }
}

fn check_task_id(task_id: &str) -> Result<(), Status> {
    Uuid::try_parse(task_id).map(drop).map_err(|_| Status::invalid_argument("task_id is not a UUID"))
}

/// The subject's keys, each once, in a stable order.
pub(super) async fn owners<S: Source, C: ConnectionTrait>(
    db: &C,
    of: Option<&Subject>,
) -> Result<Vec<String>, Status> {
    let mut owners = S::owners(db, subject(of)?).await.map_err(fault)?;
    // Whoever asks for the word itself must not get everybody who was anonymised.
    owners.retain(|owner| owner != NOBODY);
    owners.sort_unstable();
    owners.dedup();
    Ok(owners)
}

fn subject(subject: Option<&Subject>) -> Result<&Subject, Status> {
    subject
        .filter(|subject| (1..=IDENTIFIERS_MAX).contains(&subject.identifiers.len()))
        .ok_or_else(|| Status::invalid_argument("a subject has 1 to 64 identifiers"))
}

/// Our own fault: told to the log, not to the caller. INTERNAL means "again later".
#[expect(clippy::needless_pass_by_value, reason = "map_err hands the error over")]
pub(super) fn fault(error: Error) -> Status {
    tracing::error!(error = &error as &dyn std::error::Error, "a sample service failed");
    Status::internal("the service failed")
}

pub(super) fn unexpected(error: sea_orm::DbErr) -> Status {
    fault(Error::from(error))
}

/// The values of one kind of identifier.
pub(super) fn values<'a>(subject: &'a Subject, kind: &'a str) -> impl Iterator<Item = &'a str> {
    subject.identifiers.iter().filter(move |id| id.kind == kind).map(|id| id.value.as_str())
}

/// Values as identifiers of one kind.
pub(super) fn identifiers(kind: &str, values: Vec<String>) -> Vec<Identifier> {
    values.into_iter().map(|value| Identifier { kind: kind.to_owned(), value }).collect()
}
