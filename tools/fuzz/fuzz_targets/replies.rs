//! `tools::fuzz::wire::replies` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| tools::fuzz::wire::replies(input));
