//! Feeds libFuzzer's inputs to the target for requests in XML.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_targets::xml_request(bytes));
