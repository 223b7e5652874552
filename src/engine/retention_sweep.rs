//! Retention sweep: what has outlived its period goes, whoever's it is.
//!
//! **Expected flow.** A sweep is planned, by somebody or by the schedule. Its downstream is asked for a dry run; the
//! report waits for somebody who has seen it, or goes on if the configuration says so. Then the downstream does it. It may
//! take its time: it is polled, as an erasure is.
//!
//! **Guarantees.** A downstream has one open sweep at the most. Each step is recorded under a lease, and the downstream
//! sees the same ids however often it is asked, so a crash repeats a question and never an effect. Nothing is taken away
//! while a legal hold is in force, unless a person says that the downstream keeps what it covers: a sweep names nobody,
//! so the downstream cannot know. This is looked for right before each call that changes anything.
//!
//! **Assumptions.** The downstream counts periods as it describes them.

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Engine, Error, SweepPage, directory::unknown, lease::Leased};
use crate::{
    domain::{Ask, Fault, Faults, Sweep, SweepEvent, SweepId, SweepState, TaskReason, caller::OWN},
    downstream::{Answer, Failure},
    store,
};

/// Sweeps of this replica that are under way at once: they are rare, and the work is the downstreams'.
const IN_HAND: usize = 4;
/// A sweep that waits for the release of legal holds, or for a lane that is shut, looks this often.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(6);
/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 1_000;

