//! The verdict: once everything is healed and quiet, is every case what it would have been without a fault?

mod ending;
mod journals;
mod leftovers;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rightful::proto::v1::{Case, CaseState};
use tokio::time::{self, Instant};

pub use ending::{Ending, endings};

use crate::world::World;

/// How long nothing may get less of what is left to do, once everything is well again: an unlucky task waits for a lease
/// and a few pauses. A long run on a slow machine has thousands of cases left, and may take its time as long as it works.
const STUCK_AFTER: Duration = Duration::from_mins(2);
/// How long it may take altogether.
const QUIET_MAX: Duration = Duration::from_hours(1);
/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Faults of one kind that are told in full.
const TOLD_MAX: usize = 5;

/// What is wrong, each in a line. Nothing: all is well.
#[derive(Default)]
pub struct Faults(Vec<String>);

impl Faults {
    pub fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    /// Many of the same kind: the first few, and their number.
    pub fn add_all(&mut self, what: &str, each: &[String]) {
        if each.is_empty() {
            return;
        }
        let more = each.len().saturating_sub(TOLD_MAX);
        let told = each[..each.len() - more].join("\n      ");
        self.add(format!("{what}: {}\n      {told}{}", each.len(), if more > 0 { "\n      …" } else { "" }));
    }

    pub fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// Waits until nothing is left to do. The leases and the work that there still were when nothing went on, if so.
pub async fn quiet(world: &World) -> anyhow::Result<Option<(i64, i64)>> {
    let end = Instant::now() + QUIET_MAX;
    let (mut least, mut since) = (i64::MAX, Instant::now());
    loop {
        let busy = world.database.busy().await?;
        if busy == (0, 0) {
            return Ok(None);
        }
        if busy.1 < least {
            (least, since) = (busy.1, Instant::now());
        }
        if since.elapsed() > STUCK_AFTER || Instant::now() > end {
            return Ok(Some(busy));
        }
        time::sleep(LOOK_EVERY).await;
    }
}

/// Everything that can be wrong with a world that has had its faults.
pub async fn judge(
    world: &Arc<World>,
    cases: &BTreeMap<u64, String>,
    expected: &BTreeMap<u64, Ending>,
) -> anyhow::Result<Vec<String>> {
    let mut faults = Faults::default();
    let began = Instant::now();
    let stuck = quiet(world).await?;
    println!("quiet after {:.1} s", began.elapsed().as_secs_f64());
    if let Some((leases, work)) = stuck {
        faults.add(format!("stuck for {STUCK_AFTER:?}: {leases} leases live, {work} things are to be done"));
        faults.add_all("cases that do not end", &unsettled(world, cases).await?);
        return Ok(faults.into_lines());
    }
    if world.database.cases().await? != i64::try_from(cases.len())? {
        faults.add(format!(
            "{} cases were opened, and there are {}",
            cases.len(),
            world.database.cases().await?
        ));
    }
    let found = endings(world, cases).await?;
    let mut differences = Vec::new();
    for (number, ending) in &found {
        if let Some(difference) = expected.get(number).and_then(|expected| ending.differs_from(expected)) {
            differences.push(format!("person {number}, case {}: {difference}", cases[number]));
        }
    }
    faults.add_all("cases that ended otherwise than undisturbed", &differences);
    journals::judge(world, &found, &mut faults).await?;
    leftovers::judge(world, &mut faults).await?;
    Ok(faults.into_lines())
}

async fn unsettled(world: &World, cases: &BTreeMap<u64, String>) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    for (number, case_id) in cases {
        let case = ending::case(world, case_id).await?;
        if case.state() == CaseState::InProgress {
            lines.push(format!("person {number}, case {case_id}: {}", tasks(&case)));
        }
    }
    Ok(lines)
}

fn tasks(case: &Case) -> String {
    let task = |task: &rightful::proto::v1::Task| {
        format!(
            "{} {:?} is {:?} ({:?}, attempts {}, {})",
            task.downstream,
            task.kind(),
            task.state(),
            task.reason(),
            task.attempts,
            task.last_error
        )
    };
    case.tasks.iter().map(task).collect::<Vec<_>>().join("; ")
}
