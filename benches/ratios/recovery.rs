//! What a kill -9 under load costs: how long it takes until work goes on, and that nothing is lost or done twice. On
//! SQLite the one process is started again; on PostgreSQL another replica is there, and takes over.

use std::time::Duration;

use anyhow::Context as _;
use jiff::SignedDuration;
use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseState, TaskState},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    caller,
    child::Child,
    cluster::{self, Cluster},
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
    let mut rows = on("SQLite, started again", None, 1).await?;
    let cluster = Cluster::start();
    rows.extend(on("PostgreSQL, two replicas", Some(cluster.url("postgres")), 2).await?);
    Ok(rows)
}

async fn on(place: &str, database: Option<String>, replicas: usize) -> anyhow::Result<Vec<Row>> {
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
    let setup = Setup { lease: SignedDuration::try_from(LEASE)?, database, ..Setup::of(&folder) };
    let database = setup.database.clone();
    let url = database.unwrap_or_else(|| format!("sqlite://{}", folder.join("rightful.sqlite").display()));

    let mut running = Vec::new();
    for _ in 0..replicas {
        running.push(Child::rightful(&setup, &downstreams)?);
    }
    let stub = caller::connect(&running[0].endpoint, &downstreams).await?;
    let cases = caller::open_many(&stub, right, 0..CASES).await?;
    let seen = cluster::connect(&url).await;
    let mut killed = Instant::now();
    let mut leases = Vec::new();
    for _ in 0..KILLS {
        tokio::time::sleep(WORKS).await;
        drop(running.remove(0));
        killed = Instant::now();
        leases = tokens(&seen).await?;
        running.push(Child::rightful(&setup, &downstreams)?);
    }
    anyhow::ensure!(!leases.is_empty(), "nothing was under way at the last kill: nothing was measured");
    while tokens(&seen).await?.iter().any(|token| leases.contains(token)) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let resumed = killed.elapsed();
    let mut stub =
        caller::connect(&running[0].endpoint, &downstreams).await.context("it does not come back")?;
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
    eprintln!("  {place}: {CASES} cases, {KILLS} kills: all of them ended, nothing was erased twice");
    let row = |what: String, time: Duration, target| {
        Row::new(what, (LEASE.as_secs_f64(), time.as_secs_f64()), "s", target)
    };
    Ok(vec![
        row(
            format!("kill -9, until somebody works on all that was under way ({place})"),
            resumed,
            Target::AtMost(1.0),
        ),
        row(format!("kill -9, until all {CASES} cases are over ({place})"), over, Target::None),
    ])
}

fn right(number: u64) -> Right {
    if number.is_multiple_of(2) { Right::Access } else { Right::Erasure }
}

/// The leases of all that somebody works on.
async fn tokens(database: &DatabaseConnection) -> anyhow::Result<Vec<Uuid>> {
    let tokens = "SELECT lease_token FROM tasks WHERE lease_token IS NOT NULL UNION \
                  SELECT lease_token FROM cases WHERE lease_token IS NOT NULL";
    let rows =
        database.query_all_raw(Statement::from_string(database.get_database_backend(), tokens)).await?;
    Ok(rows.iter().map(|row| row.try_get("", "lease_token")).collect::<Result<_, _>>()?)
}
