//! `rightful.v1.NoticeService`.

use std::sync::Arc;

use futures::{StreamExt as _, stream::BoxStream};
use tonic::{Request, Response, Status};
use tracing::Span;

use super::{caller::Caller, convert, limits::Limits, page, status};
use crate::{
    engine::Engine,
    proto::v1::{
        EnableWebhookRequest, EnableWebhookResponse, ListNoticesRequest, ListNoticesResponse,
        ListWebhooksRequest, ListWebhooksResponse, WatchNoticesRequest, WatchNoticesResponse,
        notice_service_server::NoticeService,
    },
};

/// Notices on a page if the caller leaves it open.
const PAGE_SIZE: u32 = 100;

/// What answers the calls.
pub(super) struct Service {
    engine: Engine,
    limits: Arc<Limits>,
}

impl Service {
    /// A service of this engine, within these limits.
    pub(super) fn new(engine: Engine, limits: Arc<Limits>) -> Self {
        Self { engine, limits }
    }
}

#[tonic::async_trait]
impl NoticeService for Service {
    type WatchNoticesStream = BoxStream<'static, Result<WatchNoticesResponse, Status>>;

    async fn list_notices(
        &self,
        request: Request<ListNoticesRequest>,
    ) -> Result<Response<ListNoticesResponse>, Status> {
        let request = request.get_ref();
        let filter = convert::notice_filter(request.after_sequence, &request.notice_types)
            .map_err(status::bad_request)?;
        let size = page::size(request.page_size, PAGE_SIZE);
        let found = self.engine.notices(&filter, size).await.map_err(status::from)?;
        Ok(Response::new(ListNoticesResponse {
            notices: found.notices.into_iter().map(convert::notice).collect(),
            through_sequence: found.through,
            more: found.more,
        }))
    }

    async fn watch_notices(
        &self,
        request: Request<WatchNoticesRequest>,
    ) -> Result<Response<Self::WatchNoticesStream>, Status> {
        let caller = Caller::of(&request);
        let place = self.limits.stream(&caller).map_err(|excess| status::excess(&excess, caller.name()))?;
        let request = request.get_ref();
        let filter = convert::notice_filter(request.after_sequence, &request.notice_types)
            .map_err(status::bad_request)?;
        let pages = self.engine.watch_notices(filter).await.map_err(status::from)?;
        // The stream is polled after the call's span has ended; its errors belong to the same trace.
        let span = Span::current();
        let answers = pages.map(move |page| {
            let _until_it_ends = &place;
            match page {
                Ok(page) => Ok(WatchNoticesResponse {
                    notices: page.notices.into_iter().map(convert::notice).collect(),
                    through_sequence: page.through,
                }),
                Err(error) => Err(span.in_scope(|| status::from(error))),
            }
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn list_webhooks(
        &self,
        _request: Request<ListWebhooksRequest>,
    ) -> Result<Response<ListWebhooksResponse>, Status> {
        let views = self.engine.webhooks().await.map_err(status::from)?;
        Ok(Response::new(ListWebhooksResponse {
            webhooks: views.into_iter().map(convert::webhook).collect(),
        }))
    }

    async fn enable_webhook(
        &self,
        request: Request<EnableWebhookRequest>,
    ) -> Result<Response<EnableWebhookResponse>, Status> {
        let name = convert::downstream_name(&request.get_ref().name).map_err(status::bad_request)?;
        let view = self.engine.enable_webhook(name).await.map_err(status::from)?;
        Ok(Response::new(EnableWebhookResponse { webhook: Some(convert::webhook(view)) }))
    }
}
