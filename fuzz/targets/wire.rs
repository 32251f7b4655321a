//! Target `wire`; what it does stands in `tests/tests/fuzzed/wire.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waymark_fuzz::wire::check(data));
