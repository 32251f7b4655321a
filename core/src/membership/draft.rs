//! Membership entries that this device makes.

use minicbor::{Decode, Encode};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{
    Add, Core, Member, MembershipBody, NewAgreementKey, Op, Rights, SUITE_XWING, SealedKey,
};
use waymark_wire::signature::Signature;
use waymark_wire::{limits, padding};

use super::{
    Book, BookError, Entrance, KeySet, RelayAddress, Roster, RosterMember, SpaceKind, Succession,
    Use,
};
use crate::crypto::{
    AgreementPublicKey, CryptoError, Entropy, EpochInfo, EpochKey, MembershipKeys,
    SEALED_EPOCH_KEY_LEN, seal, seal_epoch_key, seal_roster,
};
use crate::forgotten::Forgotten;
use crate::role::Role;

/// A membership entry with what it names by hash.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The entry, signed.
    pub entry: Entry,
    /// Agreement keys and sealed epoch keys.
    pub attachments: Vec<Vec<u8>>,
}

/// Whom to add. This is also how a wish to add somebody is kept on the device.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct NewMember {
    /// Whose device it is.
    #[n(0)]
    pub person: PersonTag,
    /// Its keys, from its card.
    #[n(1)]
    pub keys: KeySet,
    /// What it may do.
    #[n(2)]
    pub rights: Rights,
    /// What the person is here.
    #[n(3)]
    pub role: Role,
    /// The person's name.
    #[n(4)]
    pub name: String,
    /// The device's name.
    #[n(5)]
    pub device_name: String,
    /// The newest format level that the device reads.
    #[n(6)]
    pub level: u16,
    /// Today's local date, in days since 1970-01-01.
    #[n(7)]
    pub since: i32,
    /// What holds the keys.
    #[n(8)]
    pub used_as: Option<Use>,
}

/// What one entry is to do. The rules are checked by whoever applies it, this device first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Steps {
    /// Memberships that end.
    pub remove: Vec<DeviceNumber>,
    /// Memberships that begin.
    pub add: Vec<NewMember>,
    /// Memberships that get the epoch key once more.
    pub seal: Vec<DeviceNumber>,
    /// Whether a new epoch begins; then this device's own agreement key is renewed to this one.
    pub rotate: Option<KeySet>,
    /// What is forgotten, as far as the entry holds it; a new epoch begins with that.
    pub forget: Option<Forgotten>,
}

/// Who signs an entry, and where in the log it is to stand.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'k> {
    /// The signer's number.
    pub device: DeviceNumber,
    /// Its keys.
    pub keys: &'k MembershipKeys,
    /// The counter of its next entry.
    pub counter: u32,
    /// How far it has verified the log.
    pub seen: Position,
}

/// Agreement keys of members, by the hash that the membership names.
pub type AgreementKeys<'f> = dyn Fn(&AttachmentHash) -> Option<Vec<u8>> + 'f;

/// Makes the first entry of a new space, and its epoch key: `founders` begins with whose device
/// signs.
///
/// # Errors
/// [`CryptoError`] where a key is unusable.
pub fn found(
    founders: &[NewMember],
    kind: SpaceKind,
    relay: Option<&RelayAddress>,
    follows: Option<SpaceId>,
    keys: &MembershipKeys,
    entropy: &mut dyn Entropy,
) -> Result<(Draft, EpochKey), CryptoError> {
    let epoch_key = EpochKey::generate(entropy);
    let place = Place {
        space: SpaceId::ZERO,
        previous: EntryId::ZERO,
        epoch: None,
        height: Height(0),
    };
    let signer = Signer {
        device: DeviceNumber(0),
        keys,
        counter: 0,
        seen: Position {
            seq: 0,
            chain: ChainTag([0; 16]),
        },
    };
    let mut draft = Parts::default();
    draft.add(&place, DeviceNumber(0), founders, &epoch_key, entropy)?;
    draft.roster.kind = Some(kind);
    draft.roster.relay = relay.cloned();
    draft.roster.follows = follows;
    let draft = draft.sign(&place, signer, &epoch_key, entropy)?;
    Ok((draft, epoch_key))
}

