//! The checkpoints that the log shows, and what is said of them there and here.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::checkpoint::CheckpointBody;
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, PersonTag};
use waymark_wire::membership::Rights;

use crate::membership::Book;
use crate::space::receive::Page;
use crate::space::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// The reason of an entry that is no checkpoint though it says so.
pub(super) const NO_CHECKPOINT: &str = "no_checkpoint";
/// The reason of an ack that calls a checkpoint bad which is good by what this device has read.
pub(super) const ACCUSED: &str = "checkpoint_accused";

/// Checkpoints whose places a reader names to a relay that lost entries, at most.
const NAMED: usize = 3;

/// The checkpoints of one space that are in its log.
#[derive(Debug, Default)]
pub(in crate::space) struct Checkpoints {
    /// In the order of the log.
    pub(super) seen: Vec<Seen>,
    /// Those that could not be compared since the start.
    pub(super) tried: BTreeSet<EntryId>,
}

/// One of them.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(super) struct Seen {
    /// Its place.
    #[n(0)]
    pub(super) seq: u64,
    #[n(1)]
    pub(super) id: EntryId,
    /// Who signed it, and whose device that is.
    #[n(2)]
    pub(super) by: DeviceNumber,
    #[n(3)]
    pub(super) publisher: PersonTag,
    /// n.
    #[n(4)]
    pub(super) reaches: u64,
    /// Its publisher is an admin and was the only person at its place.
    #[n(5)]
    pub(super) is_alone: bool,
    /// Where another person than its publisher said first that it is good.
    #[n(6)]
    pub(super) confirmed: Option<u64>,
    /// Who called it bad first, and where.
    #[n(7)]
    pub(super) accused: Option<Accusation>,
    #[n(8)]
    pub(super) verdict: Verdict,
    /// Where the log has what this device says of it.
    #[n(9)]
    pub(super) said: Option<u64>,
    /// When this device first looked at it, and when it had its quorum then, in milliseconds since
    /// the Unix epoch by this device's clock.
    #[n(10)]
    pub(super) since: Option<i64>,
    #[n(11)]
    pub(super) agreed: Option<i64>,
    /// How often comparing it was begun and came to no end.
    #[n(12)]
    pub(super) begun: u32,
}

#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(array)]
pub(super) struct Accusation {
    #[n(0)]
    pub(super) seq: u64,
    #[n(1)]
    pub(super) by: DeviceNumber,
}

/// What the log says of a checkpoint.
pub(in crate::space) struct Told {
    /// Who signed it.
    pub(in crate::space) by: DeviceNumber,
    /// Whose device that is.
    pub(in crate::space) publisher: PersonTag,
    /// Another person has confirmed it, or there was none.
    pub(in crate::space) is_agreed: bool,
    /// Who called it bad first.
    pub(in crate::space) accused_by: Option<DeviceNumber>,
}

/// What this device finds of a checkpoint.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(flat)]
pub(super) enum Verdict {
    #[n(0)]
    Bad(#[n(0)] u8),
    #[n(1)]
    Good,
    /// It has not been compared, or could not be.
    #[n(2)]
    Open,
    #[n(3)]
    Own,
}

impl Seen {
    /// Whether nobody has called it bad.
    pub(super) const fn stands(&self) -> bool {
        self.accused.is_none() && !matches!(self.verdict, Verdict::Bad(_))
    }

    /// Whether it holds what the log says, by what this device has read itself.
    pub(super) const fn is_good(&self) -> bool {
        self.stands() && matches!(self.verdict, Verdict::Good | Verdict::Own)
    }

    pub(in crate::space) const fn has_quorum(&self) -> bool {
        self.stands() && (self.is_alone || self.confirmed.is_some())
    }

    /// Forgets what was said of it behind the entry `seq`.
    fn forget_after(&mut self, seq: u64) {
        self.confirmed = self.confirmed.filter(|at| *at <= seq);
        self.said = self.said.filter(|at| *at <= seq);
        self.accused = self.accused.filter(|accused| accused.seq <= seq);
        if !self.has_quorum() {
            self.agreed = None;
        }
    }