/// Plans what the schedule asks for and works on what is due, until `stop`.
pub(super) async fn run(engine: Engine, stop: CancellationToken) {
    let wake = std::sync::Arc::clone(&engine.0.sweeps);
    let mut in_hand = JoinSet::new();
    while !stop.is_cancelled() {
        // Before the schedule is looked at: what becomes due meanwhile is found a poll after that look, not after a later one.
        let poll = engine.poll_end();
        if let Err(error) = engine.plan_due_sweeps().await {
            error.say("no sweep is planned");
        }
        let free = IN_HAND - in_hand.len();
        let claimed = if free == 0 { Ok(0) } else { claim(&engine, free, &mut in_hand).await };
        let look = match claimed {
            Ok(claimed) if claimed == free => None,
            Ok(_) => Some(engine.next_look(engine.0.store.next_sweep_claim().await).min(poll)),
            Err(error) => {
                error.say("sweeps cannot be claimed");
                Some(poll)
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
    let times = (engine.0.clock.now(), engine.lease_end());
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    let claimed = engine.0.store.claim_sweeps(times, token, limit).await?;
    let count = claimed.len();
    for sweep in claimed {
        in_hand.spawn(work(engine.clone(), sweep, token));
    }
    Ok(count)
}

/// What an attempt brought.
enum Step {
    /// The downstream's answer.
    Answered(Answer),
    /// The downstream does not know what it accepted: it is asked again.
    Forgotten,
    /// It may go on.
    GoesOn,
    /// It waits.
    Waits(TaskReason, &'static str),
}

async fn work(engine: Engine, sweep: Sweep, token: Uuid) {
    let id = sweep.id;
    let stepped = tokio::select! {
        stepped = step(&engine, &sweep) => stepped,
        () = engine.keep(Leased::Sweep(id), token) => return tracing::warn!(sweep_id = %id, "the lease is lost"),
    };
    let now = engine.0.clock.now();
    let (policy, chance) = (engine.0.settings.retry, engine.0.clock.chance());
    let goes_on_by_itself = engine.0.settings.sweeps_run_by_themselves && sweep.caller == OWN;
    let record = |sweep: &mut Sweep| match &stepped {
        Ok(step) => take(sweep, step, now, goes_on_by_itself),
        Err(failure) => {
            sweep.attempts += 1;
            sweep.last_error = Some(failure.message.chars().take(ERROR_CHARS_MAX).collect());
            let again = match failure.reason {
                TaskReason::Unavailable => sweep.attempts < policy.unavailable_attempts,
                TaskReason::ContractViolation => sweep.attempts < policy.violation_attempts,
                TaskReason::Internal => true,
                _ => false,
            };
            let error = sweep.last_error.clone();
            if again {
                let pause = policy.pause(sweep.attempts, chance, failure.retry_after);
                sweep.due_at = Some(now.saturating_add(pause).unwrap_or(Timestamp::MAX));
                sweep.apply(SweepEvent::Postpone, now, OWN)?;
            } else {
                sweep.apply(SweepEvent::GiveUp, now, OWN)?;
            }
            (sweep.reason, sweep.last_error) = (Some(failure.reason), error);
            Ok(())
        }
    };
    match engine.0.store.change_sweep(id, Some(token), record).await {
        Ok(sweep) => {
            tracing::info!(sweep_id = %id, downstream = %sweep.downstream, state = %sweep.state, "a sweep");
        }
        Err(store::Error::LeaseLost) => {
            tracing::info!(sweep_id = %id, "somebody else decided about this sweep meanwhile");
        }
        Err(error) => Error::from(error).say("a sweep is not recorded; it is tried again after its lease"),
    }
}

async fn step(engine: &Engine, sweep: &Sweep) -> Result<Step, Failure> {
    let ours = |error: store::Error| {
        let error = Error::from(error);
        error.say("a sweep failed on our side");
        Failure { message: error.to_string(), ..Failure::of(TaskReason::Internal) }
    };
    let gone = || Failure {
        message: "it is no longer in the configuration".to_owned(),
        ..Failure::of(TaskReason::DownstreamUnknown)
    };
    let client = engine.0.registry.get(&sweep.downstream).ok_or_else(gone)?;
    let lanes = engine.0.store.lanes().await.map_err(ours)?;
    if lanes.get(&sweep.downstream).is_some_and(|lane| lane.pause.is_some() || lane.is_shut()) {
        return Ok(Step::Waits(TaskReason::Unavailable, "the downstream is paused or left alone"));
    }
    let is_dry = sweep.state == SweepState::Planning;
    let call_id = if is_dry { sweep.report_call_id } else { sweep.id.0 };
    if sweep.is_accepted {
        let ask = Ask::Erase { directives: sweep.directives.clone() };
        let polled = client.poll(call_id, &ask).await?;
        return Ok(polled.map_or(Step::Forgotten, Step::Answered));
    }
    if !is_dry && !sweep.despite_holds && engine.0.store.is_any_hold_active().await.map_err(ours)? {
        return Ok(Step::Waits(TaskReason::LegalHold, "legal holds are in force"));
    }
    if sweep.state == SweepState::Planned {
        return Ok(Step::GoesOn);
    }
    Ok(Step::Answered(client.sweep(call_id, &sweep.directives, is_dry).await?))
}

fn take(sweep: &mut Sweep, step: &Step, now: Timestamp, goes_on_by_itself: bool) -> Result<(), store::Error> {
    match step {
        Step::Answered(Answer::Done(outcomes)) if sweep.state == SweepState::Planning => {
            sweep.apply(SweepEvent::Report, now, OWN)?;
            sweep.report = Some(outcomes.clone());
            sweep.due_at = goes_on_by_itself.then_some(now);
        }
        Step::Answered(Answer::Done(outcomes)) => {
            sweep.apply(SweepEvent::Finish, now, OWN)?;
            sweep.outcome = Some(outcomes.clone());
        }
        Step::Answered(Answer::Working { poll_after }) => {
            sweep.is_accepted = true;
            sweep.attempts = 0;
            sweep.due_at = Some(now.saturating_add(*poll_after).unwrap_or(Timestamp::MAX));
        }
        Step::Answered(Answer::Refused(ground)) => {
            sweep.apply(SweepEvent::Refuse, now, OWN)?;
            sweep.refusal = Some(ground.clone());
        }
        Step::Forgotten => {
            sweep.is_accepted = false;
            sweep.due_at = Some(now);
        }
        Step::GoesOn => sweep.apply(SweepEvent::Run, now, OWN)?,
        Step::Waits(reason, why) => {
            sweep.apply(SweepEvent::Postpone, now, OWN)?;
            (sweep.reason, sweep.last_error) = (Some(*reason), Some((*why).to_owned()));
            sweep.due_at = Some(now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX));
        }
    }
    Ok(())
}

impl Engine {
    /// Plans a sweep, or answers the open one, and says whether it was open before.
    pub async fn plan_sweep(&self, downstream: &str, caller: &str) -> Result<(Sweep, bool), Error> {
        let known = self.0.directory.get(downstream).ok_or_else(|| unknown(downstream))?;
        let capabilities = known.capabilities.unwrap_or_default();
        let bad = |rule: &str| Error::BadInput(Faults::from(Fault::new("downstream", rule)));
        if !capabilities.supports_sweep {
            return Err(bad("must be one that supports retention sweeps"));
        }
        let directives = self.0.settings.retention.sweep(downstream, &capabilities);
        if directives.is_empty() {
            return Err(bad("must hold a category that a [[retention.rule]] gives a period"));
        }
        let now = self.0.clock.now();
        let sweep = Sweep {
            id: SweepId(self.0.clock.new_id()),
            report_call_id: self.0.clock.new_id(),
            downstream: downstream.to_owned(),
            caller: caller.to_owned(),
            planned_at: now,
            state: SweepState::Planning,
            reason: None,
            directives,
            report: None,
            outcome: None,
            refusal: None,
            is_accepted: false,
            despite_holds: false,
            attempts: 0,
            due_at: Some(now),
            last_error: None,
            steps: Vec::new(),
        };
        if self.0.store.plan_sweep(&sweep).await? {
            self.0.sweeps.notify_one();
            return Ok((sweep, false));
        }
        let open = self.0.store.open_sweep(downstream).await?;
        // It has ended between the two: whoever asks again plans a new one.
        Ok((open.ok_or(Error::Overloaded)?, true))
    }

    /// Has a planned sweep done.
    pub async fn run_sweep(&self, id: SweepId, caller: &str, despite_holds: bool) -> Result<Sweep, Error> {
        self.retention_sweep(id).await?.state.after(SweepEvent::Run)?;
        if !despite_holds && self.0.store.is_any_hold_active().await? {
            return Err(Error::HoldsInForce);
        }
        let now = self.0.clock.now();
        let run = |sweep: &mut Sweep| {
            sweep.despite_holds = despite_holds;
            Ok(sweep.apply(SweepEvent::Run, now, caller)?)
        };
        let sweep = self.0.store.change_sweep(id, None, run).await?;
        self.0.sweeps.notify_one();
        Ok(sweep)
    }

    /// Does away with a sweep that has not been run.
    pub async fn discard_sweep(&self, id: SweepId, caller: &str) -> Result<Sweep, Error> {
        self.retention_sweep(id).await?;
        let now = self.0.clock.now();
        let discard = |sweep: &mut Sweep| Ok(sweep.apply(SweepEvent::Discard, now, caller)?);
        Ok(self.0.store.change_sweep(id, None, discard).await?)
    }

    /// One sweep.
    pub async fn retention_sweep(&self, id: SweepId) -> Result<Sweep, Error> {
        let missing = || Error::NotFound { resource: "sweep", id: id.to_string() };
        self.0.store.sweep(id).await?.ok_or_else(missing)
    }

    /// At most `size` sweeps, newest first, of one downstream if it is given, after the sweep `after`.
    pub async fn sweeps(
        &self,
        downstream: Option<&str>,
        after: Option<SweepId>,
        size: u32,
    ) -> Result<SweepPage, Error> {
        // One more than asked for tells whether there is another page.
        let mut sweeps = self.0.store.sweeps(downstream, after, u64::from(size) + 1).await?;
        let more = sweeps.len() > size as usize;
        sweeps.truncate(size as usize);
        let next = sweeps.last().map(|last| last.id).filter(|_| more);
        Ok(SweepPage { sweeps, next })
    }

    /// Plans a sweep of each downstream whose last one is long enough ago. A report that nobody wanted until then gives
    /// way to a fresh one.
    async fn plan_due_sweeps(&self) -> Result<(), Error> {
        let Some(every) = &self.0.settings.sweep_every else { return Ok(()) };
        let now = self.0.clock.now();
        for (name, known) in self.0.directory.all() {
            let Some(capabilities) = known.capabilities else { continue };
            if !capabilities.supports_sweep
                || self.0.settings.retention.sweep(&name, &capabilities).is_empty()
            {
                continue;
            }
            let last = self.0.store.sweeps(Some(&name), None, 1).await?.pop();
            if let Some(last) = last {
                if every.after(last.planned_at) > now {
                    continue;
                }
                match last.state {
                    SweepState::Planned if last.caller == OWN => {
                        self.discard_sweep(last.id, OWN).await?;
                    }
                    state if state.is_open() => continue,
                    _ => {}
                }
            }
            self.plan_sweep(&name, OWN).await?;
        }
        Ok(())
    }
}
