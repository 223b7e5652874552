//! The puppet's RPCs.

use std::{future, pin::Pin};

use futures::{Stream, StreamExt as _, stream};
use rightful::proto::downstream::v1::{
    CollectRequest, CollectResponse, DescribeRequest, DescribeResponse, EraseRequest, EraseResponse,
    GetTaskRequest, GetTaskResponse, Identifier, ObjectRequest, ObjectResponse, RectifyRequest,
    RectifyResponse, ResolveIdentifiersRequest, ResolveIdentifiersResponse, RestrictRequest,
    RestrictResponse, SweepRetentionRequest, SweepRetentionResponse, WithdrawConsentRequest,
    WithdrawConsentResponse, erase_response, get_task_response::Answer, object_response, rectify_response,
    restrict_response, subject_data_service_server::SubjectDataService, withdraw_consent_response,
};
use tonic::{Request, Response, Status};

use super::{Call, Fault, Method, Shared, change, collection, sweep};

pub struct Service(pub Shared);

impl Service {
    /// Writes the call down and says what is to go wrong with it. Hangs and errors happen here.
    async fn enter(&self, call: Call) -> Result<Option<Fault>, Status> {
        let fault = {
            let mut inner = self.0.lock();
            let fault = inner.script.take(call.method);
            inner.journal.note(call);
            fault
        };
        if matches!(fault, Some(Fault::Hang)) {
            return Err(self.0.hang().await);
        }
        match fault.as_ref().and_then(Fault::status) {
            Some(status) => Err(status),
            None => Ok(fault),
        }
    }

    /// The work is done; whether the answer arrives is another matter.
    async fn leave(&self, fault: Option<&Fault>) -> Result<(), Status> {
        match fault {
            Some(Fault::Mute) => return Err(self.0.hang().await),
            Some(Fault::LoseResponse) => self.0.front.cut(),
            _ => {}
        }
        Ok(())
    }
}

/// Changes something, and puts the answer into the response of the RPC.
macro_rules! change {
    ($self:ident, $call:ident, $request:ident, $Work:ident, $Response:ident, $answer:ident) => {{
        $call.dry_run = $request.dry_run;
        let fault = $self.enter($call.task(&$request.task_id).subject($request.subject.as_ref())).await?;
        let answer = change::change(&mut $self.0.lock(), change::Work::$Work($request), fault.as_ref());
        $self.leave(fault.as_ref()).await?;
        let answer = match answer {
            Answer::Outcome(outcome) => $answer::Answer::Outcome(outcome),
            Answer::Working(working) => $answer::Answer::Working(working),
            Answer::Refusal(refusal) => $answer::Answer::Refusal(refusal),
        };
        Ok(Response::new($Response { answer: Some(answer) }))
    }};
}

#[tonic::async_trait]
impl SubjectDataService for Service {
    type CollectStream = Pin<Box<dyn Stream<Item = Result<CollectResponse, Status>> + Send>>;

    async fn describe(
        &self,
        request: Request<DescribeRequest>,
    ) -> Result<Response<DescribeResponse>, Status> {
        self.enter(Call::new(Method::Describe, &request)).await?;
        Ok(Response::new(self.0.lock().description.clone()))
    }

    async fn resolve_identifiers(
        &self,
        request: Request<ResolveIdentifiersRequest>,
    ) -> Result<Response<ResolveIdentifiersResponse>, Status> {
        let call = Call::new(Method::Resolve, &request);
        let request = request.into_inner();
        let fault = self.enter(call.task(&request.task_id).subject(request.subject.as_ref())).await?;
        if let Some(Fault::Resolve(identifiers)) = fault {
            return Ok(Response::new(ResolveIdentifiersResponse { identifiers }));
        }
        let inner = self.0.lock();
        let subject = request.subject.unwrap_or_default();
        let mut identifiers = Vec::new();
        for person in inner.people.iter().filter(|p| p.is_meant(&subject, &inner.description.understands)) {
            let known = person.identifiers.iter().filter(|(kind, _)| request.wanted_kinds.contains(kind));
            identifiers
                .extend(known.map(|(kind, value)| Identifier { kind: kind.clone(), value: value.clone() }));
        }
        Ok(Response::new(ResolveIdentifiersResponse { identifiers }))
    }

