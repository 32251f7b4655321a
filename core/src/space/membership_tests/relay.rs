//! An honest relay of one space, in memory: it takes what the rules allow at its turn, hands out
//! what each reader needs, and drops what the protocol says it drops.

use std::collections::BTreeMap;

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::checkpoint::CheckpointBody;
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Generation, Height, SpaceId};
use waymark_wire::membership::{Membership, MembershipBody, MembershipError, Op, Refusal, Rights};
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::{SigningKey, VerifyingKey};

use crate::space::{Item, Offer};

/// Why an entry was not taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Refused {
    /// Another membership entry came first: its signer reads it and makes a new one.
    Moved,
    /// The space is closed.
    Closed,
    /// Its signer is no member.
    NotFound,
    /// No reading helps: an honest device never sends such a thing.
    Never(String),
}

/// An entry of the log with its place.
pub(super) struct Stored {
    pub(super) entry: Entry,
    pub(super) id: EntryId,
    pub(super) after: Cursor,
}

pub(super) struct Relay {
    key: SigningKey,
    pub(super) log: Vec<Stored>,
    pub(super) membership: Option<Membership>,
    next: BTreeMap<DeviceNumber, u32>,
    kept: BTreeMap<AttachmentHash, Vec<u8>>,
    sealed_at: BTreeMap<AttachmentHash, Height>,
    /// Every attachment that it was ever handed, also those that it has dropped since.
    pub(super) ever: Vec<Vec<u8>>,
}

impl Relay {
    pub(super) fn new() -> Self {
        Self {
            key: SigningKey::from_seed(&[9; 32]).unwrap(),
            log: Vec::new(),
            membership: None,
            next: BTreeMap::new(),
            kept: BTreeMap::new(),
            sealed_at: BTreeMap::new(),
            ever: Vec::new(),
        }
    }

    pub(super) fn key(&self) -> VerifyingKey {
        self.key.verifying_key()
    }

    fn space(&self) -> SpaceId {
        *self.membership.as_ref().unwrap().space()
    }

    /// Takes entries one by one, up to the first that is refused.
    pub(super) fn append(
        &mut self,
        entries: &[Entry],
        attachments: &[Vec<u8>],
    ) -> Result<(), Refused> {
        entries
            .iter()
            .try_for_each(|entry| self.take(entry, attachments))
    }

    fn take(&mut self, entry: &Entry, given: &[Vec<u8>]) -> Result<(), Refused> {
        let header = *entry.header();
        let Some(membership) = &self.membership else {
            let founded = Membership::found(entry).map_err(refused)?;
            let id = entry.id(&SpaceId::ZERO);
            return self.put(entry, id, Some(founded), given);
        };
        let founding = entry.id(&SpaceId::ZERO);
        if founding == EntryId::from(*membership.space()) {
            return Ok(());
        }
        let id = entry.id(membership.space());
        let signer = membership
            .signer(entry, &id)
            .map_err(|why| refused(why.into()));
        let until = signer?.until;
        let next = self.next.get(&header.device).copied().unwrap_or_default();
        let last = self.log.iter().rev();
        let mut last = last.filter(|stored| stored.entry.header().device == header.device);
        // Who has left may ask again for what was taken; who was removed is a stranger.
        let ended_by = until.and_then(|until| membership.id_at(until));
        if ended_by.is_some() && last.next().map(|stored| stored.id) != ended_by {
            return Err(Refused::NotFound);
        }
        if self.log.iter().any(|stored| stored.id == id) {
            return Ok(());
        }
        if until.is_some() {
            return Err(Refused::NotFound);
        }
        let changed = if header.kind == Kind::Membership {
            let mut changed = membership.clone();
            changed.apply(entry).map_err(refused)?;
            Some(changed)
        } else {
            let admitted = membership.admit_signed(&header);
            admitted.map_err(|why| refused(why.into()))?;
            None
        };
        if header.counter != next {
            let counter = header.counter;
            return Err(Refused::Never(format!(
                "counter {counter} where {next} is next"
            )));
        }
        self.put(entry, id, changed, given)
    }

    fn put(
        &mut self,
        entry: &Entry,
        id: EntryId,
        changed: Option<Membership>,
        given: &[Vec<u8>],
    ) -> Result<(), Refused> {
        let (agreement, sealed) = named_by(entry);
        for hash in agreement.iter().chain(sealed.iter().map(|(_, hash)| hash)) {
            let given = given
                .iter()
                .find(|bytes| AttachmentHash::of(bytes) == *hash);
            match given {
                Some(bytes) => {
                    self.ever.push(bytes.clone());
                    self.kept.insert(*hash, bytes.clone());
                }
                None if self.kept.contains_key(hash) => {}
                None => return Err(Refused::Never("an attachment is missing".into())),
            }
        }
        if let Some(after) = changed {
            let height = after.height();
            let heights = sealed.into_iter().map(|(_, hash)| (hash, height));
            self.sealed_at.extend(heights);
            if let Some(before) = self.membership.replace(after) {
                self.drop_keys(&before);
            }
        }
        let start = Cursor::start(&self.space());
        let before = self.log.last().map_or(start, |last| last.after);
        self.next
            .insert(entry.header().device, entry.header().counter + 1);
        self.log.push(Stored {
            entry: entry.clone(),
            id,
            after: before.after(&id),
        });
        Ok(())
    }

