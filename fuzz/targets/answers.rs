//! What downstreams describe, resolve and answer to changes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rightful::downstream::fuzz::answered(data));
