//! Access cases from OpenCase to the finished export, with everything on the same cores.

use rightful::proto::downstream::v1::Right;
use tokio::time::Instant;

use crate::{
    caller,
    child::Child,
    load::Load,
    server::Setup,
    table::{Row, Target, figure, median},
};

/// What each downstream holds of each person.
const LOAD: Load = Load::Records { count: 20, bytes: 300 };
/// Cases of each round.
const CASES: u64 = 1_000;
/// Rounds; the first is not counted.
const ROUNDS: u64 = 4;
/// Cases a second that are wanted.
const WANTED: f64 = 500.0;

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let sources = [Child::generator(LOAD)?, Child::generator(LOAD)?, Child::generator(LOAD)?];
    let names = ["billing", "marketing", "analytics"];
    let downstreams: Vec<_> = names
        .iter()
        .zip(&sources)
        .map(|(name, source)| ((*name).to_owned(), source.endpoint.clone()))
        .collect();
    let rightful = Child::rightful(&Setup::of(&folder), &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let (mut rates, mut spent) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (start, processor) = (Instant::now(), rightful.processor_time()?);
        caller::open_many(&stub, |_| Right::Access, round * CASES..(round + 1) * CASES).await?;
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
