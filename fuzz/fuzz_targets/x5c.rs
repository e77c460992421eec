//! Feeds libFuzzer's inputs to the target for chains of certificates.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::x5c(bytes));
