//! Membership entries that this device makes.

use minicbor::{Decode, Encode};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{Add, Core, MembershipBody, Op, Rights, SealedKey};
use waymark_wire::padding;
use waymark_wire::signature::Signature;

use super::{Book, BookError, KeySet, RelayAddress, Roster, RosterMember, SpaceKind};
use crate::crypto::{
    AgreementPublicKey, CryptoError, Entropy, EpochInfo, EpochKey, MembershipKeys, seal_epoch_key,
    seal_roster,
};
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
}

/// Makes the first entry of a new space, whose only member is `founder`, and its epoch key.
///
/// # Errors
/// [`CryptoError`] where a key is unusable.
pub fn found(
    founder: &NewMember,
    kind: SpaceKind,
    relay: &RelayAddress,
    keys: &MembershipKeys,
    entropy: &mut dyn Entropy,
) -> Result<(Draft, EpochKey), CryptoError> {
    let epoch_key = EpochKey::generate(entropy);
    let place = Place {
        space: SpaceId::ZERO,
        previous: EntryId::ZERO,
        epoch: None,
        signer: DeviceNumber(0),
        counter: 0,
        height: Height(0),
        seen: Position {
            seq: 0,
            chain: ChainTag([0; 16]),
        },
        first_device: DeviceNumber(0),
    };
    let head = Some((kind, relay.clone()));
    let draft = place.draft(
        std::slice::from_ref(founder),
        head,
        keys,
        &epoch_key,
        entropy,
    )?;
    Ok((draft, epoch_key))
}

impl Book {
    /// Makes the entry that adds `members` after the newest one. The rules are checked by whoever
    /// applies it, this device first.
    ///
    /// # Errors
    /// [`BookError`] where this device does not hold the epoch key or a key is unusable.
    pub fn draft_add(
        &self,
        members: &[NewMember],
        signer: (DeviceNumber, &MembershipKeys),
        counter: u32,
        seen: Position,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, BookError> {
        let membership = self.membership();
        let place = Place {
            space: *membership.space(),
            previous: membership.head(),
            epoch: Some(membership.epoch()),
            signer: signer.0,
            counter,
            height: membership.height(),
            seen,
            first_device: membership.next_device(),
        };
        let key = self
            .key_at(membership.height())
            .ok_or(BookError::KeyRefused)?;
        Ok(place.draft(members, None, signer.1, key, entropy)?)
    }
}

/// Where in a space's chain an entry is to stand.
struct Place {
    space: SpaceId,
    previous: EntryId,
    /// `None` where the entry itself starts the epoch.
    epoch: Option<EntryId>,
    signer: DeviceNumber,
    counter: u32,
    height: Height,
    seen: Position,
    first_device: DeviceNumber,
}

impl Place {
    fn draft(
        &self,
        members: &[NewMember],
        head: Option<(SpaceKind, RelayAddress)>,
        signer: &MembershipKeys,
        epoch_key: &EpochKey,
        entropy: &mut dyn Entropy,
    ) -> Result<Draft, CryptoError> {
        let mut core = Core {
            previous: self.previous,
            ops: Vec::new(),
            keys: Vec::new(),
        };
        let mut roster = Vec::new();
        let mut attachments = Vec::new();
        for (number, member) in (self.first_device.0..).zip(members) {
            let device = DeviceNumber(number);
            let agreement_key = &member.keys.agreement_key.0;
            let info = EpochInfo::new(
                &self.space.0,
                &self.previous.0,
                self.epoch.as_ref().map(|epoch| &epoch.0),
                number,
            );
            let recipient = AgreementPublicKey::from_bytes(agreement_key)?;
            let sealed = seal_epoch_key(&recipient, &info, epoch_key, entropy)?;
            core.ops.push(Op::Add(Add {
                device,
                person: member.person,
                signing_key: member.keys.signing_key,
                suite: member.keys.suite,
                agreement_key: AttachmentHash::of(agreement_key),
                rights: member.rights,
            }));
            core.keys.push(SealedKey {
                device,
                sealed: AttachmentHash::of(&sealed),
            });
            attachments.push(agreement_key.clone());
            attachments.push(sealed.to_vec());
            roster.push(RosterMember {
                device,
                name: member.name.clone(),
                role: member.role,
                device_name: member.device_name.clone(),
                level: member.level,
                since: member.since,
            });
        }
        let (kind, relay) = head.unzip();
        let mut padded = codec::encode(&Roster {
            members: roster,
            kind,
            relay,
        });
        padding::pad(&mut padded);

        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let header = Header {
            kind: Kind::Membership,
            device: self.signer,
            counter: self.counter,
            height: self.height,
            seen: self.seen,
            salt,
        };
        let private = seal_roster(
            epoch_key,
            &self.space.0,
            &self.previous.0,
            &header.to_bytes(),
            &padded,
        )?;
        let body = MembershipBody::assemble(&core, &private).map_err(|_| CryptoError::TooLong)?;
        let mut signed = Ok(());
        let entry = Entry::assemble(header, &body, &self.space, &self.previous, |text| {
            signer.sign(text).map(Signature).unwrap_or_else(|e| {
                signed = Err(e);
                Signature([0; 64])
            })
        });
        signed.map(|()| Draft { entry, attachments })
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
            suite: waymark_wire::membership::SUITE_XWING,
            agreement_key: Bytes(keys.agreement_public()?.to_bytes().to_vec()),
        })
    }
}
