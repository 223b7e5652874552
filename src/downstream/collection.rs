//! A collection under way.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tonic::Streaming;

use super::{Counts, Failure, Item, Settings, call::Call, check::Progress};
use crate::proto::downstream::v1;

/// What a downstream sends about a subject, checked item by item. Nothing is read ahead of the caller but a window of
/// at most 1 MiB.
pub struct Collection {
    stream: Streaming<v1::CollectResponse>,
    call: Call,
    progress: Progress,
    idle_timeout: Duration,
    collect_timeout: Duration,
    deadline: Instant,
}

impl Collection {
    pub(super) fn new(
        stream: Streaming<v1::CollectResponse>,
        call: Call,
        progress: Progress,
        settings: &Settings,
        deadline: Instant,
    ) -> Self {
        let Settings { idle_timeout, collect_timeout, .. } = *settings;
        Self { stream, call, progress, idle_timeout, collect_timeout, deadline }
    }

    /// The next item. `None` only after a summary that agrees with what arrived, and a clean end of the stream. After
    /// a failure the collection is over: drop it.
    pub async fn next(&mut self) -> Result<Option<Item>, Failure> {
        while let Some(message) = self.receive().await? {
            if let Some(item) = self.progress.admit(message)? {
                return Ok(Some(item));
            }
        }
        self.progress.end().map(|()| None)
    }

    /// What has arrived up to the item that `next` answered last, that of earlier attempts included. To be stored with
    /// a resume token.
    pub fn counts(&self) -> &Counts {
        self.progress.counts()
    }

    async fn receive(&mut self) -> Result<Option<v1::CollectResponse>, Failure> {
        let silence = Instant::now() + self.idle_timeout;
        match timeout_at(silence.min(self.deadline), self.stream.message()).await {
            Ok(Ok(message)) => {
                if message.is_none() {
                    self.call.worked();
                }
                Ok(message)
            }
            Ok(Err(status)) => {
                self.call.failed(&status);
                Err(Failure::from(&status))
            }
            Err(_) if silence < self.deadline => {
                self.call.late();
                Err(Failure::unavailable(format!("the stream was silent for {:?}", self.idle_timeout)))
            }
            Err(_) => {
                self.call.late();
                Err(Failure::unavailable(format!("the stream took longer than {:?}", self.collect_timeout)))
            }
        }
    }
}
