//! Timekeeping: where replicas share a database, its time decides.
//!
//! **Guarantees.** Leases and due times of all replicas are on one clock, within the time of a round trip; a replica whose
//! own clock is wrong, or is set while it runs, does no harm.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Engine, Error};
use crate::{clock::Clock, store::Store};

/// From one look at the database's time to the next. A quartz drifts by a millisecond meanwhile.
const EVERY: SignedDuration = SignedDuration::from_secs(10);

/// An answer that took longer says too little about when it was given: off by half of this at the most, a lease of a
/// second is still what it was.
const ROUND_TRIP_MAX: Duration = Duration::from_millis(250);
/// Looks at the start until one is quick enough; then the last one has to do.
const LOOKS_MAX: u32 = 5;

/// Sets the clock by the database's, if it has a time of its own, before anything is done.
pub(super) async fn synchronise(store: &Store, clock: &dyn Clock) -> Result<(), Error> {
    for look in 1..=LOOKS_MAX {
        if look_once(store, clock, look == LOOKS_MAX).await? {
            break;
        }
    }
    Ok(())
}

/// Whether the clock need not be looked at again. A slow answer only counts if it has to do.
async fn look_once(store: &Store, clock: &dyn Clock, has_to_do: bool) -> Result<bool, Error> {
    let began = tokio::time::Instant::now();
    let Some(then) = store.time().await? else { return Ok(true) };
    let took = began.elapsed();
    if took > ROUND_TRIP_MAX && !has_to_do {
        return Ok(false);
    }
    // It looked at its clock somewhere between our question and its answer.
    let since = SignedDuration::try_from(took / 2).unwrap_or(SignedDuration::ZERO);
    clock.synchronise(then.saturating_add(since).unwrap_or(then));
    Ok(true)
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
        if let Err(error) = look_once(&engine.0.store, &*engine.0.clock, false).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the database does not tell the time");
        }
    }
}
