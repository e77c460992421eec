//! Feeds libFuzzer's inputs to the target for public keys and key sets.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::jwk(bytes));
