//! Timekeeping: where replicas share a database, its time decides.
//!
//! **Guarantees.** Leases and due times of all replicas are on one clock, within the time of a round trip; a replica whose
//! own clock is wrong, or is set while it runs, does no harm.

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Engine, Error};
use crate::{clock::Clock, store::Store};

/// From one look at the database's time to the next. A quartz drifts by a millisecond meanwhile.
const EVERY: SignedDuration = SignedDuration::from_secs(10);

/// Sets the clock by the database's, if it has a time of its own.
pub(super) async fn synchronise(store: &Store, clock: &dyn Clock) -> Result<(), Error> {
    let began = tokio::time::Instant::now();
    if let Some(then) = store.time().await? {
        // It looked at its clock somewhere between our question and its answer.
        let since = SignedDuration::try_from(began.elapsed() / 2).unwrap_or(SignedDuration::ZERO);
        clock.synchronise(then.saturating_add(since).unwrap_or(then));
    }
    Ok(())
}

/// Keeps setting it until `stop`.
pub(super) async fn keep(engine: Engine, stop: CancellationToken) {
    loop {
        let next = engine.0.clock.now().saturating_add(EVERY).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = stop.cancelled() => return,
            () = engine.0.clock.until(next) => {}
        }
        // A database that is away is an outage, which is said by others. The clock goes on as it is.
        if let Err(error) = synchronise(&engine.0.store, &*engine.0.clock).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the database does not tell the time");
        }
    }
}
