//! A `carry`: somebody's batch that stood in the log before the relay lost it, and that the log takes
//! no more, because its signer has gone since or its epoch never was. A current writer vouches for its
//! having been there. What it says remains its signer's: the whole entry is in it, with what a reader
//! needs to check the signature and to open it, so that nobody can put words into another's mouth.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId};
use waymark_wire::limits;
use waymark_wire::padding;
use zeroize::Zeroizing;

use super::lost::LostRow;
use super::receive::Page;
use super::twice::Written;
use super::{Space, SpaceError, actor, outbox};
use crate::crypto::{Entropy, EpochKey};
use crate::gate::{Section, decode_batch};
use crate::membership::Book;
use crate::store::{Store, Transaction};

/// The text of a carry.
#[derive(Decode, Encode)]
#[cbor(map)]
struct Carried {
    /// The whole entry.
    #[n(0)]
    entry: Bytes,
    /// The number that its signer has in this log.
    #[n(1)]
    signer: DeviceNumber,
    /// The membership entry over which it was signed.
    #[n(2)]
    at: EntryId,
    /// The key that opens it.
    #[n(3)]
    key: Bytes,
}

impl Space {
    /// Puts a carry of somebody's lost batch on its way. `false` where its signer is nobody who is or
    /// was a member in this log: nobody could check it.
    pub(super) fn carry(
        &mut self,
        transaction: &mut Transaction,
        row: &LostRow,
        entry: &Entry,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        let Some((key, signer)) = row.key.as_ref().zip(self.signer_of(entry, &row.at)) else {
            return Ok(false);
        };
        if entry.header().kind == Kind::Carry {
            // Its text is as good as new under this device's name.
            let text = self.open_body(&EpochKey::from_slice(&key.0)?, &row.at, entry)?;
            self.put_carry(transaction, text, entropy)?;
            return Ok(true);
        }
        let mut text = codec::encode(&Carried {
            entry: Bytes(entry.bytes().to_vec()),
            signer,
            at: row.at,
            key: Bytes(key.0.clone()),
        });
        padding::pad(&mut text);
        self.put_carry(transaction, text, entropy)?;
        Ok(true)
    }

    fn put_carry(
        &mut self,
        transaction: &mut Transaction,
        text: Vec<u8>,
        entropy: &mut dyn Entropy,
    ) -> Result<(), SpaceError> {
        let counter = self.state.counter;
        let entry = self.seal_kind(Kind::Carry, text, counter, entropy)?;
        outbox::put_batch(transaction, self.number, counter, entry);
        self.state.counter += 1;
        Ok(())
    }

    /// Whose entry it is, among those who are or were members in this log.
    pub(super) fn signer_of(&self, entry: &Entry, at: &EntryId) -> Option<DeviceNumber> {
        let membership = self.book.as_ref().map(Book::membership)?;
        let id = entry.id(&self.state.id);
        let mut everybody = membership.everybody().iter();
        let signer = everybody.find(|member| entry.is_signed_by(&member.signing_key, at, &id))?;
        Some(signer.device)
    }

    /// Applies what a carry holds.
    pub(super) fn open_carry(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: &Entry,
    ) -> Result<(), SpaceError> {
        match self.carried(entry) {
            Ok((id, sections)) => {
                self.found_again(&mut page.transaction, &id);
                self.apply_all(store, page, (seq, entry), &sections)
            }
            Err(reason) => {
                self.hold_entry(page, seq, entry, reason);
                Ok(())
            }
        }
    }

    /// A carried batch, which its signer has signed.
    pub(super) fn carried_batch(&self, entry: &Entry) -> Result<Written, &'static str> {
        let padded = Zeroizing::new(self.text_of(entry).map_err(|_| "not_opened")?);
        self.carried_in(padding::unpad(&padded).ok_or("not_padded")?)
    }

    /// The same, from the text of a carry.
    pub(super) fn carried_in(&self, text: &[u8]) -> Result<Written, &'static str> {
        let carried: Carried = codec::decode(text, limits::CARRY).map_err(|_| "no_carry")?;
        let key = Zeroizing::new(carried.key.0);
        let batch = Entry::parse(carried.entry.0).map_err(|_| "no_carry")?;
        if batch.header().kind != Kind::Batch {
            return Err("no_carry");
        }
        let book = self.book.as_ref().ok_or("no_membership")?;
        let signer = book.membership().member_ever(carried.signer);
        let signer = signer.ok_or("no_member")?;
        let id = batch.id(&self.state.id);
        if !batch.is_signed_by(&signer.signing_key, &carried.at, &id) {
            return Err("not_signed");
        }
        Ok(Written {
            entry: batch,
            at: carried.at,
            signer: carried.signer,
            key: EpochKey::from_slice(&key).map_err(|_| "not_opened")?,
        })
    }

    /// The id of a carried batch, and its sections.
    pub(super) fn carried(&self, entry: &Entry) -> Result<(EntryId, Vec<Section>), &'static str> {
        self.sections_in(&self.carried_batch(entry)?)
    }

    /// The id of a batch that was carried, and its sections.
    pub(super) fn sections_in(
        &self,
        batch: &Written,
    ) -> Result<(EntryId, Vec<Section>), &'static str> {
        let space = &self.state.id;
        let opened = self.open_body(&batch.key, &batch.at, &batch.entry);
        let padded = Zeroizing::new(opened.map_err(|_| "not_opened")?);
        let text = padding::unpad(&padded).ok_or("not_padded")?;
        let book = self.book.as_ref().ok_or("no_membership")?;
        let signer = book.membership().member_ever(batch.signer);
        let author = actor(space, &signer.ok_or("no_member")?.signing_key);
        let sections = decode_batch(author, text).map_err(|error| error.reason())?;
        Ok((batch.entry.id(space), sections))
    }
}
