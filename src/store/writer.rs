//! The writer: many changes, one commit.
//!
//! **Expected flow.** Whatever waits in the queue, up to a bound, becomes one transaction: the new cases by one insert a
//! table, then the changes, each a pure function over its case's file, then the lanes and claims. One fsync serves all of
//! them (group commit, as in DeWitt et al., "Implementation Techniques for Main Memory Database Systems", SIGMOD 1984).
//!
//! **Guarantees.** A job is answered after its commit. A change that answers an error writes nothing, and the others
//! of its batch are not touched by it; if the database itself refuses something in the batch, each job gets a
//! transaction of its own. If the database is away, nothing is written and all of them are told.
//!
//! **Assumptions.** Changes are pure: a batch may be applied twice when its transaction is repeated.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use sea_orm::{ConnectionTrait as _, DatabaseConnection, DatabaseTransaction};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{
    Claim, Claimed, Error, Opened, Opening, StoredCase, Subscription,
    changes::{self, Change},
    claims::{self, CaseClaim},
    error::Fault,
    lanes::{self, LaneChange, StoredLane},
    notices, openings,
    transaction::{self, Work},
    wake::{Rings, Wakes},
};
use crate::{
    domain::{CaseId, Lane},
    telemetry::{Outage, chain},
};

type Reply<T> = oneshot::Sender<Result<T, Error>>;

pub(super) enum Job {
    Open(Box<Opening>, Reply<Opened>),
    Change(CaseId, Change, Reply<()>),
    Lane(String, LaneChange, Reply<Lane>),
    Claim(Claim, Reply<Claimed>),
    ClaimCases(CaseClaim, Reply<Vec<StoredCase>>),
}

/// What one transaction is to do.
#[derive(Default)]
struct Batch {
    openings: Vec<(Box<Opening>, Reply<Opened>)>,
    changes: Vec<(CaseId, Change, Reply<()>)>,
    lanes: Vec<(String, LaneChange, Reply<Lane>)>,
    claims: Vec<(Claim, Reply<Claimed>)>,
    case_claims: Vec<(CaseClaim, Reply<Vec<StoredCase>>)>,
    subscriptions: Vec<Subscription>,
}

/// What came of it, in the order of the batch.
struct Answers {
    openings: Vec<Result<Opened, Error>>,
    changes: Vec<Result<(), Error>>,
    lanes: Vec<Result<Lane, Error>>,
    claims: Vec<Result<Claimed, Error>>,
    case_claims: Vec<Vec<StoredCase>>,
    rings: Rings,
}

impl Answers {
    /// Whether there was anything to write.
    fn wrote(&self) -> bool {
        let opened =
            self.openings.iter().any(|answer| matches!(answer, Ok(Opened::New(_) | Opened::Joined(_))));
        let claimed =
            |answer: &Result<Claimed, Error>| answer.as_ref().is_ok_and(|claimed| !claimed.tasks.is_empty());
        opened
            || !self.rings.cases.is_empty()
            || self.claims.iter().any(claimed)
            || self.case_claims.iter().any(|claimed| !claimed.is_empty())
    }
}

/// A writer: where it writes, who is told.
#[derive(Clone)]
pub(super) struct Writer {
    pub(super) connection: DatabaseConnection,
    pub(super) batch_max: usize,
    pub(super) wakes: Arc<Wakes>,
    pub(super) outage: Arc<Outage>,
    pub(super) subscriptions: Arc<RwLock<Vec<Subscription>>>,
}

/// Starts `writers` of them at one queue. They run until the last handle of the store is dropped.
pub(super) fn spawn(writer: &Writer, queue: mpsc::Receiver<Job>, writers: usize) {
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..writers {
        let (writer, queue) = (writer.clone(), Arc::clone(&queue));
        tokio::spawn(async move {
            let mut jobs = Vec::with_capacity(writer.batch_max);
            while queue.lock().await.recv_many(&mut jobs, writer.batch_max).await > 0 {
                writer.write(std::mem::take(&mut jobs)).await;
            }
        });
    }
}

impl Writer {
    async fn write(&self, jobs: Vec<Job>) {
        let mut batch = Batch::of(jobs);
        batch.subscriptions.clone_from(&self.subscriptions.read().unwrap_or_else(PoisonError::into_inner));
        match transaction::run(&self.connection, &mut batch).await {
            Ok(answers) => {
                // A claim that found nothing wrote nothing: it goes through on a full disk as well.
                if answers.wrote() {
                    self.outage.worked();
                }
                self.wakes.committed(&answers.rings);
                batch.answer(answers);
            }
            Err(error) if error.fault() == Fault::Own && batch.len() > 1 => {
                tracing::warn!(
                    error = chain(&error),
                    "one write of many was refused: each is tried for itself"
                );
                for job in batch.into_jobs() {
                    Box::pin(self.write(vec![job])).await;
                }
            }
            Err(error) => {
                if error.fault() == Fault::Own {
                    tracing::error!(error = chain(&error), "a write was refused");
                } else {
                    self.outage.failed(&error);
                }
                batch.fail(&error);
            }
        }
    }
}

