//! Opening verified batches and handing them to the gate. What the gate refuses is held back with
//! its signer and reason; what waits for other changes is offered again when they have come.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{DeviceNumber, Height};
use waymark_wire::padding;

use super::held::BEHIND_DISCARDED;
use super::receive::Page;
use super::{Space, SpaceError, actor, damaged, keys};
use crate::crypto::open;
use crate::gate::{
    Accepted, ActorId, DocumentName, GateError, RecordId, Section, TextId, decode_batch,
};
use crate::membership::{Book, SpaceKind};
use crate::store::{Store, Table};

/// Sections that wait for other changes, at most.
const WAITING: usize = 256;
/// Bytes of the sections that wait for other changes, at most.
const WAITING_BYTES: usize = 1024 * 1024;

/// What somebody else changed in one document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The document.
    pub document: DocumentName,
    /// Records that came.
    pub records: Vec<RecordId>,
    /// Texts that were edited.
    pub texts: Vec<TextId>,
}

/// What became of a section.
pub(super) enum Offer {
    /// It is part of its document now.
    Applied,
    /// It was before.
    Known,
    /// It waits for other changes.
    Waits,
    /// The gate refuses it.
    Refused(GateError),
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct WaitingRow {
    #[n(0)]
    author: Bytes,
    #[n(1)]
    section: Bytes,
}

/// At which height the key is in force under which an entry is sealed: a membership entry's private part
/// is for those who are members with it.
pub(super) fn sealed_at(header: &Header) -> Height {
    let follows = u32::from(header.kind == Kind::Membership && header.seen.seq > 0);
    Height(header.height.0.saturating_add(follows))
}

impl Space {
    /// Opens what has been verified and not opened yet, as far as the keys reach. Says whether that is
    /// all: before an entry by which something is forgotten, and behind it, what was done so far is to
    /// be stored.
    pub(super) fn open_pending(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<bool, SpaceError> {
        while let Some((seq, entry)) = self.next_to_open(store, page)? {
            let is_cut = self.state.cuts.iter().any(|cut| cut.seq == seq);
            if is_cut && page.stored_before.replace(seq) != Some(seq) {
                page.entries.insert(seq, entry);
                self.documents.flush()?;
                return Ok(false);
            }
            self.open_entry(store, page, seq, &entry)?;
            if is_cut {
                return Ok(false);
            }
        }
        self.documents.flush()?;
        Ok(true)
    }

    /// Whether everything that is verified of the log is opened: otherwise documents may be about to
    /// change under what was written, by what is forgotten, or by what a copy of this device has sent.
    pub(super) const fn has_opened_all(&self) -> bool {
        self.state.opened >= self.state.cursor.seq
    }

    /// The next entry that is verified and not opened yet, as far as the keys reach.
    pub(super) fn next_to_open(
        &self,
        store: &dyn Store,
        page: &mut Page,
    ) -> Result<Option<(u64, Entry)>, SpaceError> {
        if self.opens_later() {
            return Ok(None);
        }
        let holds_key = self.holds_key();
        // Whoever comes new begins with the newest key. Whoever only lacks that reads on up to it.
        if (!holds_key && self.state.opened == 0) || self.has_opened_all() {
            return Ok(None);
        }
        let seq = self.state.opened + 1;
        let entry = match page.entries.remove(&seq) {
            Some(entry) => entry,
            None => self.stored_entry(store, seq)?,
        };
        if !holds_key && !self.has_key_of(entry.header()) {
            page.entries.insert(seq, entry);
            return Ok(None);
        }
        Ok(Some((seq, entry)))
    }

    /// Opens one entry, the next one.
    pub(super) fn open_entry(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: &Entry,
    ) -> Result<(), SpaceError> {
        let header = *entry.header();
        match header.kind {
            // Nobody who comes later can open it, and nobody has to.
            _ if self.is_cut_off(&header) => {}
            Kind::Membership => self.open_roster(store, page, seq, entry)?,
            // Only whoever knows the phrase reads what a beacon says.
            Kind::Batch if self.state.kind == SpaceKind::Beacon => {}
            Kind::Batch if self.is_refused(store, page, seq)? => {}
            Kind::Batch if !self.is_own(header.device) || self.again.is_some() => {
                self.open_batch(store, page, seq, entry)?;
            }
            Kind::Carry if self.is_refused(store, page, seq)? => {}
            // Also what this device carries, which it may have taken out of its documents before.
            Kind::Carry => self.open_carry(store, page, seq, entry)?,
            Kind::Batch => self.note_own_behind(entry),
            _ => {}
        }
        self.state.opened = seq;
        Ok(())
    }

    /// Whether this device holds the key of an entry.
    fn has_key_of(&self, header: &Header) -> bool {
        let book = self.book.as_ref();
        book.is_some_and(|book| book.key_at(sealed_at(header)).is_some())
    }

    /// Whether an entry stands before one by which something was forgotten, and this device has no key
    /// that opens it.
    fn is_cut_off(&self, header: &Header) -> bool {
        let height = sealed_at(header);
        let membership = self.book.as_ref().map(Book::membership);
        membership.is_some_and(|known| known.is_before_cut(height)) && !self.has_key_of(header)
    }

    pub(super) fn stored_entry(&self, store: &dyn Store, seq: u64) -> Result<Entry, SpaceError> {
        store
            .get(Table::Entry, &keys::entry(self.number, seq))?
            .and_then(|bytes| Entry::parse(bytes).ok())
            .ok_or_else(|| damaged(Table::Entry, "an entry of the log is missing"))
    }

    fn open_roster(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: &Entry,
    ) -> Result<(), SpaceError> {
        let height = if seq == 1 {
            Height(0)
        } else {
            Height(entry.header().height.0 + 1)
        };
        let Some(book) = self.book.as_mut() else {
            return Ok(());
        };
        let read = book.read_roster(entry, height);
        let forgets = book.membership().cuts().contains(&height);
        if let Err(error) = read {
            self.hold_entry(page, seq, entry, error.reason());
        } else if book.kind() != Some(self.state.kind) {
            return Err(SpaceError::Relay(
                "its log is of another kind of space than welcomed to",
            ));
        } else if forgets {
            self.pass_cut(store, page, (seq, entry), height)?;
        }
        Ok(())
    }

    fn open_batch(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        seq: u64,
        entry: &Entry,
    ) -> Result<(), SpaceError> {
        let sections = match self.sections_of(entry) {
            Ok(sections) => sections,
            Err(reason) => {
                self.hold_entry(page, seq, entry, reason);
                return Ok(());
            }
        };
        self.apply_all(store, page, (seq, entry), &sections)
    }

    /// Offers the sections of an entry, and holds back those that are refused.
    pub(super) fn apply_all(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        (seq, entry): (u64, &Entry),
        sections: &[Section],
    ) -> Result<(), SpaceError> {
        for (index, section) in (0..).zip(sections) {
            if let Err(reason) = self.apply(store, page, section, (seq, index))? {
                let device = entry.header().device;
                self.hold(page, (seq, index), device, reason, Some(section.name()));
            }
        }
        Ok(())
    }

    pub(super) fn sections_of(&self, entry: &Entry) -> Result<Vec<Section>, &'static str> {
        if entry.header().kind == Kind::Carry {
            return self.carried(entry).map(|(_, sections)| sections);
        }
        let header = entry.header();
        let book = self.book.as_ref().ok_or("no_membership")?;
        let key = book.key_at(header.height).ok_or("no_key")?;
        let membership = book.membership();
        let id = membership.id_at(header.height).ok_or("no_membership")?;
        let signer = membership.member_ever(header.device).ok_or("no_member")?;
        let sealed = entry.body();
        let padded = open(key, &self.state.id.0, &id.0, &header.to_bytes(), sealed)
            .map_err(|_| "not_opened")?;
        let text = padding::unpad(&padded).ok_or("not_padded")?;
        let author = actor(&self.state.id, &signer.signing_key);
        decode_batch(author, text).map_err(|error| error.reason())
    }

