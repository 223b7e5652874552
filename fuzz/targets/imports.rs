//! CSV and NDJSON lists of cases.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rightful::cli::fuzz::import(data));
