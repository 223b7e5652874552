//! Collect into a sealed part, against a bare stream whose receiver throws the same bytes away, by processor time.

use rightful::proto::{
    downstream::v1::Right,
    v1::{Case, TaskState},
};
use tokio::time::Instant;

use crate::{
    caller,
    child::{self, Child},
    floor,
    load::Load,
    server::Setup,
    table::{Row, Target, median, megabytes},
};

/// Records of each round.
const RECORDS: u64 = 300_000;
/// Bytes of each.
const RECORD_BYTES: usize = 1_024;
/// Rounds of both in turn.
const ROUNDS: u64 = 3;

/// What a round cost, in seconds.
#[derive(Clone, Copy)]
struct Cost {
    time: f64,
    sender: f64,
    receiver: f64,
}

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let source = Child::generator(Load::Records { count: RECORDS, bytes: RECORD_BYTES })?;
    let downstreams = [("analytics".to_owned(), source.endpoint.clone())];
    let rightful = Child::rightful(&Setup::of(&folder), &downstreams)?;
    let mut stub = caller::connect(&rightful.endpoint, &downstreams).await?;
    let bytes = floor::discard(&source.endpoint).await?;

    let (mut bare, mut collected) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let start = (Instant::now(), source.processor_time()?, child::own_processor_time()?);
        floor::discard(&source.endpoint).await?;
        bare.push(Cost {
            time: start.0.elapsed().as_secs_f64(),
            sender: source.processor_time()? - start.1,
            receiver: child::own_processor_time()? - start.2,
        });

        let start = (Instant::now(), source.processor_time()?, rightful.processor_time()?);
        let case = caller::open(&mut stub, Right::Access, round).await?;
        caller::watch(&mut stub, &case, is_collected).await?;
        collected.push(Cost {
            time: start.0.elapsed().as_secs_f64(),
            sender: source.processor_time()? - start.1,
            receiver: rightful.processor_time()? - start.2,
        });
        // The next round is not to pay for what follows.
        caller::completed(&mut stub, &case).await?;
    }
    let row = |what: &str, of: fn(Cost) -> f64, target| {
        let rate = |costs: &[Cost]| median(costs.iter().map(|cost| megabytes(bytes) / of(*cost)).collect());
        Row::new(what, (rate(&bare), rate(&collected)), "MB/s", target)
    };
    Ok(vec![
        row(
            "Collect → sealed part, per core spent by the receiver",
            |cost| cost.receiver,
            Target::AtLeast(0.6),
        ),
        row(
            "Collect → sealed part, per core spent by both ends",
            |cost| cost.sender + cost.receiver,
            Target::None,
        ),
        row("Collect → sealed part, by the clock", |cost| cost.time, Target::None),
    ])
}

fn is_collected(case: &Case) -> bool {
    case.tasks.iter().all(|task| task.state() == TaskState::Done)
}
