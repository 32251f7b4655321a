//! Target `gate`; what it does stands in `tests/tests/fuzzed/gate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waymark_fuzz::gate::check(data));
