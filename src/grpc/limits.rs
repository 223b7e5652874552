//! How much is let in at once: calls and streams of the whole process, and openings of each caller. Beyond, a call is
//! refused at once and told when to come back; nothing waits without end.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter, clock::Clock as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::caller::Caller;

/// Callers that are known at once at the most. A company has dozens of internal services; a name takes some 300 bytes,
/// so names that somebody makes up cost 3 MB and no more. Who is known already is not crowded out.
const CALLERS_MAX: usize = 10_000;
/// When to come back if something is full: most calls take milliseconds, so there is room by then.
const COME_BACK: Duration = Duration::from_secs(1);

/// The limits as configured. Each is at least 1.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Cases that a caller may open in a second, on average.
    pub opens_per_second: u32,
    /// Cases that a caller may open at one moment, after a time of rest.
    pub opens_burst: u32,
    /// Cases that are being opened for one caller at once.
    pub opens_waiting: u32,
    /// Calls in the process that have not been answered yet.
    pub calls_waiting: u32,
    /// Streams (watches, downloads, bulk openings) of the process at once.
    pub streams: u32,
    /// How long calls and streams may go on once the server stops.
    pub grace: Duration,
}

/// A limit that was met.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// Its name, as in the configuration.
    pub(super) limit: &'static str,
    /// When there is room again.
    pub(super) wait: Duration,
}

/// A place among those that are let in; free again when dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// What is under way, counted.
pub(super) struct Limits {
    settings: Settings,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    callers: Mutex<HashMap<String, Known>>,
}

/// A caller that called lately.
struct Known {
    opens: Arc<Opens>,
    last_seen: Instant,
}

/// The openings of one caller.
pub(super) struct Opens {
    /// GCRA: as even as a leaky bucket, in one word of memory. Its clock only moves forward, unlike the injected one: a
    /// machine whose time is set back must not refuse its callers until it has caught up.
    rate: DefaultDirectRateLimiter,
    places: Arc<Semaphore>,
}

impl Limits {
    /// Nobody is in yet.
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            calls: semaphore(settings.calls_waiting),
            streams: semaphore(settings.streams),
            callers: Mutex::default(),
        }
    }

    /// Lets a call in.
    pub(super) fn call(&self) -> Result<Place, Excess> {
        enter(&self.calls, "calls_waiting")
    }

    /// Lets a stream in.
    pub(super) fn stream(&self) -> Result<Place, Excess> {
        enter(&self.streams, "streams")
    }

    /// The openings of this caller.
    pub(super) fn opens(&self, caller: &Caller) -> Result<Arc<Opens>, Excess> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = governor::clock::DefaultClock::default().now();
        if let Some(known) = callers.get_mut(caller.name()) {
            known.last_seen = now;
            return Ok(Arc::clone(&known.opens));
        }
        if callers.len() >= CALLERS_MAX {
            self.forget(&mut callers, now);
        }
        if callers.len() >= CALLERS_MAX {
            return Err(Excess { limit: "callers", wait: COME_BACK });
        }
        let opens = Arc::new(Opens::new(self.settings));
        callers.insert(caller.name().to_owned(), Known { opens: Arc::clone(&opens), last_seen: now });
        Ok(opens)
    }

    /// Forgets callers that are no different from new ones: nothing of theirs is under way, and their bursts are full
    /// again.
    fn forget(&self, callers: &mut HashMap<String, Known>, now: Instant) {
        let full_again =
            Duration::from_secs(1) * self.settings.opens_burst / self.settings.opens_per_second.max(1);
        callers.retain(|_, known| {
            Arc::strong_count(&known.opens) > 1 || now.duration_since(known.last_seen) < full_again
        });
    }
}

impl Opens {
    fn new(settings: Settings) -> Self {
        let quota = Quota::per_second(at_least_one(settings.opens_per_second))
            .allow_burst(at_least_one(settings.opens_burst));
        Self { rate: RateLimiter::direct(quota), places: semaphore(settings.opens_waiting) }
    }

