//! One side of a pairing: what an app calls.

use waymark_wire::codec::{self, Bytes};
use waymark_wire::limits;
use waymark_wire::message::MailboxSlot;
use waymark_wire::signature::Signature;

use super::link::seconds_to_ms;
use super::message::{Message, signed_welcome, signed_yes};
use super::progress::{Card, Progress};
use super::transcript::Hash;
use super::{Code, Ending, Link, LinkSecret, Offer, PairingError, Purpose, Refusal, Side, Stage};
use crate::crypto::{Entropy, MembershipKeys};
use crate::membership::{ContactCard, RelayAddress};

/// One side of a pairing, from the link to the welcome.
///
/// It knows neither a relay nor a database. The caller, whenever there is a network and time:
///
/// 1. stores [`to_bytes`](Self::to_bytes), then sends what [`poll`](Self::poll) says to the mailbox
///    of [`Link::secret`] at [`Link::relay`];
/// 2. gives everything that the mailbox holds to [`handle`](Self::handle), and shows its events;
/// 3. asks `poll` again: at once where it has another slot to put, else after a while.
///
/// A mailbox that the relay does not know is no failure for the invited side, who may come before the
/// inviter had a network: try again later. A slot that the relay says is taken is found out by
/// `handle`, with what the mailbox holds then. The two never need to be online at the same time.
///
/// Nothing of the other side is believed before both said yes: [`other_card`](Self::other_card) is
/// `None` until then.
#[derive(Debug)]
pub struct Pairing {
    pub(super) link: Link,
    pub(super) own: Option<Card>,
    pub(super) other: Option<Card>,
    pub(super) progress: Progress,
}

/// What somebody is invited with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Invitation {
    /// What to.
    pub purpose: Purpose,
    /// The relay that is to have the mailbox.
    pub relay: RelayAddress,
    /// The inviter's card, made for this invitation; its name is shown before the other accepts.
    pub card: Vec<u8>,
    /// When the invitation ends, in milliseconds since the Unix epoch, within the next 30 days; it
    /// is cut to a whole second.
    pub expires_ms: i64,
}

/// What is to be sent to the mailbox of [`LinkSecret::mailbox`]. The answer to either is all that it
/// holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// Put something into a slot.
    Put {
        /// Where, and what; the same whenever it is asked for again.
        slot: MailboxSlot,
        /// For how many days the relay is to keep the mailbox, 1 to 30; where the slot makes it.
        days: Option<u8>,
    },
    /// Read.
    Read,
}

impl Pairing {
    /// Invites somebody. The link is that of [`Pairing::link`].
    ///
    /// # Errors
    /// [`PairingError`] where the card is none, the end is not within 30 days, or the relay has no
    /// plain address.
    pub fn invite(
        invitation: Invitation,
        now_ms: i64,
        entropy: &mut dyn Entropy,
    ) -> Result<Self, PairingError> {
        let card = Card::parse(invitation.card)?;
        if !invitation.relay.is_plain() {
            return Err(PairingError::Relay);
        }
        let expires = invitation.expires_ms.div_euclid(1_000);
        let expires_ms = seconds_to_ms(expires).map_err(|_| PairingError::Lifetime)?;
        if !(1..=LONGEST_MS).contains(&expires_ms.saturating_sub(now_ms)) {
            return Err(PairingError::Lifetime);
        }
        let link = Link {
            purpose: invitation.purpose,
            relay: invitation.relay,
            secret: LinkSecret::generate(entropy)?,
            expires_ms: Some(expires_ms),
        };
        let mut nonce = [0; 32];
        entropy.fill(&mut nonce);
        let commitment = Hash::commitment(&nonce, &card.bytes);
        let name = card.card.name.clone();
        let offer = codec::encode(&Message::Offer {
            purpose: link.purpose,
            name: name.clone(),
            commitment,
            expires,
        });
        let reveal = codec::encode(&Message::Reveal {
            card: Bytes(card.bytes.clone()),
            nonce,
        });
        let mut progress = Progress::new(Side::Inviter);
        progress.offer = Some(Offer {
            purpose: link.purpose,
            name,
            expires_ms,
            commitment,
        });
        progress.said = vec![Hash::of(&[&offer])];
        progress.reveal_hash = Some(Hash::of(&[&reveal]));
        progress.mine = vec![Bytes(link.secret.seal(0, &offer, entropy)?)];
        progress.reveal = Some(Bytes(link.secret.seal(2, &reveal, entropy)?));
        Ok(Self {
            link,
            own: Some(card),
            other: None,
            progress,
        })
    }

