//! The chaos suite: the real binary, real downstream processes, and a seeded killer. `docs/chaos.md` says what it does, what
//! counts as a failure, and what does not.
//!
//! `cargo test --test chaos` is a short run; `cargo test --test chaos -- --help` tells of longer ones.

mod asked;
#[path = "../it/harness/bag.rs"]
#[expect(dead_code, reason = "the end-to-end tests look at bags more closely")]
mod bag;
mod caller;
mod chance;
mod database;
mod downstream;
mod kept;
mod killer;
mod misdeed;
mod people;
mod plan;
mod process;
mod proxy;
mod rehearsal;
mod run;
mod storage;
mod verdict;
mod world;

use std::{env, path::Path, process::ExitCode};

use anyhow::Context as _;

use asked::Asked;

/// What makes this program a downstream.
const DOWNSTREAM: &str = "--downstream";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    start(&arguments).unwrap_or_else(|error| {
        // Without the backtrace: it is the run that failed, not this program.
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

fn start(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    if let [flag, name, seed, people, journal] = arguments
        && flag == DOWNSTREAM
    {
        let downstream = downstream::run(name, seed.parse()?, people.parse()?, Path::new(journal));
        runtime.block_on(downstream)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(asked) = Asked::read(arguments)? else { return Ok(ExitCode::SUCCESS) };
    rehearsal::rehearse().context("the plan")?;
    println!("the same seed brings the same plan: ok");
    let (passed, failed) = runtime.block_on(run::all(&asked))?;
    println!("\n{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
