//! Streams of collected data, checked message by message.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rightful::downstream::fuzz::collected(data));
