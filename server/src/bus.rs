//! How those who follow a space hear that it moved. [`Bus`] carries hints, no entries: whoever hears
//! one reads the log. A bus may lose hints, since nothing but speed depends on them.

mod local;
#[cfg(feature = "nats")]
mod nats;

use std::future::Future;
use std::time::Duration;

use waymark_wire::ids::SpaceId;

pub use self::local::LocalBus;
#[cfg(feature = "nats")]
pub use self::nats::{NatsBus, NatsError, is_private};

/// Carries "space X is at seq N".
pub trait Bus: Send + Sync + 'static {
    /// What a follower hears with.
    type Hints: Hints;

    /// Tells whoever follows `space` that its log has an entry at `seq`.
    fn publish(&self, space: &SpaceId, seq: u64);

    /// Begins to listen, to nothing yet.
    fn subscribe(&self) -> Self::Hints;

    /// After how long a follower has to look for itself; `None` where no hint is lost.
    fn recheck(&self) -> Option<Duration>;
}

/// The spaces that one follower hears of.
pub trait Hints: Send + 'static {
    /// Hears of `space` too, from now on, under the follower's own number for it.
    fn follow(&mut self, space: &SpaceId, number: u16);

    /// Waits until one of the spaces has moved, and gives its number. Several moves of one space
    /// may be told as one; cancelling loses none.
    fn next(&mut self) -> impl Future<Output = u16> + Send;
}
