//! Feeds libFuzzer's inputs to the target for policies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::policy(bytes));
