//! Target `codec`; what it does stands in `tests/tests/fuzzed/codec.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waymark_fuzz::codec::check(data));
