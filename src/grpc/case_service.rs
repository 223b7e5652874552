//! `rightful.v1.CaseService`.

use std::sync::Arc;

use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tonic::{Request, Response, Status, Streaming};
use tracing::Span;

use super::{
    bulk::Openings,
    caller::Caller,
    convert,
    limits::{Limits, Place},
    page,
    serve::Now,
    status,
};
use crate::{
    domain::CaseId,
    engine::{Broken, CaseView, Engine},
    proto::v1::{
        AcknowledgeCaseRequest, AcknowledgeCaseResponse, ApproveCaseRequest, ApproveCaseResponse,
        CancelCaseRequest, CancelCaseResponse, Case, ConfirmSubjectRequest, ConfirmSubjectResponse,
        DownloadExportRequest, DownloadExportResponse, ExtendDeadlineRequest, ExtendDeadlineResponse,
        GetCaseRequest, GetCaseResponse, GetGuardianRequest, GetGuardianResponse, GetReceiptRequest,
        GetReceiptResponse, ListCasesRequest, ListCasesResponse, OpenCaseRequest, OpenCaseResponse,
        OpenCasesRequest, OpenCasesResponse, PauseClockRequest, PauseClockResponse, PreviewCaseRequest,
        PreviewCaseResponse, RefuseCaseRequest, RefuseCaseResponse, ResolveTaskRequest, ResolveTaskResponse,
        ResumeClockRequest, ResumeClockResponse, RetryTaskRequest, RetryTaskResponse, WatchCaseRequest,
        WatchCaseResponse, case_service_server::CaseService, download_export_response::Item,
    },
    telemetry::trace,
};

/// Cases on a page if the caller leaves it open.
const PAGE_SIZE: u32 = 50;

/// What answers the calls.
pub(super) struct Service {
    engine: Engine,
    now: Now,
    limits: Arc<Limits>,
}

impl Service {
    /// A service of this engine, within these limits.
    pub(super) fn new(engine: Engine, now: Now, limits: Arc<Limits>) -> Self {
        Self { engine, now, limits }
    }

    /// Fails as if there were no such case, unless the caller may see it.
    async fn may_see(&self, caller: &Caller, id: CaseId) -> Result<(), Status> {
        match caller.owner() {
            None => Ok(()),
            Some(owner) => self.engine.must_be_of(id, owner).await.map_err(status::from),
        }
    }

    /// A place for a stream, to be held until it ends.
    fn stream_place<T>(&self, request: &Request<T>) -> Result<Place, Status> {
        let caller = Caller::of(request);
        self.limits.stream(&caller).map_err(|excess| status::excess(&excess, caller.name()))
    }
}

#[tonic::async_trait]
impl CaseService for Service {
    type OpenCasesStream = BoxStream<'static, Result<OpenCasesResponse, Status>>;
    type WatchCaseStream = BoxStream<'static, Result<WatchCaseResponse, Status>>;
    type DownloadExportStream = BoxStream<'static, Result<DownloadExportResponse, Status>>;

    async fn open_case(
        &self,
        request: Request<OpenCaseRequest>,
    ) -> Result<Response<OpenCaseResponse>, Status> {
        let caller = Caller::of(&request);
        let beyond = |excess| status::excess(&excess, caller.name());
        let _place = self.limits.of(&caller).and_then(|of| of.open()).map_err(beyond)?;
        let mut new = convert::new_case(request.into_inner(), (self.now)()).map_err(status::bad_request)?;
        caller.name().clone_into(&mut new.caller);
        new.trace_parent = trace::current();
        let opened = self.engine.open(new).await.map_err(status::from)?;
        Ok(Response::new(OpenCaseResponse {
            case: shown(opened.view),
            replayed: opened.replayed,
            joined: opened.joined,
        }))
    }

    async fn open_cases(
        &self,
        request: Request<Streaming<OpenCasesRequest>>,
    ) -> Result<Response<Self::OpenCasesStream>, Status> {
        let caller = Caller::of(&request);
        let place = self.stream_place(&request)?;
        let limits = self.limits.of(&caller).map_err(|excess| status::excess(&excess, caller.name()))?;
        let openings = Openings {
            engine: self.engine.clone(),
            now: Arc::clone(&self.now),
            limits,
            caller,
            trace_parent: trace::current(),
            span: Span::current(),
        };
        Ok(Response::new(openings.answers(request.into_inner(), place)))
    }

