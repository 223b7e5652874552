//! What the fuzzers call: lists of cases that somebody hands in. Only built for them.

/// A file: as CSV and as NDJSON.
pub fn import(data: &[u8]) {
    super::case::import::fuzz(data);
}
