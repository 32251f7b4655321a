//! A key that did not come. Whoever is a member and does not hold the key of the epoch in force says
//! so in an ack; the others who write note that it is to be handed the key, and whose entry comes first
//! has done it for all. It is said again only where a relay has lost the answer, and not often.
//!
//! A rotator can seal another key to one member than to the rest. The private part of the entry
//! commits to the key, so that member knows, and neither reads nor writes with what it got. Where all
//! others who write say the same, nobody is left who could hand out the right one: then one of them
//! starts another epoch.

use waymark_wire::ack::Ack;
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{DeviceNumber, Height};
use waymark_wire::membership::Rights;

use super::receive::Page;
use super::state::Asking;
use super::{Sealed, Space, SpaceError, keys, outbox};
use crate::crypto::Entropy;
use crate::membership::{Book, BookError, Wish};
use crate::store::{Store, Table, Transaction};

/// How often a member is heard that lacks the key of one epoch.
pub(super) const ASKS: usize = 3;

impl Space {
    /// Whether this device holds the key of the epoch in force.
    #[must_use]
    pub fn holds_key(&self) -> bool {
        let book = self.book.as_ref();
        self.state.device.is_some()
            && book.is_some_and(|book| book.key_at(book.membership().height()).is_some())
    }

    /// Whether this device is a member here and does not hold the key of the epoch in force. What
    /// signs with borrowed keys is not meant.
    #[must_use]
    pub fn lacks_key(&self) -> bool {
        let is_member = self.own().is_some() && !self.is_enrolling() && !self.state.left;
        is_member && !self.holds_key()
    }

    /// Whether this device has said that it lacks the key of the epoch in force.
    pub(super) fn has_refused_key(&self) -> bool {
        let start = self.epoch_start();
        start.is_some() && self.state.refused == start
    }