impl Book {
    /// Makes the entry that does `steps` after the newest one.
    ///
    /// # Errors
    /// [`BookError`] where this device does not hold the epoch key, a member's agreement key is not
    /// known, or a key is unusable.
    pub fn draft(
        &self,
        steps: &Steps,
        signer: Signer<'_>,
        agreement_keys: &AgreementKeys<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, BookError> {
        let membership = self.membership();
        let held = match steps.rotate {
            Some(_) => self.key_to_link(),
            None => self.key_at(membership.height()),
        };
        let held = held.ok_or(BookError::KeyRefused)?;
        let mut place = Place {
            space: *membership.space(),
            previous: membership.head(),
            epoch: Some(membership.epoch()),
            height: membership.height(),
        };
        let first = membership.next_device();
        let mut parts = Parts::default();
        for device in &steps.remove {
            parts.ops.push(Op::Remove(*device));
        }
        let Some(renewed) = &steps.rotate else {
            for device in &steps.seal {
                let member = membership.member(*device).ok_or(BookError::Roster)?;
                parts.ops.push(Op::Seal(*device));
                parts.seal(&place, member, agreement_keys, held, entropy)?;
            }
            parts.add(&place, first, &steps.add, held, entropy)?;
            return Ok(parts.sign(&place, signer, held, entropy)?);
        };

        let fresh = EpochKey::generate(entropy);
        place.epoch = None;
        let hash = AttachmentHash::of(&renewed.agreement_key.0);
        parts.ops.push(Op::Rotate(Some(NewAgreementKey {
            suite: renewed.suite,
            agreement_key: hash,
        })));
        parts.attachments.push(renewed.agreement_key.0.clone());
        let stays = |member: &&Member| !steps.remove.contains(&member.device);
        for member in membership.members().filter(stays) {
            if member.device == signer.device {
                let own = Member {
                    agreement_key: hash,
                    ..member.clone()
                };
                let own_key = |_: &AttachmentHash| Some(renewed.agreement_key.0.clone());
                parts.seal(&place, &own, &own_key, &fresh, entropy)?;
            } else {
                parts.seal(&place, member, agreement_keys, &fresh, entropy)?;
            }
            parts
                .roster
                .members
                .extend(self.roster(member.device).cloned());
        }
        parts.add(&place, first, &steps.add, &fresh, entropy)?;
        parts.roster.kind = self.kind();
        parts.roster.relay = self.relay().cloned();
        parts.roster.follows = self.follows();
        if let Some(forgotten) = &steps.forget {
            parts.ops.push(Op::Forget);
            parts.tell_of_former(self.everybody_told());
            let before = EpochKey::from_slice(held.expose())?;
            parts.forgotten = Some((parts.as_fits(forgotten), before));
        } else {
            parts.roster.previous = Some(Bytes(held.expose().to_vec()));
        }
        Ok(parts.sign(&place, signer, &fresh, entropy)?)
    }

    /// Makes the entry by which the signer's person leaves.
    ///
    /// # Errors
    /// [`BookError`] where this device does not hold the epoch key or a key is unusable.
    pub fn draft_leave(
        &self,
        signer: Signer<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, BookError> {
        self.draft_alone(Op::Leave, Vec::new(), signer, entropy)
    }

    /// Makes the entry after which the space takes nothing more, and is followed by `successor` if
    /// it is by any.
    ///
    /// # Errors
    /// [`BookError`] where this device does not hold the epoch key or a key is unusable.
    pub fn draft_close(
        &self,
        successor: Option<&Succession>,
        signer: Signer<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, BookError> {
        let op = Op::Close(successor.map(|next| next.space));
        let entrances = successor.map(|next| next.entrances.clone());
        self.draft_alone(op, entrances.unwrap_or_default(), signer, entropy)
    }

    fn draft_alone(
        &self,
        op: Op,
        entrances: Vec<Entrance>,
        signer: Signer<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, BookError> {
        let membership = self.membership();
        let place = Place {
            space: *membership.space(),
            previous: membership.head(),
            epoch: Some(membership.epoch()),
            height: membership.height(),
        };
        let key = self
            .key_at(membership.height())
            .ok_or(BookError::KeyRefused)?;
        let mut parts = Parts::default();
        parts.ops.push(op);
        parts.roster.entrances = entrances;
        Ok(parts.sign(&place, signer, key, entropy)?)
    }
}

/// Where in a space's chain an entry is to stand.
struct Place {
    space: SpaceId,
    previous: EntryId,
    /// `None` where the entry itself starts the epoch.
    epoch: Option<EntryId>,
    height: Height,
}

/// An entry that is being put together.
#[derive(Default)]
struct Parts {
    ops: Vec<Op>,
    keys: Vec<SealedKey>,
    roster: Roster,
    attachments: Vec<Vec<u8>>,
    /// What is forgotten, and the key of the epoch before, under which it is sealed.
    forgotten: Option<(Forgotten, EpochKey)>,
}

/// Bytes that a name in the list of what is forgotten takes.
const NAME: usize = 17;
/// Bytes of an entry's private part that are left to the rest where it tells of former members.
const LEFT: usize = 4 * 1024;

impl Parts {
    /// Tells of those who have gone, too, as far as there is room, the newest first: nothing that told
    /// it before will open for whoever comes later.
    fn tell_of_former<'m>(&mut self, everybody: impl Iterator<Item = &'m RosterMember>) {
        let told = |device| {
            let mut members = self.roster.members.iter();
            members.any(|member| member.device == device)
        };
        let former: Vec<_> = everybody.filter(|member| !told(member.device)).collect();
        let mut room = limits::MEMBERSHIP_CORE.saturating_sub(codec::encode(&self.roster).len());
        for member in former.into_iter().rev() {
            let length = codec::encode(member).len();
            if room < length + LEFT {
                break;
            }
            room -= length;
            self.roster.members.push(member.clone());
        }
        self.roster.members.sort_by_key(|member| member.device);
    }

    /// As much of what is to be forgotten as the private part holds.
    fn as_fits(&self, forgotten: &Forgotten) -> Forgotten {
        let taken = codec::encode(&self.roster).len() + LEFT / 4;
        let room = limits::MEMBERSHIP_CORE.saturating_sub(taken) / NAME;
        forgotten.first(room.min(limits::FORGOTTEN))
    }

    fn add(
        &mut self,
        place: &Place,
        first: DeviceNumber,
        members: &[NewMember],
        epoch_key: &EpochKey,
        entropy: &mut dyn Entropy,
    ) -> Result<(), CryptoError> {
        for (number, member) in (first.0..).zip(members) {
            let device = DeviceNumber(number);
            let agreement_key = &member.keys.agreement_key.0;
            self.ops.push(Op::Add(Add {
                device,
                person: member.person,
                signing_key: member.keys.signing_key,
                suite: member.keys.suite,
                agreement_key: AttachmentHash::of(agreement_key),
                rights: member.rights,
            }));
            self.attachments.push(agreement_key.clone());
            self.seal_to(place, device, agreement_key, epoch_key, entropy)?;
            self.roster.members.push(RosterMember {
                device,
                name: member.name.clone(),
                role: member.role,
                device_name: member.device_name.clone(),
                level: member.level,
                since: member.since,
                used_as: member.used_as,
            });
        }
        Ok(())
    }

    fn seal(
        &mut self,
        place: &Place,
        member: &Member,
        agreement_keys: &AgreementKeys<'_>,
        epoch_key: &EpochKey,
        entropy: &mut dyn Entropy,
    ) -> Result<(), BookError> {
        let key = agreement_keys(&member.agreement_key);
        let key = key.ok_or(BookError::AgreementKey(member.device))?;
        match self.seal_to(place, member.device, &key, epoch_key, entropy) {
            // The relay knows hashes only, so a member can name what is no key. Nobody could ever
            // be removed if that stopped the others: it gets what opens for nobody.
            Err(CryptoError::UnusableKey(_) | CryptoError::Length { .. }) => {
                let mut nothing = vec![0; SEALED_EPOCH_KEY_LEN];
                entropy.fill(&mut nothing);
                self.name(member.device, nothing);
                Ok(())
            }
            sealed => Ok(sealed?),
        }
    }

    fn seal_to(
        &mut self,
        place: &Place,
        device: DeviceNumber,
        agreement_key: &[u8],
        epoch_key: &EpochKey,
        entropy: &mut dyn Entropy,
    ) -> Result<(), CryptoError> {
        let epoch = place.epoch.as_ref().map(|epoch| &epoch.0);
        let info = EpochInfo::new(&place.space.0, &place.previous.0, epoch, device.0);
        let recipient = AgreementPublicKey::from_bytes(agreement_key)?;
        let sealed = seal_epoch_key(&recipient, &info, epoch_key, entropy)?;
        self.name(device, sealed.to_vec());
        Ok(())
    }

    /// Names what is sealed to a member.
    fn name(&mut self, device: DeviceNumber, sealed: Vec<u8>) {
        self.keys.push(SealedKey {
            device,
            sealed: AttachmentHash::of(&sealed),
        });
        self.attachments.push(sealed);
    }

    fn sign(
        mut self,
        place: &Place,
        signer: Signer<'_>,
        epoch_key: &EpochKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, CryptoError> {
        let core = Core {
            previous: place.previous,
            ops: self.ops,
            keys: self.keys,
        };
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let header = Header {
            kind: Kind::Membership,
            device: signer.device,
            counter: signer.counter,
            height: place.height,
            seen: signer.seen,
            salt,
        };
        let (space, previous) = (&place.space.0, &place.previous.0);
        let header_bytes = header.to_bytes();
        if let Some((forgotten, before)) = self.forgotten {
            let text = codec::encode(&forgotten);
            let sealed = seal(&before, space, previous, &header_bytes, text)?;
            self.roster.forgotten = Some(Bytes(sealed));
        }
        let mut padded = codec::encode(&self.roster);
        padding::pad(&mut padded);
        let private = seal_roster(epoch_key, space, previous, &header_bytes, &padded)?;
        let body = MembershipBody::assemble(&core, &private).map_err(|_| CryptoError::TooLong)?;
        let mut signed = Ok(());
        let entry = Entry::assemble(header, &body, &place.space, &place.previous, |text| {
            signer.keys.sign(text).map(Signature).unwrap_or_else(|e| {
                signed = Err(e);
                Signature([0; 64])
            })
        });
        signed.map(|()| Draft {
            entry,
            attachments: self.attachments,
        })
    }
}

impl KeySet {
    /// The public halves of `keys`.
    ///
    /// # Errors
    /// [`CryptoError`] where the keys are unusable.
    pub fn of(keys: &MembershipKeys) -> Result<Self, CryptoError> {
        Ok(Self {
            signing_key: waymark_wire::signature::VerifyingKey(keys.signing_public()?),
            suite: SUITE_XWING,
            agreement_key: Bytes(keys.agreement_public()?.to_bytes().to_vec()),
        })
    }
}