    async fn collect(
        &self,
        request: Request<CollectRequest>,
    ) -> Result<Response<Self::CollectStream>, Status> {
        let mut call = Call::new(Method::Collect, &request);
        let request = request.into_inner();
        call.categories.clone_from(&request.categories);
        call.resume_token = request.resume_token.to_vec();
        let fault = self.enter(call.task(&request.task_id).subject(request.subject.as_ref())).await?;
        let messages = collection::messages(&self.0.lock(), &request, fault.as_ref());
        let all = stream::iter(messages.into_iter().map(Ok));
        Ok(Response::new(match fault {
            Some(Fault::HangAfter(count)) => {
                let shared = self.0.clone();
                let hang = stream::once(async move { Err(shared.hang().await) });
                all.take(count).chain(hang).boxed()
            }
            Some(Fault::DieAfter(count)) => {
                let front = self.0.front.clone();
                let die = stream::once(async move {
                    // What was sent so far shall have arrived: only then is this a death in the middle.
                    tokio::task::yield_now().await;
                    front.cut();
                    future::pending().await
                });
                all.take(count).chain(die).boxed()
            }
            _ => all.boxed(),
        }))
    }

    async fn erase(&self, request: Request<EraseRequest>) -> Result<Response<EraseResponse>, Status> {
        let mut call = Call::new(Method::Erase, &request);
        let request = request.into_inner();
        call.directives.clone_from(&request.directives);
        change!(self, call, request, Erase, EraseResponse, erase_response)
    }

    async fn rectify(&self, request: Request<RectifyRequest>) -> Result<Response<RectifyResponse>, Status> {
        let mut call = Call::new(Method::Rectify, &request);
        let request = request.into_inner();
        call.corrections.clone_from(&request.corrections);
        change!(self, call, request, Rectify, RectifyResponse, rectify_response)
    }

    async fn restrict(
        &self,
        request: Request<RestrictRequest>,
    ) -> Result<Response<RestrictResponse>, Status> {
        let mut call = Call::new(Method::Restrict, &request);
        let request = request.into_inner();
        call.categories.clone_from(&request.categories);
        change!(self, call, request, Restrict, RestrictResponse, restrict_response)
    }

    async fn object(&self, request: Request<ObjectRequest>) -> Result<Response<ObjectResponse>, Status> {
        let mut call = Call::new(Method::Object, &request);
        let request = request.into_inner();
        call.categories.clone_from(&request.categories);
        change!(self, call, request, Object, ObjectResponse, object_response)
    }

    async fn withdraw_consent(
        &self,
        request: Request<WithdrawConsentRequest>,
    ) -> Result<Response<WithdrawConsentResponse>, Status> {
        let mut call = Call::new(Method::WithdrawConsent, &request);
        let request = request.into_inner();
        call.categories = request.categories.iter().map(|of| of.category.clone()).collect();
        change!(self, call, request, WithdrawConsent, WithdrawConsentResponse, withdraw_consent_response)
    }

    async fn sweep_retention(
        &self,
        request: Request<SweepRetentionRequest>,
    ) -> Result<Response<SweepRetentionResponse>, Status> {
        let mut call = Call::new(Method::Sweep, &request);
        let request = request.into_inner();
        call.dry_run = request.dry_run;
        let fault = self.enter(call.task(&request.task_id)).await?;
        let answer = sweep::sweep(&mut self.0.lock(), &request, fault.as_ref());
        self.leave(fault.as_ref()).await?;
        Ok(Response::new(SweepRetentionResponse { answer: Some(answer) }))
    }

    async fn get_task(&self, request: Request<GetTaskRequest>) -> Result<Response<GetTaskResponse>, Status> {
        let call = Call::new(Method::GetTask, &request);
        let task_id = request.into_inner().task_id;
        let fault = self.enter(call.task(&task_id)).await?;
        let answer = change::poll(&mut self.0.lock(), &task_id, fault.as_ref());
        self.leave(fault.as_ref()).await?;
        let answer = answer.ok_or_else(|| Status::not_found("never seen"))?;
        Ok(Response::new(GetTaskResponse { answer: Some(answer) }))
    }
}
