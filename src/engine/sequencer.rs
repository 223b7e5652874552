//! The sequencer: gives notices their places in the one order, and prunes those whose time is over.
//!
//! **Guarantees.** None that anything hangs on but time: every replica has one, they do not disturb each other, and what
//! one left undone the next finds. The places themselves are the store's affair.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Engine, Error};

/// From a commit to the places of what it wrote: the commits of meanwhile share one transaction.
const GATHERS: Duration = Duration::from_millis(10);
/// From one look at what is to be pruned to the next. Nobody waits for it.
const PRUNES_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// Runs until `stop`.
pub(super) async fn run(engine: Engine, stop: CancellationToken) {
    let wake = std::sync::Arc::clone(engine.0.store.wakes().unplaced());
    let mut prune_at = Timestamp::MIN;
    while !stop.is_cancelled() {
        let now = engine.0.clock.now();
        if now >= prune_at {
            prune_at = now.saturating_add(PRUNES_EVERY).unwrap_or(Timestamp::MAX);
            let before = engine.0.settings.notices_kept.before(now);
            while prune(&engine, before).await && !stop.is_cancelled() {}
        }
        while place(&engine).await && !stop.is_cancelled() {}
        let look = engine.poll_end();
        tokio::select! {
            () = stop.cancelled() => {}
            () = wake.notified() => tokio::time::sleep(GATHERS).await,
            () = engine.0.clock.until(look) => {}
        }
    }
}

async fn place(engine: &Engine) -> bool {
    engine.0.store.place_notices().await.unwrap_or_else(|error| {
        Error::from(error).say("notices are not given their places");
        false
    })
}

async fn prune(engine: &Engine, before: Timestamp) -> bool {
    engine.0.store.prune_notices(before).await.unwrap_or_else(|error| {
        Error::from(error).say("notices are not pruned");
        false
    })
}
