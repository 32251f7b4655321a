//! Who is in a space after each membership entry, and which entries count there.

use super::{Core, MembershipBody, Op, Rights, SUITE_XWING};
use crate::entry::{Entry, Header, Kind};
use crate::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use crate::limits;
use crate::membership::BodyError;
use crate::signature::{KeyError, VerifyingKey};

/// One membership: one device's place in one space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its number.
    pub device: DeviceNumber,
    /// Whose device it is.
    pub person: PersonTag,
    /// The key that signs its entries and proofs.
    pub signing_key: VerifyingKey,
    /// The hash of its agreement key.
    pub agreement_key: AttachmentHash,
    /// What it may do.
    pub rights: Rights,
    /// The membership entry that added it.
    pub since: Height,
}

/// Why a membership entry is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MembershipError {
    /// Its body cannot be read.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A membership was added under another number than the next.
    #[error("{given} was added where {next} is next")]
    DeviceNumber {
        /// The number it was given.
        given: DeviceNumber,
        /// The next free one.
        next: DeviceNumber,
    },
    /// It does nothing.
    #[error("the entry holds no op")]
    Empty,
    /// A key that no honest device makes, or that is a member already.
    #[error("the key of {device} is refused: {why}")]
    Key {
        /// The membership that was to be added.
        device: DeviceNumber,
        /// What is wrong with it.
        why: KeyRefusal,
    },
    /// The sealed keys are not exactly those that the ops call for.
    #[error("the sealed epoch keys are not for exactly those who need one")]
    Keys,
    /// It does not follow the newest entry.
    #[error("the entry does not follow the newest membership entry")]
    Moved,
    /// Its signer may not do this.
    #[error("{0} may not do this")]
    Rights(DeviceNumber),
    /// The space has as many memberships as it may have.
    #[error("a space has at most {} memberships", limits::MEMBERSHIPS)]
    TooMany,
    /// An op, a right or a suite that this version does not allow.
    #[error("{0} is not supported by this version")]
    Unsupported(&'static str),
    /// The signature or the signer is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// What is wrong with a key at `add`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyRefusal {
    /// No honest device makes such a key.
    #[error(transparent)]
    Form(#[from] KeyError),
    /// It has a membership in this space, or had one.
    #[error("it is or was a member's")]
    Used,
}

/// Why an entry does not count at its place in the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Its height is of an epoch that is over, or of no entry yet.
    #[error("its membership height {0:?} is not of the epoch in force")]
    Stale(Height),
    /// Its kind is not allowed yet.
    #[error("entries of kind {0} are not supported by this version")]
    Kind(u8),
    /// No membership had this number at that height, or the signature is not its.
    #[error("{0} did not sign this")]
    Signer(DeviceNumber),
    /// Its signer may not write.
    #[error("{0} may not write")]
    Rights(DeviceNumber),
}

impl Refusal {
    /// A stable name, for keeping beside what was refused.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Stale(_) => "stale_membership",
            Self::Kind(_) => "unsupported",
            Self::Signer(_) => "signer",
            Self::Rights(_) => "rights",
        }
    }
}

/// The membership of a space after some entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    space: SpaceId,
    ids: Vec<EntryId>,
    epoch_start: Height,
    members: Vec<Member>,
}

impl Membership {
    /// The membership that the first entry of a space founds.
    ///
    /// # Errors
    /// [`MembershipError`] where it is not a first entry, signed by the admin whom it adds first.
    pub fn found(entry: &Entry) -> Result<Self, MembershipError> {
        let id = entry.id(&SpaceId::ZERO);
        let mut founded = Self {
            space: SpaceId::from(id),
            ids: Vec::new(),
            epoch_start: Height(0),
            members: Vec::new(),
        };
        let header = entry.header();
        let core = founded.core_of(entry)?;
        if core.previous != EntryId::ZERO
            || header.height != Height(0)
            || header.counter != 0
            || header.seen.seq != 0
        {
            return Err(MembershipError::Moved);
        }
        let signer = match core.ops.first() {
            Some(Op::Add(add)) => add.signing_key,
            Some(op) => return Err(MembershipError::Unsupported(op.name())),
            None => return Err(MembershipError::Empty),
        };
        if header.device != DeviceNumber(0) || !entry.is_signed_by(&signer, &EntryId::ZERO, &id) {
            return Err(Refusal::Signer(header.device).into());
        }
        founded.add_all(&core, None)?;
        if !founded
            .members
            .first()
            .is_some_and(|m| m.rights.include(Rights::ADMIN))
        {
            return Err(MembershipError::Rights(DeviceNumber(0)));
        }
        founded.ids.push(id);
        Ok(founded)
    }

