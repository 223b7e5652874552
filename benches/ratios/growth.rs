//! Whether claim, get, open and list take longer when many cases are stored.
//!
//! Nobody waits for a million cases to be opened one by one: two cases, a finished one and one that is due, are copied
//! row by row inside the database. One in ten of the copies is due. Both databases are asked in turn, call by call, so
//! that whatever else the machine does slows both.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use rightful::{
    clock::{Clock as _, SystemClock},
    domain::lane::Limits,
    proto::{
        downstream::v1::{Identifier, Right},
        v1::{CaseState, ListCasesRequest},
    },
    store::{self, Claim, Store},
};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use crate::{
    caller::{self, Stub},
    child::Child,
    load::Load,
    server::Setup,
    table::{Row, Target, median},
};

/// Few cases.
const FEW: u64 = 1_000;
/// Many cases.
const MANY: u64 = 100_000;
/// Very many cases.
const BIG: u64 = 1_000_000;
/// Calls of each kind, unless they take too long.
const CALLS: usize = 400;
/// How long the calls of a kind may take together.
const TIME: Duration = Duration::from_secs(6);
/// The downstream's name.
const NAME: &str = "analytics";
/// The first person for whom a case is opened: the copies are of those before.
const FIRST: u64 = 1_000_000;
/// Tasks of one claim: what a lane with the default number of parallel calls asks for.
const CLAIM: u32 = 8;

/// A rightful with so many cases.
struct Stored {
    folder: TempDir,
    silent: Child,
    cases: u64,
}

/// Measures it.
pub async fn measure(big: bool) -> anyhow::Result<Vec<Row>> {
    let both = [stored(FEW).await?, stored(if big { BIG } else { MANY }).await?];
    let mut rows = calls(&both).await?;
    rows.push(row("claim", &both, claims(&both).await?));
    Ok(rows)
}

fn row(what: &str, both: &[Stored; 2], times: (f64, f64)) -> Row {
    let what = format!("{what}, {} cases against {}", both[1].cases, both[0].cases);
    Row::new(what, times, "ms", Target::AtMost(1.3))
}

async fn stored(cases: u64) -> anyhow::Result<Stored> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    models(folder.path()).await?;
    grow(folder.path(), cases).await?;
    Ok(Stored { folder, silent: Child::generator(Load::Silence)?, cases })
}

