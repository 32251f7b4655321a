//! The harness of the whole-system tests: relays on loopback, devices that talk HTTP to them, and a
//! clock that the test turns.
//!
//! - [`TestRelay`], [`Device`], [`TestClock`]: the parts of a fleet.
//! - [`story`]: what most tests begin with.
//! - [`Stage`], [`Liar`]: a relay that lies; [`forge`]: entries that no device of ours would make; [`post`]:
//!   requests that none would send.
//! - [`keys`]: which keys open what, tried.
//! - [`fixture`]: databases that older versions made; [`hostile`]: bytes that kill or swell what reads them.
//! - [`sim`]: a fleet in one thread, everything from one number.
//! - [`Heard`], [`until`]: waiting for what arrives.
//! - [`load`]: pushers and readers by the thousand, and what they cost; [`report`], [`rounds`]: figures
//!   beside their baselines.
#![forbid(unsafe_code)]
#![expect(
    clippy::expect_used,
    reason = "a harness stops where its own set-up fails"
)]

#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "the tests of the relay use the rest"
)]
#[path = "../../server/src/authority.rs"]
mod authority;
mod clock;
mod device;
mod faulty;
pub mod fixture;
pub mod forge;
mod heard;
pub mod hostile;
mod http;
pub mod keys;
mod liar;
pub mod load;
mod mortal;
mod relay;
pub mod report;
pub mod rounds;
#[allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "the tests of the relay use the rest"
)]
#[path = "../../server/src/engines.rs"]
mod servers;
mod shared;
pub mod sim;
mod stage;
pub mod story;
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "the tests of the relay use the rest"
)]
#[path = "../../server/src/testing.rs"]
mod testing;

pub use self::clock::TestClock;
pub use self::device::{Device, begin, begin_at, hand_over, link_phone, link_therapist, unlocked};
pub use self::faulty::FaultyProxy;
pub use self::heard::{Heard, until};
pub use self::http::post;
pub use self::liar::{Asked, Liar, Reply, read_frames};
pub use self::mortal::{disk_of, open_mortal};
pub use self::relay::TestRelay;
pub use self::shared::shared;
pub use self::stage::Stage;
