//! OpenCase, durable when it answers, against rows that are inserted and committed one by one.
//!
//! The downstreams stay silent, so that nothing but opening costs anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rightful::proto::downstream::v1::Right;
use tokio::{task::JoinSet, time::Instant};

use crate::{
    caller::{self, Stub},
    child::Child,
    floor::Rows,
    load::Load,
    server::Setup,
    table::{Row, Target, figure, median},
};

/// Rounds of everything in turn: disks have moods.
const ROUNDS: usize = 5;
/// How long each part of a round takes.
const TIME: Duration = Duration::from_millis(1_500);
/// Callers at once.
const MANY: usize = 64;
/// The connections that they share.
const CONNECTIONS: usize = 4;

/// Measures it.
pub async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let folder = folder.path().canonicalize()?;
    let silent = Child::generator(Load::Silence)?;
    let downstreams: Vec<_> =
        ["billing", "marketing", "analytics"].map(|name| (name.to_owned(), silent.endpoint.clone())).into();
    let rightful = Child::rightful(&Setup::of(&folder), &downstreams)?;
    let mut stubs = Vec::new();
    for _ in 0..CONNECTIONS {
        stubs.push(caller::connect(&rightful.endpoint, &downstreams).await?);
    }
    let mut rows = Rows::create(&folder).await?;
    let number = Arc::new(AtomicU64::new(0));
    let (mut floor, mut one, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        floor.push(rows.rate(TIME).await?);
        one.push(rate(&stubs, 1, &number).await?);
        many.push(rate(&stubs, MANY, &number).await?);
    }
    let (floor, one, many) = (median(floor), median(one), median(many));
    Ok(vec![
        Row::new("OpenCase, 1 caller", (floor, one), "/s", Target::AtLeast(0.7)),
        Row::new(format!("OpenCase, {MANY} callers"), (floor, many), "/s", Target::AtLeast(5.0)),
    ])
}

/// Cases opened a second by so many callers.
async fn rate(stubs: &[Stub], callers: usize, number: &Arc<AtomicU64>) -> anyhow::Result<f64> {
    let (start, first) = (Instant::now(), number.load(Ordering::Relaxed));
    let mut calling = JoinSet::new();
    for stub in stubs.iter().cycle().take(callers) {
        let (mut stub, number) = (stub.clone(), Arc::clone(number));
        calling.spawn(async move {
            while start.elapsed() < TIME {
                let next = number.fetch_add(1, Ordering::Relaxed);
                caller::open(&mut stub, Right::Access, next).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(called) = calling.join_next().await {
        called??;
    }
    let opened = number.load(Ordering::Relaxed) - first;
    Ok(figure(opened) / start.elapsed().as_secs_f64())
}
