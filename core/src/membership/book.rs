//! The verified membership of one space and the epoch keys that this device holds.

use std::collections::BTreeMap;

use waymark_wire::codec;
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, Height, SpaceId};
use waymark_wire::membership::{Member, Membership, MembershipBody, MembershipError, Op};
use waymark_wire::{limits, padding};
use zeroize::Zeroizing;

use super::{Entrance, RelayAddress, Roster, RosterMember, SpaceKind};
use crate::crypto::{
    CryptoError, EpochInfo, EpochKey, MembershipKeys, open, open_epoch_key, open_roster,
};
use crate::forgotten::Forgotten;

/// Why a membership entry does not open, though it is valid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// A member's agreement key, which a new epoch key would have to be sealed to, is not known.
    #[error("the agreement key of {0} is not known")]
    AgreementKey(DeviceNumber),
    /// The epoch key sealed to this device is missing or does not open.
    #[error("the epoch key sealed to this device does not open")]
    KeyRefused,
    /// The entry breaks a rule of the membership.
    #[error(transparent)]
    Membership(#[from] MembershipError),
    /// The private part does not open or cannot be read.
    #[error("the private part does not open: {0}")]
    Private(#[from] CryptoError),
    /// The private part does not say what its entry does.
    #[error("the private part does not fit its entry")]
    Roster,
}

impl BookError {
    /// A stable name, for keeping beside what was held back.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::AgreementKey(_) => "agreement_key",
            Self::KeyRefused => "key_refused",
            Self::Membership(_) => "membership",
            Self::Private(_) => "not_opened",
            Self::Roster => "roster",
        }
    }
}

/// The membership of one space, from inside.
#[derive(Debug)]
pub struct Book {
    membership: Membership,
    roster: BTreeMap<DeviceNumber, RosterMember>,
    kind: Option<SpaceKind>,
    relay: Option<RelayAddress>,
    follows: Option<SpaceId>,
    entrances: Vec<Entrance>,
    /// By the height of the entry that starts the epoch.
    epochs: BTreeMap<Height, EpochKey>,
    /// A key that came for the epoch that starts at a height, whose entry commits to another one.
    doubtful: Option<(Height, EpochKey)>,
}

impl Book {
    /// The book after a space's first entry.
    ///
    /// # Errors
    /// [`BookError::Membership`] where it founds no space.
    pub fn found(entry: &Entry) -> Result<Self, BookError> {
        Ok(Self::of(Membership::found(entry)?))
    }

    /// The book of a membership that was verified, without names and keys so far.
    #[must_use]
    pub const fn of(membership: Membership) -> Self {
        Self {
            membership,
            roster: BTreeMap::new(),
            kind: None,
            relay: None,
            follows: None,
            entrances: Vec::new(),
            epochs: BTreeMap::new(),
            doubtful: None,
        }
    }

