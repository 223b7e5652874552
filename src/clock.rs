//! The home of time, ids and chance: everywhere else they are parameters.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use uuid::{NoContext, Uuid};

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Completes once the time is `at` or later.
    fn until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// The database says that it is `now`: where several replicas share a database, its time is everybody's. A clock that
    /// tells a time of its own ignores this.
    fn synchronise(&self, _now: Timestamp) {}

    /// A new id: UUIDv7 (RFC 9562), which sorts by time.
    fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanoseconds = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, nanoseconds))
    }

    /// A random number in [0, 1), for jitter.
    fn chance(&self) -> f64 {
        rand::random()
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the home of time")]
    fn now(&self) -> Timestamp {
        // The database keeps microseconds; cutting here makes a stored time equal to the one that was stored.
        let now = Timestamp::now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = at.duration_since(self.now()).max(SignedDuration::ZERO).unsigned_abs();
        Box::pin(tokio::time::sleep(wait))
    }
}

/// The database's time, once it is known; the machine's until then. Between two looks the monotonic clock carries it on,
/// so that neither a wrong clock of this machine nor a jump of it moves leases and due times.
pub struct DatabaseClock {
    machine: Box<dyn Clock>,
    known: Mutex<Option<(Timestamp, Instant)>>,
}

impl DatabaseClock {
    /// Begins with the time of this machine.
    pub fn over(machine: impl Clock) -> Self {
        Self { machine: Box::new(machine), known: Mutex::new(None) }
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        let known = *self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((then, at)) = known else { return self.machine.now() };
        let since = SignedDuration::try_from(at.elapsed()).unwrap_or(SignedDuration::MAX);
        let now = then.saturating_add(since).unwrap_or(Timestamp::MAX);
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    fn until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let wait = at.duration_since(self.now()).max(SignedDuration::ZERO).unsigned_abs();
        Box::pin(tokio::time::sleep(wait))
    }

    fn synchronise(&self, now: Timestamp) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Instant::now()));
    }
}

/// A clock that stands still until it is moved: tests live through days in no time.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
    moving: Mutex<()>,
}

impl ManualClock {
    /// Stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: watch::Sender::new(now), moving: Mutex::new(()) }
    }

    /// Moves the time forward and wakes whoever waits for it.
    pub fn advance(&self, by: SignedDuration) {
        let _one_at_a_time = self.moving.lock();
        self.now.send_modify(|now| *now = now.saturating_add(by).unwrap_or(*now));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    fn until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // An error means that the clock is gone, and with it the time that was waited for.
            let _ = now.wait_for(|now| *now >= at).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_tells_the_time() {
        let clock = DatabaseClock::over(SystemClock);
        let hour = SignedDuration::from_hours(1);
        let ahead = clock.now() + hour;
        clock.synchronise(ahead);
        let told = clock.now();
        assert!(told >= ahead && told < ahead + hour, "an hour ahead of this machine, and going on");
    }
}
