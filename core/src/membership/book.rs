//! The verified membership of one space and the epoch keys that this device holds.

use std::collections::BTreeMap;

use waymark_wire::codec;
use waymark_wire::entry::Entry;
use waymark_wire::ids::{DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::membership::{Membership, MembershipBody, MembershipError, Op};
use waymark_wire::{limits, padding};

use super::{RelayAddress, Roster, RosterMember, SpaceKind};
use crate::crypto::{
    CryptoError, EpochInfo, EpochKey, MembershipKeys, open_epoch_key, open_roster,
};

/// Why a membership entry does not open, though it is valid.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
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
    epochs: BTreeMap<EntryId, EpochKey>,
}

impl Book {
    /// The book after a space's first entry.
    ///
    /// # Errors
    /// [`BookError::Membership`] where it founds no space.
    pub fn found(entry: &Entry) -> Result<Self, BookError> {
        Ok(Self {
            membership: Membership::found(entry)?,
            roster: BTreeMap::new(),
            kind: None,
            relay: None,
            epochs: BTreeMap::new(),
        })
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
        let core = MembershipBody::parse(entry.body())
            .map_err(MembershipError::from)?
            .core;
        let Some(named) = core.keys.iter().find(|key| key.device == own) else {
            return Ok(None);
        };
        let sealed = sealed
            .iter()
            .find(|bytes| waymark_wire::ids::AttachmentHash::of(bytes) == named.sealed)
            .ok_or(BookError::KeyRefused)?;
        let (founding, epoch) = (
            self.membership.height() == Height(0),
            self.membership.epoch(),
        );
        let starts = self.membership.epoch_start() == self.membership.height();
        let space = if founding {
            SpaceId::ZERO
        } else {
            *self.membership.space()
        };
        let epoch_id = (!starts).then_some(&epoch.0);
        let info = EpochInfo::new(&space.0, &core.previous.0, epoch_id, own.0);
        let key =
            open_epoch_key(keys.agreement(), &info, sealed).map_err(|_| BookError::KeyRefused)?;
        let copy = EpochKey::from_slice(key.expose())?;
        self.epochs.insert(epoch, key);
        Ok(Some((self.membership.epoch_start(), copy)))
    }

    /// Puts back an epoch key that this device stored.
    pub fn restore_key(&mut self, start: Height, key: EpochKey) {
        if let Some(epoch) = self.membership.id_at(start) {
            self.epochs.insert(epoch, key);
        }
    }

    /// Opens the private part of a membership entry that has been applied, and takes from it what
    /// the entry's ops allow: names and roles of those whom it adds.
    ///
    /// # Errors
    /// [`BookError`] where it does not open or says something else than its entry does.
    pub fn read_roster(&mut self, entry: &Entry, height: Height) -> Result<(), BookError> {
        let body = MembershipBody::parse(entry.body()).map_err(MembershipError::from)?;
        let founding = height == Height(0);
        let space = if founding {
            SpaceId::ZERO
        } else {
            *self.membership.space()
        };
        let key = self
            .epochs
            .get(&self.membership.epoch())
            .ok_or(BookError::KeyRefused)?;
        let header = entry.header().to_bytes();
        let padded = open_roster(key, &space.0, &body.core.previous.0, &header, body.private)?;
        let text = padding::unpad(&padded).ok_or(BookError::Roster)?;
        let roster: Roster =
            codec::decode(text, limits::MEMBERSHIP_CORE).map_err(|_| BookError::Roster)?;
        let added = body.core.ops.iter().filter_map(|op| match op {
            Op::Add(add) => Some(add.device),
            Op::Reserved(_) => None,
        });
        if !roster.members.iter().map(|member| member.device).eq(added) {
            return Err(BookError::Roster);
        }
        if !self.keeps_roles(&roster) {
            return Err(BookError::Roster);
        }
        let is_named = |name: &str| name.chars().count() <= RosterMember::NAME_CHARS;
        let named = |m: &RosterMember| is_named(&m.name) && is_named(&m.device_name);
        if !roster.members.iter().all(named) {
            return Err(BookError::Roster);
        }
        for member in roster.members {
            self.roster.insert(member.device, member);
        }
        if founding {
            self.kind = roster.kind;
            self.relay = roster.relay;
        }
        Ok(())
    }

    /// Whether each person has one role: whoever may add own devices only could otherwise give one
    /// of them the client's.
    fn keeps_roles(&self, roster: &Roster) -> bool {
        let members = self.membership.members();
        roster.members.iter().all(|new| {
            let person = self.membership.member(new.device).map(|m| m.person);
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

    /// What the members call `device`, once its entry could be opened.
    #[must_use]
    pub fn roster(&self, device: DeviceNumber) -> Option<&RosterMember> {
        self.roster.get(&device)
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

    /// The key of the epoch in force at `height`, if this device holds it.
    #[must_use]
    pub fn key_at(&self, height: Height) -> Option<&EpochKey> {
        // One epoch so far: later ones begin where an entry rotates.
        (height >= self.membership.epoch_start())
            .then(|| self.epochs.get(&self.membership.epoch()))
            .flatten()
    }
}

#[cfg(test)]
mod tests {
    use waymark_wire::chain::{ChainTag, Position};
    use waymark_wire::ids::PersonTag;
    use waymark_wire::membership::Rights;

    use super::*;
    use crate::crypto::SeededEntropy;
    use crate::membership::{KeySet, NewMember, found};
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
        let (draft, key) = found(&founder, SpaceKind::Care, &relay, &client, &mut entropy).unwrap();
        let mut book = Book::found(&draft.entry).unwrap();
        book.restore_key(Height(0), key);
        book.read_roster(&draft.entry, Height(0)).unwrap();

        let seen = Position {
            seq: 1,
            chain: ChainTag([0; 16]),
        };
        let mut add = |book: &mut Book, signer, who: &NewMember| {
            let wanted = std::slice::from_ref(who);
            let draft = book.draft_add(wanted, signer, 1, seen, &mut entropy);
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
