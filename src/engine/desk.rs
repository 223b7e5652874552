//! The desk: the claim loop of the cases themselves: those to be planned, settled or expired.

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;
use uuid::Uuid;

use super::{Engine, Error, lease::Leased};
use crate::{
    domain::{CaseWork, TaskEvent, TaskReason},
    store::{self, StoredCase},
    telemetry::trace,
};

/// Cases in hand at once. Settling reads and hashes an export; more at once would only compete for the same cores.
const IN_HAND: usize = 8;
/// Cases with tasks of a downstream that is no longer registered that are put right by one statement.
const ORPHANS_PAGE: u64 = 1_000;

/// Runs the desk until `stop`, then lets what is in hand end.
pub(super) async fn run(engine: Engine, stop: CancellationToken) {
    if let Err(error) = engine.give_up_orphans().await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "tasks of unknown downstreams stay where they are"
        );
    }
    let wake = std::sync::Arc::clone(engine.0.store.wakes().cases());
    let mut in_hand = JoinSet::new();
    while !stop.is_cancelled() {
        let free = IN_HAND - in_hand.len();
        let claimed = if free == 0 { Ok(0) } else { claim(&engine, free, &mut in_hand).await };
        let look = match claimed {
            Ok(claimed) if claimed == free => None,
            Ok(_) => Some(engine.next_look(engine.0.store.next_case_claim().await)),
            Err(error) => {
                error.say("cases cannot be claimed");
                Some(engine.poll_end())
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = engine.rest(&wake, look, &mut in_hand) => {}
        }
    }
    while in_hand.join_next().await.is_some() {}
}

async fn claim(engine: &Engine, free: usize, in_hand: &mut JoinSet<()>) -> Result<usize, Error> {
    let token = engine.0.clock.new_id();
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    let times = (engine.0.clock.now(), engine.lease_end());
    let claimed = engine.0.store.claim_cases(times, token, limit).await?;
    let count = claimed.len();
    for stored in claimed {
        let engine = engine.clone();
        let span =
            tracing::info_span!("case", case_id = %stored.case.id, work = stored.work.map(CaseWork::as_str));
        if let Some(parent) = &stored.trace_parent {
            trace::continue_from(&span, parent);
        }
        let held = engine.0.leases.hold(token);
        let work = async move {
            work(&engine, stored, token).await;
            held.end();
        };
        in_hand.spawn(work.instrument(span));
    }
    Ok(count)
}

async fn work(engine: &Engine, stored: StoredCase, token: Uuid) {
    let done = tokio::select! {
        done = do_work(engine, &stored, token) => done,
        () = engine.keep(Leased::Case(stored.case.id), token) => return tracing::warn!("the lease is lost"),
    };
    let Err(error) = done else { return };
    error.say("work on a case failed; it is tried again");
    let pause = engine.0.settings.retry.pause(stored.attempts + 1, engine.0.clock.chance(), None);
    let again = engine.0.clock.now().saturating_add(pause).unwrap_or(jiff::Timestamp::MAX);
    let postponed = engine
        .change_case(stored.case.id, token, move |file| {
            file.attempts += 1;
            file.work = file.work.map(|(work, _)| (work, again));
            Ok(())
        })
        .await;
    if let Err(error) = postponed {
        error.say("it is tried again when its lease ends");
    }
}

async fn do_work(engine: &Engine, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
    match stored.work {
        Some(CaseWork::Plan) => engine.plan_later(stored, token).await,
        Some(CaseWork::Due) => engine.look_at_due(stored, token).await,
        Some(CaseWork::Settle) => engine.settle(stored, token).await,
        Some(CaseWork::Sweep) => engine.sweep(stored, token).await,
        Some(CaseWork::Release) => engine.release(stored, token).await,
        Some(CaseWork::Expire) => engine.expire(stored, token).await,
        None => Ok(()),
    }
}

impl Engine {
    /// Tasks of downstreams that are no longer registered need a person: nobody would ever claim them.
    async fn give_up_orphans(&self) -> Result<(), Error> {
        for name in self.0.store.backlog().await?.into_keys() {
            if self.0.registry.knows(&name) {
                continue;
            }
            loop {
                let cases = self.0.store.cases_with_open_tasks(&name, ORPHANS_PAGE).await?;
                if cases.is_empty() {
                    break;
                }
                for case in cases {
                    let name = name.clone();
                    let give_up = move |file: &mut store::CaseFile| give_up(file, &name);
                    self.0.store.change(case, self.0.clock.now(), give_up).await?;
                }
                tracing::warn!(downstream = %name, "its tasks need attention: it is no longer in the configuration");
            }
        }
        Ok(())
    }
}

fn give_up(file: &mut store::CaseFile, downstream: &str) -> Result<(), store::Error> {
    let open = |task: &&crate::domain::Task| task.downstream == downstream && !task.state.is_settled();
    let orphans: Vec<_> = file.tasks.iter().filter(open).map(|task| (task.id, task.state)).collect();
    for (task, state) in orphans {
        if state.after(TaskEvent::Unblock).is_ok() {
            file.move_task(task, TaskEvent::Unblock, None)?;
        }
        file.move_task(task, TaskEvent::GiveUp, Some(TaskReason::DownstreamUnknown))?;
    }
    file.advance();
    Ok(())
}
