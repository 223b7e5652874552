//! Requests of callers, each decoded and converted as its service does it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rightful::grpc::fuzz::request(data));