    /// What is wrong with it.
    pub(super) const fn fault(&self) -> Option<CheckpointFault> {
        match self.verdict {
            Verdict::Bad(number) => Some(CheckpointFault::from_number(number)),
            _ => None,
        }
    }

    pub(super) fn save(&self, transaction: &mut Transaction, number: u32) {
        let place = keys::checkpoint(number, self.seq);
        transaction.put(Table::Evidence, place, codec::encode(self));
    }
}

impl Space {
    pub(in crate::space) fn load_checkpoints(
        &mut self,
        store: &dyn Store,
    ) -> Result<(), SpaceError> {
        let broken = |_| damaged(Table::Evidence, "a checkpoint's row cannot be read");
        let prefix = keys::checkpoints(self.number);
        for (_, row) in store.scan(Table::Evidence, &prefix, None, usize::MAX)? {
            let seen = codec::decode(&row, usize::MAX).map_err(broken)?;
            self.checkpoints.seen.push(seen);
        }
        Ok(())
    }

    /// Notes what an entry that the log shows, and that is no change of a document or of the
    /// membership, means for checkpoints.
    pub(in crate::space) fn note_for_checkpoints(
        &mut self,
        page: &mut Page,
        (seq, id): (u64, &EntryId),
        entry: &Entry,
    ) {
        let header = entry.header();
        let place = match header.kind {
            Kind::Snapshot => keys::snapshot(self.number, id),
            Kind::Unknown(_) => keys::unknown(self.number, seq),
            Kind::Checkpoint | Kind::Ack => Vec::new(),
            _ => return,
        };
        let counts = |book: &Book| book.membership().admit_signed(header).is_ok();
        if !self.book.as_ref().is_some_and(counts) {
            return;
        }
        match header.kind {
            Kind::Checkpoint => self.note_checkpoint(page, (seq, id), entry),
            Kind::Ack => self.note_ack(page, seq, entry),
            _ => {
                let row = seq.to_be_bytes();
                page.transaction.put(Table::Evidence, place, row);
            }
        }
    }

    fn note_checkpoint(&mut self, page: &mut Page, (seq, id): (u64, &EntryId), entry: &Entry) {
        let header = entry.header();
        let Ok(body) = CheckpointBody::parse(entry.body()) else {
            return self.hold_entry(page, seq, entry, NO_CHECKPOINT);
        };
        let Some((publisher, is_alone)) = self.publisher(header) else {
            return;
        };
        let verdict = if Some(header.device) == self.state.device && !self.is_enrolling() {
            Verdict::Own
        } else {
            Verdict::Open
        };
        let seen = Seen {
            seq,
            id: *id,
            by: header.device,
            publisher,
            reaches: body.public.seq,
            is_alone,
            confirmed: None,
            accused: None,
            verdict,
            said: None,
            since: None,
            agreed: None,
            begun: 0,
        };
        seen.save(&mut page.transaction, self.number);
        self.checkpoints.seen.push(seen);
        page.received.checkpoints = true;
    }

    /// Whose device signs, and whether that is an admin's and its person the only one.
    fn publisher(&self, header: &Header) -> Option<(PersonTag, bool)> {
        let membership = self.book.as_ref()?.membership();
        let signer = membership.member(header.device)?;
        let mut members = membership.members();
        let is_alone = members.all(|member| member.person == signer.person);
        let is_admin = signer.rights.include(Rights::ADMIN);
        Some((signer.person, is_alone && is_admin))
    }

    /// What the log says of the checkpoint at a place; `None` where there is none that counts.
    pub(in crate::space) fn told_of(&self, seq: u64, id: &EntryId) -> Option<Told> {
        let mut seen = self.checkpoints.seen.iter();
        let seen = seen.find(|seen| seen.seq == seq && seen.id == *id)?;
        Some(Told {
            by: seen.by,
            publisher: seen.publisher,
            is_agreed: seen.is_alone || seen.confirmed.is_some(),
            accused_by: seen.accused.map(|accused| accused.by),
        })
    }

