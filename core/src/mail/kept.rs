//! One invitation as this device keeps it.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::SpaceId;
use waymark_wire::message::MailboxId;
use zeroize::{Zeroize, Zeroizing};

use super::PREFIX;
use super::cards::card_key;
use crate::membership::{ContactCard, RelayAddress};
use crate::pairing::{Pairing, PairingError, Stage};
use crate::role::Role;
use crate::store::{Table, Transaction};

/// One invitation, made here or followed here.
#[derive(Debug)]
pub struct Kept {
    /// How far the two have come.
    pub pairing: Pairing,
    /// What it is about beside that.
    pub about: About,
}

/// What a pairing does not know of what it is for.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct About {
    /// When it was made or followed here, in milliseconds since the Unix epoch.
    #[n(0)]
    pub since_ms: i64,
    /// The space that the other is to join, or that this device has joined through it. `None` for
    /// home, and as long as there is none yet.
    #[n(1)]
    pub space: Option<SpaceId>,
    /// What the other is to be there; owner only, `None` for own devices.
    #[n(2)]
    pub role: Option<Role>,
    /// Invited only: the card to answer with, once this device's person has accepted.
    #[n(3)]
    pub card: Option<Bytes>,
    /// Where a space that is founded for the other is to be served.
    #[n(4)]
    pub relay: Option<RelayAddress>,
    /// Owner: the other is wanted in the space.
    #[n(5)]
    pub wanted: bool,
    /// Owner: the welcome is written.
    #[n(6)]
    pub welcomed: bool,
    /// Nothing is left to do on this device, but perhaps to tell the other.
    #[n(7)]
    pub settled: bool,
    /// Why it came to nothing, where that was not the pairing's doing.
    #[n(8)]
    pub failed: Option<String>,
    /// Owner: it came to nothing because somebody else supports there.
    #[n(9)]
    pub is_taken: Option<bool>,
}

impl About {
    /// What is known of an invitation that begins now.
    #[must_use]
    pub const fn since(now_ms: i64) -> Self {
        Self {
            since_ms: now_ms,
            space: None,
            role: None,
            card: None,
            relay: None,
            wanted: false,
            welcomed: false,
            settled: false,
            failed: None,
            is_taken: None,
        }
    }
}

impl Kept {
    /// Its mailbox, by which it is named.
    #[must_use]
    pub const fn mailbox(&self) -> MailboxId {
        *self.pairing.link().secret.mailbox()
    }

    /// Whether something may still come of it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.about.settled && !matches!(self.pairing.stage(), Stage::Ended(_))
    }

    /// This device's own card in it.
    #[must_use]
    pub fn own_card(&self) -> Option<ContactCard> {
        let waiting = self.about.card.as_ref().map(|card| card.0.as_slice());
        ContactCard::parse(self.pairing.own_card_bytes().or(waiting)?).ok()
    }

    /// Puts it into its row.
    pub fn store(&self, transaction: &mut Transaction) {
        transaction.put(Table::Home, self.key(), self.to_bytes().as_slice());
    }

    /// Removes it from the store, with the keys of its card.
    pub(super) fn erase(&self, transaction: &mut Transaction) {
        transaction.delete(Table::Home, self.key());
        self.erase_keys(transaction);
    }

    /// Removes the keys of its card, which nothing needs any more.
    pub(super) fn erase_keys(&self, transaction: &mut Transaction) {
        for keys in self.own_card().iter().flat_map(|card| &card.keys) {
            transaction.delete(Table::Meta, card_key(&keys.signing_key));
        }
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut row = Row {
            pairing: Bytes(self.pairing.to_bytes().to_vec()),
            about: self.about.clone(),
        };
        let card = row.about.card.as_ref().map_or(0, |card| card.0.len());
        // Of the full length from the start, so that growing leaves no copy of the secret behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(row.pairing.0.len() + card + 2_048));
        // Writing to a `Vec` cannot fail, and nothing of it refuses to be written.
        let _ = minicbor::encode(&row, &mut *bytes);
        row.pairing.0.zeroize();
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, PairingError> {
        let row: Row = codec::decode(bytes, usize::MAX).map_err(|_| PairingError::Stored)?;
        let pairing = Zeroizing::new(row.pairing.0);
        Ok(Self {
            pairing: Pairing::from_bytes(&pairing)?,
            about: row.about,
        })
    }

    fn key(&self) -> Vec<u8> {
        [PREFIX, &self.mailbox().0].concat()
    }
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    pairing: Bytes,
    #[n(1)]
    about: About,
}
