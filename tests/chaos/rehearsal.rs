//! The plan's own promises, over many seeds, before any process is started: a plan that cannot be repeated proves nothing.

use std::{collections::BTreeMap, mem, time::Duration};

use crate::plan::{Fault, Shape, Target, plan};

/// Seeds that are looked at: enough to meet every pair of faults.
const SEEDS: u64 = 300;

/// Fails with the first promise that does not hold.
pub fn rehearse() -> anyhow::Result<()> {
    for server in [false, true] {
        let shape = Shape {
            replicas: if server { 3 } else { 1 },
            database_server: server,
            storage_server: server,
            lasts: Duration::from_secs(20),
        };
        let mut plans = Vec::new();
        for seed in 0..SEEDS {
            let faults = plan(seed, shape);
            anyhow::ensure!(faults == plan(seed, shape), "seed {seed} brings two plans");
            anyhow::ensure!(!plans.contains(&faults), "seed {seed} brings another seed's plan");
            check(seed, shape, &faults)?;
            plans.push(faults);
        }
    }
    Ok(())
}

fn check(seed: u64, shape: Shape, faults: &[crate::plan::Timed]) -> anyhow::Result<()> {
    let mut busy: BTreeMap<Target, Duration> = BTreeMap::new();
    let mut last = Duration::ZERO;
    for timed in faults {
        anyhow::ensure!(timed.at > last, "seed {seed}: {timed} comes before the one before it");
        last = timed.at;
        let ends = timed.at + timed.fault.lasts();
        anyhow::ensure!(ends < shape.lasts, "seed {seed}: {timed} lasts too long");
        let before = busy.insert(timed.fault.target(), ends);
        let alone = before.is_none_or(|until| until < timed.at);
        anyhow::ensure!(alone, "seed {seed}: {timed} hits what is hurt already");
        if let Fault::Misbehave { misdeed, .. } = &timed.fault {
            anyhow::ensure!(misdeed.to_string().parse().ok() == Some(*misdeed), "{misdeed} is not read back");
        }
    }
    let kinds: Vec<_> = faults.iter().map(|timed| mem::discriminant(&timed.fault)).collect();
    let different = kinds.iter().enumerate().filter(|(at, kind)| !kinds[..*at].contains(kind)).count();
    let possible = if shape.database_server { 8 } else { 7 };
    anyhow::ensure!(different == possible, "seed {seed} has {different} kinds of faults of {possible}");
    Ok(())
}