    /// Drops the sealed keys of the epochs before the last two, but for the last ones before a cut, and agreement keys that nobody has
    /// any more.
    fn drop_keys(&mut self, before: &Membership) {
        let after = self.membership.as_ref().unwrap();
        let starts = after.epoch_starts();
        let from = starts.iter().rev().nth(1).copied().unwrap_or_default();
        // No later key leads to those before a cut.
        let is_before_cut = |at: Height| {
            let next = starts.iter().find(|start| **start > at);
            next.is_some_and(|next| after.cuts().contains(next))
        };
        self.sealed_at.retain(|hash, at| {
            let stays = *at >= from || is_before_cut(*at);
            if !stays {
                self.kept.remove(hash);
            }
            stays
        });
        let mut now = after.members().map(|member| member.agreement_key);
        for member in before.members() {
            if !now.clone().any(|key| key == member.agreement_key) {
                self.kept.remove(&member.agreement_key);
            }
        }
        // Everybody who is a member can still be sealed to.
        assert!(now.all(|key| self.kept.contains_key(&key)));
    }

    /// Loses everything behind a place, as one that was put back to a backup.
    pub(super) fn forget_after(&mut self, seq: u64) {
        self.log.truncate(usize::try_from(seq).unwrap());
        self.next.clear();
        for stored in &self.log {
            let header = stored.entry.header();
            self.next.insert(header.device, header.counter + 1);
        }
    }

    /// The sealed key that an entry names for a member, where it is kept.
    pub(super) fn sealed_key(
        &self,
        height: Height,
        device: DeviceNumber,
    ) -> Option<AttachmentHash> {
        let id = self.membership.as_ref()?.id_at(height);
        let stored = self.log.iter().find(|stored| Some(stored.id) == id);
        let (_, sealed) = named_by(&stored?.entry);
        let (_, hash) = sealed.into_iter().find(|(to, _)| *to == device)?;
        Some(hash).filter(|hash| self.kept.contains_key(hash))
    }

    /// Loses what stands behind a place; no membership entry is among it.
    pub(super) fn lose_after(&mut self, seq: u64) {
        for stored in self.log.drain(usize::try_from(seq).unwrap()..) {
            let device = stored.entry.header().device;
            *self.next.get_mut(&device).unwrap() -= 1;
        }
    }

    /// Loses the sealed key that an entry names for a member.
    pub(super) fn lose_sealed_key(&mut self, height: Height, device: DeviceNumber) {
        let hash = self.sealed_key(height, device).unwrap();
        self.kept.remove(&hash);
    }

    /// Has an attachment again that it had lost.
    pub(super) fn find(&mut self, bytes: Vec<u8>) {
        self.kept.insert(AttachmentHash::of(&bytes), bytes);
    }

    /// At most `limit` entries after a place, for a current member; whether that is all there is.
    pub(super) fn page(
        &self,
        reader: DeviceNumber,
        from: u64,
        limit: usize,
    ) -> Option<(Vec<Item>, Receipt, bool)> {
        let rights = self.membership.as_ref()?.member(reader)?.rights;
        Some(self.page_with(from, limit, |item, entry| {
            if entry.header().kind == Kind::Membership {
                let (agreement, sealed) = named_by(entry);
                let own = sealed.iter().filter(|(to, _)| *to == reader);
                let mut needed: Vec<_> = own.map(|(_, hash)| *hash).collect();
                if rights.include(Rights::WRITE) {
                    needed.extend(agreement);
                }
                let kept = needed.iter().filter_map(|hash| self.kept.get(hash));
                kept.cloned().map(Item::Attachment).chain([item]).collect()
            } else if entry.header().device == reader {
                match item {
                    Item::Entry { seq, .. } => vec![Item::Own {
                        seq,
                        id: entry.id(&self.space()),
                    }],
                    other => vec![other],
                }
            } else {
                vec![item]
            }
        }))
    }

