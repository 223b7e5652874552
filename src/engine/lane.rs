//! A lane at work: the claim loop of one downstream. Lanes share nothing, so a dead downstream slows no other.
//!
//! **Expected flow.** Claim as many due tasks as there are free calls, work on each, and sleep until woken, until the
//! next task is due, or for a poll.
//!
//! **Guarantees.** No more calls are under way than the downstream wants, those of all replicas together, and none while
//! it is paused or its breaker is open. Work that was not woken for is found by the
//! poll; work of a dead process is found when its lease ends.

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{Engine, Error, attempt};
use crate::{domain::lane::Limits, store::Claim};

/// Runs the lane until `stop`, then lets what is under way end.
pub(super) async fn run(engine: Engine, downstream: String, stop: CancellationToken) {
    let wake = engine.0.store.wakes().lane(&downstream);
    let mut attempts = JoinSet::new();
    while !stop.is_cancelled() {
        let limit = engine.parallel_calls(&downstream).min(engine.0.settings.calls_per_lane) as usize;
        let free = limit.saturating_sub(attempts.len());
        let claimed = if free == 0 {
            Ok(Look::AtAnEnd)
        } else {
            claim(&engine, &downstream, free, &mut attempts).await
        };
        let look = match claimed {
            Ok(Look::AtAnEnd) => None,
            Ok(Look::AtTheNextDue) => Some(engine.next_look(engine.0.store.next_claim(&downstream).await)),
            Ok(Look::At(at)) => Some(engine.next_look(Ok(at))),
            Err(error) => {
                error.say("tasks cannot be claimed");
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

/// When to claim again.
enum Look {
    /// All hands are full: when one of them is free.
    AtAnEnd,
    /// All that is due is under way.
    AtTheNextDue,
    /// The lane lets no more through before this; without it, until somebody wakes.
    At(Option<Timestamp>),
}

async fn claim(
    engine: &Engine,
    downstream: &str,
    free: usize,
    attempts: &mut JoinSet<()>,
) -> Result<Look, Error> {
    let shared = &engine.0;
    let token = shared.clock.new_id();
    let rate = shared.registry.get(downstream).and_then(|client| client.settings().rate);
    let claim = Claim {
        downstream: downstream.to_owned(),
        now: shared.clock.now(),
        until: engine.lease_end(),
        token,
        limits: Limits { parallel_calls: engine.parallel_calls(downstream), rate },
        wanted: u32::try_from(free).unwrap_or(u32::MAX),
    };
    let claimed = shared.store.claim(claim).await?;
    shared.directory.see_lane(downstream, claimed.lane);
    let mut ids: Vec<_> = claimed.tasks.iter().map(|claimed| claimed.task.case_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let cases = if ids.is_empty() { Vec::new() } else { shared.store.cases(&ids).await? };
    let count = claimed.tasks.len();
    for claimed in claimed.tasks {
        if let Some(case) = cases.iter().find(|stored| stored.case.id == claimed.task.case_id) {
            let held = shared.leases.hold(token);
            attempts.spawn(attempt::run(engine.clone(), case.clone(), claimed, held));
        }
    }
    Ok(if count == free {
        Look::AtAnEnd
    } else if count < claimed.allowed as usize {
        Look::AtTheNextDue
    } else {
        Look::At(claimed.again_at)
    })
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