/// Makes the two cases to be copied.
async fn models(folder: &Path) -> anyhow::Result<()> {
    let talks = Child::generator(Load::Records { count: 20, bytes: 300 })?;
    let downstreams = [(NAME.to_owned(), talks.endpoint.clone())];
    let rightful = Child::rightful(&Setup::of(folder), &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let finished = caller::open(&mut stub, Right::Access, 0).await?;
    caller::completed(&mut stub, &finished).await?;
    drop(rightful);

    let silent = Child::generator(Load::Silence)?;
    let downstreams = [(NAME.to_owned(), silent.endpoint.clone())];
    let rightful = Child::rightful(&Setup::of(folder), &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    caller::open(&mut stub, Right::Access, 1).await?;
    Ok(())
}

/// Copies them.
async fn grow(folder: &Path, cases: u64) -> anyhow::Result<()> {
    let options = SqliteConnectOptions::new().filename(folder.join("rightful.sqlite"));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let now = SystemClock.now();
    let due = format!(
        "UPDATE tasks SET lease_token = NULL, claim_at = {} WHERE state = 'pending'",
        now.as_microsecond()
    );
    // The ids are as if the cases had been opened one a millisecond until now.
    let copies = format!(
        "CREATE TEMP TABLE copies AS WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers \
         WHERE n < {cases}) SELECT n, unhex(printf('%012x7000', {} - n) || hex(randomblob(8))) AS case_id, \
         (SELECT id FROM cases WHERE state = CASE WHEN n % 10 = 0 THEN 'in_progress' ELSE 'completed' END) AS model \
         FROM numbers",
        now.as_millisecond()
    );
    sqlx::query(AssertSqlSafe(due)).execute(&mut connection).await?;
    sqlx::query(AssertSqlSafe(copies)).execute(&mut connection).await?;
    for (table, case, fresh) in [
        ("cases", "id", [("id", "c.case_id"), ("request_id", "'copy-' || c.n")]),
        ("tasks", "case_id", [("id", "randomblob(16)"), ("case_id", "c.case_id")]),
        ("case_events", "case_id", [("seq", "NULL"), ("case_id", "c.case_id")]),
        ("case_identifiers", "case_id", [("blind", "hex(randomblob(32))"), ("case_id", "c.case_id")]),
    ] {
        let columns = format!("SELECT name FROM pragma_table_info('{table}')");
        let columns: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&mut connection).await?;
        let value = |column: &String| {
            let fresh = fresh.iter().find(|(name, _)| name == column).map(|(_, value)| (*value).to_owned());
            fresh.unwrap_or_else(|| format!("m.\"{column}\""))
        };
        let values: Vec<String> = columns.iter().map(value).collect();
        let copy = format!(
            "INSERT INTO {table} (\"{}\") SELECT {} FROM copies c JOIN {table} m ON m.{case} = c.model",
            columns.join("\", \""),
            values.join(", ")
        );
        sqlx::query(AssertSqlSafe(copy)).execute(&mut connection).await?;
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// The calls of a caller.
async fn calls(both: &[Stored; 2]) -> anyhow::Result<Vec<Row>> {
    let (mut running, mut stubs, mut ids) = (Vec::new(), Vec::new(), Vec::new());
    for stored in both {
        let downstreams = [(NAME.to_owned(), stored.silent.endpoint.clone())];
        let rightful = Child::rightful(&Setup::of(stored.folder.path()), &downstreams)?;
        let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
        ids.push(list(&mut stub, ListCasesRequest { page_size: 100, ..Default::default() }).await?);
        running.push(rightful);
        stubs.push(stub);
    }
    let (times_of_get, times_of_open) = (
        in_turn(&stubs, async |mut stub, which, number| {
            let ids = &ids[which];
            caller::get(&mut stub, &ids[number % ids.len()]).await.map(drop)
        })
        .await?,
        in_turn(&stubs, async |mut stub, _, number| {
            caller::open(&mut stub, Right::Access, FIRST + number as u64).await.map(drop)
        })
        .await?,
    );
    let mut rows = vec![row("get", both, times_of_get), row("open", both, times_of_open)];
    let in_state = |state: CaseState| ListCasesRequest { states: vec![state.into()], ..Default::default() };
    let person = Identifier { kind: "email".to_owned(), value: "person0@example.org".to_owned() };
    for (what, request) in [
        ("list the newest", ListCasesRequest::default()),
        ("list in progress", in_state(CaseState::InProgress)),
        ("list completed", in_state(CaseState::Completed)),
        ("list cancelled (none)", in_state(CaseState::Cancelled)),
        ("list overdue (none)", ListCasesRequest { overdue: true, ..Default::default() }),
        ("list of a person", ListCasesRequest { identifier: Some(person), ..Default::default() }),
    ] {
        let listed = in_turn(&stubs, async |mut stub, _, _| list(&mut stub, request.clone()).await.map(drop));
        rows.push(row(what, both, listed.await?));
    }
    Ok(rows)
}

async fn list(stub: &mut Stub, request: ListCasesRequest) -> anyhow::Result<Vec<String>> {
    let cases = stub.list_cases(request).await?.into_inner().cases;
    Ok(cases.into_iter().map(|case| case.case_id).collect())
}

/// The lanes' claims, of which every one finds tasks that are due.
async fn claims(both: &[Stored; 2]) -> anyhow::Result<(f64, f64)> {
    let mut stores = Vec::new();
    for stored in both {
        let url = format!("sqlite://{}", stored.folder.path().join("rightful.sqlite").display());
        let settings = store::Settings { url, batch_max: 1, waiting_max: 8_192 };
        stores.push(Store::open(&settings, SystemClock.new_id()).await?);
    }
    let mut times = [Vec::new(), Vec::new()];
    // Another claim would find fewer tasks among the few cases.
    for _ in 0..FEW / 10 / u64::from(CLAIM) {
        for (store, times) in stores.iter().zip(&mut times) {
            let now = SystemClock.now();
            let claim = Claim {
                downstream: NAME.to_owned(),
                now,
                until: now.saturating_add(SignedDuration::from_secs(30))?,
                token: SystemClock.new_id(),
                limits: Limits { parallel_calls: u32::MAX, rate: None },
                wanted: CLAIM,
            };
            let start = Instant::now();
            let claimed = store.claim(claim).await?.tasks;
            times.push(milliseconds(start));
            anyhow::ensure!(claimed.len() == CLAIM as usize, "only {} tasks were due", claimed.len());
        }
    }
    let [few, many] = times;
    Ok((median(few), median(many)))
}

/// The median times of a call, in milliseconds, to the one and to the other. The call is told which it is, and the
/// number of the round.
async fn in_turn(
    stubs: &[Stub],
    call: impl AsyncFn(Stub, usize, usize) -> anyhow::Result<()>,
) -> anyhow::Result<(f64, f64)> {
    let (start, mut times) = (Instant::now(), [Vec::new(), Vec::new()]);
    for number in 0..CALLS {
        for (which, (stub, times)) in stubs.iter().zip(&mut times).enumerate() {
            let one = Instant::now();
            call(stub.clone(), which, number).await?;
            times.push(milliseconds(one));
        }
        if start.elapsed() > TIME {
            break;
        }
    }
    let [few, many] = times;
    Ok((median(few), median(many)))
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
