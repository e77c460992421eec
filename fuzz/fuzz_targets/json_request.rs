//! Feeds libFuzzer's inputs to the target for requests in JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::json_request(bytes));
