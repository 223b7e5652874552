//! `rightful.v1.RetentionService`.

use tonic::{Request, Response, Status};

use super::{caller::Caller, convert, page, status};
use crate::{
    domain::SweepId,
    engine::Engine,
    proto::v1::{
        DiscardSweepRequest, DiscardSweepResponse, GetSweepRequest, GetSweepResponse, ListSweepsRequest,
        ListSweepsResponse, PlanSweepRequest, PlanSweepResponse, RunSweepRequest, RunSweepResponse,
        retention_service_server::RetentionService,
    },
};

/// Sweeps on a page if the caller leaves it open.
const PAGE_SIZE: u32 = 50;

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

#[tonic::async_trait]
impl RetentionService for Service {
    async fn plan_sweep(
        &self,
        request: Request<PlanSweepRequest>,
    ) -> Result<Response<PlanSweepResponse>, Status> {
        let caller = Caller::of(&request);
        let name =
            convert::named("downstream", &request.get_ref().downstream).map_err(status::bad_request)?;
        let (sweep, existed) = self.engine.plan_sweep(name, caller.name()).await.map_err(status::from)?;
        Ok(Response::new(PlanSweepResponse { sweep: Some(convert::sweep(sweep)), existed }))
    }

    async fn run_sweep(
        &self,
        request: Request<RunSweepRequest>,
    ) -> Result<Response<RunSweepResponse>, Status> {
        let caller = Caller::of(&request);
        let request = request.get_ref();
        let id = sweep_id(&request.sweep_id)?;
        let ran = self.engine.run_sweep(id, caller.name(), request.despite_holds).await;
        let sweep = ran.map_err(status::from)?;
        Ok(Response::new(RunSweepResponse { sweep: Some(convert::sweep(sweep)) }))
    }

    async fn discard_sweep(
        &self,
        request: Request<DiscardSweepRequest>,
    ) -> Result<Response<DiscardSweepResponse>, Status> {
        let caller = Caller::of(&request);
        let id = sweep_id(&request.get_ref().sweep_id)?;
        let sweep = self.engine.discard_sweep(id, caller.name()).await.map_err(status::from)?;
        Ok(Response::new(DiscardSweepResponse { sweep: Some(convert::sweep(sweep)) }))
    }

    async fn get_sweep(
        &self,
        request: Request<GetSweepRequest>,
    ) -> Result<Response<GetSweepResponse>, Status> {
        let id = sweep_id(&request.get_ref().sweep_id)?;
        let sweep = self.engine.retention_sweep(id).await.map_err(status::from)?;
        Ok(Response::new(GetSweepResponse { sweep: Some(convert::sweep(sweep)) }))
    }

    async fn list_sweeps(
        &self,
        request: Request<ListSweepsRequest>,
    ) -> Result<Response<ListSweepsResponse>, Status> {
        let mut request = request.into_inner();
        let (downstream, after) = convert::sweep_filter(&mut request).map_err(status::bad_request)?;
        let size = page::size(request.page_size, PAGE_SIZE);
        let found = self.engine.sweeps(downstream.as_deref(), after, size).await.map_err(status::from)?;
        Ok(Response::new(ListSweepsResponse {
            sweeps: found.sweeps.into_iter().map(convert::sweep).collect(),
            next_page_token: found.next.map(|last| page::after_sweep(last, &mut request)).unwrap_or_default(),
        }))
    }
}

fn sweep_id(text: &str) -> Result<SweepId, Status> {
    convert::id("sweep_id", text).map_err(status::bad_request)
}
