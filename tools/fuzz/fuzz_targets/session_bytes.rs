//! `tools::fuzz::session::run_bytes` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tools::fuzz::session::run_bytes(input));