    /// Follows a link. Nothing of this device is sent before [`accept`](Self::accept).
    #[must_use]
    pub const fn open(link: Link) -> Self {
        Self {
            link,
            own: None,
            other: None,
            progress: Progress::new(Side::Invited),
        }
    }

    /// Invited only: accepts what was offered, with a card made for it.
    ///
    /// # Errors
    /// [`PairingError`] where the stage is not [`Stage::Offered`] or the card is none.
    pub fn accept(
        &mut self,
        card: Vec<u8>,
        now_ms: i64,
        entropy: &mut dyn Entropy,
    ) -> Result<(), PairingError> {
        self.require(now_ms, |stage| stage == Stage::Offered)?;
        let card = Card::parse(card)?;
        let mut nonce = [0; 32];
        entropy.fill(&mut nonce);
        let answer = codec::encode(&Message::Answer {
            card: Bytes(card.bytes.clone()),
            nonce,
        });
        self.write(&answer, entropy)?;
        self.progress.said.push(Hash::of(&[&answer]));
        self.own = Some(card);
        Ok(())
    }

    /// Says whether the two codes are equal. `keys` are those of the first key set of this device's
    /// own card; they sign the yes. A no ends the pairing. After a yes, [`Pairing::stage`] tells
    /// whether the other has said yes too.
    ///
    /// # Errors
    /// [`PairingError`] where the stage is not [`Stage::Comparing`], or the keys are others.
    pub fn confirm(
        &mut self,
        equal: bool,
        keys: &MembershipKeys,
        now_ms: i64,
        entropy: &mut dyn Entropy,
    ) -> Result<(), PairingError> {
        self.require(now_ms, |stage| stage == Stage::Comparing)?;
        if !equal {
            return self.withdraw(Refusal::CodesDiffer, entropy);
        }
        let transcript = self.transcript().ok_or(PairingError::Stored)?;
        let slot = self.progress.side.yes_slot();
        let signature = self.sign(keys, &signed_yes(slot, &transcript))?;
        self.write(&codec::encode(&Message::Yes { signature }), entropy)?;
        self.progress.confirmed = true;
        Ok(())
    }

    /// Owner only: hands the other what it needs to join the space that it was added to. `keys` as
    /// for [`confirm`](Self::confirm).
    ///
    /// # Errors
    /// [`PairingError`] where the stage is not [`Stage::Agreed`], this side is not the owner or has
    /// written its welcome, the keys are others, or the welcome has more than 16 KiB.
    pub fn welcome(
        &mut self,
        welcome: &[u8],
        keys: &MembershipKeys,
        now_ms: i64,
        entropy: &mut dyn Entropy,
    ) -> Result<(), PairingError> {
        let writes = self.is_owner() && !self.progress.has_welcomed;
        self.require(now_ms, |stage| writes && stage == Stage::Agreed)?;
        if welcome.len() > WELCOME_LIMIT {
            return Err(PairingError::TooLarge(welcome.len()));
        }
        let transcript = self.transcript().ok_or(PairingError::Stored)?;
        let slot = self.progress.side.welcome_slot();
        let signature = self.sign(keys, &signed_welcome(slot, &transcript, welcome))?;
        let message = Message::Welcome {
            welcome: Bytes(welcome.to_vec()),
            signature,
        };
        self.write(&codec::encode(&message), entropy)?;
        self.progress.has_welcomed = true;
        Ok(())
    }

