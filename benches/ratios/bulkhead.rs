//! What a downstream that is down costs the others: the time until theirs is collected, with all of them up and with one
//! away.

use rightful::proto::{
    downstream::v1::Right,
    v1::{Case, TaskState},
};
use tokio::time::Instant;

use crate::{
    caller::{self, Stub},
    child::Child,
    load::Load,
    server::Setup,
    table::{Row, Target, median},
};

/// What each downstream holds of each person, and how long it looks for it.
const LOAD: Load = Load::Slow { count: 20, wait_ms: 20 };
/// Cases at each of the two.
const CASES: u64 = 300;
/// The one that is away.
const AWAY: &str = "analytics";

/// Measures it, at one rightful and at the other in turn, so that what else this machine does meets both alike.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folders = [folder()?, folder()?];
    let sources = [Child::generator(LOAD)?, Child::generator(LOAD)?, Child::generator(LOAD)?];
    let up: Vec<_> = ["billing", "marketing", AWAY]
        .iter()
        .zip(&sources)
        .map(|(name, source)| ((*name).to_owned(), source.endpoint.clone()))
        .collect();
    // It has described itself, and is gone when the cases come.
    let gone = Child::generator(LOAD)?;
    let mut down = up.clone();
    down[2].1.clone_from(&gone.endpoint);
    let children = [
        Child::rightful(&Setup::of(folders[0].path()), &up)?,
        Child::rightful(&Setup::of(folders[1].path()), &down)?,
    ];
    let mut stubs = [
        caller::connect(&children[0].endpoint, &up).await?,
        caller::connect(&children[1].endpoint, &down).await?,
    ];
    drop(gone);
    let mut times = [Vec::new(), Vec::new()];
    for number in 0..CASES {
        for (at, (stub, times)) in stubs.iter_mut().zip(&mut times).enumerate() {
            let (case, took) = others_collected(stub, number).await?;
            times.push(took);
            if at == 0 {
                // Its export is made now. That is not to be paid by the other one's next case, which makes none.
                caller::completed(stub, &case).await?;
            }
        }
    }
    let [up, down] = times;
    Ok(vec![Row::new(
        "until the others' data is collected, one of three down",
        (median(up), median(down)),
        "ms",
        Target::AtMost(1.05),
    )])
}

fn folder() -> anyhow::Result<tempfile::TempDir> {
    Ok(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?)
}

/// A case, and the milliseconds from its opening until all but one have answered.
async fn others_collected(stub: &mut Stub, number: u64) -> anyhow::Result<(Case, f64)> {
    let start = Instant::now();
    let case = caller::open(stub, Right::Access, number).await?;
    let others = |case: &Case| {
        case.tasks.iter().filter(|task| task.downstream != AWAY).all(|task| task.state() == TaskState::Done)
    };
    let case = caller::watch(stub, &case, others).await?;
    Ok((case, start.elapsed().as_secs_f64() * 1e3))
}
