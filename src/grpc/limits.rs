//! How much is let in at once: calls and streams of the whole process and of each caller, and openings of each caller.
//! Beyond, a call is refused at once and told when to come back; nothing waits without end.

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
    /// Calls of a caller in a second, on average.
    pub calls_per_second: u32,
    /// Calls of a caller at one moment, after a time of rest.
    pub calls_burst: u32,
    /// Calls of a caller whose answers it has not taken yet.
    pub calls_waiting_per_caller: u32,
    /// Streams of a caller at once.
    pub streams_per_caller: u32,
    /// Cases that a caller may open in a second, on average.
    pub opens_per_second: u32,
    /// Cases that a caller may open at one moment, after a time of rest.
    pub opens_burst: u32,
    /// Cases that are being opened for one caller at once.
    pub opens_waiting: u32,
    /// Calls in the process whose answers have not been taken yet.
    pub calls_waiting: u32,
    /// Streams (watches, downloads, bulk openings) of the process at once; as many again of health and reflection.
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
#[derive(Debug)]
pub(super) struct Place {
    _of_all: Option<OwnedSemaphorePermit>,
    _own: Option<OwnedSemaphorePermit>,
}

/// What is under way, counted.
pub(super) struct Limits {
    settings: Settings,
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    /// Streams of nobody in particular: they must not take the places of the others.
    foreign: Arc<Semaphore>,
    callers: Mutex<HashMap<String, Known>>,
}

/// A caller that called lately.
struct Known {
    of: Arc<Of>,
    last_seen: Instant,
}

/// What is one caller's.
pub(super) struct Of {
    calls: Arc<Semaphore>,
    calls_rate: DefaultDirectRateLimiter,
    streams: Arc<Semaphore>,
    opens: Arc<Semaphore>,
    /// GCRA: as even as a leaky bucket, in one word of memory. Its clock only moves forward, unlike the injected one: a
    /// machine whose time is set back must not refuse its callers until it has caught up.
    opens_rate: DefaultDirectRateLimiter,
}

impl Limits {
    /// Nobody is in yet.
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            calls: semaphore(settings.calls_waiting),
            streams: semaphore(settings.streams),
            foreign: semaphore(settings.streams),
            callers: Mutex::default(),
        }
    }

    /// Lets a call in.
    pub(super) fn call(&self, caller: &Caller) -> Result<Place, Excess> {
        let of = self.of(caller)?;
        let own = enter(&of.calls, "calls_waiting_per_caller")?;
        let of_all = enter(&self.calls, "calls_waiting")?;
        // In this order: who is refused for want of a place has not used up any of the rate.
        within(&of.calls_rate).map_err(|wait| Excess { limit: "calls_per_second", wait })?;
        Ok(Place { _of_all: Some(of_all), _own: Some(own) })
    }

    /// Lets a stream in.
    pub(super) fn stream(&self, caller: &Caller) -> Result<Place, Excess> {
        let own = enter(&self.of(caller)?.streams, "streams_per_caller")?;
        Ok(Place { _of_all: Some(enter(&self.streams, "streams")?), _own: Some(own) })
    }

    /// Lets a stream of health or reflection in.
    pub(super) fn foreign_stream(&self) -> Result<Place, Excess> {
        Ok(Place { _of_all: Some(enter(&self.foreign, "streams")?), _own: None })
    }

    /// What is this caller's.
    pub(super) fn of(&self, caller: &Caller) -> Result<Arc<Of>, Excess> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let now = governor::clock::DefaultClock::default().now();
        if let Some(known) = callers.get_mut(caller.name()) {
            known.last_seen = now;
            return Ok(Arc::clone(&known.of));
        }
        if callers.len() >= CALLERS_MAX {
            self.forget(&mut callers, now);
        }
        if callers.len() >= CALLERS_MAX {
            return Err(Excess { limit: "callers", wait: COME_BACK });
        }
        let of = Arc::new(Of::new(self.settings));
        callers.insert(caller.name().to_owned(), Known { of: Arc::clone(&of), last_seen: now });
        Ok(of)
    }

    /// Forgets callers that are no different from new ones: nothing of theirs is under way, and their bursts are full
    /// again.
    fn forget(&self, callers: &mut HashMap<String, Known>, now: Instant) {
        let full = |burst: u32, per_second: u32| Duration::from_secs(1) * burst / per_second.max(1);
        let Settings { opens_burst, opens_per_second, calls_burst, calls_per_second, .. } = self.settings;
        let full_again = full(opens_burst, opens_per_second).max(full(calls_burst, calls_per_second));
        callers.retain(|_, known| {
            self.is_under_way(&known.of) || now.duration_since(known.last_seen) < full_again
        });
    }

    fn is_under_way(&self, of: &Arc<Of>) -> bool {
        let all = |places: &Semaphore, count: u32| places.available_permits() == permits(count);
        let nothing = all(&of.calls, self.settings.calls_waiting_per_caller)
            && all(&of.streams, self.settings.streams_per_caller)
            && all(&of.opens, self.settings.opens_waiting);
        !nothing || Arc::strong_count(of) > 1
    }
}