    /// Refuses, at whatever stage: the other side is told, nothing else happens.
    ///
    /// # Errors
    /// [`PairingError`] where it is over or done, or this side's welcome is written.
    pub fn refuse(&mut self, now_ms: i64, entropy: &mut dyn Entropy) -> Result<(), PairingError> {
        let has_welcomed = self.progress.has_welcomed;
        self.require(now_ms, |stage| stage != Stage::Done && !has_welcomed)?;
        self.withdraw(Refusal::Declined, entropy)
    }

    /// What is to be sent next; `None` where nothing is left to do. What this side has written is
    /// put until the mailbox shows it, so a relay that forgot is told again.
    #[must_use]
    pub fn poll(&self, now_ms: i64) -> Option<Request> {
        let stage = self.stage();
        let is_silent = match stage {
            Stage::Done | Stage::Ended(Ending::Expired | Ending::Refused(_)) => true,
            Stage::Ended(Ending::Failed(failure)) => !failure.is_told(),
            _ => false,
        };
        if is_silent || self.is_over(now_ms) {
            return None;
        }
        let missing = self
            .progress
            .written()
            .find(|(slot, _)| !self.progress.shows(*slot));
        match missing {
            Some((slot, bytes)) => Some(Request::Put {
                slot: MailboxSlot {
                    slot,
                    bytes: bytes.clone(),
                },
                days: (slot == 0).then(|| self.days_left(now_ms)),
            }),
            None if matches!(stage, Stage::Ended(_)) => None,
            // Offered: the inviter may withdraw before this device's person has decided.
            None => Some(Request::Read),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        let progress = &self.progress;
        if let Some(ending) = progress.ending {
            return Stage::Ended(ending);
        }
        let delivered = progress.has_welcomed && progress.shows(progress.side.welcome_slot());
        match (progress.side, progress.mine.len(), progress.theirs.len()) {
            _ if delivered || progress.welcome.is_some() => Stage::Done,
            _ if progress.confirmed && progress.other_confirmed => Stage::Agreed,
            _ if progress.confirmed => Stage::Confirmed,
            (Side::Inviter, _, 0) => Stage::Inviting,
            (Side::Invited, 0, 0) => Stage::Opening,
            (Side::Invited, 0, _) => Stage::Offered,
            (Side::Invited, _, 1) => Stage::Answered,
            _ => Stage::Comparing,
        }
    }

    /// The link. It is a secret.
    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    /// Which side this is.
    #[must_use]
    pub const fn side(&self) -> Side {
        self.progress.side
    }

    /// Whether this side owns the space: it adds the other and writes the welcome.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.link.purpose.owner() == self.progress.side
    }

    /// What is offered; invited: once slot 0 was read.
    #[must_use]
    pub const fn offer(&self) -> Option<&Offer> {
        self.progress.offer.as_ref()
    }

