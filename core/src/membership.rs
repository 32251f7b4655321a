//! Who is in a space, seen from inside: the public membership of [`waymark_wire::membership`]
//! together with what only members can open: names, roles, relay and epoch keys.
//!
//! - [`ContactCard`]: what a device hands over to be added somewhere.
//! - [`Book`]: the verified membership of one space and the epoch keys this device holds.
//! - [`Welcome`]: what the one who added hands back.

mod book;
mod card;
mod draft;
mod roster;
mod welcome;

pub use self::book::{Book, BookError};
pub use self::card::{CardError, ContactCard, KeySet};
pub use self::draft::{Draft, NewMember, found};
pub use self::roster::{RelayAddress, Roster, RosterMember, SpaceKind};
pub use self::welcome::{Welcome, WelcomeError, WelcomeSpace};