    /// Says to the others that this device lacks the key of the epoch in force, where it does and has
    /// not said so. What waits under an older key goes behind that.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn refuse_key(
        &mut self,
        store: &mut dyn Store,
        entropy: &mut dyn Entropy,
    ) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        // Whoever replaces the key hands it to everybody.
        if self.is_rotation_due()
            || self.is_closed()
            || !self.lacks_key()
            || self.has_refused_key()
            || self.state.cursor.seq == 0
        {
            return Ok(false);
        }
        let Some(epoch) = self.epoch_start() else {
            return Ok(false);
        };
        let mut transaction = Transaction::new();
        let before = self.state.clone();
        let made = self.move_back(store, &mut transaction, entropy);
        let made = made.and_then(|counter| {
            let entry = self.ack(Ack::KeyRefused(epoch), counter, entropy)?;
            self.note_asked(epoch, entry.header().device);
            outbox::put_batch(&mut transaction, self.number, counter, entry);
            self.state.refused = Some(epoch);
            self.state.counter = self.state.counter.max(counter + 1);
            self.save(&mut transaction);
            Ok(store.commit(transaction.into())?)
        });
        if made.is_err() {
            self.state = before;
        }
        made.map(|()| true)
    }

    /// The entry by which this device says something under its name as it is.
    pub(super) fn ack(
        &self,
        ack: Ack,
        counter: u32,
        entropy: &mut dyn Entropy,
    ) -> Result<Entry, SpaceError> {
        let refused = SpaceError::NotAllowed("it is not a member");
        let (book, own) = self.book.as_ref().zip(self.own()).ok_or(refused)?;
        let membership = book.membership();
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let header = Header {
            kind: Kind::Ack,
            device: own.device,
            counter,
            height: membership.height(),
            seen: self.state.cursor.position(),
            salt,
        };
        let (space, at) = (self.state.id, membership.head());
        Ok(Entry::assemble(header, &ack.to_body(), &space, &at, |t| {
            self.signing.sign(t)
        }))
    }

    /// Has this device say once more that it lacks the key, where the answer is left out each time: a relay
    /// may have lost it for good. Says whether it is said.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn refuse_key_again(&mut self, store: &mut dyn Store) -> Result<bool, SpaceError> {
        self.refresh(store)?;
        let own = self.own().map(|member| member.device);
        let is_heard = own.is_some_and(|own| self.times_heard(own) >= ASKS);
        if is_heard || !self.lacks_key() || !self.has_refused_key() {
            return Ok(false);
        }
        let mut transaction = Transaction::new();
        let before = self.state.refused.take();
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state.refused = before;
            return Err(error.into());
        }
        Ok(true)
    }

    /// Notes that a member has said that it lacks the key of the epoch that an entry started. Says whether it
    /// is heard.
    fn note_asked(&mut self, start: Height, device: DeviceNumber) -> bool {
        if self.state.asking.start != start {
            self.state.asking = Asking {
                start,
                ..Asking::default()
            };
        }
        let is_heard = self.times_heard(device) < ASKS;
        if is_heard {
            self.state.asking.heard.push(device);
        }
        is_heard
    }

    /// How often a member has said in the epoch in force that it lacks its key.
    fn times_heard(&self, device: DeviceNumber) -> usize {
        let asking = &self.state.asking;
        let is_now = Some(asking.start) == self.epoch_start();
        let heard = asking.heard.iter().filter(|heard| **heard == device);
        heard.filter(|_| is_now).count()
    }

    /// Hears a member's ack at its place in the log: a few of it in an epoch, so that one who says it again
    /// and again costs the others nothing.
    pub(super) fn hear(&mut self, entry: &Entry) {
        let header = entry.header();
        let Some(membership) = self.book.as_ref().map(Book::membership) else {
            return;
        };
        let start = membership.epoch_start();
        let counts = membership.admit_signed(header).is_ok();
        if !counts || Ack::parse(entry.body()) != Some(Ack::KeyRefused(start)) {
            return;
        }
        if self.note_asked(start, header.device) {
            self.state.asking.open.push(header.device);
        }
    }

    /// Notes that somebody has sealed the key to a member.
    pub(super) fn has_answered(&mut self, device: DeviceNumber) {
        self.state.asking.open.retain(|open| *open != device);
    }

    /// Wishes, at the end of a page, to hand the key to whoever lacks it and has no answer, where this
    /// device can.
    pub(super) fn answer(&mut self, page: &mut Page) {
        let Some((start, own)) = self.epoch_start().zip(self.own()) else {
            return;
        };
        let may = own.rights.include(Rights::WRITE) && !self.is_enrolling();
        if !may || !self.holds_key() || self.state.asking.start != start {
            return;
        }
        let own = own.device;
        for device in std::mem::take(&mut self.state.asking.open) {
            if device != own {
                let wish = Wish::Seal(device);
                let place = keys::wish(self.number, &wish);
                let value = codec::encode(&wish);
                page.transaction.put(Table::Intent, place, value);
                page.received.asked = true;
            }
        }
    }

    pub(super) fn is_rotation_due(&self) -> bool {
        let book = self.book.as_ref();
        book.is_some_and(|book| book.membership().is_rotation_due())
    }

    fn epoch_start(&self) -> Option<Height> {
        let book = self.book.as_ref();
        book.map(|book| book.membership().epoch_start())
    }

    /// What is on its way and can be sent now. What is sealed under the key of an epoch that is over
    /// waits until this device has the newest one.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn to_send(&self, store: &dyn Store) -> Result<Vec<Sealed>, SpaceError> {
        let mut next = self.outbox(store)?;
        let start = self.epoch_start();
        if let Some(start) = start.filter(|_| !self.holds_key()) {
            let is_over = |header: &Header| header.kind == Kind::Batch && header.height < start;
            let waits = next.iter().position(|s| is_over(s.entry.header()));
            next.truncate(waits.unwrap_or(next.len()));
        }
        Ok(next)
    }

    /// Whether an ack or a part of a checkpoint of this device can never count any more: its epoch is
    /// over or about to be, or the log has something else in its place.
    pub(super) fn is_spent(&self, header: &Header, next: u32) -> bool {
        let is_meant = matches!(header.kind, Kind::Ack | Kind::Checkpoint | Kind::Snapshot);
        let over = |book: &Book| {
            let membership = book.membership();
            membership.is_rotation_due() || header.height < membership.epoch_start()
        };
        is_meant && (header.counter < next || self.book.as_ref().is_some_and(over))
    }

    /// Whether this device is to start an epoch in place of one whose key nobody can hand out: it got
    /// another key than the entry commits to, which is a lie of whoever signed it, and so say all
    /// others who write.
    pub(super) fn starts_over(&self, store: &dyn Store) -> Result<bool, SpaceError> {
        let Some((book, own)) = self.book.as_ref().zip(self.own()) else {
            return Ok(false);
        };
        let membership = book.membership();
        let start = membership.epoch_start();
        let lied = self.state.doubtful.as_ref().filter(|d| d.start == start);
        let Some(by) = lied.map(|doubtful| doubtful.by) else {
            return Ok(false);
        };
        let writes = |rights: Rights| rights.include(Rights::WRITE);
        let asking = &self.state.asking;
        let lacks = |device| asking.start == start && asking.heard.contains(device);
        // Keys that no device holds cannot say anything.
        let is_device = |device| {
            book.roster(device)
                .is_none_or(|told| told.used_as.is_none())
        };
        let mut others = membership.members().filter(|member| {
            let is_meant = member.device != own.device && member.device != by;
            is_meant && writes(member.rights) && is_device(member.device)
        });
        if !writes(own.rights)
            || !self.lacks_key()
            || !self.has_refused_key()
            || !others.all(|member| lacks(&member.device))
        {
            return Ok(false);
        }
        let is_ack = |sealed: &Sealed| sealed.entry.header().kind == Kind::Ack;
        Ok(!self.outbox(store)?.iter().any(is_ack))
    }

    /// Whether a page may be kept that leaves this device without the key of the epoch in force: it
    /// will ask the others. Where it has asked, and the relay leaves out what one of them answered,
    /// the relay is asked again instead. A page in which this device becomes itself is kept in any case:
    /// asked for again as another one, it would be the same.
    pub(super) fn goes_on_without_key(&self, page: &Page) -> Result<(), SpaceError> {
        let is_answer = page.key_missing && self.has_refused_key();
        let may_ask = self.lacks_key() && !self.is_closed() && !self.is_rotation_due();
        // Whoever entered with borrowed keys and was removed before it read that needs none any more.
        let needs_none = self.holds_key() || self.has_ended();
        let may_go_on = (may_ask && !is_answer) || page.read_as_another;
        if needs_none || !page.key_refused || may_go_on {
            Ok(())
        } else {
            Err(BookError::KeyRefused.into())
        }
    }
}
