//! Something that everything hangs on fails: said once when it begins and once when it is over, however many calls
//! meet it meanwhile.

use std::{
    error::Error,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use super::metrics;

/// Whether one thing fails just now, and since when.
#[derive(Debug)]
pub struct Outage {
    what: &'static str,
    fails: AtomicBool,
    since: Mutex<Option<Instant>>,
}

impl Outage {
    /// `what` does not fail yet: `the database`.
    pub const fn new(what: &'static str) -> Self {
        Self { what, fails: AtomicBool::new(false), since: Mutex::new(None) }
    }

    /// Whether it fails.
    pub fn is_on(&self) -> bool {
        self.fails.load(Ordering::Acquire)
    }

    /// It failed. The first of many says so.
    pub fn failed(&self, error: &dyn Error) {
        if self.fails.swap(true, Ordering::AcqRel) {
            return;
        }
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        metrics::outage(self.what, true);
        tracing::error!(
            what = self.what,
            error = chain(error),
            "an outage began: all that needs it waits, and is tried again until it is over"
        );
    }

    /// It worked. The first after an outage says so.
    pub fn worked(&self) {
        // The common case costs one load.
        if !self.is_on() || !self.fails.swap(false, Ordering::AcqRel) {
            return;
        }
        let since = self.since.lock().unwrap_or_else(PoisonError::into_inner).take();
        metrics::outage(self.what, false);
        let lasted_s = since.map_or(0, |since| since.elapsed().as_secs());
        tracing::warn!(what = self.what, lasted_s, "the outage is over");
    }
}

/// The error and its causes: `the database is unavailable: connection refused`.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        // Writing to a string does not fail.
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_on_until_it_works_again() {
        let outage = Outage::new("the database");
        assert!(!outage.is_on());
        outage.worked();
        outage.failed(&std::fmt::Error);
        outage.failed(&std::fmt::Error);
        assert!(outage.is_on());
        outage.worked();
        assert!(!outage.is_on());
    }
}
