//! Guards: properties of the source tree that no test of behaviour would notice losing.
//!
//! Each is an ordinary test with its own name, so that a broken one says what was lost:
//!
//! - `trees`: what each package may link: no Automerge in the relay, one crypto provider, nothing
//!   twice.
//! - `listed`: `docs/dependencies.md` names every direct dependency with its reason and licence.
//! - `licences`: whose terms we accept.
//! - `advisories`: no dependency with a known flaw, where the database is at hand.
//! - `sources`: no clock and no randomness below the driver, no unsafe code, no endless files.
//! - `seeded`: the bugs on which the tests are tried still fit the code.
//! - `words`: the repository speaks of itself alone, and holds no data that is not ours.
//!
//! The other files are what they stand on: `workspace` asks cargo and git, `code` reads Rust.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a guard that cannot read the tree has failed"
)]

mod guard {
    mod advisories;
    mod code;
    mod licences;
    mod listed;
    mod seeded;
    mod sources;
    mod trees;
    mod words;
    mod workspace;
}
