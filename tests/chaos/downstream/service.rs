//! The RPCs of a downstream, and what goes wrong with them when it was told to.

use std::{
    future,
    pin::Pin,
    process,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::{Stream, StreamExt as _, stream};
use rightful::proto::downstream::v1::{
    CollectRequest, CollectResponse, DescribeRequest, DescribeResponse, EraseRequest, EraseResponse,
    GetTaskRequest, GetTaskResponse, Identifier, ObjectRequest, ObjectResponse, RectifyRequest,
    RectifyResponse, ResolveIdentifiersRequest, ResolveIdentifiersResponse, RestrictRequest,
    RestrictResponse, SweepRetentionRequest, SweepRetentionResponse, WithdrawConsentRequest,
    WithdrawConsentResponse, erase_response, get_task_response,
    subject_data_service_server::SubjectDataService,
};
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Fault, Inner, collection};
use crate::misdeed::{Method, What};

/// What a shell says of a process that was killed.
const KILLED: i32 = 137;

pub struct Service(pub Arc<Mutex<Inner>>);

impl Service {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no call panics while it holds the lock")
    }

    /// What is to go wrong with this call. Those that never get an answer end here.
    async fn enter(&self, method: Method) -> Result<Option<What>, Status> {
        let what = {
            let mut inner = self.lock();
            let position = inner.misdeeds.iter().position(|misdeed| misdeed.method == method);
            position.and_then(|position| inner.misdeeds.remove(position)).map(|misdeed| misdeed.what)
        };
        match what {
            Some(What::Hang) => future::pending().await,
            Some(What::Fail) => Err(Status::unavailable("not now")),
            Some(What::Exhausted(ms)) => {
                let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(ms)));
                Err(Status::with_error_details(Code::ResourceExhausted, "too much", details))
            }
            Some(What::Forget) => {
                self.lock().forget();
                Ok(None)
            }
            what => Ok(what),
        }
    }
}

/// The work is done and written down; whether the answer arrives is another matter.
async fn leave(what: Option<What>) {
    match what {
        Some(What::DieInstead) => process::exit(KILLED),
        Some(What::Mute) => future::pending().await,
        _ => {}
    }
}

#[tonic::async_trait]
impl SubjectDataService for Service {
    type CollectStream = Pin<Box<dyn Stream<Item = Result<CollectResponse, Status>> + Send>>;

    async fn describe(&self, _: Request<DescribeRequest>) -> Result<Response<DescribeResponse>, Status> {
        self.enter(Method::Describe).await?;
        Ok(Response::new(self.lock().description.clone()))
    }

    async fn resolve_identifiers(
        &self,
        request: Request<ResolveIdentifiersRequest>,
    ) -> Result<Response<ResolveIdentifiersResponse>, Status> {
        self.enter(Method::Resolve).await?;
        let request = request.into_inner();
        let subject = request.subject.unwrap_or_default();
        let inner = self.lock();
        let meant = inner.people.iter().filter(|p| p.is_meant(&subject, &inner.description.understands));
        let known = meant.flat_map(|person| &person.identifiers);
        let wanted = known.filter(|(kind, _)| request.wanted_kinds.contains(kind));
        let identifiers = wanted.map(|(kind, value)| Identifier { kind: kind.clone(), value: value.clone() });
        Ok(Response::new(ResolveIdentifiersResponse { identifiers: identifiers.collect() }))
    }

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let what = self.enter(Method::Collect).await?;
        let fault = match what {
            Some(What::WrongCounts) => Some(Fault::WrongCounts),
            Some(What::NoSummary) => Some(Fault::NoSummary),
            _ => None,
        };
        let messages = collection::messages(&self.lock(), &request.into_inner(), fault.as_ref());
        let all = stream::iter(messages.into_iter().map(Ok));
        let few = |items: u64| usize::try_from(items).expect("plans have small numbers");
        Ok(Response::new(match what {
            Some(What::HangAfter(items)) => {
                all.take(few(items)).chain(stream::once(future::pending())).boxed()
            }
            Some(What::DieAfter(items)) => {
                let die = stream::once(async {
                    // What was sent so far shall be on its way: only then is this a death in the middle.
                    tokio::task::yield_now().await;
                    process::exit(KILLED)
                });
                all.take(few(items)).chain(die).boxed()
            }
            _ => all.boxed(),
        }))
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Result<Response<EraseResponse>, Status> {
        let what = self.enter(Method::Erase).await?;
        let answer = self.lock().erase(&request.into_inner());
        leave(what).await;
        Ok(Response::new(EraseResponse { answer: Some(answer) }))
    }

    async fn rectify(&self, _: Request<RectifyRequest>) -> Result<Response<RectifyResponse>, Status> {
        Err(Status::unimplemented("chaos erases only"))
    }

    async fn restrict(&self, _: Request<RestrictRequest>) -> Result<Response<RestrictResponse>, Status> {
        Err(Status::unimplemented("chaos erases only"))
    }

    async fn object(&self, _: Request<ObjectRequest>) -> Result<Response<ObjectResponse>, Status> {
        Err(Status::unimplemented("chaos erases only"))
    }

    async fn withdraw_consent(
        &self,
        _: Request<WithdrawConsentRequest>,
    ) -> Result<Response<WithdrawConsentResponse>, Status> {
        Err(Status::unimplemented("chaos erases only"))
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Result<Response<GetTaskResponse>, Status> {
        use erase_response::Answer as From;
        use get_task_response::Answer as To;
        let what = self.enter(Method::GetTask).await?;
        let answer = self.lock().poll(&request.into_inner().task_id);
        leave(what).await;
        let answer = match answer {
            Some(From::Outcome(outcome)) => To::Outcome(outcome),
            Some(From::Working(working)) => To::Working(working),
            Some(From::Refusal(refusal)) => To::Refusal(refusal),
            None => return Err(Status::not_found("never seen")),
        };
        Ok(Response::new(GetTaskResponse { answer: Some(answer) }))
    }

    async fn sweep_retention(
        &self,
        _: Request<SweepRetentionRequest>,
    ) -> Result<Response<SweepRetentionResponse>, Status> {
        Err(Status::unimplemented("it is not described as supported"))
    }
}
