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
mod wish;

pub use self::book::{Book, BookError};
pub use self::card::{CardError, ContactCard, KeySet};
pub use self::draft::{AgreementKeys, Draft, NewMember, Signer, Steps, found};
pub use self::roster::{Entrance, RelayAddress, Roster, RosterMember, SpaceKind, Use};
pub use self::welcome::{Welcome, WelcomeError, WelcomeSpace};
pub use self::wish::{Newcomer, Succession, ToForget, Wish};
