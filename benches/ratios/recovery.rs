//! What a kill -9 under load costs: how long it takes until work goes on, and that nothing is lost or done twice.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use jiff::SignedDuration;
use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseState, TaskState},
};
use tokio::time::Instant;

use crate::{
    caller::{self, Stub},
    child::Child,
    generator::Generator,
    load::Load,
    table::{Row, Target},
};

/// How long a lease lasts: short, so that the run is short. Everything is told in leases.
const LEASE: Duration = Duration::from_secs(2);
/// What each downstream holds of each person.
const LOAD: Load = Load::Records { count: 20, bytes: 300 };
/// Cases, every other one an erasure.
const CASES: u64 = 600;
/// How often it is killed in the midst of them.
const KILLS: u32 = 3;
/// How long it works between two kills.
const WORKS: Duration = Duration::from_millis(250);

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(".")?;
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
    let mut cases = Vec::new();
    for number in 0..CASES {
        cases.push(caller::open(&mut stub, right(number), number).await?.case_id);
    }
    for _ in 0..KILLS {
        tokio::time::sleep(WORKS).await;
        drop(rightful);
        (rightful, stub) = start(&folder, &downstreams).await?;
    }
    let restart = Instant::now();
    let left = in_progress(&mut stub, &cases).await?;
    anyhow::ensure!(left > 0, "all cases were over before the last kill: nothing was measured");
    caller::all_settled(&mut stub).await?;
    let time = restart.elapsed();

    for (number, id) in (0..).zip(&cases) {
        let case = caller::get(&mut stub, id).await?;
        let is_whole = case.state() == CaseState::Completed
            && case.tasks.len() == names.len()
            && case.tasks.iter().all(|task| task.state() == TaskState::Done);
        anyhow::ensure!(is_whole, "case {number} ended otherwise: {:?}", case.state());
    }
    for source in &sources {
        let effects = source.effects();
        anyhow::ensure!(effects.len() as u64 == CASES / 2, "{} people were erased", effects.len());
        let twice = effects.values().filter(|calls| calls.len() > 1).count();
        anyhow::ensure!(twice == 0, "{twice} people were erased twice");
    }
    eprintln!(
        "  {left} of {CASES} cases were open after the last of {KILLS} kills; all of them ended, none twice"
    );
    drop(rightful);
    let (lease, time) = (LEASE.as_secs_f64(), time.as_secs_f64());
    Ok(vec![Row::new("kill -9, until all cases are over", (lease, time), "s", Target::AtMost(1.5))])
}

async fn start(folder: &Path, downstreams: &[(String, String)]) -> anyhow::Result<(Child, Stub)> {
    let child = Child::rightful(folder, SignedDuration::try_from(LEASE)?, downstreams)?;
    let stub = caller::connect(&child.endpoint, downstreams).await.context("it does not come back")?;
    Ok((child, stub))
}

fn right(number: u64) -> Right {
    if number.is_multiple_of(2) { Right::Access } else { Right::Erasure }
}

async fn in_progress(stub: &mut Stub, cases: &[String]) -> anyhow::Result<usize> {
    let mut left = 0;
    for id in cases {
        left += usize::from(caller::get(stub, id).await?.state() == CaseState::InProgress);
    }
    Ok(left)
}
