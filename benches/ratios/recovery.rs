//! What a kill -9 under load costs: how long it takes until work goes on, and that nothing is lost or done twice.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use jiff::SignedDuration;
use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseState, TaskState},
};
use sea_orm::sqlx::{self, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    caller::{self, Stub},
    child::Child,
    generator::Generator,
    load::Load,
    server::Setup,
    table::{Row, Target},
};

/// How long a lease lasts: short, so that the run is short. Everything is told in leases.
const LEASE: Duration = Duration::from_secs(2);
/// What each downstream holds of each person.
const LOAD: Load = Load::Records { count: 20, bytes: 300 };
/// Cases, every other one an erasure.
const CASES: u64 = 300;
/// How often it is killed in the midst of them.
const KILLS: u32 = 3;
/// How often it is asked who works.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long it works between two kills.
const WORKS: Duration = Duration::from_millis(150);

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let sources =
        [Generator::start(LOAD).await?, Generator::start(LOAD).await?, Generator::start(LOAD).await?];
    let names = ["billing", "marketing", "analytics"];
    let downstreams: Vec<_> = names
        .iter()
        .zip(&sources)
        .map(|(name, source)| ((*name).to_owned(), source.endpoint.clone()))
        .collect();

    let (mut rightful, mut stub) = start(&folder, &downstreams).await?;
    let cases = caller::open_many(&stub, right, 0..CASES).await?;
    let mut killed = Instant::now();
    let mut leases = Vec::new();
    for _ in 0..KILLS {
        tokio::time::sleep(WORKS).await;
        drop(rightful);
        killed = Instant::now();
        leases = tokens(&folder).await?;
        (rightful, stub) = start(&folder, &downstreams).await?;
    }
    anyhow::ensure!(!leases.is_empty(), "nothing was under way at the last kill: nothing was measured");
    while tokens(&folder).await?.iter().any(|token| leases.contains(token)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let resumed = killed.elapsed();
    caller::all_settled(&mut stub).await?;
    let over = killed.elapsed();

    for id in &cases {
        let case = caller::get(&mut stub, id).await?;
        let is_whole = case.state() == CaseState::Completed
            && case.tasks.len() == names.len()
            && case.tasks.iter().all(|task| task.state() == TaskState::Done);
        anyhow::ensure!(is_whole, "case {id} ended otherwise: {:?}", case.state());
    }
    for source in &sources {
        let effects = source.effects();
        anyhow::ensure!(effects.len() as u64 == CASES / 2, "{} people were erased", effects.len());
        let twice = effects.values().filter(|calls| calls.len() > 1).count();
        anyhow::ensure!(twice == 0, "{twice} people were erased twice");
    }
    eprintln!("  {CASES} cases, {KILLS} kills: all of them ended, nothing was erased twice");
    drop(rightful);
    let row = |what: String, time: Duration, target| {
        Row::new(what, (LEASE.as_secs_f64(), time.as_secs_f64()), "s", target)
    };
    Ok(vec![
        row(
            "kill -9, until somebody works on all that was under way".to_owned(),
            resumed,
            Target::AtMost(1.25),
        ),
        row(format!("kill -9, until all {CASES} cases are over"), over, Target::None),
    ])
}

async fn start(folder: &Path, downstreams: &[(String, String)]) -> anyhow::Result<(Child, Stub)> {
    let child = Child::rightful(
        &Setup { lease: SignedDuration::try_from(LEASE)?, ..Setup::of(folder) },
        downstreams,
    )?;
    let stub = caller::connect(&child.endpoint, downstreams).await.context("it does not come back")?;
    Ok((child, stub))
}

fn right(number: u64) -> Right {
    if number.is_multiple_of(2) { Right::Access } else { Right::Erasure }
}

/// The leases of all that somebody works on.
async fn tokens(folder: &Path) -> anyhow::Result<Vec<Uuid>> {
    let options = SqliteConnectOptions::new().filename(folder.join("rightful.sqlite"));
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let tokens = sqlx::query_scalar(
        "SELECT lease_token FROM tasks WHERE lease_token IS NOT NULL UNION \
         SELECT lease_token FROM cases WHERE lease_token IS NOT NULL",
    );
    let tokens = tokens.fetch_all(&mut connection).await?;
    connection.close().await?;
    Ok(tokens)
}
