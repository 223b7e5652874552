//! `rightful.v1.DownstreamService`.

use tonic::{Request, Response, Status};

use super::{caller::Caller, convert, page, status};
use crate::{
    engine::{Engine, Error},
    proto::v1::{
        CheckDownstreamRequest, CheckDownstreamResponse, DescribeDownstreamRequest,
        DescribeDownstreamResponse, ListDownstreamsRequest, ListDownstreamsResponse, PauseDownstreamRequest,
        PauseDownstreamResponse, ResumeDownstreamRequest, ResumeDownstreamResponse,
        downstream_service_server::DownstreamService,
    },
};

/// Downstreams on a page if the caller leaves it open.
const PAGE_SIZE: u32 = 100;

/// What answers the calls.
pub(super) struct Service {
    engine: Engine,
}

impl Service {
    /// A service of this engine.
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

/// Fails as if there were no such downstream, unless the caller may see it.
fn may_see(caller: &Caller, name: &str) -> Result<(), Status> {
    match caller.itself() {
        Some(own) if own != name => {
            Err(status::from(Error::NotFound { resource: "downstream", id: name.to_owned() }))
        }
        _ => Ok(()),
    }
}

#[tonic::async_trait]
impl DownstreamService for Service {
    async fn list_downstreams(
        &self,
        request: Request<ListDownstreamsRequest>,
    ) -> Result<Response<ListDownstreamsResponse>, Status> {
        let request = request.get_ref();
        let after = page::downstream_before(&request.page_token)
            .map_err(|fault| status::bad_request(fault.under("page_token")))?;
        let size = page::size(request.page_size, PAGE_SIZE) as usize;
        let mut views = self.engine.downstreams().await.map_err(status::from)?;
        views.retain(|view| after.as_ref().is_none_or(|after| view.name > *after));
        let more = views.len() > size;
        views.truncate(size);
        let last = views.last().filter(|_| more);
        Ok(Response::new(ListDownstreamsResponse {
            next_page_token: last.map(|view| page::after_downstream(&view.name)).unwrap_or_default(),
            downstreams: views.into_iter().map(convert::downstream_in_brief).collect(),
        }))
    }

    async fn describe_downstream(
        &self,
        request: Request<DescribeDownstreamRequest>,
    ) -> Result<Response<DescribeDownstreamResponse>, Status> {
        let name = convert::downstream_name(&request.get_ref().name).map_err(status::bad_request)?;
        may_see(&Caller::of(&request), name)?;
        let view = self.engine.downstream(name).await.map_err(status::from)?;
        Ok(Response::new(DescribeDownstreamResponse { downstream: Some(convert::downstream(view)) }))
    }

    async fn check_downstream(
        &self,
        request: Request<CheckDownstreamRequest>,
    ) -> Result<Response<CheckDownstreamResponse>, Status> {
        let name = convert::downstream_name(&request.get_ref().name).map_err(status::bad_request)?;
        may_see(&Caller::of(&request), name)?;
        let check = self.engine.check(name).await.map_err(status::from)?;
        Ok(Response::new(convert::check(check)))
    }

    async fn pause_downstream(
        &self,
        request: Request<PauseDownstreamRequest>,
    ) -> Result<Response<PauseDownstreamResponse>, Status> {
        let (name, note) = convert::pause(request.into_inner()).map_err(status::bad_request)?;
        let view = self.engine.pause(&name, note).await.map_err(status::from)?;
        Ok(Response::new(PauseDownstreamResponse { downstream: Some(convert::downstream(view)) }))
    }

    async fn resume_downstream(
        &self,
        request: Request<ResumeDownstreamRequest>,
    ) -> Result<Response<ResumeDownstreamResponse>, Status> {
        let name = convert::downstream_name(&request.get_ref().name).map_err(status::bad_request)?;
        let view = self.engine.resume(name).await.map_err(status::from)?;
        Ok(Response::new(ResumeDownstreamResponse { downstream: Some(convert::downstream(view)) }))
    }
}
