//! What one side remembers, and its stored form.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use zeroize::{Zeroize, Zeroizing};

use super::transcript::Hash;
use super::{Ending, Link, Offer, Pairing, PairingError, Side};
use crate::membership::{CardError, ContactCard};

/// A card as it travels, and as it reads.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) bytes: Vec<u8>,
    pub(super) card: ContactCard,
}

impl Card {
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, CardError> {
        let card = ContactCard::parse(&bytes)?;
        Ok(Self { bytes, card })
    }

    /// Whether a key stands in both.
    pub(super) fn shares_a_key_with(&self, other: &Self) -> bool {
        let has = |key| other.card.keys.iter().any(|set| set.signing_key == key);
        self.card.keys.iter().any(|set| has(set.signing_key))
    }
}

/// How far a pairing has come.
#[derive(Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Progress {
    #[n(0)]
    pub(super) side: Side,
    /// Invited: what slot 0 says. Inviter: what it said there.
    #[n(1)]
    pub(super) offer: Option<Offer>,
    /// Inviter: slot 2, sealed from the start and kept back until slot 1 is there.
    #[n(2)]
    pub(super) reveal: Option<Bytes>,
    /// The hashes of slots 0, 1 and 2 in clear, as far as known. The inviter's own reveal is hashed
    /// apart, as it comes last.
    #[n(3)]
    pub(super) said: Vec<Hash>,
    #[n(4)]
    pub(super) reveal_hash: Option<Hash>,
    /// What this side has written, sealed, in the order of its slots.
    #[n(5)]
    pub(super) mine: Vec<Bytes>,
    /// What was read of the other side's slots, sealed, in their order.
    #[n(6)]
    pub(super) theirs: Vec<Bytes>,
    /// The slots that the mailbox showed last: bit *n* for slot *n*.
    #[n(7)]
    pub(super) shown: u8,
    #[n(8)]
    pub(super) confirmed: bool,
    #[n(9)]
    pub(super) other_confirmed: bool,
    /// Owner: whether the welcome was written.
    #[n(10)]
    pub(super) has_welcomed: bool,
    /// The other: the welcome that was read.
    #[n(11)]
    pub(super) welcome: Option<Bytes>,
    #[n(12)]
    pub(super) ending: Option<Ending>,
}

impl Progress {
    pub(super) const fn new(side: Side) -> Self {
        Self {
            side,
            offer: None,
            reveal: None,
            said: Vec::new(),
            reveal_hash: None,
            mine: Vec::new(),
            theirs: Vec::new(),
            shown: 0,
            confirmed: false,
            other_confirmed: false,
            has_welcomed: false,
            welcome: None,
            ending: None,
        }
    }

    /// The slot that this side writes next.
    pub(super) fn next_slot(&self) -> Option<u8> {
        self.side.slots().get(self.mine.len()).copied()
    }

    /// The slot that is to be read next.
    pub(super) fn next_to_read(&self) -> Option<u8> {
        let slots = self.side.other().slots();
        slots.get(self.theirs.len()).copied()
    }

    /// What this side has written, by slot.
    pub(super) fn written(&self) -> impl Iterator<Item = (u8, &Bytes)> {
        self.side.slots().iter().copied().zip(&self.mine)
    }

    /// What this slot holds as far as this side wrote or read it.
    pub(super) fn known(&self, slot: u8) -> Option<&Bytes> {
        let read = self.side.other().slots().iter().copied().zip(&self.theirs);
        let mut known = self.written().chain(read);
        known
            .find(|(number, _)| *number == slot)
            .map(|(_, bytes)| bytes)
    }

    /// Whether the mailbox showed this slot last.
    pub(super) const fn shows(&self, slot: u8) -> bool {
        self.shown & (1 << slot) != 0
    }
}

impl Pairing {
    /// Everything, to be stored **before** what [`Pairing::poll`] says is sent: a device that forgot
    /// what it put into a slot would find the slot taken. It holds the link's secret, so it belongs
    /// where keys are kept.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let card = |card: &Option<Card>| card.as_ref().map(|card| Bytes(card.bytes.clone()));
        let mut stored = Stored {
            version: VERSION,
            link: Bytes(self.link.to_bytes().to_vec()),
            own: card(&self.own),
            other: card(&self.other),
            progress: Bytes(codec::encode(&self.progress)),
        };
        // Of the full length from the start, so that growing leaves no copy of the secret behind.
        let cards = [&stored.own, &stored.other].into_iter().flatten();
        let parts = cards.chain([&stored.link, &stored.progress]);
        let length = parts.map(|part| part.0.len() + 8).sum::<usize>() + 16;
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        // Writing to a `Vec` cannot fail, and nothing of it refuses to be written.
        let _ = minicbor::encode(&stored, &mut *bytes);
        stored.link.0.zeroize();
        bytes
    }

    /// What was stored.
    ///
    /// # Errors
    /// [`PairingError::Stored`] where it is not what [`Pairing::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PairingError> {
        let stored: Stored = codec::decode(bytes, LIMIT).map_err(|_| PairingError::Stored)?;
        let link = Zeroizing::new(stored.link.0);
        if stored.version != VERSION {
            return Err(PairingError::Stored);
        }
        let card = |bytes: Option<Bytes>| {
            let card = bytes.map(|bytes| Card::parse(bytes.0)).transpose();
            card.map_err(|_| PairingError::Stored)
        };
        Ok(Self {
            link: Link::from_bytes(&link).map_err(|_| PairingError::Stored)?,
            own: card(stored.own)?,
            other: card(stored.other)?,
            progress: codec::decode(&stored.progress.0, LIMIT).map_err(|_| PairingError::Stored)?,
        })
    }
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Stored {
    #[n(0)]
    version: u8,
    #[n(1)]
    link: Bytes,
    #[n(2)]
    own: Option<Bytes>,
    #[n(3)]
    other: Option<Bytes>,
    #[n(4)]
    progress: Bytes,
}

const VERSION: u8 = 1;
/// Bytes of a stored pairing, at most: all slots, the cards and the reveal once more.
const LIMIT: usize = 256 * 1024;