    /// The code to compare, once the other's part is there.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        Code::of(&self.transcript()?).ok()
    }

    /// The name on the other's card, to ask "does … see the same code?". Not to be believed before
    /// both said yes.
    #[must_use]
    pub fn other_name(&self) -> Option<&str> {
        self.other.as_ref().map(|card| card.card.name.as_str())
    }

    /// The device's name on the other's card; as little to be believed before both said yes.
    #[must_use]
    pub fn other_device_name(&self) -> Option<&str> {
        let other = self.other.as_ref();
        other.map(|card| card.card.device_name.as_str())
    }

    /// The other's card, once both said yes.
    #[must_use]
    pub fn other_card(&self) -> Option<&ContactCard> {
        self.believed().map(|card| &card.card)
    }

    /// The bytes of the other's card, once both said yes.
    #[must_use]
    pub fn other_card_bytes(&self) -> Option<&[u8]> {
        self.believed().map(|card| card.bytes.as_slice())
    }

    /// The bytes of this device's own card.
    #[must_use]
    pub fn own_card_bytes(&self) -> Option<&[u8]> {
        self.own.as_ref().map(|card| card.bytes.as_slice())
    }

    /// The welcome that was read, where the other is the owner.
    #[must_use]
    pub fn received_welcome(&self) -> Option<&[u8]> {
        self.progress
            .welcome
            .as_ref()
            .map(|bytes| bytes.0.as_slice())
    }

    /// When it ends, in milliseconds since the Unix epoch: what the link says or the offer, whatever
    /// is earlier; `None` where neither is known yet.
    #[must_use]
    pub fn expires_ms(&self) -> Option<i64> {
        let offered = self.progress.offer.as_ref().map(|offer| offer.expires_ms);
        [self.link.expires_ms, offered].into_iter().flatten().min()
    }

    /// Whether its time is up.
    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        self.expires_ms().is_some_and(|end| now_ms >= end)
    }

    /// The hash of all that was said, once slots 0 to 2 are known.
    pub(super) fn transcript(&self) -> Option<Hash> {
        let slots = <&[Hash; 3]>::try_from(self.progress.said.as_slice()).ok()?;
        Some(Hash::transcript(self.link.secret.mailbox(), slots))
    }

    /// Ends it, and leaves word in this side's next slot where it still has one.
    pub(super) fn withdraw(
        &mut self,
        why: Refusal,
        entropy: &mut dyn Entropy,
    ) -> Result<(), PairingError> {
        if self.progress.next_slot().is_some() {
            self.write(&codec::encode(&Message::Refusal { why }), entropy)?;
        }
        self.progress.ending = Some(Ending::Withdrawn);
        Ok(())
    }

    /// Seals a message into this side's next slot.
    fn write(&mut self, text: &[u8], entropy: &mut dyn Entropy) -> Result<(), PairingError> {
        let slot = self.progress.next_slot();
        let slot = slot.ok_or_else(|| PairingError::Stage(self.stage()))?;
        let sealed = self.link.secret.seal(slot, text, entropy)?;
        self.progress.mine.push(Bytes(sealed));
        Ok(())
    }

    /// Signs with the keys of this device's card, after looking whether they are.
    fn sign(&self, keys: &MembershipKeys, text: &[u8]) -> Result<Signature, PairingError> {
        let own = self.own.as_ref().and_then(|own| own.card.keys.first());
        if own.map(|set| set.signing_key.0) != Some(keys.signing_public()?) {
            return Err(PairingError::NotCardKeys);
        }
        Ok(Signature(keys.sign(text)?))
    }

    fn believed(&self) -> Option<&Card> {
        let both = self.progress.confirmed && self.progress.other_confirmed;
        self.other.as_ref().filter(|_| both)
    }

    fn require(&self, now_ms: i64, holds: impl Fn(Stage) -> bool) -> Result<(), PairingError> {
        match self.stage() {
            Stage::Ended(ending) => Err(PairingError::Ended(ending)),
            stage if stage != Stage::Done && self.is_over(now_ms) => {
                Err(PairingError::Ended(Ending::Expired))
            }
            stage if holds(stage) => Ok(()),
            stage => Err(PairingError::Stage(stage)),
        }
    }

    /// Days up to the end, rounded up.
    fn days_left(&self, now_ms: i64) -> u8 {
        let left = self.expires_ms().unwrap_or(now_ms).saturating_sub(now_ms);
        let days = left.saturating_add(DAY_MS - 1).div_euclid(DAY_MS);
        u8::try_from(days)
            .unwrap_or(limits::MAILBOX_DAYS)
            .clamp(1, limits::MAILBOX_DAYS)
    }
}

/// The longest that a relay keeps a mailbox.
const LONGEST_MS: i64 = limits::MAILBOX_DAYS as i64 * DAY_MS;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Bytes of a welcome, at most.
const WELCOME_LIMIT: usize = 16 * 1024;
