//! `rightful.v1.AccessService`.

use tonic::{Request, Response, Status};

use super::{caller::Caller, convert, page, status};
use crate::{
    engine::Engine,
    proto::v1::{
        GetCallerRequest, GetCallerResponse, ListDenialsRequest, ListDenialsResponse,
        access_service_server::AccessService,
    },
};

/// Denials on a page if the caller leaves it open.
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
impl AccessService for Service {
    async fn get_caller(
        &self,
        request: Request<GetCallerRequest>,
    ) -> Result<Response<GetCallerResponse>, Status> {
        let caller = Caller::of(&request);
        Ok(Response::new(convert::identity(caller.identity(), caller.is_authenticated())))
    }

    async fn list_denials(
        &self,
        request: Request<ListDenialsRequest>,
    ) -> Result<Response<ListDenialsResponse>, Status> {
        let mut request = request.into_inner();
        let after = page::denial_before(&mut request);
        let after = after.map_err(|fault| status::bad_request(fault.under("page_token")))?;
        let size = page::size(request.page_size, PAGE_SIZE);
        let (denials, more) = self.engine.denials(after, size).await.map_err(status::from)?;
        let last = denials.last().filter(|_| more).map(|last| last.id);
        Ok(Response::new(ListDenialsResponse {
            denials: denials.into_iter().map(convert::denial).collect(),
            next_page_token: last.map(|last| page::after_denial(last, &mut request)).unwrap_or_default(),
        }))
    }
}