impl Work for Batch {
    const NAME: &'static str = "write";
    type Answer = Answers;

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<Answers, Error> {
        let mut rings = Rings::default();
        let new: Vec<&Opening> = self.openings.iter().map(|(opening, _)| &**opening).collect();
        let openings = openings::insert(transaction, &new, &mut rings).await?;
        let changes = self.changes.iter_mut().map(|(case, change, _)| (*case, change));
        let changes = changes::apply(transaction, changes, &mut rings).await?;
        let (lanes, claims) = self.run_lanes(transaction, &mut rings).await?;
        let mut case_claims = Vec::with_capacity(self.case_claims.len());
        for (claim, _) in &self.case_claims {
            case_claims.push(claims::cases(transaction, claim).await?);
        }
        if rings.unplaced && notices::places_at_once(transaction.get_database_backend()) {
            // Each turn takes as many as there may be, of those that this batch has written.
            while notices::place(transaction, &self.subscriptions, &mut rings).await? == notices::PLACED_MAX {
            }
            rings.unplaced = false;
        }
        Ok(Answers { openings, changes, lanes, claims, case_claims, rings })
    }
}

/// The answers to lane changes and to claims.
type LaneAnswers = (Vec<Result<Lane, Error>>, Vec<Result<Claimed, Error>>);

impl Batch {
    fn of(jobs: Vec<Job>) -> Self {
        let mut batch = Self::default();
        for job in jobs {
            match job {
                Job::Open(opening, reply) => batch.openings.push((opening, reply)),
                Job::Change(case, change, reply) => batch.changes.push((case, change, reply)),
                Job::Lane(name, change, reply) => batch.lanes.push((name, change, reply)),
                Job::Claim(claim, reply) => batch.claims.push((claim, reply)),
                Job::ClaimCases(claim, reply) => batch.case_claims.push((claim, reply)),
            }
        }
        batch
    }

    fn len(&self) -> usize {
        self.openings.len()
            + self.changes.len()
            + self.lanes.len()
            + self.claims.len()
            + self.case_claims.len()
    }

    fn into_jobs(self) -> impl Iterator<Item = Job> {
        let openings = self.openings.into_iter().map(|(opening, reply)| Job::Open(opening, reply));
        let changes = self.changes.into_iter().map(|(case, change, reply)| Job::Change(case, change, reply));
        let lanes = self.lanes.into_iter().map(|(name, change, reply)| Job::Lane(name, change, reply));
        let claims = self.claims.into_iter().map(|(claim, reply)| Job::Claim(claim, reply));
        let cases = self.case_claims.into_iter().map(|(claim, reply)| Job::ClaimCases(claim, reply));
        openings.chain(changes).chain(lanes).chain(claims).chain(cases)
    }

    /// Lanes are locked last, and in order of their names: whoever waits for one holds no case that its holder needs.
    async fn run_lanes(
        &mut self,
        transaction: &DatabaseTransaction,
        rings: &mut Rings,
    ) -> Result<LaneAnswers, Error> {
        let claimed = self.claims.iter().map(|(claim, _)| &claim.downstream);
        let mut names: Vec<&String> = self.lanes.iter().map(|(name, ..)| name).chain(claimed).collect();
        if names.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        names.sort_unstable();
        names.dedup();
        let before = lanes::lock(transaction, names).await?;
        let mut after = before.clone();
        let mut changed = Vec::with_capacity(self.lanes.len());
        for (name, change, _) in &mut self.lanes {
            changed.push(after.get_mut(name).ok_or(Error::Gone("downstream")).map(|stored| {
                change(&mut stored.lane);
                stored.lane.clone()
            }));
            rings.lanes.insert(name.clone());
        }
        let mut claims = Vec::with_capacity(self.claims.len());
        for (claim, _) in &self.claims {
            claims.push(match after.get_mut(&claim.downstream) {
                Some(stored) => Ok(claims::tasks(transaction, claim, stored).await?),
                None => Err(Error::Gone("downstream")),
            });
        }
        save_lanes(transaction, &before, &after).await?;
        Ok((changed, claims))
    }

    /// A caller that has gone away does not want its answer any more. What it claimed is free again when its lease ends.
    fn answer(self, answers: Answers) {
        for ((_, reply), answer) in self.openings.into_iter().zip(answers.openings) {
            let _ = reply.send(answer);
        }
        for ((.., reply), answer) in self.changes.into_iter().zip(answers.changes) {
            let _ = reply.send(answer);
        }
        for ((.., reply), answer) in self.lanes.into_iter().zip(answers.lanes) {
            let _ = reply.send(answer);
        }
        for ((_, reply), answer) in self.claims.into_iter().zip(answers.claims) {
            let _ = reply.send(answer);
        }
        for ((_, reply), answer) in self.case_claims.into_iter().zip(answers.case_claims) {
            let _ = reply.send(Ok(answer));
        }
    }

    fn fail(self, error: &Error) {
        let copy = || Error::Unavailable(sea_orm::DbErr::Custom(chain(error)));
        for job in self.into_jobs() {
            match job {
                Job::Open(_, reply) => drop(reply.send(Err(copy()))),
                Job::Change(_, _, reply) => drop(reply.send(Err(copy()))),
                Job::Lane(_, _, reply) => drop(reply.send(Err(copy()))),
                Job::Claim(_, reply) => drop(reply.send(Err(copy()))),
                Job::ClaimCases(_, reply) => drop(reply.send(Err(copy()))),
            }
        }
    }
}

async fn save_lanes(
    transaction: &DatabaseTransaction,
    before: &BTreeMap<String, StoredLane>,
    after: &BTreeMap<String, StoredLane>,
) -> Result<(), Error> {
    for (name, stored) in after {
        if before.get(name) != Some(stored) {
            lanes::save(transaction, name, stored).await?;
        }
    }
    Ok(())
}
