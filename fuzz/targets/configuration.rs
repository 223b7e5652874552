//! Configuration files and tables of regimes.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rightful::config::fuzz::file(data));
