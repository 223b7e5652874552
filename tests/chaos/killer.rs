//! The killer: it does what the plan says, when the plan says it.

use std::sync::Arc;

use tokio::{
    task::JoinSet,
    time::{self, Instant},
};

use crate::{
    plan::{Fault, Timed},
    world::World,
};

/// Carries out the plan, and answers when its last fault is over.
pub async fn run(world: &Arc<World>, faults: Vec<Timed>) {
    let start = Instant::now();
    let mut under_way = JoinSet::new();
    for Timed { at, fault } in faults {
        time::sleep_until(start + at).await;
        let world = Arc::clone(world);
        under_way.spawn(async move {
            if let Err(error) = commit(&world, &fault).await {
                world.surprises.add(format!("{fault}: {error:#}"));
            }
        });
    }
    while let Some(ended) = under_way.join_next().await {
        if let Err(error) = ended {
            world.surprises.add(format!("a fault panicked: {error}"));
        }
    }
}

async fn commit(world: &World, fault: &Fault) -> anyhow::Result<()> {
    match fault {
        Fault::KillReplica { replica, down } => world.replicas[*replica].kill(*down).await,
        Fault::FreezeReplica { replica, frozen } => world.replicas[*replica].freeze(*frozen).await,
        Fault::KillDownstream { downstream, down } => world.downstreams[*downstream].kill(*down).await,
        Fault::Cut { link } => world.proxy(*link)?.cut(),
        Fault::Silence { link, direction, lasts } => {
            let proxy = world.proxy(*link)?;
            proxy.silence(Some(*direction));
            time::sleep(*lasts).await;
            proxy.silence(None);
        }
        Fault::RestartDatabase => world.database.restart().await?,
        Fault::BreakStorage { lasts } => world.storage.fail_for(*lasts).await?,
        Fault::Misbehave { downstream, misdeed, times } => {
            world.downstreams[*downstream].say(&format!("{times} {misdeed}")).await;
        }
    }
    Ok(())
}
