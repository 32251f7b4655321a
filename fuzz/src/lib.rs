//! The bodies of the fuzz targets, which stand where ordinary tests can call them too, and their
//! seeds.
#![forbid(unsafe_code)]

#[path = "../../tests/tests/fuzzed/changes.rs"]
pub mod changes;
#[path = "../../tests/tests/fuzzed/choices.rs"]
pub mod choices;
#[path = "../../tests/tests/fuzzed/codec.rs"]
pub mod codec;
#[path = "../../tests/tests/fuzzed/gate.rs"]
pub mod gate;
#[path = "../../tests/tests/fuzzed/record.rs"]
pub mod record;
#[path = "../../tests/tests/fuzzed/seeds.rs"]
pub mod seeds;
#[path = "../../tests/tests/fuzzed/snapshot.rs"]
pub mod snapshot;
#[path = "../../tests/tests/fuzzed/wire.rs"]
pub mod wire;