    /// Offers a section to its document, and after it what waited there. The inner error
    /// says why it is to be held.
    pub(super) fn apply(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        section: &Section,
        place: (u64, u32),
    ) -> Result<Result<(), &'static str>, SpaceError> {
        if self.leave_behind(section.name(), place) {
            return Ok(Ok(()));
        }
        match self.offer(store, page, section)? {
            Offer::Applied => self.retry_waiting(store, page, section.name())?,
            Offer::Known => {}
            Offer::Waits => return Ok(self.keep_waiting(page, section, place)),
            Offer::Refused(error) => return Ok(Err(error.reason())),
        }
        Ok(Ok(()))
    }

    pub(super) fn offer(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        section: &Section,
    ) -> Result<Offer, SpaceError> {
        let own = self.actor();
        let name = section.name();
        let members = self.actors();
        let confirmed = self.compare(store, page, section)?;
        let is_member = |actor: &ActorId| members.contains(actor);
        let document = self.documents.open(store, name, own)?;
        let accepted = if page.one_by_one {
            document.accept(&is_member, section)
        } else {
            document.accept_later(&is_member, section)
        };
        let offered = match accepted {
            Ok(Accepted::Applied {
                changes,
                records,
                texts,
            }) => {
                self.documents
                    .write_remote(&mut page.transaction, name, &changes);
                if let Some(from) = confirmed {
                    self.confirm(page, (name, section.author()), from);
                }
                page.received.changes.push(Change {
                    document: name,
                    records,
                    texts,
                });
                return Ok(Offer::Applied);
            }
            Ok(Accepted::Known) => {
                if let Some(from) = confirmed {
                    self.confirm(page, (name, section.author()), from);
                }
                Offer::Known
            }
            Ok(Accepted::Waiting { .. }) => Offer::Waits,
            // By itself, it takes nothing along: its document is read again from the store.
            Err(error @ GateError::Engine(_)) if page.one_by_one => {
                page.broken.push(name);
                return Ok(Offer::Refused(error));
            }
            Err(GateError::Poisoned) if page.broken.contains(&name) => return Ok(Offer::Waits),
            Err(error @ (GateError::Engine(_) | GateError::Poisoned)) => return Err(error.into()),
            Err(error) => Offer::Refused(error),
        };
        self.documents.forget_empty(name);
        Ok(offered)
    }