    /// Lets one opening in.
    pub(super) fn enter(self: &Arc<Self>) -> Result<Place, Excess> {
        // In this order: who is refused for want of a place has not used up any of the rate.
        let place = enter(&self.places, "opens_waiting")?;
        self.within_rate().map_err(|wait| Excess { limit: "opens_per_second", wait })?;
        Ok(place)
    }

    /// Lets one opening in as soon as there is room.
    pub(super) async fn enter_in_turn(self: Arc<Self>) -> Place {
        let place = Arc::clone(&self.places).acquire_owned().await.expect("it is never closed");
        while let Err(wait) = self.within_rate() {
            tokio::time::sleep(wait).await;
        }
        place
    }

    fn within_rate(&self) -> Result<(), Duration> {
        self.rate
            .check()
            .map_err(|not_until| not_until.wait_time_from(governor::clock::DefaultClock::default().now()))
    }
}

fn enter(places: &Arc<Semaphore>, limit: &'static str) -> Result<Place, Excess> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Excess { limit, wait: COME_BACK })
}

fn semaphore(places: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(
        usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS),
    ))
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn caller(name: &str) -> Caller {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("rightful-caller"),
            name.parse().expect("it is ASCII"),
        )]);
        Caller::named_in(&headers).unwrap()
    }

    fn limits(opens_per_second: u32, opens_burst: u32) -> Limits {
        Limits::new(Settings {
            opens_per_second,
            opens_burst,
            opens_waiting: 2,
            calls_waiting: 1,
            streams: 1,
            grace: Duration::from_secs(1),
        })
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let limits = limits(1_000_000, 1_000_000);
        let place = limits.call().unwrap();
        assert_eq!(limits.call().unwrap_err(), Excess { limit: "calls_waiting", wait: COME_BACK });
        drop(place);
        assert!(limits.call().is_ok());

        let opens = limits.opens(&caller("crm")).unwrap();
        let places = [opens.enter().unwrap(), opens.enter().unwrap()];
        assert_eq!(opens.enter().unwrap_err().limit, "opens_waiting");
        assert!(
            limits.opens(&caller("desk")).unwrap().enter().is_ok(),
            "another caller has places of its own"
        );
        drop(places);
        assert!(opens.enter().is_ok());
    }

    #[test]
    fn whoever_is_too_fast_is_told_when_to_come_back() {
        let limits = limits(1, 2);
        let opens = limits.opens(&caller("crm")).unwrap();
        assert!(opens.enter().is_ok() && opens.enter().is_ok());
        let refused = opens.enter().unwrap_err();
        assert_eq!(refused.limit, "opens_per_second");
        assert!(
            refused.wait > Duration::from_millis(500) && refused.wait <= Duration::from_secs(1),
            "{refused:?}"
        );
    }

    #[test]
    fn callers_are_forgotten_and_those_at_work_are_not() {
        // A burst of one at this rate is full again after a microsecond.
        let limits = limits(1_000_000, 1);
        let at_work = limits.opens(&caller("at-work")).unwrap();
        let _place = at_work.enter().unwrap();
        for number in 0..3 * CALLERS_MAX {
            limits.opens(&caller(&format!("c{number}"))).unwrap();
        }
        let callers = limits.callers.lock().unwrap();
        assert!(callers.len() <= CALLERS_MAX && callers.contains_key("at-work"), "{}", callers.len());
    }

    #[test]
    fn made_up_names_do_not_crowd_out_who_is_known() {
        let limits = limits(1, 1_000_000);
        for number in 0..CALLERS_MAX {
            limits.opens(&caller(&format!("c{number}"))).unwrap();
        }
        let refused = limits.opens(&caller("one-more")).err();
        assert_eq!(refused, Some(Excess { limit: "callers", wait: COME_BACK }));
        assert!(limits.opens(&caller("c0")).unwrap().enter().is_ok());
    }
}
