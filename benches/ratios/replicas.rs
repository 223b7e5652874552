//! What a second replica brings where the downstreams, not the processors, are the limit: on one PostgreSQL.

use rightful::proto::downstream::v1::Right;
use tokio::time::Instant;

use crate::{
    caller,
    child::Child,
    cluster::{self, Cluster},
    load::Load,
    server::Setup,
    table::{Row, Target, figure, median},
};

/// What each downstream holds of each person, and how long it looks for it: far longer than rightful has to do with it.
const LOAD: Load = Load::Slow { count: 5, wait_ms: 100 };
/// Calls to each downstream that a replica has under way at once: with the wait, 20 a second.
const CALLS_PER_LANE: u32 = 2;
/// Cases of each round.
const CASES: u64 = 80;
/// Rounds, one replica and two in turn.
const ROUNDS: u64 = 3;

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let cluster = Cluster::start();
    let sources = [Child::generator(LOAD)?, Child::generator(LOAD)?, Child::generator(LOAD)?];
    let downstreams: Vec<_> = ["billing", "marketing", "analytics"]
        .iter()
        .zip(&sources)
        .map(|(name, source)| ((*name).to_owned(), source.endpoint.clone()))
        .collect();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        one.push(tasks_per_second(&cluster, 1, round, &downstreams).await?);
        two.push(tasks_per_second(&cluster, 2, round, &downstreams).await?);
    }
    Ok(vec![Row::new(
        "tasks with two replicas, against one, slow downstreams",
        (median(one), median(two)),
        "/s",
        Target::AtLeast(1.5),
    )])
}

async fn tasks_per_second(
    cluster: &Cluster,
    replicas: usize,
    round: u64,
    downstreams: &[(String, String)],
) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let name = format!("bench_{replicas}_{round}");
    cluster::execute(&cluster.url("postgres"), &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
    let setup =
        Setup { database: Some(cluster.url(&name)), calls_per_lane: CALLS_PER_LANE, ..Setup::of(&folder) };
    let mut running = Vec::new();
    for _ in 0..replicas {
        running.push(Child::rightful(&setup, downstreams)?);
    }
    let mut stub = caller::connect(&running[0].endpoint, downstreams).await?;
    let start = Instant::now();
    caller::open_many(&stub, |_| Right::Access, 0..CASES).await?;
    caller::all_settled(&mut stub).await?;
    Ok(figure(CASES * downstreams.len() as u64) / start.elapsed().as_secs_f64())
}
