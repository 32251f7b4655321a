//! Giving a relay back what it lost. Its log is what was appended, in one order; whoever has read it
//! has it whole, and entries that are appended again in the old order grow the very same chain, so
//! that every reader's place in it is good again, and several who do it do not disturb each other.

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{AttachmentHash, EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::{MembershipBody, Op, Rights};
use waymark_wire::receipt::Receipt;

use super::{Gap, Space, SpaceError, damaged, keys};
use crate::membership::Wish;
use crate::store::{Store, Table, Transaction};

/// Stored entries that are read together.
const ROWS: usize = 256;

/// Entries to append again, with what they name by hash as far as this device has it.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// The entries, in their old order.
    pub entries: Vec<Entry>,
    /// Agreement keys. Sealed epoch keys are with those to whom they were sealed.
    pub attachments: Vec<Vec<u8>>,
    /// Bytes of all of it.
    bytes: usize,
}

impl Returned {
    /// Takes one more, if one append still holds it.
    pub(super) fn take(&mut self, entry: Entry, attachments: Vec<Vec<u8>>) -> bool {
        let attached: usize = attachments.iter().map(Vec::len).sum();
        let bytes = self.bytes + entry.bytes().len() + attached;
        let is_full = self.entries.len() >= limits::APPEND_ENTRIES
            || self.attachments.len() + attachments.len() > limits::ATTACHMENTS
            || bytes > limits::APPEND_BODY / 2;
        if is_full && !self.entries.is_empty() {
            return false;
        }
        self.entries.push(entry);
        self.attachments.extend(attachments);
        self.bytes = bytes;
        true
    }
}

impl Space {
    /// Whether this device gives back what a relay lost of this space. Whoever has seen that a space
    /// is closed never does: what is missing there may be missing for a reason.
    #[must_use]
    pub fn heals(&self) -> bool {
        self.book.is_some()
            && self.state.cursor.seq > 0
            && !self.reads_again()
            && !self.is_on_trial()
            && !self.is_closed()
            && !self.has_ended()
    }

    /// Places before the one that this device has reached, newest first: close to it many, far from
    /// it few, so that a relay that lost much and one that lost little both find one near. Where it
    /// is known between which two the relay's log ends, `within`, that one and places behind it.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn earlier(
        &self,
        store: &dyn Store,
        within: Option<Gap>,
    ) -> Result<Vec<Position>, SpaceError> {
        let seq = self.state.cursor.seq;
        let mut wanted: Vec<u64> = Vec::new();
        if let Some(gap) = within {
            wanted.extend(gap.split());
        } else {
            // A relay that has dropped what a checkpoint covers agrees on nothing before its place.
            let covered = self.places_covered().into_iter();
            wanted.extend(covered.filter(|at| *at < seq));
            for place in spread(seq) {
                if wanted.len() < limits::EARLIER && !wanted.contains(&place) {
                    wanted.push(place);
                }
            }
        }
        let base = self.state.base.iter().map(|base| base.cursor.position());
        let mut places: Vec<Position> = base.filter(|at| wanted.contains(&at.seq)).collect();
        self.walk(store, |_, cursor| {
            if wanted.contains(&cursor.seq) {
                places.push(cursor.position());
            }
        })?;
        places.reverse();
        Ok(places)
    }

    /// Whether this device has every entry behind the place after the entry `seq`.
    #[must_use]
    pub fn has_all_after(&self, seq: u64) -> bool {
        seq >= self.base_seq()
    }

    /// Why this device cannot give a relay back what stood after the entry `seq`, and so not go on from
    /// there: it has let go of some of it.
    #[must_use]
    pub fn cannot_give_back(&self, seq: u64) -> Option<SpaceError> {
        if self.has_all_after(seq) {
            return None;
        }
        let gone = "what stood there is not kept here any more";
        Some(match self.state.forgot {
            Some(seq) => SpaceError::Forgotten { seq },
            None => SpaceError::NotAllowed(gone),
        })
    }

    /// The place up to which entries may be missing here: 0 where none is.
    pub(super) fn base_seq(&self) -> u64 {
        self.state.base.as_ref().map_or(0, |base| base.cursor.seq)
    }

    /// The entries after `seq` as they stood in the log, as many as one append holds.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn returned_after(&self, store: &dyn Store, seq: u64) -> Result<Returned, SpaceError> {
        let place = keys::entry(self.number, seq);
        let prefix = keys::space(self.number);
        let rows = store.scan(Table::Entry, &prefix, Some(&place), limits::APPEND_ENTRIES)?;
        let mut returned = Returned::default();
        for (_, bytes) in rows {
            let entry = Entry::parse(bytes).map_err(|_| broken())?;
            let attachments = self.agreement_keys_of(store, &entry)?;
            if !returned.take(entry, attachments) {
                break;
            }
        }
        Ok(returned)
    }

    /// Whether the whole log may be given to a relay that knows nothing of it: at most once in `every`
    /// milliseconds. If so, that is noted.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn may_return(
        &mut self,
        store: &mut dyn Store,
        now: i64,
        every: i64,
    ) -> Result<bool, SpaceError> {
        let before = self.state.returned;
        // A clock that jumped back is no reason to wait for ever.
        if before.is_some_and(|at| (0..every).contains(&now.saturating_sub(at))) {
            return Ok(false);
        }
        self.state.returned = Some(now);
        let mut transaction = Transaction::new();
        self.save(&mut transaction);
        if let Err(error) = store.commit_soon(transaction.into()) {
            self.state.returned = before;
            return Err(error.into());
        }
        Ok(true)
    }

    /// Wants a new key where membership entries were given back: the sealed keys that they name are
    /// gone for all who have not opened them yet. One who does it is enough.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails.
    pub fn renew_after(&self, store: &mut dyn Store, given: &Returned) -> Result<(), SpaceError> {
        let is_meant = |entry: &Entry| entry.header().kind == Kind::Membership;
        let writes = self
            .own()
            .is_some_and(|own| own.rights.include(Rights::WRITE));
        let book = self
            .book
            .as_ref()
            .filter(|_| writes && !self.is_enrolling());
        let (Some(book), true) = (book, given.entries.iter().any(is_meant)) else {
            return Ok(());
        };
        let wish = Wish::Renew(book.membership().epoch_start());
        let mut transaction = Transaction::new();
        transaction.put(
            Table::Intent,
            keys::wish(self.number, &wish),
            codec::encode(&wish),
        );
        Ok(store.commit(transaction.into())?)
    }

    /// Whether a receipt is of another history of the relay than the last one that this device took:
    /// the relay says that it was restored from a backup.
    #[must_use]
    pub fn is_of_other_history(&self, receipt: &Receipt) -> bool {
        let known = self.state.generation;
        known.is_some_and(|known| known != receipt.generation)
    }

    /// Calls `f` with every stored entry from where on all of them are kept, and the place after it.
    pub(super) fn walk(
        &self,
        store: &dyn Store,
        mut f: impl FnMut((Entry, EntryId), &Cursor),
    ) -> Result<(), SpaceError> {
        let base = self.state.base.as_ref().map(|base| base.cursor);
        let from = base.unwrap_or_else(|| Cursor::start(&self.state.id));
        self.walk_from(store, from, |entry, cursor| {
            f(entry, cursor);
            Ok(())
        })
    }

    /// The same from a place on that lies no further back.
    pub(super) fn walk_from(
        &self,
        store: &dyn Store,
        mut cursor: Cursor,
        mut f: impl FnMut((Entry, EntryId), &Cursor) -> Result<(), SpaceError>,
    ) -> Result<(), SpaceError> {
        let prefix = keys::space(self.number);
        let mut after = Some(keys::entry(self.number, cursor.seq));
        loop {
            let rows = store.scan(Table::Entry, &prefix, after.as_deref(), ROWS)?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after = Some(last.clone());
            for (place, bytes) in rows {
                if place != keys::entry(self.number, cursor.seq + 1) {
                    return Err(broken());
                }
                let entry = Entry::parse(bytes).map_err(|_| broken())?;
                let id = self.id_of(&entry, cursor.seq + 1);
                cursor = cursor.after(&id);
                f((entry, id), &cursor)?;
            }
        }
    }

    /// The id of the entry at a place of the log: the first one has its own before there is a space.
    pub(super) fn id_of(&self, entry: &Entry, seq: u64) -> EntryId {
        entry.id(if seq == 1 {
            &SpaceId::ZERO
        } else {
            &self.state.id
        })
    }

    /// The agreement keys that a membership entry names and this device keeps.
    pub(super) fn agreement_keys_of(
        &self,
        store: &dyn Store,
        entry: &Entry,
    ) -> Result<Vec<Vec<u8>>, SpaceError> {
        let mut kept = Vec::new();
        for hash in named_by(entry) {
            let place = keys::attachment(self.number, &hash);
            kept.extend(store.get(Table::Attachment, &place)?);
        }
        Ok(kept)
    }
}