impl Of {
    fn new(settings: Settings) -> Self {
        let rate = |per_second, burst| {
            RateLimiter::direct(Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst)))
        };
        Self {
            calls: semaphore(settings.calls_waiting_per_caller),
            calls_rate: rate(settings.calls_per_second, settings.calls_burst),
            streams: semaphore(settings.streams_per_caller),
            opens: semaphore(settings.opens_waiting),
            opens_rate: rate(settings.opens_per_second, settings.opens_burst),
        }
    }

    /// Lets one opening in.
    pub(super) fn open(&self) -> Result<Place, Excess> {
        let place = enter(&self.opens, "opens_waiting")?;
        within(&self.opens_rate).map_err(|wait| Excess { limit: "opens_per_second", wait })?;
        Ok(Place { _of_all: None, _own: Some(place) })
    }

    /// Lets one opening in as soon as there is room.
    pub(super) async fn open_in_turn(&self) -> Place {
        let place = Arc::clone(&self.opens).acquire_owned().await.expect("it is never closed");
        while let Err(wait) = within(&self.opens_rate) {
            tokio::time::sleep(wait).await;
        }
        Place { _of_all: None, _own: Some(place) }
    }
}

fn within(rate: &DefaultDirectRateLimiter) -> Result<(), Duration> {
    rate.check().map_err(|not_until| not_until.wait_time_from(governor::clock::DefaultClock::default().now()))
}

fn enter(places: &Arc<Semaphore>, limit: &'static str) -> Result<OwnedSemaphorePermit, Excess> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Excess { limit, wait: COME_BACK })
}

fn semaphore(places: u32) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(permits(places)))
}

fn permits(places: u32) -> usize {
    usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
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
            calls_per_second: opens_per_second,
            calls_burst: opens_burst,
            calls_waiting_per_caller: 1,
            calls_waiting: 2,
            streams_per_caller: 1,
            streams: 2,
            grace: Duration::from_secs(1),
        })
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let limits = limits(1_000_000, 1_000_000);
        let (crm, desk, third) = (caller("crm"), caller("desk"), caller("third"));
        let excess = |limit| Excess { limit, wait: COME_BACK };
        let place = limits.call(&crm).unwrap();
        assert_eq!(limits.call(&crm).unwrap_err(), excess("calls_waiting_per_caller"));
        let _another = limits.call(&desk).expect("another caller has places of its own");
        assert_eq!(limits.call(&third).unwrap_err(), excess("calls_waiting"));
        drop(place);
        assert!(limits.call(&crm).is_ok());

        let stream = limits.stream(&crm).unwrap();
        assert_eq!(limits.stream(&crm).unwrap_err(), excess("streams_per_caller"));
        let _another = limits.stream(&desk).unwrap();
        assert_eq!(limits.stream(&third).unwrap_err(), excess("streams"));
        let _foreign = [limits.foreign_stream().unwrap(), limits.foreign_stream().unwrap()];
        assert_eq!(limits.foreign_stream().unwrap_err(), excess("streams"));
        drop(stream);
        assert!(limits.stream(&crm).is_ok());

        let of = limits.of(&crm).unwrap();
        let places = [of.open().unwrap(), of.open().unwrap()];
        assert_eq!(of.open().unwrap_err().limit, "opens_waiting");
        assert!(limits.of(&desk).unwrap().open().is_ok());
        drop(places);
        assert!(of.open().is_ok());
    }

    #[test]
    fn whoever_is_too_fast_is_told_when_to_come_back() {
        let limits = limits(1, 2);
        let crm = caller("crm");
        let of = limits.of(&crm).unwrap();
        assert!(of.open().is_ok() && of.open().is_ok());
        assert!(limits.call(&crm).is_ok() && limits.call(&crm).is_ok());
        assert_eq!(limits.call(&crm).unwrap_err().limit, "calls_per_second");
        let refused = of.open().unwrap_err();
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
        let _place = limits.stream(&caller("at-work")).unwrap();
        for number in 0..3 * CALLERS_MAX {
            limits.of(&caller(&format!("c{number}"))).unwrap();
        }
        let callers = limits.callers.lock().unwrap();
        assert!(callers.len() <= CALLERS_MAX && callers.contains_key("at-work"), "{}", callers.len());
    }

    #[test]
    fn made_up_names_do_not_crowd_out_who_is_known() {
        let limits = limits(1, 1_000_000);
        for number in 0..CALLERS_MAX {
            limits.of(&caller(&format!("c{number}"))).unwrap();
        }
        let refused = limits.of(&caller("one-more")).err();
        assert_eq!(refused, Some(Excess { limit: "callers", wait: COME_BACK }));
        assert!(limits.of(&caller("c0")).unwrap().open().is_ok());
    }
}