    /// Takes the next membership entry, or leaves everything as it was.
    ///
    /// # Errors
    /// [`BookError::Membership`] where it breaks a rule.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), BookError> {
        Ok(self.membership.apply(entry)?)
    }

    /// The epoch key that the newest membership entry hands to `own`, if it hands one: `sealed` are
    /// the attachments that came with it.
    ///
    /// # Errors
    /// [`BookError::KeyRefused`] where it names one for `own` that is missing or does not open.
    pub fn take_key(
        &mut self,
        entry: &Entry,
        keys: &MembershipKeys,
        own: DeviceNumber,
        sealed: &[Vec<u8>],
    ) -> Result<Option<(Height, EpochKey)>, BookError> {
        let height = self.membership.height();
        self.take_key_at((entry, height), keys, own, sealed)
    }

    /// The same from an entry at any height of the epoch in force.
    ///
    /// # Errors
    /// As [`take_key`](Self::take_key).
    pub fn take_key_at(
        &mut self,
        (entry, height): (&Entry, Height),
        keys: &MembershipKeys,
        own: DeviceNumber,
        sealed: &[Vec<u8>],
    ) -> Result<Option<(Height, EpochKey)>, BookError> {
        let core = MembershipBody::parse(entry.body())
            .map_err(MembershipError::from)?
            .core;
        let Some(named) = core.keys.iter().find(|key| key.device == own) else {
            return Ok(None);
        };
        let sealed = sealed
            .iter()
            .find(|bytes| AttachmentHash::of(bytes) == named.sealed)
            .ok_or(BookError::KeyRefused)?;
        let start = self.membership.epoch_start();
        let epoch = self.membership.epoch();
        let epoch = (start != height).then_some(&epoch.0);
        let info = EpochInfo::new(&self.space_at(height).0, &core.previous.0, epoch, own.0);
        let key =
            open_epoch_key(keys.agreement(), &info, sealed).map_err(|_| BookError::KeyRefused)?;
        let copy = EpochKey::from_slice(key.expose())?;
        self.epochs.insert(start, key);
        Ok(Some((start, copy)))
    }

    /// Puts back an epoch key that this device stored, by the height of the entry that starts the
    /// epoch.
    pub fn restore_key(&mut self, start: Height, key: EpochKey) {
        self.epochs.insert(start, key);
    }

    /// Holds the key that came for the epoch that starts at `start` against `starter`, the entry that
    /// starts it, which commits to its key. Another one is put aside; says whether it is the one.
    ///
    /// # Errors
    /// [`BookError`] where the entry cannot be read.
    pub fn check_key(&mut self, starter: &Entry, start: Height) -> Result<bool, BookError> {
        let body = MembershipBody::parse(starter.body()).map_err(MembershipError::from)?;
        let opened = self.open(starter, &body, start);
        if opened != Err(BookError::Private(CryptoError::WrongCommitment)) {
            self.doubtful = None;
            return Ok(true);
        }
        self.doubtful = self.epochs.remove(&start).map(|key| (start, key));
        Ok(false)
    }

    /// Puts back a key that was put aside.
    pub fn restore_doubtful(&mut self, start: Height, key: EpochKey) {
        self.doubtful = Some((start, key));
    }

    /// The key of the epoch in force, or in its place the one that came for it and was put aside: all
    /// that there is to hand on to whoever comes later.
    pub(super) fn key_to_link(&self) -> Option<&EpochKey> {
        let start = self.membership.epoch_start();
        let doubtful = self.doubtful.as_ref().filter(|(at, _)| *at == start);
        self.key_at(start).or(doubtful.map(|(_, key)| key))
    }

    /// Drops the keys of the epochs that started before a height.
    pub fn drop_keys_before(&mut self, height: Height) {
        self.epochs.retain(|start, _| *start >= height);
        self.doubtful.take_if(|(start, _)| *start < height);
    }

    /// The height of the newest entry whose private part would give the key of the epoch before,
    /// which this device does not hold.
    #[must_use]
    pub fn missing_link(&self) -> Option<Height> {
        let starts = self.membership.epoch_starts();
        let pairs = starts.iter().zip(starts.iter().skip(1)).rev();
        let held = |start: &Height| self.epochs.contains_key(start);
        let is_cut = |start: &Height| self.membership.cuts().contains(start);
        pairs
            .filter(|(before, start)| held(start) && !held(before) && !is_cut(start))
            .map(|(_, start)| *start)
            .next()
    }

    /// Takes the key of the epoch before from the private part of `entry`, which starts an epoch
    /// at `height`. The height of the epoch's start comes with it.
    ///
    /// # Errors
    /// [`BookError`] where the private part does not open or holds no key.
    pub fn take_link(
        &mut self,
        entry: &Entry,
        height: Height,
    ) -> Result<(Height, EpochKey), BookError> {
        let body = MembershipBody::parse(entry.body()).map_err(MembershipError::from)?;
        let previous = self.open(entry, &body, height)?.previous;
        let previous = Zeroizing::new(previous.ok_or(BookError::Roster)?.0);
        let before = Height(height.0.checked_sub(1).ok_or(BookError::Roster)?);
        let start = self.membership.epoch_start_at(before);
        let key = EpochKey::from_slice(&previous)?;
        let copy = EpochKey::from_slice(key.expose())?;
        self.epochs.insert(start, key);
        Ok((start, copy))
    }

    /// Opens the private part of a membership entry that has been applied, and takes from it what
    /// the entry's ops allow: names and roles of those whom it adds, of everybody where it starts
    /// an epoch.
    ///
    /// # Errors
    /// [`BookError`] where it does not open or says something else than its entry does.
    pub fn read_roster(&mut self, entry: &Entry, height: Height) -> Result<(), BookError> {
        let body = MembershipBody::parse(entry.body()).map_err(MembershipError::from)?;
        let roster = self.open(entry, &body, height)?;
        let added = body.core.ops.iter().filter_map(|op| match op {
            Op::Add(add) => Some(add.device),
            _ => None,
        });
        let is_cut = self.membership.cuts().contains(&height);
        let starts = self.membership.epoch_start_at(height) == height;
        if !is_cut {
            self.check_members(&roster, &added.collect::<Vec<_>>(), height, starts)?;
        }
        let signer = self.membership.member_ever(entry.header().device);
        let signer = signer.map(|signer| signer.person);
        for member in roster.members {
            let ever = self.membership.member_ever(member.device);
            let person = ever.map(|m| m.person);
            // Others' names stay as they were first told.
            let is_taken = match self.roster.get(&member.device) {
                None => ever.is_some_and(|ever| ever.since <= height),
                Some(known) => person == signer && known.is_same(&member),
            };
            if is_taken {
                self.roster.insert(member.device, member);
            }
        }
        if is_cut {
            // Nothing before it opens for whoever comes later.
            self.kind = self.kind.or(roster.kind);
            self.relay = self.relay.take().or(roster.relay);
            self.follows = self.follows.or(roster.follows);
        } else if height == Height(0) {
            self.kind = roster.kind;
            self.relay = roster.relay;
            self.follows = roster.follows;
        }
        if body.core.ops.iter().any(|op| matches!(op, Op::Close(_))) {
            self.entrances = roster.entrances;
        }
        Ok(())
    }

    /// What the entry at `height`, which has been applied, says is forgotten; and what this device knows
    /// of members that the entry does not tell. `None` where this device lacks the key of the epoch
    /// before, under which it is sealed.
    ///
    /// # Errors
    /// [`BookError`] where it does not open, or cannot be read.
    pub fn read_forgotten(
        &self,
        entry: &Entry,
        height: Height,
    ) -> Result<(Option<Forgotten>, Vec<RosterMember>), BookError> {
        let body = MembershipBody::parse(entry.body()).map_err(MembershipError::from)?;
        let roster = self.open(entry, &body, height)?;
        let is_told = |known: &&RosterMember| !roster.members.contains(known);
        let untold = self.roster.values().filter(is_told).cloned().collect();
        let before = Height(height.0.checked_sub(1).ok_or(BookError::Roster)?);
        let Some(key) = self.key_at(before) else {
            return Ok((None, untold));
        };
        let sealed = roster.forgotten.ok_or(BookError::Roster)?.0;
        let header = entry.header().to_bytes();
        let space = self.space_at(height);
        let text = open(key, &space.0, &body.core.previous.0, &header, sealed)?;
        let forgotten = codec::decode(&text, limits::MEMBERSHIP_CORE);
        Ok((Some(forgotten.map_err(|_| BookError::Roster)?), untold))
    }

    /// Puts back what this device knew of a member before the entries that told it were closed to it.
    pub fn restore_member(&mut self, member: RosterMember) {
        self.roster.insert(member.device, member);
    }

    /// Everybody of whom anything was told, by number.
    pub(super) fn everybody_told(&self) -> impl Iterator<Item = &RosterMember> {
        self.roster.values()
    }

    /// Takes the word of whoever welcomed this device for what the space is for, until the first
    /// entry, which says it, is opened: it may never be.
    pub fn take_kind(&mut self, kind: SpaceKind) {
        self.kind.get_or_insert(kind);
    }

    fn open(
        &self,
        entry: &Entry,
        body: &MembershipBody<'_>,
        height: Height,
    ) -> Result<Roster, BookError> {
        let key = self.key_at(height).ok_or(BookError::KeyRefused)?;
        let header = entry.header().to_bytes();
        let space = self.space_at(height);
        let padded = open_roster(key, &space.0, &body.core.previous.0, &header, body.private)?;
        let padded = Zeroizing::new(padded);
        let text = padding::unpad(&padded).ok_or(BookError::Roster)?;
        codec::decode(text, limits::MEMBERSHIP_CORE).map_err(|_| BookError::Roster)
    }

    /// The space's id as the entry at `height` is bound to it: the first one cannot name itself.
    fn space_at(&self, height: Height) -> SpaceId {
        if height == Height(0) {
            SpaceId::ZERO
        } else {
            *self.membership.space()
        }
    }

    /// Whether a private part tells of those of whom it may, and of everybody whom it must.
    fn check_members(
        &self,
        roster: &Roster,
        added: &[DeviceNumber],
        height: Height,
        starts: bool,
    ) -> Result<(), BookError> {
        let told: Vec<DeviceNumber> = roster.members.iter().map(|m| m.device).collect();
        let in_order = told.is_sorted_by(|a, b| a < b);
        let all_added = added.iter().all(|device| told.contains(device));
        let was_member = |device: &DeviceNumber| {
            let member = self.membership.member_ever(*device);
            member.is_some_and(|m| m.since <= height && m.until.is_none_or(|until| until > height))
        };
        let known = if starts {
            told.iter().all(was_member)
        } else {
            told.len() == added.len()
        };
        let is_short = |name: &str| name.chars().count() <= RosterMember::NAME_CHARS;
        let named = |m: &RosterMember| is_short(&m.name) && is_short(&m.device_name);
        let stays = |new: &RosterMember| {
            let before = self.roster.get(&new.device);
            before.is_none_or(|old| old.is_same(new))
        };
        let fits = in_order
            && all_added
            && known
            && roster.members.iter().all(named)
            && roster.members.iter().all(stays)
            && self.keeps_roles(roster);
        if fits { Ok(()) } else { Err(BookError::Roster) }
    }

    /// Whether each person has one role: whoever may add own devices only could otherwise give one
    /// of them the client's.
    fn keeps_roles(&self, roster: &Roster) -> bool {
        let members = self.membership.everybody();
        roster.members.iter().all(|new| {
            let person = self.membership.member_ever(new.device).map(|m| m.person);
            let earlier = members.iter().filter(|m| m.device < new.device);
            let mut own = earlier.filter(|m| Some(m.person) == person);
            own.all(|m| match self.roster.get(&m.device) {
                Some(known) => known.role == new.role,
                // Its own entry could not be read, or it comes with the same one.
                None => roster
                    .members
                    .iter()
                    .all(|other| other.device != m.device || other.role == new.role),
            })
        })
    }

    /// The public part.
    #[must_use]
    pub const fn membership(&self) -> &Membership {
        &self.membership
    }

    /// What the members call `device`, once its entry could be opened; also after it ended.
    #[must_use]
    pub fn roster(&self, device: DeviceNumber) -> Option<&RosterMember> {
        self.roster.get(&device)
    }

    /// Current members with what they are called, by number.
    pub fn people(&self) -> impl Iterator<Item = (&Member, Option<&RosterMember>)> {
        let members = self.membership.members();
        members.map(|member| (member, self.roster.get(&member.device)))
    }

    /// What the space is for, once its first entry could be opened.
    #[must_use]
    pub const fn kind(&self) -> Option<SpaceKind> {
        self.kind
    }

    /// The relay that the founder named, once the first entry could be opened.
    #[must_use]
    pub const fn relay(&self) -> Option<&RelayAddress> {
        self.relay.as_ref()
    }

    /// The space that this one follows, once the first entry could be opened.
    #[must_use]
    pub const fn follows(&self) -> Option<SpaceId> {
        self.follows
    }

    /// How a member enters the space that goes on in this one's place, once it was closed for one.
    #[must_use]
    pub fn entrance(&self, device: DeviceNumber) -> Option<&Entrance> {
        self.entrances.iter().find(|known| known.device == device)
    }

    /// The key of the epoch in force at `height`, if this device holds it.
    #[must_use]
    pub fn key_at(&self, height: Height) -> Option<&EpochKey> {
        self.epochs.get(&self.membership.epoch_start_at(height))
    }
}

