//! The harness of the whole-system tests: relays on loopback, devices that talk HTTP to them, and a
//! clock that the test turns.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a harness stops where its own set-up fails"
)]

mod clock;
mod device;
mod relay;

pub use self::clock::TestClock;
pub use self::device::{Device, begin, link_phone, link_therapist};
pub use self::relay::TestRelay;
