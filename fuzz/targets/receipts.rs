//! Receipts, as the command line verifies them.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drop(rightful::export::receipt::verify(data)));
