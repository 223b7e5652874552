//! `rightful.v1.HoldService`.

use tonic::{Request, Response, Status};

use super::{caller::Caller, convert, page, status};
use crate::{
    engine::Engine,
    proto::v1::{
        GetHoldRequest, GetHoldResponse, ListHoldsRequest, ListHoldsResponse, PlaceHoldRequest,
        PlaceHoldResponse, ReleaseHoldRequest, ReleaseHoldResponse, hold_service_server::HoldService,
    },
};

/// Holds on a page if the caller leaves it open.
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
impl HoldService for Service {
    async fn place_hold(
        &self,
        request: Request<PlaceHoldRequest>,
    ) -> Result<Response<PlaceHoldResponse>, Status> {
        let caller = Caller::of(&request);
        let new = convert::new_hold(request.into_inner(), caller.name()).map_err(status::bad_request)?;
        let placed = self.engine.place_hold(new).await.map_err(status::from)?;
        Ok(Response::new(convert::placed_hold(placed)))
    }

    async fn release_hold(
        &self,
        request: Request<ReleaseHoldRequest>,
    ) -> Result<Response<ReleaseHoldResponse>, Status> {
        let caller = Caller::of(&request);
        let (id, note) = convert::release_hold(request.into_inner()).map_err(status::bad_request)?;
        let released = self.engine.release_hold(id, caller.name().to_owned(), note).await;
        let hold = released.map_err(status::from)?;
        Ok(Response::new(ReleaseHoldResponse { hold: Some(convert::hold(hold)) }))
    }

    async fn get_hold(&self, request: Request<GetHoldRequest>) -> Result<Response<GetHoldResponse>, Status> {
        let id = convert::id("hold_id", &request.get_ref().hold_id).map_err(status::bad_request)?;
        let hold = self.engine.hold(id).await.map_err(status::from)?;
        Ok(Response::new(GetHoldResponse { hold: Some(convert::hold(hold)) }))
    }

    async fn list_holds(
        &self,
        request: Request<ListHoldsRequest>,
    ) -> Result<Response<ListHoldsResponse>, Status> {
        let mut request = request.into_inner();
        let (filter, after) = convert::hold_filter(&mut request).map_err(status::bad_request)?;
        let size = page::size(request.page_size, PAGE_SIZE);
        let found = self.engine.holds(filter, after, size).await.map_err(status::from)?;
        Ok(Response::new(ListHoldsResponse {
            holds: found.holds.into_iter().map(convert::hold).collect(),
            next_page_token: found.next.map(|last| page::after_hold(last, &mut request)).unwrap_or_default(),
        }))
    }
}