    /// Hears what somebody says of a checkpoint, this device included.
    fn note_ack(&mut self, page: &mut Page, seq: u64, entry: &Entry) {
        let device = entry.header().device;
        let (about, is_ok) = match Ack::parse(entry.body()) {
            Some(Ack::CheckpointOk(about)) => (about, true),
            Some(Ack::CheckpointBad(about, _)) => (about, false),
            _ => return,
        };
        let Some((person, _)) = self.publisher(entry.header()) else {
            return;
        };
        let is_own = Some(device) == self.state.device && !self.is_enrolling();
        let mut seen = self.checkpoints.seen.iter_mut();
        let Some(seen) = seen.find(|seen| seen.id == about) else {
            return;
        };
        if is_own {
            seen.said.get_or_insert(seq);
        }
        if is_ok && person != seen.publisher {
            seen.confirmed.get_or_insert(seq);
        }
        let mut is_false = false;
        if !is_ok {
            is_false = seen.is_good() && !is_own;
            let accusation = Accusation { seq, by: device };
            seen.accused.get_or_insert(accusation);
        }
        seen.save(&mut page.transaction, self.number);
        if is_false {
            self.hold_entry(page, seq, entry, ACCUSED);
        }
    }

    /// Names who called a checkpoint bad that turned out to be good.
    pub(super) fn name_accuser(&self, page: &mut Page, accusation: Accusation) {
        let whole = (accusation.seq, crate::space::held::WHOLE);
        self.hold(page, whole, accusation.by, ACCUSED, None);
    }

    /// Forgets what stood behind the entry `seq`, of checkpoints and of what is said of them.
    pub(super) fn forget_seen_after(&self, transaction: &mut Transaction, seq: u64) {
        for seen in &self.checkpoints.seen {
            if seen.seq > seq {
                let place = keys::checkpoint(self.number, seen.seq);
                transaction.delete(Table::Evidence, place);
            } else {
                let mut seen = seen.clone();
                seen.forget_after(seq);
                seen.save(transaction, self.number);
            }
        }
    }

    /// How many entries of the log a checkpoint covers that is good by what this device has read.
    #[must_use]
    pub fn covered(&self) -> u64 {
        self.furthest(Seen::is_good).map_or(0, |seen| seen.reaches)
    }

    /// The checkpoint that reaches furthest of those that `is_meant` means.
    pub(super) fn furthest(&self, is_meant: impl Fn(&Seen) -> bool) -> Option<&Seen> {
        let seen = self.checkpoints.seen.iter();
        seen.filter(|seen| is_meant(seen))
            .max_by_key(|seen| seen.reaches)
    }

    /// Up to where checkpoints cover the log that nobody called bad, the furthest first, and at last up to
    /// where entries may be missing here; few of them.
    pub(in crate::space) fn places_covered(&self) -> Vec<u64> {
        let standing = self.checkpoints.seen.iter().filter(|seen| seen.stands());
        let mut places: Vec<u64> = standing.map(|seen| seen.reaches).collect();
        places.sort_unstable_by(|one, other| other.cmp(one));
        places.dedup();
        places.truncate(NAMED);
        let base = self.base_seq();
        if base > 0 && !places.contains(&base) {
            places.push(base);
        }
        places
    }

    /// The checkpoint whose snapshots this device may name as its own: the furthest good one, or the one
    /// that it started from itself.
    pub(super) fn last_sound(&self) -> Option<&Seen> {
        let base = self.base_seq();
        let is_base = |seen: &Seen| seen.stands() && seen.reaches == base;
        self.furthest(|seen| is_base(seen) || (seen.is_good() && seen.reaches > base))
    }
}
