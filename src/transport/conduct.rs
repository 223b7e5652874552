//! How a connection behaves: it says in time that it speaks HTTP/2, ends when it is old, and does not keep us busy with frames that carry no
//! call (CVE-2019-9512, -9513, -9515, -9518 and CVE-2023-44487 are of this kind).

use std::{
    io,
    num::NonZeroU32,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::{Instant, Sleep, sleep};

use super::{Limits, frames::Frames};
use crate::telemetry::metrics;

/// For so many bytes of ours a peer may send a frame of its own: it opens windows for what it takes, measures the way with
/// a PING, and cancels what it no longer wants. What we answer to a flood (9 to 17 bytes for a frame) earns hardly any.
const BYTES_FOR_A_FRAME: u64 = 64;

/// The rules, of all connections alike.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    preface_timeout: Duration,
    lifetime: Duration,
    quota: Quota,
    burst: u32,
}

impl From<Limits> for Rules {
    fn from(limits: Limits) -> Self {
        let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(at_least_one(limits.control_frames_per_second))
            .allow_burst(at_least_one(limits.control_frames_burst));
        Self {
            preface_timeout: limits.preface_timeout,
            lifetime: limits.lifetime,
            quota,
            burst: limits.control_frames_burst,
        }
    }
}

/// One connection's.
pub(super) struct Conduct {
    frames: Frames,
    rate: DefaultDirectRateLimiter,
    /// Bytes of ours that have not been answered with frames yet, up to what a burst would take.
    earned: u64,
    earned_max: u64,
    /// Runs until it has to have begun, and then until it has to have ended.
    timer: Pin<Box<Sleep>>,
    ends: Instant,
    has_begun: bool,
}

impl Conduct {
    /// A connection that begins now.
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            frames: Frames::default(),
            rate: RateLimiter::direct(rules.quota),
            earned: 0,
            earned_max: u64::from(rules.burst) * BYTES_FOR_A_FRAME,
            timer: Box::pin(sleep(rules.preface_timeout)),
            ends: Instant::now() + rules.lifetime,
            has_begun: false,
        }
    }

    /// Takes what has been read. An error ends the connection.
    pub(super) fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let control = self.frames.take(bytes);
        if !self.has_begun && self.frames.have_begun() {
            self.has_begun = true;
            self.timer.as_mut().reset(self.ends);
        }
        for _ in 0..control {
            if self.earned >= BYTES_FOR_A_FRAME {
                self.earned -= BYTES_FOR_A_FRAME;
            } else if self.rate.check().is_err() {
                return Err(closed("control_frames"));
            }
        }
        Ok(())
    }

    /// Completes when it has not begun, or not ended, in time.
    pub(super) fn poll_late(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        ready!(self.timer.as_mut().poll(context));
        Poll::Ready(closed(if self.has_begun { "connection_age_grace" } else { "preface_timeout" }))
    }

    /// Takes how much has been written.
    pub(super) fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            self.earned = self.earned.saturating_add(bytes).min(self.earned_max);
        }
        written
    }
}

/// Why the connection is closed. Its peer is not told more than that.
fn closed(limit: &'static str) -> io::Error {
    tracing::debug!(limit, "a connection was closed");
    metrics::connection_closed(limit);
    io::Error::new(io::ErrorKind::ConnectionAborted, limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    fn conduct() -> Conduct {
        let limits = Limits {
            connections: 1,
            per_peer: 1,
            preface_timeout: Duration::from_secs(10),
            lifetime: Duration::from_secs(100),
            control_frames_per_second: 1,
            control_frames_burst: 100,
        };
        let mut conduct = Conduct::new(limits.into());
        conduct.read(&[0; 24]).unwrap();
        conduct
    }

    /// How many PINGs are taken, of so many, when each is answered.
    fn taken(conduct: &mut Conduct, pings: usize) -> usize {
        let is_taken = |_: &usize| {
            let _ = conduct.wrote(Poll::Ready(Ok(PING.len())));
            conduct.read(&PING).is_ok()
        };
        (0..pings).take_while(is_taken).count()
    }

    #[tokio::test]
    async fn a_flood_ends_the_connection_although_it_is_answered() {
        let taken = taken(&mut conduct(), 1_000);
        assert!((100..200).contains(&taken), "{taken}");
    }

    #[tokio::test]
    async fn whoever_takes_much_may_say_much() {
        let mut conduct = conduct();
        for _ in 0..1_000 {
            let _ = conduct.wrote(Poll::Ready(Ok(16 * 1024)));
            assert_eq!(taken(&mut conduct, 4), 4);
        }
    }
}
