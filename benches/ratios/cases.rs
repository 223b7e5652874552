//! Access cases from OpenCase to the finished export, with everything on the same cores.

use rightful::proto::downstream::v1::Right;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    caller::{self, Stub},
    child::Child,
    load::Load,
    server,
    table::{Row, Target, figure, median},
};

/// What each downstream holds of each person.
const LOAD: Load = Load::Records { count: 20, bytes: 300 };
/// Cases of each round.
const CASES: u64 = 2_000;
/// Rounds; the first is not counted.
const ROUNDS: u64 = 4;
/// Callers at once.
const CALLERS: u64 = 64;
/// Cases a second that are wanted.
const WANTED: f64 = 500.0;

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(".")?;
    let folder = folder.path().canonicalize()?;
    let sources = [Child::generator(LOAD)?, Child::generator(LOAD)?, Child::generator(LOAD)?];
    let names = ["billing", "marketing", "analytics"];
    let downstreams: Vec<_> = names
        .iter()
        .zip(&sources)
        .map(|(name, source)| ((*name).to_owned(), source.endpoint.clone()))
        .collect();
    let rightful = Child::rightful(&folder, server::LEASE, &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let (mut rates, mut spent) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (start, processor) = (Instant::now(), rightful.processor_time()?);
        open(&stub, round).await?;
        caller::all_settled(&mut stub).await?;
        if round > 0 {
            rates.push(figure(CASES) / start.elapsed().as_secs_f64());
            spent.push(figure(CASES) / (rightful.processor_time()? - processor));
        }
    }
    Ok(vec![
        Row::new("access cases, end to end", (WANTED, median(rates)), "/s", Target::AtLeast(1.0)),
        Row::new("access cases, per core spent by rightful", (WANTED, median(spent)), "/s", Target::None),
    ])
}

/// Opens a round's cases.
async fn open(stub: &Stub, round: u64) -> anyhow::Result<()> {
    let mut calling = JoinSet::new();
    for caller in 0..CALLERS {
        let mut stub = stub.clone();
        calling.spawn(async move {
            for number in (caller..CASES).step_by(usize::try_from(CALLERS)?) {
                caller::open(&mut stub, Right::Access, round * CASES + number).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(called) = calling.join_next().await {
        called??;
    }
    Ok(())
}
