//! The recovery phrase: 24 words on paper that bring everything back to an empty phone.
//!
//! ```text
//! 24 words ─▶ entropy ─┬─▶ keys of a member of home          (keys)
//!                      ├─▶ keys of the beacon's only member  (keys)
//!                      └─▶ the beacon's first entry          (beacon)
//! ```
//!
//! The phrase is a member of home and of nothing else. Who has only the words knows neither home's
//! id nor its relay, hence the *beacon*: a space whose first entry, and so whose id, follows from
//! the phrase alone. Its later entries say, sealed to the phrase, where home is. Home in turn holds
//! the keys to everything else.
//!
//! - [`Phrase`]: the words, and what is wrong with words that are none.
//! - [`RecoveryKeys`]: the two memberships.
//! - [`Beacon`]: the space, and [`BeaconContent`], what it says.
//!
//! A device never keeps a phrase: it is shown once, and typed where it is needed. The bytes are
//! specified in `docs/crypto.md`.

mod beacon;
mod keys;
mod phrase;

pub use self::beacon::{Beacon, BeaconContent, BeaconError, open_content, seal_content};
pub use self::keys::RecoveryKeys;
pub use self::phrase::{PHRASE_WORDS, Phrase, PhraseError};
