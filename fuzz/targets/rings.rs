//! Key rings as they lie in files, and what their provider answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rightful::vault::fuzz::read(data));
