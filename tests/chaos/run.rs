//! One seed after the other: first undisturbed, then with its faults, and the two are compared.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    asked::{Asked, Kind},
    caller, killer,
    plan::{Shape, plan},
    verdict::{self, Ending},
    world::{Setup, World},
};

/// Runs everything that was asked for; answers how many runs passed and how many failed.
pub async fn all(asked: &Asked) -> anyhow::Result<(usize, usize)> {
    let (mut passed, mut failed) = (0, 0);
    for seed in &asked.seeds {
        println!("\nseed {seed}: {} people, faults for {:?}", asked.people(), asked.lasts);
        let expected =
            undisturbed(*seed, asked).await.with_context(|| format!("seed {seed}, undisturbed"))?;
        for kind in &asked.databases {
            let started = Instant::now();
            let faults = disturbed(*seed, *kind, asked, &expected).await;
            let faults = faults.unwrap_or_else(|error| vec![format!("it could not be judged: {error:#}")]);
            let seconds = started.elapsed().as_secs();
            if faults.is_empty() {
                passed += 1;
                println!("seed {seed} on {kind:?}: passed, {seconds} s");
            } else {
                failed += 1;
                println!("seed {seed} on {kind:?}: FAILED, {seconds} s");
                for fault in faults {
                    println!("  - {fault}");
                }
                println!("  again: cargo test --test chaos -- {}", again(*seed, *kind, asked));
            }
        }
    }
    Ok((passed, failed))
}

/// The arguments that bring the same faults.
fn again(seed: u64, kind: Kind, asked: &Asked) -> String {
    let database = match kind {
        Kind::Sqlite => "sqlite".to_owned(),
        Kind::Postgresql => format!("postgresql --replicas {}", asked.replicas),
    };
    format!("--seed {seed} --database {database} --minutes {}", asked.lasts.as_secs_f64() / 60.0)
}

/// How the same cases end when nothing goes wrong. On what they end, nothing depends: the simplest will do.
async fn undisturbed(seed: u64, asked: &Asked) -> anyhow::Result<BTreeMap<u64, Ending>> {
    let folder = Folder::new()?;
    let setup = Setup { seed, people: asked.people(), replicas: 1, database: Kind::Sqlite };
    let started = Instant::now();
    let world = World::start(&folder.path, setup).await?;
    let cases = caller::open_all(&world, Duration::ZERO).await?;
    let busy = verdict::quiet(&world).await?;
    anyhow::ensure!(busy.is_none(), "it does not come to an end: {busy:?} leases, things to be done");
    let endings = verdict::endings(&world, &cases).await?;
    let faults = verdict::judge(&world, &cases, &endings).await?;
    anyhow::ensure!(faults.is_empty(), "{}", faults.join("\n"));
    stop(&world).await?;
    println!("undisturbed: {} cases, {} s", cases.len(), started.elapsed().as_secs());
    folder.remove();
    Ok(endings)
}

async fn disturbed(
    seed: u64,
    kind: Kind,
    asked: &Asked,
    expected: &BTreeMap<u64, Ending>,
) -> anyhow::Result<Vec<String>> {
    let folder = Folder::new()?;
    let server = kind == Kind::Postgresql;
    let replicas = if server { asked.replicas } else { 1 };
    let shape = Shape { replicas, database_server: server, storage_server: server, lasts: asked.lasts };
    let faults = plan(seed, shape);
    println!("seed {seed} on {kind:?}, replicas: {replicas}, faults: {}", faults.len());
    for timed in &faults {
        println!("{timed}");
    }
    let world =
        World::start(&folder.path, Setup { seed, people: asked.people(), replicas, database: kind }).await?;
    // The last cases are opened while there are still faults to come.
    let pace = asked.lasts.mul_f64(0.9) / u32::try_from(asked.people())?;
    let opening = Arc::clone(&world);
    let opening = tokio::spawn(async move { caller::open_all(&opening, pace).await });
    killer::run(&world, faults).await;
    let cases = opening.await??;
    world.heal().await;
    let healed = Instant::now();
    let mut wrong = verdict::judge(&world, &cases, expected).await?;
    println!("quiet and judged {:.1} s after the last fault", healed.elapsed().as_secs_f64());
    if let Err(error) = stop(&world).await {
        wrong.push(format!("{error:#}"));
    }
    wrong.extend(world.surprises.take());
    if wrong.is_empty() {
        folder.remove();
    } else {
        println!("  everything is left in {}", folder.path.display());
    }
    Ok(wrong)
}

async fn stop(world: &World) -> anyhow::Result<()> {
    for replica in &world.replicas {
        replica.stop().await?;
    }
    Ok(())
}

/// A folder that stays if something went wrong.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("chaos-").tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        Ok(Self { path: TempDir::keep(folder).canonicalize()? })
    }

    fn remove(&self) {
        // What cannot be removed is found in target/tmp.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
