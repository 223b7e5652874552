//! Claims: due tasks of a downstream, and cases that need work themselves, leased to whoever asks.
//!
//! **Expected flow.** The lane is locked, so that replicas claim one after the other; it says how many calls may begin.
//! What a dead worker left goes first; then callers with due tasks take turns, task by task; each caller's own come in
//! order of their cases' deadlines.
//!
//! **Guarantees.** A caller with one task waits for one task of each other caller, however many theirs are. Calls under
//! way are counted by their live leases, those of dead replicas until they end.

use jiff::Timestamp;
use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, FromQueryResult, Statement, Value};
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{
    Error, Store, StoredCase, cases, convert,
    entity::{case, task},
    lanes::StoredLane,
    writer::Job,
};
use crate::domain::{
    Lane, Task,
    lane::{Allowance, Limits},
};

/// What a claim asks for.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Whose tasks.
    pub downstream: String,
    /// The time.
    pub now: Timestamp,
    /// When the leases end.
    pub until: Timestamp,
    /// The leases' token.
    pub token: Uuid,
    /// What the downstream takes.
    pub limits: Limits,
    /// Tasks at the most.
    pub wanted: u32,
}

/// What a claim brought.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The tasks, under leases now.
    pub tasks: Vec<ClaimedTask>,
    /// The lane after it.
    pub lane: Lane,
    /// How many were allowed.
    pub allowed: u32,
    /// When there may be more for no other reason than time.
    pub again_at: Option<Timestamp>,
}

/// A task under a lease.
#[derive(Clone, Debug)]
pub struct ClaimedTask {
    /// The task.
    pub task: Task,
    /// The sealed progress of its collection.
    pub progress: Option<Vec<u8>>,
}

/// A claim of cases.
#[derive(Clone, Debug)]
pub(super) struct CaseClaim {
    pub(super) now: Timestamp,
    pub(super) until: Timestamp,
    pub(super) token: Uuid,
    pub(super) limit: u32,
}

/// A caller, and from when on one of its tasks may be claimed.
#[derive(Debug, FromQueryResult)]
struct Turn {
    caller: String,
    claim_at: i64,
}

/// Who has tasks of a downstream that are not settled, and when the first of each is due: one step along the index for
/// each caller, however many tasks there are (a "loose index scan").
const TURNS: &str = "WITH RECURSIVE callers (caller) AS ( \
       SELECT min(caller) FROM tasks WHERE downstream = $1 AND claim_at < 9223372036854775807 \
       UNION ALL \
       SELECT (SELECT min(t.caller) FROM tasks AS t WHERE t.downstream = $1 AND t.caller > callers.caller \
               AND t.claim_at < 9223372036854775807) \
       FROM callers WHERE callers.caller IS NOT NULL \
     ) SELECT callers.caller AS caller, \
       (SELECT min(t.claim_at) FROM tasks AS t WHERE t.downstream = $1 AND t.caller = callers.caller \
        AND t.claim_at < 9223372036854775807) AS claim_at \
     FROM callers WHERE callers.caller IS NOT NULL";

/// One row of [`Leases`].
const LEASES: &str = "SELECT count(CASE WHEN claim_at > $2 THEN 1 END) AS live, \
       min(CASE WHEN claim_at > $2 THEN claim_at END) AS first_end, \
       count(CASE WHEN claim_at <= $2 THEN 1 END) AS abandoned \
     FROM tasks WHERE downstream = $1 AND lease_token IS NOT NULL";
/// Work whose lease ran out: its turn has come already, and the person has waited for a lease on top.
const ABANDONED: &str = "downstream = $3 AND lease_token IS NOT NULL AND claim_at <= $4";
/// Which tasks a caller's turn is about.
const OWN_DUE: &str = "downstream = $3 AND caller = $4 AND claim_at <= $5 AND claim_at < 9223372036854775807";

