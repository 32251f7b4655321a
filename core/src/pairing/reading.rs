//! What the mailbox holds, checked and taken in, one slot of the other side after the other.

use waymark_wire::codec::{self, Bytes};
use waymark_wire::message::MailboxSlot;
use waymark_wire::signature::Signature;

use super::link::seconds_to_ms;
use super::message::{LIMIT, Message, signed_welcome, signed_yes};
use super::progress::Card;
use super::transcript::Hash;
use super::{Ending, Event, Failure, Offer, Pairing, Purpose, Refusal, Stage};
use crate::crypto::Entropy;
use crate::membership::RosterMember;

impl Pairing {
    /// Takes in everything that the mailbox holds; nothing at all to notice that time is up.
    ///
    /// A slot is believed only in its turn; one that comes before its predecessor waits. A slot that
    /// is missing now is not missed: the other may not have been there yet, and a relay that
    /// withholds cannot be told from that. What cannot be true ends the pairing, and the other side
    /// is told in the next slot.
    pub fn handle(
        &mut self,
        slots: &[MailboxSlot],
        now_ms: i64,
        entropy: &mut dyn Entropy,
    ) -> Vec<Event> {
        let before = self.stage();
        if before == Stage::Done {
            return Vec::new();
        }
        self.progress.shown = slots
            .iter()
            .filter(|shown| shown.slot <= LAST_SLOT)
            .fold(0, |mask, shown| mask | (1 << shown.slot));
        if matches!(before, Stage::Ended(_)) {
            return Vec::new();
        }
        let mut events = Vec::new();
        if let Err(ending) = self.take(slots, now_ms, &mut events) {
            self.end(ending, entropy);
            events.push(Event::Ended(ending));
        } else if self.stage() == Stage::Done && self.is_owner() {
            events.push(Event::Delivered);
        }
        events
    }

    fn take(
        &mut self,
        slots: &[MailboxSlot],
        now_ms: i64,
        events: &mut Vec<Event>,
    ) -> Result<(), Ending> {
        if self.is_over(now_ms) {
            return Err(Ending::Expired);
        }
        self.compare(slots)?;
        while let Some(slot) = self.progress.next_to_read() {
            let Some(shown) = slots.iter().find(|shown| shown.slot == slot) else {
                break;
            };
            let text = self.open_slot(slot, &shown.bytes.0)?;
            events.extend(self.believe(slot, &text)?);
            self.progress.theirs.push(shown.bytes.clone());
            if self.is_over(now_ms) {
                return Err(Ending::Expired);
            }
        }
        // Once more, for a slot that is shown twice.
        self.compare(slots)
    }

    /// Whether every slot that is known still holds the same, and nobody else wrote in this side's
    /// turn.
    fn compare(&self, slots: &[MailboxSlot]) -> Result<(), Ending> {
        for MailboxSlot { slot, bytes } in slots {
            let known = self.progress.known(*slot);
            if self.progress.side.slots().contains(slot) {
                if known != Some(bytes) {
                    return Err(Ending::Failed(Failure::Taken(*slot)));
                }
            } else if known.is_some_and(|known| known != bytes) {
                return Err(Ending::Failed(Failure::Altered(*slot)));
            }
        }
        Ok(())
    }

    fn open_slot(&self, slot: u8, sealed: &[u8]) -> Result<Vec<u8>, Ending> {
        if sealed.len() > LIMIT {
            return Err(Ending::Failed(Failure::Malformed(slot)));
        }
        let opened = self.link.secret.open(slot, sealed);
        opened
            .map_err(|_| Ending::Failed(Failure::NotOpened(slot)))?
            .ok_or(Ending::Failed(Failure::Malformed(slot)))
    }

    /// Checks one message in its turn, and takes over what it says.
    fn believe(&mut self, slot: u8, text: &[u8]) -> Result<Option<Event>, Ending> {
        let message =
            codec::decode(text, LIMIT).map_err(|_| Ending::Failed(Failure::Malformed(slot)))?;
        let taken = match (slot, message) {
            (1.., Message::Refusal { why }) => return Err(Ending::Refused(why)),
            (
                0,
                Message::Offer {
                    purpose,
                    name,
                    commitment,
                    expires,
                },
            ) => self.take_offer(purpose, name, commitment, expires, text),
            (1, Message::Answer { card, nonce: _ }) => self.take_answer(card, text),
            (2, Message::Reveal { card, nonce }) => self.take_reveal(card, &nonce, text),
            (3 | 4, Message::Yes { signature }) => self.take_yes(slot, &signature),
            (5 | 6, Message::Welcome { welcome, signature }) => {
                self.take_welcome(slot, welcome, &signature)
            }
            _ => Err(Failure::OutOfTurn(slot)),
        };
        taken.map_err(Ending::Failed)
    }