/// The agreement keys that an entry names; none where it is no membership entry.
fn named_by(entry: &Entry) -> Vec<AttachmentHash> {
    if entry.header().kind != Kind::Membership {
        return Vec::new();
    }
    let Ok(body) = MembershipBody::parse(entry.body()) else {
        return Vec::new();
    };
    let named = body.core.ops.iter().filter_map(|op| match op {
        Op::Add(add) => Some(add.agreement_key),
        Op::Rotate(new) => new.map(|new| new.agreement_key),
        _ => None,
    });
    named.collect()
}

/// Numbers below `seq`, about as many as a pull names, each as much farther from it as the one before.
fn spread(seq: u64) -> Vec<u64> {
    let mut wanted = Vec::with_capacity(limits::EARLIER);
    for step in 1..=limits::EARLIER {
        // Powers of two, spread over the length of the log.
        let bits = u64::from(u64::BITS - seq.leading_zeros());
        let shift = bits * (step as u64 - 1) / limits::EARLIER as u64;
        let back = 1u64.checked_shl(u32::try_from(shift).unwrap_or(u32::MAX));
        if let Some(place) = back
            .and_then(|back| seq.checked_sub(back))
            .filter(|p| *p > 0)
            && wanted.last() != Some(&place)
        {
            wanted.push(place);
        }
    }
    wanted
}

fn broken() -> SpaceError {
    damaged(Table::Entry, "the log on this device has a hole")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relay that lost little would otherwise be given everything, one that lost much likewise.
    #[test]
    fn places_lie_close_at_the_end_and_reach_far_back() {
        assert_eq!(spread(0), Vec::<u64>::new());
        assert_eq!(spread(1), Vec::<u64>::new());
        assert_eq!(spread(2), [1]);
        let far = spread(100_000);
        assert_eq!(far.len(), limits::EARLIER);
        assert_eq!((far[0], far[7]), (99_999, 100_000 - (1 << 14)));
        for seq in 0..5_000 {
            let places = spread(seq);
            assert!(places.len() <= limits::EARLIER && places.iter().all(|p| *p < seq));
            assert!(places.is_sorted_by(|a, b| a > b));
        }
    }
}