    /// Keeps a section until what it waits for has come. In an honest log everything stands before
    /// what depends on it, so only what follows something held back waits, and little is enough.
    fn keep_waiting(
        &mut self,
        page: &mut Page,
        section: &Section,
        place: (u64, u32),
    ) -> Result<(), &'static str> {
        let author = self.member_of(&section.author());
        let gone = |device| self.discarded.contains(&(device, section.name()));
        if author.is_some_and(gone) {
            return Err(BEHIND_DISCARDED);
        }
        let waiting = self.waiting.iter().map(|(_, section)| section.raw().len());
        let bytes = waiting.sum::<usize>() + section.raw().len();
        if self.waiting.len() >= WAITING || bytes > WAITING_BYTES {
            return Err(GateError::TooLarge("what waits for other changes").reason());
        }
        let row = WaitingRow {
            author: Bytes(section.author().0.to_vec()),
            section: Bytes(section.raw().to_vec()),
        };
        let key = keys::held(self.number, place.0, place.1);
        page.transaction
            .put(Table::Waiting, key, codec::encode(&row));
        self.waiting.push((place, section.clone()));
        Ok(())
    }

    /// Offers what waits in a document again, until nothing more of it goes in.
    pub(super) fn retry_waiting(
        &mut self,
        store: &dyn Store,
        page: &mut Page,
        name: DocumentName,
    ) -> Result<(), SpaceError> {
        let mut is_new = true;
        while std::mem::take(&mut is_new) && !self.waiting.is_empty() {
            let (retry, rest) = std::mem::take(&mut self.waiting)
                .into_iter()
                .partition::<Vec<_>, _>(|(_, section)| section.name() == name);
            self.waiting = rest;
            for (place, section) in retry {
                match self.offer(store, page, &section)? {
                    Offer::Applied => is_new = true,
                    Offer::Known => {}
                    Offer::Waits => {
                        self.waiting.push((place, section));
                        continue;
                    }
                    Offer::Refused(error) => {
                        let device = self
                            .member_of(&section.author())
                            .unwrap_or(DeviceNumber(u16::MAX));
                        let name = Some(section.name());
                        self.hold(page, place, device, error.reason(), name);
                    }
                }
                page.transaction
                    .delete(Table::Waiting, keys::held(self.number, place.0, place.1));
            }
        }
        Ok(())
    }

    /// The sections that wait for other changes, from the store.
    pub(super) fn load_waiting(&mut self, store: &dyn Store) -> Result<(), SpaceError> {
        let broken = || damaged(Table::Waiting, "a waiting section cannot be read");
        for (key, value) in
            store.scan(Table::Waiting, &keys::space(self.number), None, usize::MAX)?
        {
            let row: WaitingRow = codec::decode(&value, usize::MAX).map_err(|_| broken())?;
            let author = ActorId(row.author.0.try_into().map_err(|_| broken())?);
            let section = Section::parse(author, &row.section.0).map_err(|_| broken())?;
            self.waiting.push((keys::place_of(&key)?, section));
        }
        Ok(())
    }

    /// How many sections wait for other changes.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The actors of everybody who is or was a member.
    pub(super) fn actors(&self) -> Vec<ActorId> {
        self.book
            .iter()
            .flat_map(|book| book.membership().everybody())
            .map(|member| actor(&self.state.id, &member.signing_key))
            .collect()
    }
}
