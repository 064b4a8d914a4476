//! `tools::fuzz::wire::requests` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tools::fuzz::wire::requests(input));
