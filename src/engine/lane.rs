//! A lane: the claim loop of one downstream. Lanes share nothing, so a dead downstream slows no other.
//!
//! **Expected flow.** Claim as many due tasks as there are free calls, work on each, and sleep until woken, until the
//! next task is due, or for a poll.
//!
//! **Guarantees.** No more calls are under way than the downstream wants. Work that was not woken for is found by the
//! poll; work of a dead process is found when its lease ends.

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{Engine, Error, attempt};

/// Runs the lane until `stop`, then lets what is under way end.
pub(super) async fn run(engine: Engine, downstream: String, stop: CancellationToken) {
    let wake = engine.0.store.wakes().lane(&downstream);
    let mut attempts = JoinSet::new();
    while !stop.is_cancelled() {
        let limit = engine.parallel_calls(&downstream) as usize;
        let free = limit.saturating_sub(attempts.len());
        let claimed = if free == 0 { Ok(0) } else { claim(&engine, &downstream, free, &mut attempts).await };
        let look = match claimed {
            // All calls are taken: the next look is when one of them ends.
            Ok(claimed) if claimed == free => None,
            Ok(_) => Some(engine.next_look(engine.0.store.next_claim(&downstream).await)),
            Err(error) => {
                tracing::error!(%downstream, error = &error as &dyn std::error::Error, "tasks cannot be claimed");
                Some(engine.poll_end())
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = engine.rest(&wake, look, &mut attempts) => {}
        }
    }
    while attempts.join_next().await.is_some() {}
}

async fn claim(
    engine: &Engine,
    downstream: &str,
    free: usize,
    attempts: &mut JoinSet<()>,
) -> Result<usize, Error> {
    let token = engine.0.clock.new_id();
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    let times = (engine.0.clock.now(), engine.lease_end());
    let claimed = engine.0.store.claim(downstream, times, token, limit).await?;
    let mut ids: Vec<_> = claimed.iter().map(|claimed| claimed.task.case_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let cases = if ids.is_empty() { Vec::new() } else { engine.0.store.cases(&ids).await? };
    let count = claimed.len();
    for claimed in claimed {
        if let Some(case) = cases.iter().find(|stored| stored.case.id == claimed.task.case_id) {
            attempts.spawn(attempt::run(engine.clone(), case.clone(), claimed, token));
        }
    }
    Ok(count)
}

impl Engine {
    /// Until there may be work again: at `look`, when woken, or when something that is under way has ended. Without
    /// `look` all hands are full, and only an end helps.
    pub(super) async fn rest(&self, wake: &Notify, look: Option<Timestamp>, under_way: &mut JoinSet<()>) {
        let looked = async {
            match look {
                Some(at) => self.0.clock.until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wake.notified(), if look.is_some() => {}
            () = looked => {}
            Some(ended) = under_way.join_next(), if !under_way.is_empty() => say_if_panicked(ended),
        }
        // A commit ends several at once: one claim replaces them all.
        while let Some(ended) = under_way.try_join_next() {
            say_if_panicked(ended);
        }
    }

    /// When to look again if nobody wakes the lane: when the next work is due, and after a poll at the latest.
    pub(super) fn next_look(&self, due: Result<Option<Timestamp>, crate::store::Error>) -> Timestamp {
        let poll = self.poll_end();
        due.ok().flatten().map_or(poll, |due| due.min(poll))
    }

    pub(super) fn poll_end(&self) -> Timestamp {
        self.0.clock.now().saturating_add(self.0.settings.poll).unwrap_or(Timestamp::MAX)
    }
}

fn say_if_panicked(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "work panicked; its lease will end");
    }
}