impl Store {
    /// Leases due tasks of a downstream, as many as its lane allows.
    pub async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::Claim(claim, reply), answer).await
    }

    /// When the next task of a downstream may be claimed.
    pub async fn next_claim(&self, downstream: &str) -> Result<Option<Timestamp>, Error> {
        let least = turns(&self.reader, downstream).await?.iter().map(|turn| turn.claim_at).min();
        Ok(least.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Leases at most `limit` cases that need work themselves, until `until`.
    pub async fn claim_cases(
        &self,
        (now, until): (Timestamp, Timestamp),
        token: Uuid,
        limit: u32,
    ) -> Result<Vec<StoredCase>, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(Job::ClaimCases(CaseClaim { now, until, token, limit }, reply), answer).await
    }
}

async fn turns(connection: &impl ConnectionTrait, downstream: &str) -> Result<Vec<Turn>, Error> {
    let backend = connection.get_database_backend();
    let statement = Statement::from_sql_and_values(backend, TURNS, [downstream.into()]);
    let rows = connection.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| Turn::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

/// Claims along a lane that is locked.
pub(super) async fn tasks(
    transaction: &DatabaseTransaction,
    claim: &Claim,
    stored: &mut StoredLane,
) -> Result<Claimed, Error> {
    let Leases { live: under_way, first_end, abandoned } = leases(transaction, claim).await?;
    let Allowance { calls, again_at } = stored.lane.allows(claim.now, &claim.limits, under_way, claim.wanted);
    // Calls of a dead replica count until their leases end: nobody wakes anybody then.
    let is_crowded = under_way >= claim.limits.parallel_calls;
    let again_at = if is_crowded { again_at.max(first_end) } else { again_at };
    let mut claimed = Vec::new();
    if calls > 0 && abandoned > 0 {
        claimed = take_over(transaction, claim, calls.min(abandoned)).await?;
    }
    let left = calls - u32::try_from(claimed.len()).unwrap_or(calls).min(calls);
    if left > 0 {
        let due = |turn: &Turn| turn.claim_at <= claim.now.as_microsecond();
        let mut callers: Vec<String> =
            turns(transaction, &claim.downstream).await?.into_iter().filter(due).map(|t| t.caller).collect();
        callers.sort_unstable();
        // Who comes after the last one is first.
        let after = callers.partition_point(|caller| *caller <= stored.turn);
        callers.rotate_left(after);
        let before = claimed.len();
        take_turns(transaction, claim, &callers, left, &mut claimed).await?;
        if let Some(last) = claimed[before..].last().filter(|_| callers.len() > 1) {
            stored.turn.clone_from(&last.caller);
        }
    }
    let began = u32::try_from(claimed.len()).unwrap_or(u32::MAX);
    stored.lane.begin(claim.now, &claim.limits, began, claim.until);
    let as_claimed =
        |row: task::Model| Ok(ClaimedTask { task: convert::task(&row)?, progress: row.progress });
    let tasks = claimed.into_iter().map(as_claimed).collect::<Result<_, Error>>()?;
    Ok(Claimed { tasks, lane: stored.lane.clone(), allowed: calls, again_at })
}

/// What is leased of a downstream's tasks.
#[derive(Default)]
struct Leases {
    /// Calls under way, of all replicas.
    live: u32,
    /// When the first of their leases ends.
    first_end: Option<Timestamp>,
    /// Tasks whose workers are gone.
    abandoned: u32,
}

async fn leases(transaction: &DatabaseTransaction, claim: &Claim) -> Result<Leases, Error> {
    let backend = transaction.get_database_backend();
    let values: [Value; 2] = [claim.downstream.as_str().into(), claim.now.as_microsecond().into()];
    let statement = Statement::from_sql_and_values(backend, LEASES, values);
    let Some(row) = transaction.query_one_raw(statement).await? else { return Ok(Leases::default()) };
    let count = |column| Ok::<_, Error>(u32::try_from(row.try_get::<i64>("", column)?).unwrap_or(u32::MAX));
    let first_end: Option<i64> = row.try_get("", "first_end")?;
    Ok(Leases {
        live: count("live")?,
        first_end: first_end.and_then(|micros| Timestamp::from_microsecond(micros).ok()),
        abandoned: count("abandoned")?,
    })
}

/// Claims what dead workers left.
async fn take_over(
    transaction: &DatabaseTransaction,
    claim: &Claim,
    limit: u32,
) -> Result<Vec<task::Model>, Error> {
    let backend = transaction.get_database_backend();
    let values: [Value; 5] = [
        claim.token.into(),
        claim.until.as_microsecond().into(),
        claim.downstream.as_str().into(),
        claim.now.as_microsecond().into(),
        i64::from(limit).into(),
    ];
    claim_rows(transaction, claim_sql(backend, "tasks", ABANDONED, "$5"), values).await
}

/// Shares `calls` among the callers: an equal share each, what one does not need to the others, and so on until nothing
/// is left of the calls or of the tasks. The last row is of the caller whose turn was last.
async fn take_turns(
    transaction: &DatabaseTransaction,
    claim: &Claim,
    callers: &[String],
    calls: u32,
    claimed: &mut Vec<task::Model>,
) -> Result<(), Error> {
    let mut hungry: Vec<&String> = callers.iter().collect();
    let mut left = calls;
    while left > 0 && !hungry.is_empty() {
        let many = u32::try_from(hungry.len()).unwrap_or(u32::MAX);
        let (share, more) = (left / many, left % many);
        let mut still_hungry = Vec::new();
        for (position, caller) in (0_u32..).zip(hungry) {
            let share = share + u32::from(position < more);
            if share == 0 {
                break;
            }
            let rows = of_caller(transaction, claim, caller, share).await?;
            let got = u32::try_from(rows.len()).unwrap_or(u32::MAX);
            left = left.saturating_sub(got);
            claimed.extend(rows);
            if got == share {
                still_hungry.push(caller);
            }
        }
        hungry = still_hungry;
    }
    Ok(())
}

async fn of_caller(
    transaction: &DatabaseTransaction,
    claim: &Claim,
    caller: &str,
    limit: u32,
) -> Result<Vec<task::Model>, Error> {
    let backend = transaction.get_database_backend();
    let values: [Value; 6] = [
        claim.token.into(),
        claim.until.as_microsecond().into(),
        claim.downstream.as_str().into(),
        caller.into(),
        claim.now.as_microsecond().into(),
        i64::from(limit).into(),
    ];
    claim_rows(transaction, claim_sql(backend, "tasks", OWN_DUE, "$6"), values).await
}

async fn claim_rows(
    transaction: &DatabaseTransaction,
    sql: String,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<task::Model>, Error> {
    let statement = Statement::from_sql_and_values(transaction.get_database_backend(), sql, values);
    let rows = transaction.query_all_raw(statement).await?;
    Ok(rows.iter().map(|row| task::Model::from_query_result(row, "")).collect::<Result<_, _>>()?)
}

/// Claims cases.
pub(super) async fn cases(
    transaction: &DatabaseTransaction,
    claim: &CaseClaim,
) -> Result<Vec<StoredCase>, Error> {
    let backend = transaction.get_database_backend();
    let values: [Value; 4] = [
        claim.token.into(),
        claim.until.as_microsecond().into(),
        claim.now.as_microsecond().into(),
        i64::from(claim.limit).into(),
    ];
    let statement =
        Statement::from_sql_and_values(backend, claim_sql(backend, "cases", "claim_at <= $3", "$4"), values);
    let rows = transaction.query_all_raw(statement).await?;
    rows.iter().map(|row| cases::stored(&case::Model::from_query_result(row, "")?)).collect()
}

/// The claim of HOUSE: one statement, on PostgreSQL with `SKIP LOCKED` so that replicas pass each other.
pub(super) fn claim_sql(backend: DbBackend, table: &str, due: &str, limit: &str) -> String {
    let skip_locked = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    format!(
        "WITH due AS (SELECT id FROM {table} WHERE {due} ORDER BY claim_at LIMIT {limit} {skip_locked}) \
         UPDATE {table} SET lease_token = $1, claim_at = $2 WHERE id IN (SELECT id FROM due) RETURNING *"
    )
}
