//! `[limits]`: how much one process takes, of whom, and for how long. `docs/limits.md` says what each answers.

use std::ops::RangeInclusive;

use jiff::SignedDuration;

use super::settings::Settings;

/// No limit is higher: a million waiting calls are gigabytes of memory, and no machine serves them.
const PLACES_MAX: u32 = 1_000_000;
/// An opening with the most identifiers, labels and corrections has some 10 KiB; what a person hands in comes in pieces of
/// 1 MiB.
const REQUEST_BYTES: RangeInclusive<u32> = 64 * 1024..=4 * 1024 * 1024;
/// What a person hands in (1 MiB), and what is around it.
const REQUEST_BYTES_DEFAULT: u32 = 1024 * 1024 + 4 * 1024;
/// A token has up to 12 KiB; frameworks' defaults lie between 8 KiB and 16 KiB.
const HEADER_BYTES: RangeInclusive<u32> = 4 * 1024..=1024 * 1024;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// `[limits]`: how much one process lets in; every replica counts for itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. 1 to 100,000.
    pub connections: u32,
    /// Connections of one address at once (of IPv6: of its /64). 1 to 100,000.
    pub connections_per_peer: u32,
    /// How long a connection may take to say that it speaks HTTP/2. 100 ms to 1 h.
    pub preface_timeout: SignedDuration,
    /// From one question whether the other end is there to the next. 1 s to 1 h.
    pub keepalive_interval: SignedDuration,
    /// How long it may take to answer that. 1 s to 1 h.
    pub keepalive_timeout: SignedDuration,
    /// A connection is asked to be made anew after this, so that callers spread over new replicas. 1 s to 30 days.
    pub connection_age: SignedDuration,
    /// How long calls on such a connection may go on. 1 s to 30 days.
    pub connection_age_grace: SignedDuration,
    /// Frames of a connection that carry no call, beyond what our answers give reason for: in a second, on average …
    pub control_frames_per_second: u32,
    /// … and at one moment. 100 to 1,000,000.
    pub control_frames_burst: u32,
    /// Calls at once on one connection. 1 to 10,000.
    pub calls_per_connection: u32,
    /// Headers of a call, 4 KiB to 1 MiB.
    pub header_bytes: u32,
    /// A message, 64 KiB to 4 MiB.
    pub request_bytes: u32,
    /// Calls of one caller in a second, on average. 1 to 1,000,000.
    pub calls_per_second: u32,
    /// Calls of one caller at one moment after a time of rest. 1 to 1,000,000.
    pub calls_burst: u32,
    /// Calls of one caller whose answers it has not taken yet. 1 to 1,000,000.
    pub calls_waiting_per_caller: u32,
    /// Calls of all callers whose answers have not been taken yet. 1 to 1,000,000.
    pub calls_waiting: u32,
    /// Streams (watches, downloads, bulk openings) of one caller at once. 1 to 1,000,000.
    pub streams_per_caller: u32,
    /// Streams of all callers at once; as many again of health and reflection. 1 to 1,000,000.
    pub streams: u32,
    /// Cases that one caller may open in a second, on average. 1 to 1,000,000.
    pub opens_per_second: u32,
    /// Cases that one caller may open at one moment after a time of rest. 1 to 1,000,000.
    pub opens_burst: u32,
    /// Cases that are being opened for one caller at once. 1 to 100,000.
    pub opens_waiting: u32,
    /// Writes that wait for the database at once. 1 to 1,000,000.
    pub writes_waiting: u32,
    /// How long a call that is no stream may take, from its headers to its answer. 100 ms to 1 h.
    pub call_timeout: SignedDuration,
    /// How long a caller may send nothing in the middle of what it sends. 100 ms to 1 h.
    pub request_idle: SignedDuration,
    /// How long a caller may take nothing of an answer that lies ready. 100 ms to 24 h.
    pub answer_idle: SignedDuration,
}

/// Reads the section.
pub(super) fn section(settings: &mut Settings) -> Limits {
    let moment = SignedDuration::from_millis(100);
    let days = HOUR * 24 * 30;
    let limits = Limits {
        connections: count(settings, "connections", 4_096, 1..=100_000),
        connections_per_peer: count(settings, "connections_per_peer", 256, 1..=100_000),
        preface_timeout: time(settings, "preface_timeout", SECOND * 10, moment..=HOUR),
        keepalive_interval: time(settings, "keepalive_interval", SECOND * 30, SECOND..=HOUR),
        keepalive_timeout: time(settings, "keepalive_timeout", SECOND * 20, SECOND..=HOUR),
        connection_age: time(settings, "connection_age", HOUR, SECOND..=days),
        connection_age_grace: time(settings, "connection_age_grace", HOUR, SECOND..=days),
        control_frames_per_second: count(settings, "control_frames_per_second", 100, 1..=PLACES_MAX),
        control_frames_burst: count(settings, "control_frames_burst", 1_000, 100..=PLACES_MAX),
        calls_per_connection: count(settings, "calls_per_connection", 256, 1..=10_000),
        header_bytes: count(settings, "header_bytes", 16 * 1024, HEADER_BYTES),
        request_bytes: count(settings, "request_bytes", REQUEST_BYTES_DEFAULT, REQUEST_BYTES),
        calls_per_second: count(settings, "calls_per_second", 20_000, 1..=PLACES_MAX),
        calls_burst: count(settings, "calls_burst", 40_000, 1..=PLACES_MAX),
        calls_waiting_per_caller: count(settings, "calls_waiting_per_caller", 2_048, 1..=PLACES_MAX),
        calls_waiting: count(settings, "calls_waiting", 16_384, 1..=PLACES_MAX),
        streams_per_caller: count(settings, "streams_per_caller", 500, 1..=PLACES_MAX),
        streams: count(settings, "streams", 1_000, 1..=PLACES_MAX),
        opens_per_second: count(settings, "opens_per_second", 10_000, 1..=PLACES_MAX),
        opens_burst: count(settings, "opens_burst", 20_000, 1..=PLACES_MAX),
        opens_waiting: count(settings, "opens_waiting", 1_024, 1..=100_000),
        writes_waiting: count(settings, "writes_waiting", 8_192, 1..=PLACES_MAX),
        call_timeout: time(settings, "call_timeout", SECOND * 60, moment..=HOUR),
        request_idle: time(settings, "request_idle", SECOND * 60, moment..=HOUR),
        answer_idle: time(settings, "answer_idle", SECOND * 120, moment..=HOUR * 24),
    };
    if limits.connections_per_peer > limits.connections {
        settings.fault("limits.connections_per_peer", "must not be more than limits.connections");
    }
    limits
}

fn count(settings: &mut Settings, key: &str, default: u32, bounds: RangeInclusive<u32>) -> u32 {
    settings.number(&format!("limits.{key}"), default, bounds)
}

fn time(
    settings: &mut Settings,
    key: &str,
    default: SignedDuration,
    bounds: RangeInclusive<SignedDuration>,
) -> SignedDuration {
    settings.duration(&format!("limits.{key}"), default, bounds)
}
