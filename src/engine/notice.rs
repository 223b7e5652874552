//! Notices, read: a page of them, or as they come; and how webhooks do.

use futures::stream::{BoxStream, StreamExt as _, try_unfold};
use jiff::Timestamp;
use tokio::sync::watch::Receiver;

use super::{Engine, Error, NoticeFilter, NoticePage, WebhookView};
use crate::domain::Notice;

/// Notices that a watch hands out at once.
const BATCH: u32 = 100;

struct Watch {
    engine: Engine,
    filter: NoticeFilter,
    noticed: Receiver<()>,
    begun: bool,
}

impl Engine {
    /// At most `size` notices after a sequence. Fails if not all of them are kept any more.
    pub async fn notices(&self, filter: &NoticeFilter, size: u32) -> Result<NoticePage, Error> {
        // In this order: whatever is written in between has a greater sequence than `last`.
        let (last, pruned) = self.0.store.notice_bounds().await?;
        if filter.after > 0 && filter.after < pruned {
            return Err(Error::NoticesGone { oldest: pruned + 1 });
        }
        let mut notices = self.0.store.notices(filter.after, &filter.types, u64::from(size) + 1).await?;
        let more = notices.len() > size as usize;
        notices.truncate(size as usize);
        let seen = notices.last().map_or(0, |notice: &Notice| notice.sequence);
        let through = if more { seen } else { seen.max(last).max(filter.after) };
        Ok(NoticePage { notices, through, more })
    }

    /// Notices after a sequence at once, and then as they come; at first also if there are none. Ends only with an error.
    pub async fn watch_notices(
        &self,
        filter: NoticeFilter,
    ) -> Result<BoxStream<'static, Result<NoticePage, Error>>, Error> {
        // Interest is registered before the first read, so that nothing falls between the two.
        let noticed = self.0.store.wakes().notices();
        self.notices(&filter, 1).await?;
        let watch = Watch { engine: self.clone(), filter, noticed, begun: false };
        let next = |mut watch: Watch| async move { Ok(Some((watch.next().await?, watch))) };
        Ok(try_unfold(watch, next).boxed())
    }

    /// All webhooks of the configuration, by name.
    pub async fn webhooks(&self) -> Result<Vec<WebhookView>, Error> {
        let stored = self.0.store.webhooks().await?;
        let mut views = Vec::new();
        for webhook in self.0.webhooks.iter() {
            let settings = webhook.settings();
            let Some(state) = stored.iter().find(|stored| stored.name == settings.name).cloned() else {
                continue;
            };
            let (undelivered, oldest_at) = self.0.store.undelivered(&settings.name).await?;
            views.push(WebhookView {
                name: settings.name.clone(),
                types: settings.types.clone(),
                disabled_at: state.disabled_at,
                failures: state.failures,
                held_until: state.held_until,
                last_error: state.last_error,
                undelivered,
                oldest_at,
            });
        }
        Ok(views)
    }

    /// Calls a webhook again that was disabled, or rests after failures, at once.
    pub async fn enable_webhook(&self, name: &str) -> Result<WebhookView, Error> {
        let missing = || Error::NotFound { resource: "webhook", id: name.to_owned() };
        self.0.webhooks.get(name).ok_or_else(missing)?;
        self.0.store.enable_webhook(name).await?;
        self.webhooks().await?.into_iter().find(|view| view.name == name).ok_or_else(missing)
    }
}

impl Watch {
    async fn next(&mut self) -> Result<NoticePage, Error> {
        loop {
            self.noticed.mark_unchanged();
            let page = self.engine.notices(&self.filter, BATCH).await?;
            let is_news = !std::mem::replace(&mut self.begun, true) || !page.notices.is_empty();
            self.filter.after = page.through;
            if is_news {
                return Ok(page);
            }
            self.wait().await?;
        }
    }

    /// Until there may be more: somebody says so, or it was quiet for a poll (a wake-up may be lost). Fails when this
    /// replica stops: the stream is begun again elsewhere.
    async fn wait(&mut self) -> Result<(), Error> {
        let shared = &self.engine.0;
        let poll = shared.clock.now().saturating_add(shared.settings.poll).unwrap_or(Timestamp::MAX);
        tokio::select! {
            _ = self.noticed.changed() => Ok(()),
            () = shared.clock.until(poll) => Ok(()),
            () = shared.stopping.cancelled() => Err(Error::Stopping),
        }
    }
}
