//! Whether claim, get, open and list take longer when many cases are stored.
//!
//! Nobody waits for a million cases to be opened one by one: two cases, a finished one and one that is due, are copied
//! row by row inside the database. One in ten of the copies is due.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jiff::SignedDuration;
use rightful::{
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::{Identifier, Right},
        v1::{CaseState, ListCasesRequest},
    },
    store::{self, Store},
};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::{
    caller::{self, Stub},
    child::Child,
    load::Load,
    server,
    table::{Row, Target, median},
};

/// Few cases.
const FEW: u64 = 1_000;
/// Many cases.
const MANY: u64 = 100_000;
/// Very many cases.
const BIG: u64 = 1_000_000;
/// Calls of each kind, unless they take too long.
const CALLS: u64 = 400;
/// How long the calls of a kind may take together.
const TIME: Duration = Duration::from_secs(4);
/// The downstream's name.
const NAME: &str = "analytics";
/// Tasks of one claim: what a lane with the default number of parallel calls asks for.
const CLAIM: u32 = 8;

/// What was measured, and the median time of a call in milliseconds.
type Times = Vec<(&'static str, f64)>;

/// Measures it.
pub async fn measure(big: bool) -> anyhow::Result<Vec<Row>> {
    let many = if big { BIG } else { MANY };
    let (small, large) = (times(FEW).await?, times(many).await?);
    let row = |((what, small), (_, large)): ((&str, f64), (&str, f64))| {
        Row::new(format!("{what}, {many} cases against {FEW}"), (small, large), "ms", Target::AtMost(1.3))
    };
    Ok(small.into_iter().zip(large).map(row).collect())
}

async fn times(cases: u64) -> anyhow::Result<Times> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    models(&folder).await?;
    grow(&folder, cases).await?;
    let silent = Child::generator(Load::Silence)?;
    let mut times = calls(&folder, &silent).await?;
    times.push(("claim", claims(&folder).await?));
    Ok(times)
}

/// Makes the two cases to be copied.
async fn models(folder: &Path) -> anyhow::Result<()> {
    let talks = Child::generator(Load::Records { count: 20, bytes: 300 })?;
    let downstreams = [(NAME.to_owned(), talks.endpoint.clone())];
    let rightful = Child::rightful(folder, server::LEASE, &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let finished = caller::open(&mut stub, Right::Access, 0).await?;
    caller::completed(&mut stub, &finished).await?;
    drop(rightful);

    let silent = Child::generator(Load::Silence)?;
    let downstreams = [(NAME.to_owned(), silent.endpoint.clone())];
    let rightful = Child::rightful(folder, server::LEASE, &downstreams)?;
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
async fn calls(folder: &Path, silent: &Child) -> anyhow::Result<Times> {
    let downstreams = [(NAME.to_owned(), silent.endpoint.clone())];
    let rightful = Child::rightful(folder, server::LEASE, &downstreams)?;
    let stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let mut numbers = 1_000_000_u64..;
    let mut next = || numbers.next().unwrap_or_default();
    let ids: Vec<String> =
        list(stub.clone(), ListCasesRequest { page_size: 100, ..Default::default() }).await?;
    let in_state = |state: CaseState| ListCasesRequest { states: vec![state.into()], ..Default::default() };
    let person = Identifier { kind: "email".to_owned(), value: "person0@example.org".to_owned() };
    let of_person = ListCasesRequest { identifier: Some(person), ..Default::default() };
    Ok(vec![
        (
            "get",
            time(|n| {
                let (mut stub, id) = (stub.clone(), ids[usize::try_from(n).unwrap_or(0) % ids.len()].clone());
                async move { caller::get(&mut stub, &id).await.map(drop) }
            })
            .await?,
        ),
        (
            "open",
            time(|_| {
                let (mut stub, number) = (stub.clone(), next());
                async move { caller::open(&mut stub, Right::Access, number).await.map(drop) }
            })
            .await?,
        ),
        ("list the newest", lists(&stub, ListCasesRequest::default()).await?),
        ("list in progress", lists(&stub, in_state(CaseState::InProgress)).await?),
        ("list completed", lists(&stub, in_state(CaseState::Completed)).await?),
        ("list cancelled (none)", lists(&stub, in_state(CaseState::Cancelled)).await?),
        (
            "list overdue (none)",
            lists(&stub, ListCasesRequest { overdue: true, ..Default::default() }).await?,
        ),
        ("list of a person", lists(&stub, of_person).await?),
    ])
}

async fn lists(stub: &Stub, request: ListCasesRequest) -> anyhow::Result<f64> {
    time(|_| {
        let (stub, request) = (stub.clone(), request.clone());
        async move { list(stub, request).await.map(drop) }
    })
    .await
}

async fn list(mut stub: Stub, request: ListCasesRequest) -> anyhow::Result<Vec<String>> {
    let cases = stub.list_cases(request).await?.into_inner().cases;
    Ok(cases.into_iter().map(|case| case.case_id).collect())
}

/// The lanes' claims, of which every one finds tasks that are due.
async fn claims(folder: &Path) -> anyhow::Result<f64> {
    let url = format!("sqlite://{}", folder.join("rightful.sqlite").display());
    let store = Store::open(&store::Settings { url, batch_max: 1 }).await?;
    // More than there are due among few cases would find none.
    let mut left = FEW / 10 / u64::from(CLAIM);
    let mut figures = Vec::new();
    while left > 0 {
        let now = SystemClock.now();
        let until = now.saturating_add(SignedDuration::from_secs(30))?;
        let start = Instant::now();
        let claimed = store.claim(NAME, (now, until), SystemClock.new_id(), CLAIM).await?;
        figures.push(start.elapsed().as_secs_f64() * 1e3);
        anyhow::ensure!(claimed.len() == CLAIM as usize, "only {} tasks were due", claimed.len());
        left -= 1;
    }
    Ok(median(figures))
}

/// The median time of a call, in milliseconds.
async fn time<F: Future<Output = anyhow::Result<()>>>(mut call: impl FnMut(u64) -> F) -> anyhow::Result<f64> {
    let (start, mut figures) = (Instant::now(), Vec::new());
    for number in 0..CALLS {
        let one = Instant::now();
        call(number).await?;
        figures.push(one.elapsed().as_secs_f64() * 1e3);
        if start.elapsed() > TIME {
            break;
        }
    }
    Ok(median(figures))
}