    /// Takes the next membership entry, or leaves everything as it was.
    ///
    /// # Errors
    /// [`MembershipError`] where the entry breaks a rule.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), MembershipError> {
        let core = self.core_of(entry)?;
        // Number, then signature, then the rules of the log: the order is part of the protocol.
        let id = entry.id(&self.space);
        let signer = self.signer(entry, &id)?.clone();
        if entry.header().height != self.height() || core.previous != self.head() {
            return Err(MembershipError::Moved);
        }
        let mut next = self.clone();
        next.ids.push(id);
        next.add_all(&core, Some(&signer))?;
        *self = next;
        Ok(())
    }

    /// Whether a batch (or any entry that is no membership entry) counts after what has been
    /// applied: a member of `write` signed it, at a height in the epoch in force.
    ///
    /// # Errors
    /// [`Refusal`] where it does not.
    pub fn admit(&self, entry: &Entry) -> Result<EntryId, Refusal> {
        if entry.header().kind != Kind::Batch {
            return Err(Refusal::Kind(entry.header().kind.number()));
        }
        let id = entry.id(&self.space);
        self.signer(entry, &id)?;
        self.admit_signed(entry.header())?;
        Ok(id)
    }

    /// The part of [`Membership::admit`] that depends on the entry's place in the log, for an entry
    /// whose signer [`Membership::signer`] has found.
    ///
    /// # Errors
    /// [`Refusal`] where the entry does not count here.
    pub fn admit_signed(&self, header: &Header) -> Result<(), Refusal> {
        if header.kind != Kind::Batch {
            return Err(Refusal::Kind(header.kind.number()));
        }
        if header.height < self.epoch_start || header.height > self.height() {
            return Err(Refusal::Stale(header.height));
        }
        match self.member(header.device) {
            Some(signer) if signer.rights.include(Rights::WRITE) => Ok(()),
            Some(_) => Err(Refusal::Rights(header.device)),
            None => Err(Refusal::Signer(header.device)),
        }
    }

    /// The space.
    #[must_use]
    pub const fn space(&self) -> &SpaceId {
        &self.space
    }

    /// The newest membership entry.
    #[must_use]
    pub fn head(&self) -> EntryId {
        self.ids.last().copied().unwrap_or(EntryId::ZERO)
    }

    /// The newest membership entry's height.
    #[must_use]
    pub fn height(&self) -> Height {
        height_of(self.ids.len().saturating_sub(1))
    }

    /// The height of the entry that started the epoch in force.
    #[must_use]
    pub const fn epoch_start(&self) -> Height {
        self.epoch_start
    }

    /// The id of the entry that started the epoch in force, which is the epoch's identity.
    #[must_use]
    pub fn epoch(&self) -> EntryId {
        self.id_at(self.epoch_start).unwrap_or(EntryId::ZERO)
    }

    /// The id of the membership entry at `height`.
    #[must_use]
    pub fn id_at(&self, height: Height) -> Option<EntryId> {
        self.ids.get(usize::try_from(height.0).ok()?).copied()
    }

    /// Everyone who is a member now, by number.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member with this number.
    #[must_use]
    pub fn member(&self, device: DeviceNumber) -> Option<&Member> {
        self.members.get(usize::from(device.0))
    }

    /// The member with this signing key.
    #[must_use]
    pub fn member_with_key(&self, key: &VerifyingKey) -> Option<&Member> {
        self.members.iter().find(|m| m.signing_key == *key)
    }

    /// The number that the next `add` has to give.
    #[must_use]
    pub fn next_device(&self) -> DeviceNumber {
        DeviceNumber(u16::try_from(self.members.len()).unwrap_or(u16::MAX))
    }

    /// Who signed `entry`, whose id is `id`: a member at the height that it names. Once found, the
    /// signer is the same after every later entry.
    ///
    /// # Errors
    /// [`Refusal::Stale`] where that height is not known, [`Refusal::Signer`] where no member had
    /// that number then or the signature is another's.
    pub fn signer(&self, entry: &Entry, id: &EntryId) -> Result<&Member, Refusal> {
        let header = entry.header();
        let at = self
            .id_at(header.height)
            .ok_or(Refusal::Stale(header.height))?;
        let unsigned = Refusal::Signer(header.device);
        let member = self
            .member(header.device)
            .filter(|member| member.since <= header.height)
            .ok_or(unsigned)?;
        if entry.is_signed_by(&member.signing_key, &at, id) {
            Ok(member)
        } else {
            Err(unsigned)
        }
    }

    fn core_of(&self, entry: &Entry) -> Result<Core, MembershipError> {
        if entry.header().kind != Kind::Membership {
            return Err(Refusal::Kind(entry.header().kind.number()).into());
        }
        let core = MembershipBody::parse(entry.body())?.core;
        if core.ops.is_empty() {
            return Err(MembershipError::Empty);
        }
        Ok(core)
    }

    /// Applies ops that are all `add`. `signer` is `None` for the first entry.
    fn add_all(&mut self, core: &Core, signer: Option<&Member>) -> Result<(), MembershipError> {
        let since = height_of(self.ids.len().saturating_sub(1));
        let mut added = Vec::new();
        for op in &core.ops {
            let Op::Add(add) = op else {
                return Err(MembershipError::Unsupported(op.name()));
            };
            let next = self.next_device();
            if self.members.len() == limits::MEMBERSHIPS {
                return Err(MembershipError::TooMany);
            }
            if add.device != next {
                return Err(MembershipError::DeviceNumber {
                    given: add.device,
                    next,
                });
            }
            let refuse = |why| MembershipError::Key { device: next, why };
            add.signing_key.check().map_err(|why| refuse(why.into()))?;
            if self.member_with_key(&add.signing_key).is_some() {
                return Err(refuse(KeyRefusal::Used));
            }
            if !add.rights.is_known() {
                return Err(MembershipError::Unsupported("this combination of rights"));
            }
            if add.suite != SUITE_XWING {
                return Err(MembershipError::Unsupported("this HPKE suite"));
            }
            if let Some(signer) = signer {
                let own = add.person == signer.person && signer.rights.include(add.rights);
                if !own && !signer.rights.include(Rights::ADMIN) {
                    return Err(MembershipError::Rights(signer.device));
                }
            }
            self.members.push(Member {
                device: next,
                person: add.person,
                signing_key: add.signing_key,
                agreement_key: add.agreement_key,
                rights: add.rights,
                since,
            });
            added.push(next);
        }
        if !core.keys.iter().map(|key| key.device).eq(added) {
            return Err(MembershipError::Keys);
        }
        Ok(())
    }
}

/// Heights are bounded by what fits a `u32` long before a log could hold so many entries.
fn height_of(index: usize) -> Height {
    Height(u32::try_from(index).unwrap_or(u32::MAX))
}
