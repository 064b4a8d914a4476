//! `tools::fuzz::access::run` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tools::fuzz::access::run(input));
