//! Target `snapshot`; what it does stands in `tests/tests/fuzzed/snapshot.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waymark_fuzz::snapshot::check(data));
