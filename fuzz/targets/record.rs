//! Target `record`; what it does stands in `tests/tests/fuzzed/record.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waymark_fuzz::record::check(data));
