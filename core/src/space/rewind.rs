//! Where a relay's log goes on otherwise than this device has read it: back to the last place on
//! which both agree. Nothing of what the documents hold is taken back; what stood behind that place is
//! kept as lost, and appended again once the other branch has been read.

use waymark_wire::chain::Cursor;
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height};
use waymark_wire::membership::{MembershipBody, Op};

use super::lost::{LostRow, own_wishes};
use super::open::sealed_at;
use super::state::Asking;
use super::{Space, SpaceError, keys};
use crate::membership::{Book, KeySet, NewMember, Wish};
use crate::store::{Store, Table, Transaction};

/// The log up to a place.
struct Kept {
    cursor: Cursor,
    counters: Vec<u32>,
    /// Membership entries up to there.
    heights: u32,
}

impl Space {
    /// Goes back to the place after the entry `seq`, all in one transaction.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged; nothing has changed then.
    pub fn rewind(&mut self, store: &mut dyn Store, seq: u64) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let before = self.state.clone();
        let gone_back = self.try_rewind(store, seq);
        match gone_back {
            Ok(()) => *self = Self::load(store, self.number)?,
            Err(_) => self.state = before,
        }
        gone_back
    }

    /// The place of the log before the entry that made this device a member, where it was welcomed
    /// under another number since: up to there at most the log that it has read and the one in which
    /// it has that number are one. `None` where there is no such welcome, or that place is not kept
    /// here.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn parted_before(&self, store: &dyn Store) -> Result<Option<u64>, SpaceError> {
        let named = self.state.named;
        let own = self.own();
        let own = own.filter(|own| own.since.0 > 0 && named.is_some_and(|n| n != own.device));
        let Some(own) = own else {
            return Ok(None);
        };
        let mut height = self.state.base.as_ref().map_or(0, |base| base.heights);
        let mut before = None;
        self.walk(store, |(entry, _), cursor| {
            if entry.header().kind == Kind::Membership {
                if height == own.since.0 {
                    before = cursor.seq.checked_sub(1);
                }
                height += 1;
            }
        })?;
        Ok(before)
    }

    /// Has this device, which is no member as far as it has read, ask as the other one of the two that
    /// it was welcomed as: a welcome may be older than what it had read.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn ask_as_other(&mut self, store: &mut dyn Store) -> Result<(), SpaceError> {
        if self.state.device.is_some() || self.state.named.is_none() {
            return Ok(());
        }
        let before = self.state.clone();
        std::mem::swap(&mut self.state.named, &mut self.state.welcomed_as);
        let mut transaction = Transaction::new();
        self.save(&mut transaction);
        if let Err(error) = store.commit(transaction.into()) {
            self.state = before;
            return Err(error.into());
        }
        Ok(())
    }

    fn try_rewind(&mut self, store: &mut dyn Store, seq: u64) -> Result<(), SpaceError> {
        if let Some(forgot) = self.state.forgot.filter(|forgot| seq < *forgot) {
            return Err(SpaceError::Forgotten { seq: forgot });
        }
        if let Some(error) = self.cannot_give_back(seq) {
            return Err(error);
        }
        let mut kept = match self.state.base.clone() {
            Some(base) => Kept {
                cursor: base.cursor,
                counters: base.counters,
                heights: base.heights,
            },
            None => Kept {
                cursor: Cursor::start(&self.state.id),
                counters: Vec::new(),
                heights: 0,
            },
        };
        let mut lost = Vec::new();
        self.walk(store, |(entry, id), cursor| {
            if cursor.seq > seq {
                lost.push((entry, id));
                return;
            }
            kept.cursor = *cursor;
            let header = entry.header();
            kept.heights += u32::from(header.kind == Kind::Membership);
            let index = usize::from(header.device.0);
            if kept.counters.len() <= index {
                kept.counters.resize(index + 1, 0);
            }
            kept.counters[index] = header.counter + 1;
        })?;
        let mut transaction = Transaction::new();
        let mut place = seq;
        let first = self.next_lost();
        for (index, (entry, _)) in (first..).zip(&lost) {
            place += 1;
            transaction.delete(Table::Entry, keys::entry(self.number, place));
            self.put_lost(store, &mut transaction, (index, entry), kept.heights)?;
        }
        let first = first.saturating_add(u32::try_from(lost.len()).unwrap_or(u32::MAX));
        self.take_back_sealed(store, &mut transaction, (first, kept.heights))?;
        self.name_by_key(store, &mut transaction, kept.heights)?;
        self.drop_heights(store, &mut transaction, kept.heights)?;
        self.drop_held(store, &mut transaction, seq)?;
        self.forget_checkpoints_after(store, &mut transaction, seq)?;
        self.forget_behind(seq);
        let ids = lost.iter().map(|(_, id)| *id).collect();
        self.leave_branch(&mut transaction, &kept.cursor, ids);
        self.go_back(&kept);
        self.save(&mut transaction);
        store.commit(transaction.into())?;
        tracing::warn!(
            space = self.number,
            seq,
            lost = lost.len(),
            "the log goes on otherwise"
        );
        Ok(())
    }

    /// The state as of the place up to which the log is kept.
    fn go_back(&mut self, kept: &Kept) {
        let is_kept = |height: Height| height.0 < kept.heights;
        let state = &mut self.state;
        state.cursor = kept.cursor;
        state.opened = state.opened.min(kept.cursor.seq);
        state.counters.clone_from(&kept.counters);
        let membership = self.book.as_ref().map(Book::membership);
        let newest = kept.heights.checked_sub(1).map(Height);
        state.verified = newest.zip(newest.and_then(|at| membership?.id_at(at)));
        let since = |own: DeviceNumber| Some(membership?.member_ever(own)?.since);
        // The founder is one before the log says so.
        let stays = |own: &DeviceNumber| since(*own).is_none_or(|at| at.0 == 0 || is_kept(at));
        // Where its entering is appended as it was, it has its number again.
        let gone = state.device.filter(|own| !stays(own));
        if gone.is_some() {
            let named = state.named.take();
            state.welcomed_as = named.or(gone);
            state.named = named.and(gone);
        }
        state.device = state.device.filter(stays);
        // What the welcome promised was there once, and need not come again in this form.
        let reached = kept.cursor.position();
        state.welcome = state.welcome.filter(|_| state.device.is_some());
        state.welcome = state.welcome.map(|(added, reaches)| {
            let is_kept = reaches.seq <= reached.seq;
            (added, if is_kept { reaches } else { reached })
        });
        state.cuts.retain(|cut| cut.seq <= kept.cursor.seq);
        // What a person decided was about another fork.
        state.follows_fork = false;
        state.epoch_seen = state.epoch_seen.filter(|(start, _)| is_kept(*start));
        // Where the key is still lacking, it is said again.
        state.refused = None;
        if !is_kept(state.asking.start) {
            state.asking = Asking::default();
        }
        state.doubtful = state
            .doubtful
            .take()
            .filter(|doubtful| is_kept(doubtful.start));
    }

    /// A wish as it holds on every branch that has the first `heights` membership entries: numbers that
    /// were given later are given to others there.
    fn on_any_branch(&self, wish: Wish, heights: u32) -> Option<Wish> {
        let known = self.book.as_ref().map(Book::membership);
        let came_later = |device: DeviceNumber| {
            let member = known.and_then(|known| known.member_ever(device));
            member.filter(|member| member.since.0 >= heights)
        };
        match wish {
            Wish::Remove(device) => Some(match came_later(device) {
                Some(member) => Wish::RemoveKey(member.signing_key),
                None => wish,
            }),
            Wish::Seal(device) if came_later(device).is_some() => None,
            wish => Some(wish),
        }
    }

    /// Keeps what is wanted in a form that holds on the other branch too.
    fn name_by_key(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        heights: u32,
    ) -> Result<(), SpaceError> {
        for wish in self.wishes(store)? {
            let becomes = self.on_any_branch(wish.clone(), heights);
            if becomes.as_ref() == Some(&wish) {
                continue;
            }
            transaction.delete(Table::Intent, keys::wish(self.number, &wish));
            if let Some(becomes) = becomes {
                let place = keys::wish(self.number, &becomes);
                transaction.put(Table::Intent, place, codec::encode(&becomes));
            }
        }
        self.rename_lost(store, transaction, &|wish| {
            self.on_any_branch(wish, heights)
        })
    }

    /// An entry as it is kept while it is lost: with the key that opens it, which another branch may
    /// not lead to, and with what this device wanted by it, or of another's, who was to go.
    pub(super) fn lost_row(
        &self,
        store: &dyn Store,
        entry: &Entry,
        heights: u32,
    ) -> Result<LostRow, SpaceError> {
        let header = entry.header();
        let height = sealed_at(header);
        let book = self.book.as_ref();
        let known = |book: &Book| {
            let at = book.membership().id_at(header.height)?;
            let starts = book.membership().epoch_start_at(height) == height;
            let is_needed = header.kind != Kind::Membership || starts;
            let key = book.key_at(height).filter(|_| is_needed);
            Some((at, key.map(|key| key.expose().to_vec())))
        };
        let (at, key) = book.and_then(known).unwrap_or((EntryId::ZERO, None));
        let wishes = match header.kind {
            Kind::Membership if self.is_own(header.device) => self.wishes_of(store, entry)?,
            Kind::Membership => removals(entry),
            _ => Vec::new(),
        };
        let wishes = wishes.into_iter();
        let wishes: Vec<Wish> = wishes
            .filter_map(|wish| self.on_any_branch(wish, heights))
            .collect();
        let signer = book.and_then(|book| book.membership().member_ever(header.device));
        let by = signer.map(|signer| signer.signing_key);
        Ok(LostRow::new((entry, by), at, key, &wishes))
    }

    /// What is on its way may be sealed with a key to which the log does not lead any more: it goes
    /// with what was lost, behind that. Drafts are made anew from what is wanted.
    fn take_back_sealed(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        (first, heights): (u32, u32),
    ) -> Result<(), SpaceError> {
        let mut index = first;
        for sealed in self.all_sealed(store)? {
            let header = sealed.entry.header();
            if header.kind == Kind::Membership && header.seen.seq == 0 {
                continue;
            }
            let place = keys::sealed_entry(self.number, sealed.counter);
            transaction.delete(Table::Outbox, place);
            if matches!(header.kind, Kind::Batch | Kind::Carry) {
                self.put_lost(store, transaction, (index, &sealed.entry), heights)?;
                index += 1;
            } else {
                self.give_up(transaction, &sealed);
            }
        }
        self.state.renewed = None;
        Ok(())
    }

    /// What this device wanted by a membership entry of its own.
    fn wishes_of(&self, store: &dyn Store, entry: &Entry) -> Result<Vec<Wish>, SpaceError> {
        let Ok(body) = MembershipBody::parse(entry.body()) else {
            return Ok(Vec::new());
        };
        let mut wishes = own_wishes(&body.core.ops);
        for op in &body.core.ops {
            let Op::Add(add) = op else { continue };
            let Some(known) = self.book.as_ref().and_then(|book| book.roster(add.device)) else {
                continue;
            };
            let place = keys::attachment(self.number, &add.agreement_key);
            let Some(agreement_key) = store.get(Table::Attachment, &place)? else {
                continue;
            };
            wishes.push(Wish::Add(NewMember {
                person: add.person,
                keys: KeySet {
                    signing_key: add.signing_key,
                    suite: add.suite,
                    agreement_key: codec::Bytes(agreement_key),
                },
                rights: add.rights,
                role: known.role,
                name: known.name.clone(),
                device_name: known.device_name.clone(),
                level: known.level,
                since: known.since,
                used_as: known.used_as,
            }));
        }
        Ok(wishes)
    }

    /// Drops membership entries and epoch keys from a height on.
    pub(super) fn drop_heights(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        heights: u32,
    ) -> Result<(), SpaceError> {
        for table in [Table::Membership, Table::Epoch] {
            let rows = store.scan(table, &keys::space(self.number), None, usize::MAX)?;
            for (key, _) in rows {
                if keys::height_of(&key)?.0 >= heights {
                    transaction.delete(table, key);
                }
            }
        }
        Ok(())
    }

    /// What was held back or waited is looked at again when it comes again.
    pub(super) fn drop_held(
        &self,
        store: &dyn Store,
        transaction: &mut Transaction,
        seq: u64,
    ) -> Result<(), SpaceError> {
        for table in [Table::Quarantine, Table::Waiting] {
            let rows = store.scan(table, &keys::space(self.number), None, usize::MAX)?;
            for (key, _) in rows {
                if keys::place_of(&key)?.0 > seq {
                    transaction.delete(table, key);
                }
            }
        }
        Ok(())
    }
}

/// Who was to go by an entry.
fn removals(entry: &Entry) -> Vec<Wish> {
    let Ok(body) = MembershipBody::parse(entry.body()) else {
        return Vec::new();
    };
    let gone = body.core.ops.iter().filter_map(|op| match op {
        Op::Remove(device) => Some(Wish::Remove(*device)),
        Op::Leave => Some(Wish::Remove(entry.header().device)),
        _ => None,
    });
    gone.collect()
}