    async fn preview_case(
        &self,
        request: Request<PreviewCaseRequest>,
    ) -> Result<Response<PreviewCaseResponse>, Status> {
        let new = convert::new_preview(request.into_inner(), (self.now)()).map_err(status::bad_request)?;
        let preview = self.engine.preview(new).await.map_err(status::from)?;
        Ok(Response::new(convert::preview(preview)))
    }

    async fn get_case(&self, request: Request<GetCaseRequest>) -> Result<Response<GetCaseResponse>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        self.may_see(&Caller::of(&request), id).await?;
        let view = self.engine.case(id).await.map_err(status::from)?;
        Ok(Response::new(GetCaseResponse { case: shown(view) }))
    }

    async fn list_cases(
        &self,
        request: Request<ListCasesRequest>,
    ) -> Result<Response<ListCasesResponse>, Status> {
        let owner = Caller::of(&request).owner().map(str::to_owned);
        let mut request = request.into_inner();
        let (mut filter, after) = convert::filter(&mut request).map_err(status::bad_request)?;
        filter.caller = owner;
        let size = page::size(request.page_size, PAGE_SIZE);
        let found = self.engine.list(filter, after, size).await.map_err(status::from)?;
        Ok(Response::new(ListCasesResponse {
            cases: found.cases.into_iter().map(convert::case).collect(),
            next_page_token: found.next.map(|last| page::after_case(last, &mut request)).unwrap_or_default(),
        }))
    }

    async fn watch_case(
        &self,
        request: Request<WatchCaseRequest>,
    ) -> Result<Response<Self::WatchCaseStream>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        self.may_see(&Caller::of(&request), id).await?;
        let place = self.stream_place(&request)?;
        let views = self.engine.watch(id).await.map_err(status::from)?;
        // The stream is polled after the call's span has ended; its errors belong to the same trace.
        let span = Span::current();
        let answers = views.map(move |view| {
            let _until_it_ends = &place;
            match view {
                Ok(view) => Ok(WatchCaseResponse { case: shown(view) }),
                Err(error) => Err(span.in_scope(|| status::from(error))),
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn cancel_case(
        &self,
        request: Request<CancelCaseRequest>,
    ) -> Result<Response<CancelCaseResponse>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        self.may_see(&Caller::of(&request), id).await?;
        let view = self.engine.cancel(id).await.map_err(status::from)?;
        Ok(Response::new(CancelCaseResponse { case: shown(view) }))
    }

    async fn retry_task(
        &self,
        request: Request<RetryTaskRequest>,
    ) -> Result<Response<RetryTaskResponse>, Status> {
        let id = convert::id("task_id", &request.get_ref().task_id).map_err(status::bad_request)?;
        let view = self.engine.retry(id).await.map_err(status::from)?;
        Ok(Response::new(RetryTaskResponse { case: shown(view) }))
    }

    async fn download_export(
        &self,
        request: Request<DownloadExportRequest>,
    ) -> Result<Response<Self::DownloadExportStream>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        self.may_see(&Caller::of(&request), id).await?;
        let place = self.stream_place(&request)?;
        let download = self.engine.download(id, request.get_ref().offset).await.map_err(status::from)?;
        let info = DownloadExportResponse { item: Some(Item::Info(convert::export(download.facts))) };
        let span = Span::current();
        let chunks = download.bytes.map(move |chunk| {
            let _until_it_ends = &place;
            match chunk {
                Ok(chunk) => Ok(DownloadExportResponse { item: Some(Item::Chunk(chunk)) }),
                Err(error) => Err(span.in_scope(|| status::from(error))),
            }
        });
        Ok(Response::new(stream::iter([Ok(info)]).chain(chunks).boxed()))
    }

    async fn get_receipt(
        &self,
        request: Request<GetReceiptRequest>,
    ) -> Result<Response<GetReceiptResponse>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        self.may_see(&Caller::of(&request), id).await?;
        let receipt = self.engine.receipt(id).await.map_err(status::from)?;
        Ok(Response::new(GetReceiptResponse { receipt_json: receipt.json, sha256: receipt.sha256 }))
    }

    async fn confirm_subject(
        &self,
        request: Request<ConfirmSubjectRequest>,
    ) -> Result<Response<ConfirmSubjectResponse>, Status> {
        let caller = Caller::of(&request);
        let (id, confirmation) =
            convert::confirmation(request.into_inner(), (self.now)()).map_err(status::bad_request)?;
        self.may_see(&caller, id).await?;
        let view = self.engine.confirm(id, confirmation).await.map_err(status::from)?;
        Ok(Response::new(ConfirmSubjectResponse { case: shown(view) }))
    }

    async fn approve_case(
        &self,
        request: Request<ApproveCaseRequest>,
    ) -> Result<Response<ApproveCaseResponse>, Status> {
        let approver = Caller::of(&request).name().to_owned();
        let (id, note) = convert::approval_note(request.into_inner()).map_err(status::bad_request)?;
        let view = self.engine.approve(id, approver, note).await.map_err(status::from)?;
        Ok(Response::new(ApproveCaseResponse { case: shown(view) }))
    }

    async fn refuse_case(
        &self,
        request: Request<RefuseCaseRequest>,
    ) -> Result<Response<RefuseCaseResponse>, Status> {
        let refuser = Caller::of(&request).name().to_owned();
        let (id, ground) = convert::refusal_ground(request.into_inner()).map_err(status::bad_request)?;
        let view = self.engine.refuse(id, ground, refuser).await.map_err(status::from)?;
        Ok(Response::new(RefuseCaseResponse { case: shown(view) }))
    }

    async fn extend_deadline(
        &self,
        request: Request<ExtendDeadlineRequest>,
    ) -> Result<Response<ExtendDeadlineResponse>, Status> {
        let (id, extension) =
            convert::extension(request.into_inner(), (self.now)()).map_err(status::bad_request)?;
        let view = self.engine.extend(id, extension).await.map_err(status::from)?;
        Ok(Response::new(ExtendDeadlineResponse { case: shown(view) }))
    }

    async fn acknowledge_case(
        &self,
        request: Request<AcknowledgeCaseRequest>,
    ) -> Result<Response<AcknowledgeCaseResponse>, Status> {
        let (id, told_at) =
            convert::acknowledgement(request.get_ref(), (self.now)()).map_err(status::bad_request)?;
        self.may_see(&Caller::of(&request), id).await?;
        let view = self.engine.acknowledge(id, told_at).await.map_err(status::from)?;
        Ok(Response::new(AcknowledgeCaseResponse { case: shown(view) }))
    }

    async fn pause_clock(
        &self,
        request: Request<PauseClockRequest>,
    ) -> Result<Response<PauseClockResponse>, Status> {
        let (id, ground) = convert::pause_ground(request.get_ref()).map_err(status::bad_request)?;
        let view = self.engine.pause_clock(id, ground).await.map_err(status::from)?;
        Ok(Response::new(PauseClockResponse { case: shown(view) }))
    }

    async fn resume_clock(
        &self,
        request: Request<ResumeClockRequest>,
    ) -> Result<Response<ResumeClockResponse>, Status> {
        let id = case_id(&request.get_ref().case_id)?;
        let view = self.engine.resume_clock(id).await.map_err(status::from)?;
        Ok(Response::new(ResumeClockResponse { case: shown(view) }))
    }

    async fn get_guardian(
        &self,
        request: Request<GetGuardianRequest>,
    ) -> Result<Response<GetGuardianResponse>, Status> {
        let reader = Caller::of(&request).name().to_owned();
        let id = case_id(&request.get_ref().case_id)?;
        let guardian = self.engine.guardian(id, reader).await.map_err(status::from)?;
        Ok(Response::new(GetGuardianResponse { guardian: Some(convert::subject(&guardian)) }))
    }

    async fn resolve_task(
        &self,
        request: Request<Streaming<ResolveTaskRequest>>,
    ) -> Result<Response<ResolveTaskResponse>, Status> {
        let _place = self.stream_place(&request)?;
        let by = Caller::of(&request).name().to_owned();
        let mut messages = request.into_inner();
        let first = messages.message().await.map_err(status::of_framework)?;
        let said = convert::resolution(first, by).map_err(status::bad_request)?;
        let handed_in = messages.map(|message| message.map_err(|_| Broken).map(convert::handed_in));
        let view = self.engine.resolve_task(said, handed_in.boxed()).await.map_err(status::from)?;
        Ok(Response::new(ResolveTaskResponse { case: shown(view) }))
    }
}

fn case_id(text: &str) -> Result<CaseId, Status> {
    convert::id("case_id", text).map_err(status::bad_request)
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of the messages' field")]
fn shown(view: CaseView) -> Option<Case> {
    Some(convert::case(view))
}