    fn take_offer(
        &mut self,
        purpose: Purpose,
        name: String,
        commitment: Hash,
        expires: i64,
        text: &[u8],
    ) -> Result<Option<Event>, Failure> {
        if purpose != self.link.purpose {
            return Err(Failure::Purpose);
        }
        if !(1..=RosterMember::NAME_CHARS).contains(&name.chars().count()) {
            return Err(Failure::Malformed(0));
        }
        let offer = Offer {
            purpose,
            name,
            expires_ms: seconds_to_ms(expires).map_err(|_| Failure::Malformed(0))?,
            commitment,
        };
        self.progress.said.push(Hash::of(&[text]));
        self.progress.offer = Some(offer.clone());
        Ok(Some(Event::Offered(offer)))
    }

    /// The inviter's reveal leaves only now: the answer is fixed, and could not be chosen to fit.
    fn take_answer(&mut self, card: Bytes, text: &[u8]) -> Result<Option<Event>, Failure> {
        self.take_card(1, card)?;
        let (Some(reveal), Some(hash)) = (self.progress.reveal.take(), self.progress.reveal_hash)
        else {
            return Err(Failure::OutOfTurn(1));
        };
        self.progress.said.extend([Hash::of(&[text]), hash]);
        self.progress.mine.push(reveal);
        Ok(self.code().map(Event::Compare))
    }

    fn take_reveal(
        &mut self,
        card: Bytes,
        nonce: &[u8; 32],
        text: &[u8],
    ) -> Result<Option<Event>, Failure> {
        let (Some(offer), Some(_)) = (&self.progress.offer, &self.own) else {
            return Err(Failure::OutOfTurn(2));
        };
        if Hash::commitment(nonce, &card.0) != offer.commitment {
            return Err(Failure::Commitment);
        }
        let name = offer.name.clone();
        if self.take_card(2, card)? != name {
            return Err(Failure::Name);
        }
        self.progress.said.push(Hash::of(&[text]));
        Ok(self.code().map(Event::Compare))
    }

    /// Reads the other's card and returns the name on it.
    fn take_card(&mut self, slot: u8, card: Bytes) -> Result<String, Failure> {
        let card = Card::parse(card.0).map_err(|_| Failure::Card(slot))?;
        if self
            .own
            .as_ref()
            .is_some_and(|own| own.shares_a_key_with(&card))
        {
            return Err(Failure::SameKeys);
        }
        let name = card.card.name.clone();
        self.other = Some(card);
        Ok(name)
    }

    fn take_yes(&mut self, slot: u8, signature: &Signature) -> Result<Option<Event>, Failure> {
        let transcript = self.transcript().ok_or(Failure::OutOfTurn(slot))?;
        self.verify(slot, &signed_yes(slot, &transcript), signature)?;
        self.progress.other_confirmed = true;
        Ok(Some(if self.progress.confirmed {
            Event::Agreed
        } else {
            Event::OtherConfirmed
        }))
    }

    fn take_welcome(
        &mut self,
        slot: u8,
        welcome: Bytes,
        signature: &Signature,
    ) -> Result<Option<Event>, Failure> {
        if self.is_owner() || self.stage() != Stage::Agreed {
            return Err(Failure::OutOfTurn(slot));
        }
        let transcript = self.transcript().ok_or(Failure::OutOfTurn(slot))?;
        self.verify(
            slot,
            &signed_welcome(slot, &transcript, &welcome.0),
            signature,
        )?;
        self.progress.welcome = Some(welcome.clone());
        Ok(Some(Event::Welcomed(welcome.0)))
    }

    /// Whether the first key of the other's card signed `text`.
    fn verify(&self, slot: u8, text: &[u8], signature: &Signature) -> Result<(), Failure> {
        let key = self
            .other
            .as_ref()
            .and_then(|other| other.card.keys.first());
        if key.is_some_and(|set| set.signing_key.verifies(text, signature)) {
            Ok(())
        } else {
            Err(Failure::Signature(slot))
        }
    }

    fn end(&mut self, ending: Ending, entropy: &mut dyn Entropy) {
        if matches!(ending, Ending::Failed(failure) if failure.is_told()) {
            // Telling is a courtesy: a side that is not told waits until the end of its time.
            let _ = self.withdraw(Refusal::Fault, entropy);
        }
        self.progress.ending = Some(ending);
    }
}

/// Slots from here on belong to later versions.
const LAST_SLOT: u8 = 6;