    /// What a newcomer gets first where it starts at the checkpoint at a place.
    pub(super) fn offer(&self, seq: u64) -> Offer {
        let at = |seq: u64| usize::try_from(seq).unwrap() - 1;
        let checkpoint = self.log[at(seq)].entry.clone();
        let until = CheckpointBody::parse(checkpoint.body()).unwrap().public.seq;
        let mut members = Vec::new();
        for (seq, stored) in (1..=until).zip(&self.log) {
            if stored.entry.header().kind == Kind::Membership {
                let (agreement, sealed) = named_by(&stored.entry);
                let named = agreement.into_iter().chain(sealed.into_iter().map(|s| s.1));
                let kept = named.filter_map(|hash| self.kept.get(&hash));
                members.extend(kept.cloned().map(Item::Attachment));
                let bytes = stored.entry.bytes().to_vec();
                members.push(Item::Entry { seq, bytes });
            }
        }
        let end = self.log[at(until)].after.position();
        Offer {
            seq,
            checkpoint: checkpoint.into_bytes(),
            members,
            receipts: vec![self.sign(end)],
            is_dropped: false,
        }
    }

    /// Its word on a place.
    pub(super) fn sign(&self, position: Position) -> Receipt {
        let sign = |text: &[u8]| self.key.sign(text);
        Receipt::new(&self.space(), Generation([1; 16]), position, sign)
    }

    /// At most `limit` entries after a place, all of them whole, with everything that they name.
    pub(super) fn whole(&self, from: u64, limit: usize) -> (Vec<Item>, Receipt, bool) {
        self.page_with(from, limit, |item, entry| {
            let (agreement, sealed) = named_by(entry);
            let named = agreement.into_iter().chain(sealed.into_iter().map(|s| s.1));
            let kept = named.filter_map(|hash| self.kept.get(&hash));
            kept.cloned().map(Item::Attachment).chain([item]).collect()
        })
    }

    /// Puts an entry into the log that no honest relay would take.
    pub(super) fn force(&mut self, entry: &Entry) {
        let id = entry.id(&self.space());
        let before = self.log.last().unwrap().after;
        *self.next.entry(entry.header().device).or_default() += 1;
        self.log.push(Stored {
            entry: entry.clone(),
            id,
            after: before.after(&id),
        });
    }

    /// The entry with an id.
    pub(super) fn by_id(&self, id: &EntryId) -> Option<Vec<u8>> {
        let found = self.log.iter().find(|stored| stored.id == *id);
        found.map(|stored| stored.entry.bytes().to_vec())
    }

    /// Everything after a place, with every attachment that ever was, to whoever asks.
    pub(super) fn leak(&self, from: u64) -> (Vec<Item>, Receipt, bool) {
        let (items, receipt, at_end) = self.page_with(from, usize::MAX, |item, _| vec![item]);
        let ever = self.ever.iter().cloned().map(Item::Attachment);
        (ever.chain(items).collect(), receipt, at_end)
    }

    fn page_with(
        &self,
        from: u64,
        limit: usize,
        hand_out: impl Fn(Item, &Entry) -> Vec<Item>,
    ) -> (Vec<Item>, Receipt, bool) {
        let mut items = Vec::new();
        let mut at = Cursor::start(&self.space());
        let mut left = limit;
        for (seq, stored) in (1..).zip(&self.log) {
            if seq > from {
                let Some(rest) = left.checked_sub(1) else {
                    break;
                };
                left = rest;
                let bytes = stored.entry.bytes().to_vec();
                items.extend(hand_out(Item::Entry { seq, bytes }, &stored.entry));
            }
            at = stored.after;
        }
        let at_end = at.seq == u64::try_from(self.log.len()).unwrap();
        let sign = |text: &[u8]| self.key.sign(text);
        let receipt = Receipt::new(&self.space(), Generation([1; 16]), at.position(), sign);
        (items, receipt, at_end)
    }
}

/// The agreement keys and the sealed keys that an entry names.
pub(super) fn named_by(
    entry: &Entry,
) -> (Vec<AttachmentHash>, Vec<(DeviceNumber, AttachmentHash)>) {
    if entry.header().kind != Kind::Membership {
        return (Vec::new(), Vec::new());
    }
    let core = MembershipBody::parse(entry.body()).unwrap().core;
    let agreement = core.ops.iter().filter_map(|op| match op {
        Op::Add(add) => Some(add.agreement_key),
        Op::Rotate(Some(new)) => Some(new.agreement_key),
        _ => None,
    });
    let sealed = core.keys.iter().map(|key| (key.device, key.sealed));
    (agreement.collect(), sealed.collect())
}

fn refused(why: MembershipError) -> Refused {
    match why {
        MembershipError::Moved | MembershipError::Refused(Refusal::Stale(_)) => Refused::Moved,
        MembershipError::Closed | MembershipError::Refused(Refusal::Closed) => Refused::Closed,
        MembershipError::Refused(Refusal::Signer(_)) => Refused::NotFound,
        other => Refused::Never(other.to_string()),
    }
}