#[cfg(test)]
mod tests {
    use waymark_wire::chain::{ChainTag, Position};
    use waymark_wire::ids::PersonTag;
    use waymark_wire::membership::Rights;

    use super::*;
    use crate::crypto::SeededEntropy;
    use crate::membership::{KeySet, NewMember, Signer, Steps, found};
    use crate::role::Role;

    fn member(person: u8, keys: &MembershipKeys, rights: Rights, role: Role) -> NewMember {
        NewMember {
            person: PersonTag([person; 16]),
            keys: KeySet::of(keys).unwrap(),
            rights,
            role,
            name: "somebody".into(),
            device_name: "something".into(),
            level: 1,
            since: 0,
            used_as: None,
        }
    }

    /// A therapist may add own devices. One that is said to be the client's could log check-ins and
    /// agree to proposals in the client's place.
    #[test]
    fn nobody_gives_an_own_device_another_role() {
        let mut entropy = SeededEntropy::new([1; 32]);
        let [client, therapist, second] =
            std::array::from_fn(|_| MembershipKeys::generate(&mut entropy));
        let founder = member(1, &client, Rights::ADMIN, Role::Client);
        let relay = RelayAddress {
            url: "http://relay".into(),
            key: None,
        };
        let (draft, key) = found(
            &[founder],
            SpaceKind::Care,
            Some(&relay),
            None,
            &client,
            &mut entropy,
        )
        .unwrap();
        let mut book = Book::found(&draft.entry).unwrap();
        book.restore_key(Height(0), key);
        book.read_roster(&draft.entry, Height(0)).unwrap();

        let seen = Position {
            seq: 1,
            chain: ChainTag([0; 16]),
        };
        let mut add = |book: &mut Book, signer, who: &NewMember| {
            let (device, keys) = signer;
            let signer = Signer {
                device,
                keys,
                counter: 1,
                seen,
            };
            let steps = Steps {
                add: vec![who.clone()],
                ..Steps::default()
            };
            let draft = book.draft(&steps, signer, &|_| None, &mut entropy);
            let entry = draft.unwrap().entry;
            book.apply(&entry).unwrap();
            book.read_roster(&entry, book.membership().height())
        };
        let by_client = (DeviceNumber(0), &client);
        let by_therapist = (DeviceNumber(1), &therapist);
        let added = member(2, &therapist, Rights::WRITE, Role::Therapist);
        add(&mut book, by_client, &added).unwrap();
        let raised = member(2, &second, Rights::WRITE, Role::Client);
        let refused = add(&mut book, by_therapist, &raised);
        assert_eq!(refused, Err(BookError::Roster));
        assert_eq!(book.roster(DeviceNumber(2)), None);
    }
}
