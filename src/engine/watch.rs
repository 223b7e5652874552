//! Watch: a read that repeats when woken.

use futures::stream::{BoxStream, StreamExt as _, try_unfold};
use jiff::Timestamp;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{CaseView, Engine, Error};
use crate::{domain::CaseId, store::Changed};

struct Watch {
    engine: Engine,
    id: CaseId,
    changed: Receiver<Changed>,
    /// The revision that was sent last.
    sent: Option<u64>,
    over: bool,
}

impl Engine {
    /// The case at once and after each change, until it is settled. Fails at once if there is no such case.
    pub async fn watch(&self, id: CaseId) -> Result<BoxStream<'static, Result<CaseView, Error>>, Error> {
        // Interest is registered before the first read, so that no change falls between the two.
        let changed = self.0.store.wakes().changed();
        self.stored(id).await?;
        let watch = Watch { engine: self.clone(), id, changed, sent: None, over: false };
        Ok(try_unfold(watch, |mut watch| async move { Ok(watch.next().await?.map(|view| (view, watch))) })
            .boxed())
    }
}

impl Watch {
    async fn next(&mut self) -> Result<Option<CaseView>, Error> {
        while !self.over {
            let view = self.engine.case(self.id).await?;
            self.over = view.case.state.is_settled();
            if self.sent != Some(view.case.revision) {
                self.sent = Some(view.case.revision);
                return Ok(Some(view));
            }
            if !self.over {
                self.wait().await?;
            }
        }
        Ok(None)
    }

    /// Until the case may have changed: somebody says so, or it was quiet for a poll (a wake-up may be lost).
    /// Fails when this replica stops: the stream is begun again elsewhere.
    async fn wait(&mut self) -> Result<(), Error> {
        let shared = &self.engine.0;
        let poll = shared.clock.now().saturating_add(shared.settings.poll).unwrap_or(Timestamp::MAX);
        let id = self.id;
        let woken = async {
            loop {
                match self.changed.recv().await {
                    Ok(Changed::Case(changed)) if changed != id => {}
                    Ok(_) | Err(RecvError::Lagged(_) | RecvError::Closed) => return,
                }
            }
        };
        tokio::select! {
            () = woken => Ok(()),
            () = shared.clock.until(poll) => Ok(()),
            () = shared.stopping.cancelled() => Err(Error::Stopping),
        }
    }
}
