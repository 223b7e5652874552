//! What rightful does, as ratios to what this machine can do at all, measured in the same run.
//!
//! `cargo bench --bench ratios -- [--big] [open download collect memory growth cases recovery replicas bulkhead]`; no name means all.
//! Everything is on loopback and in a folder that is deleted at the end; rightful, and whoever sends it data, run as
//! children of this program, so that each one's memory and processor time can be told apart.

mod bulkhead;
mod caller;
mod cases;
mod child;
#[path = "../../tests/it/harness/cluster.rs"]
#[expect(dead_code, reason = "the end-to-end tests do more with it")]
mod cluster;
mod collect;
mod download;
mod floor;
mod generator;
mod growth;
mod load;
mod memory;
mod open;
mod recovery;
mod replicas;
mod server;
mod table;

use std::{env, future::Future, time::Duration};

use anyhow::Context as _;

use table::Row;

/// What can be measured, in the order in which it is.
const SECTIONS: [&str; 9] =
    ["open", "download", "collect", "memory", "growth", "cases", "recovery", "replicas", "bulkhead"];
/// No section takes longer, or something hangs.
const SECTION_MAX: Duration = Duration::from_mins(10);
/// With `--big` one may take as long as 10 GB take to be collected, hashed and downloaded.
const BIG_SECTION_MAX: Duration = Duration::from_mins(40);

/// What was asked for.
struct Asked {
    sections: Vec<String>,
    /// 10 GB instead of 1 GB, a million cases instead of a hundred thousand.
    big: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runtime = tokio::runtime::Runtime::new()?;
    if let Some(role) = child::role(&arguments) {
        return runtime.block_on(child::run(role));
    }
    let asked = read(&arguments)?;
    let mut rows = Vec::new();
    for section in &asked.sections {
        eprintln!("{section} …");
        let measured = runtime.block_on(measure(section, asked.big)).with_context(|| section.clone())?;
        rows.extend(measured);
    }
    table::print(&rows);
    Ok(())
}

fn read(arguments: &[String]) -> anyhow::Result<Asked> {
    let mut asked = Asked { sections: Vec::new(), big: false };
    for argument in arguments {
        match argument.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--big" => asked.big = true,
            name if SECTIONS.contains(&name) => asked.sections.push(name.to_owned()),
            other => anyhow::bail!("{other:?} is none of {}", SECTIONS.join(", ")),
        }
    }
    if asked.sections.is_empty() {
        asked.sections = SECTIONS.map(str::to_owned).to_vec();
    }
    Ok(asked)
}

async fn measure(section: &str, big: bool) -> anyhow::Result<Vec<Row>> {
    let max = if big { BIG_SECTION_MAX } else { SECTION_MAX };
    match section {
        "open" => within(max, open::measure()).await,
        "download" => within(max, download::measure()).await,
        "collect" => within(max, collect::measure()).await,
        "memory" => within(max, memory::measure(big)).await,
        "growth" => within(max, growth::measure(big)).await,
        "cases" => within(max, cases::measure()).await,
        "replicas" => within(max, replicas::measure()).await,
        "bulkhead" => within(max, bulkhead::measure()).await,
        _ => within(max, recovery::measure()).await,
    }
}

/// A variable of whoever runs this.
#[expect(
    clippy::disallowed_methods,
    reason = "the product reads its environment in config; this is not the product"
)]
fn environment(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

async fn within(
    max: Duration,
    section: impl Future<Output = anyhow::Result<Vec<Row>>>,
) -> anyhow::Result<Vec<Row>> {
    tokio::time::timeout(max, Box::pin(section)).await.context("took too long")?
}
