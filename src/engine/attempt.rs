//! An attempt: one claimed task, asked once.
//!
//! **Expected flow.** Unwrap the case's key, open its subject, do the step that the task's state asks for, and record
//! what came of it.
//!
//! **Guarantees.** What is recorded names the lease: a worker that lost it writes nothing. The downstream sees the same
//! task id in every attempt, so an answer that was lost on the way is given again without a second effect.
//!
//! **Assumptions.** The downstream keeps its contract; where it does not, the attempt fails and says how.

use std::sync::Arc;

use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Engine, Error,
    lease::{Held, Leased},
    open,
    record::Step,
};
use crate::{
    domain::{Ask, Correction, Subject, Task, TaskReason, TaskState},
    downstream::{Client, Failure},
    export,
    store::{ClaimedTask, StoredCase},
    telemetry::{metrics, trace},
    vault::CaseKey,
};

/// Why an attempt brought nothing.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The downstream's doing.
    Downstream(Failure),
    /// Ours.
    Ours(Error),
}

impl Trouble {
    /// What it is called in metrics.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Downstream(failure) => failure.reason.as_str(),
            Self::Ours(_) => TaskReason::Internal.as_str(),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Downstream(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

impl From<crate::store::Error> for Trouble {
    fn from(error: crate::store::Error) -> Self {
        Self::Ours(error.into())
    }
}

impl From<crate::vault::Error> for Trouble {
    fn from(error: crate::vault::Error) -> Self {
        Self::Ours(error.into())
    }
}

/// A violation that only shows while the data is stored is the downstream's doing as well.
impl From<export::Error> for Trouble {
    fn from(error: export::Error) -> Self {
        match error {
            export::Error::Violation(message) => {
                Self::Downstream(Failure { message, ..Failure::of(TaskReason::ContractViolation) })
            }
            other => Self::Ours(other.into()),
        }
    }
}

/// All that a step needs.
pub(super) struct Attempt {
    pub(super) engine: Engine,
    pub(super) client: Arc<Client>,
    pub(super) task: Task,
    pub(super) key: Arc<CaseKey>,
    /// Only what the downstream understands.
    pub(super) subject: Subject,
    /// The values of a rectification; nothing else needs them.
    pub(super) corrections: Vec<Correction>,
    pub(super) progress: Option<Vec<u8>>,
    pub(super) token: Uuid,
}

/// Works on a claimed task and records what came of it.
pub(super) async fn run(engine: Engine, stored: StoredCase, claimed: ClaimedTask, held: Held) {
    let task = claimed.task.clone();
    let span = tracing::info_span!(
        "task", case_id = %task.case_id, task_id = %task.id, downstream = %task.downstream,
        kind = task.kind().as_str(), state = task.state.as_str(), attempt = task.attempts + 1,
    );
    if let Some(parent) = &stored.trace_parent {
        trace::continue_from(&span, parent);
    }
    work(&engine, &stored, claimed, held.token).instrument(span).await;
    held.end();
}

async fn work(engine: &Engine, stored: &StoredCase, claimed: ClaimedTask, token: Uuid) {
    let task = claimed.task.clone();
    let began = engine.0.clock.now();
    let worked = tokio::select! {
        worked = step(engine, stored, claimed, token) => worked,
        () = engine.keep(Leased::Task(task.id), token) => return tracing::warn!("the lease is lost"),
    };
    let took = engine.0.clock.now().duration_since(began).unsigned_abs();
    let outcome = worked.as_ref().map_or_else(Trouble::name, Step::name);
    metrics::attempt(&task.downstream, task.kind().as_str(), outcome, took);
    let recorded = match worked {
        Ok(step) => engine.record(&task, token, step).await,
        Err(trouble) => engine.record_trouble(stored, &task, token, trouble).await,
    };
    match recorded {
        Ok(()) => {}
        Err(crate::store::Error::LeaseLost) => {
            tracing::info!("somebody else decided about this task meanwhile");
        }
        Err(error) => Error::from(error).say("not recorded; tried again after its lease"),
    }
}

async fn step(
    engine: &Engine,
    stored: &StoredCase,
    claimed: ClaimedTask,
    token: Uuid,
) -> Result<Step, Trouble> {
    let ClaimedTask { task, progress } = claimed;
    if engine.0.registry.manual(&task.downstream).is_some() {
        return hand_to_person(engine, &task).await;
    }
    let key = engine.case_key(stored)?;
    let gone = || Error::NotFound { resource: "subject", id: stored.case.id.to_string() };
    let subject =
        open::open_subject(&key, stored.subject.as_ref().ok_or_else(gone)?)?.only(&task.understands);
    let missing = || Error::NotFound { resource: "downstream", id: task.downstream.clone() };
    let client = engine.0.registry.get(&task.downstream).ok_or_else(missing)?;
    let corrections = match task.ask {
        Ask::Rectify { .. } => open::open_details(&key, stored.details.as_deref())?.corrections,
        _ => Vec::new(),
    };
    let key = Arc::new(key);
    let attempt =
        Attempt { engine: engine.clone(), client, key, subject, corrections, progress, token, task };
    if attempt.task.takes_away() && attempt.task.state == TaskState::Pending {
        // Right before whatever comes next: an Erase, or what is noted for it.
        if let Some(step) = attempt.look_for_holds().await? {
            return Ok(step);
        }
    }
    match (attempt.task.state, &attempt.task.ask) {
        (_, Ask::Resolve { wanted }) => attempt.resolve(wanted).await,
        (_, Ask::Collect { .. }) => attempt.store().await,
        (TaskState::Working, _) => attempt.poll().await,
        (TaskState::Verifying, _) => attempt.verify().await,
        (_, Ask::Object { .. } | Ask::WithdrawConsent { .. }) => attempt.change().await,
        (_, Ask::Erase { .. } | Ask::Rectify { .. } | Ask::Restrict { .. }) => {
            if attempt.task.results.is_empty() { attempt.note().await } else { attempt.change().await }
        }
    }
}

/// A task of a manual downstream, unless a legal hold stops it: then nobody is to do it yet.
async fn hand_to_person(engine: &Engine, task: &Task) -> Result<Step, Trouble> {
    if task.takes_away() && task.state == TaskState::Pending {
        if let Some(hold) = engine.0.store.hold_on(task.case_id).await? {
            return Ok(Step::Held(hold));
        }
        if task.is_held() {
            return Ok(Step::Unheld);
        }
    }
    Ok(Step::HandedToPerson)
}

impl Engine {
    /// The key of a case, unless it is destroyed.
    pub(super) fn case_key(&self, stored: &StoredCase) -> Result<CaseKey, Error> {
        let gone = || Error::NotFound { resource: "case key", id: stored.case.id.to_string() };
        Ok(self.0.ring.unwrap(stored.key.as_ref().ok_or_else(gone)?, stored.case.id)?)
    }
}
