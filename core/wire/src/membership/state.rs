//! Who is in a space after each membership entry, and which entries count there.

use std::hint::black_box;
use std::sync::Arc;

use super::rules::{self, Change};
use super::{Core, MembershipBody, MembershipError, Op, Refusal, Rights};
use crate::entry::{Entry, Header, Kind};
use crate::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use crate::signature::VerifyingKey;

/// One membership: one device's place in one space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Its number.
    pub device: DeviceNumber,
    /// Whose device it is.
    pub person: PersonTag,
    /// The key that signs its entries and proofs.
    pub signing_key: VerifyingKey,
    /// The hash of its agreement key: the newest one, which a `rotate` of its own may have brought.
    pub agreement_key: AttachmentHash,
    /// What it may do.
    pub rights: Rights,
    /// The membership entry that added it.
    pub since: Height,
    /// The membership entry that ended it; `None` for a current one.
    pub until: Option<Height>,
}

impl Member {
    /// Whether it is a member after the newest entry.
    #[must_use]
    pub const fn is_current(&self) -> bool {
        self.until.is_none()
    }

    /// Whether it is a member after the entry at `height`, and so signs entries that name it.
    #[must_use]
    pub fn signs_at(&self, height: Height) -> bool {
        self.since <= height && self.until.is_none_or(|until| until > height)
    }
}

/// The membership of a space after some entry, with everybody who ever was in it.
///
/// What grows with the space's life is shared between clones until one of them takes an entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    space: SpaceId,
    ids: Arc<Vec<EntryId>>,
    /// Ascending, the first is 0.
    epoch_starts: Arc<Vec<Height>>,
    /// Those of them that lead to no epoch before, because something was forgotten; ascending.
    cuts: Arc<Vec<Height>>,
    /// By number.
    everybody: Arc<Vec<Member>>,
    rotation_due: bool,
    closed: Option<Option<SpaceId>>,
}

impl Membership {
    /// The membership that the first entry of a space founds.
    ///
    /// # Errors
    /// [`MembershipError`] where it is not a first entry, signed by the admin whom it adds first.
    pub fn found(entry: &Entry) -> Result<Self, MembershipError> {
        Self::found_with(entry, Signatures::Checked)
    }

    /// The membership after a space's first entry and the `rest`, in their order.
    ///
    /// # Errors
    /// [`MembershipError`] where an entry breaks a rule.
    pub fn of(first: &Entry, rest: &[Entry]) -> Result<Self, MembershipError> {
        Self::of_with(first, rest, Signatures::Checked)
    }

    /// The same for entries that whoever keeps them has verified before, all up to `head`: they are
    /// held to every rule but their signatures. `head` says that they are the same entries still,
    /// since each id covers its entry and the id before. It does not cover the signature beside it,
    /// which may have become any bytes.
    ///
    /// # Errors
    /// [`MembershipError`] where an entry breaks a rule, [`MembershipError::Moved`] also where they
    /// do not end in `head`.
    pub fn known(
        first: &Entry,
        rest: &[Entry],
        head: (Height, EntryId),
    ) -> Result<Self, MembershipError> {
        let membership = Self::of_with(first, rest, Signatures::Known)?;
        if (membership.height(), membership.head()) == head {
            Ok(membership)
        } else {
            Err(MembershipError::Moved)
        }
    }

    fn of_with(
        first: &Entry,
        rest: &[Entry],
        signatures: Signatures,
    ) -> Result<Self, MembershipError> {
        let mut membership = Self::found_with(first, signatures)?;
        for entry in rest {
            membership.apply_with(entry, signatures)?;
        }
        Ok(membership)
    }

    fn found_with(entry: &Entry, signatures: Signatures) -> Result<Self, MembershipError> {
        let id = entry.id(&SpaceId::ZERO);
        let mut founded = Self {
            space: SpaceId::from(id),
            ids: Arc::default(),
            epoch_starts: Arc::new(vec![Height(0)]),
            cuts: Arc::default(),
            everybody: Arc::default(),
            rotation_due: false,
            closed: None,
        };
        let header = entry.header();
        let core = core_of(entry)?;
        if core.previous != EntryId::ZERO
            || header.height != Height(0)
            || header.counter != 0
            || header.seen.seq != 0
        {
            return Err(MembershipError::Moved);
        }
        let founder = match core.ops.first() {
            Some(Op::Add(add)) => Member {
                device: DeviceNumber(0),
                person: add.person,
                signing_key: add.signing_key,
                agreement_key: add.agreement_key,
                rights: add.rights,
                since: Height(0),
                until: None,
            },
            Some(op) => return Err(MembershipError::Unsupported(op.name())),
            None => return Err(MembershipError::Empty),
        };
        let is_signed = signatures == Signatures::Known
            || entry.is_signed_by(&founder.signing_key, &EntryId::ZERO, &id);
        if header.device != founder.device || !is_signed {
            return Err(Refusal::Signer(header.device).into());
        }
        let change = rules::weigh(&founded, &core, &founder, Height(0))?;
        founded.make(change, founder.device, id);
        Ok(founded)
    }

    /// Takes the next membership entry, or leaves everything as it was.
    ///
    /// # Errors
    /// [`MembershipError`] where the entry breaks a rule.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), MembershipError> {
        self.apply_with(entry, Signatures::Checked)
    }

    fn apply_with(&mut self, entry: &Entry, signatures: Signatures) -> Result<(), MembershipError> {
        let core = core_of(entry)?;
        // Number, then signature, then the rules of the log: the order is part of the protocol.
        let id = entry.id(&self.space);
        let signer = self.signer_with(entry, &id, signatures)?;
        if entry.header().height != self.height() || core.previous != self.head() {
            return Err(MembershipError::Moved);
        }
        let change = rules::weigh(self, &core, signer, height_of(self.ids.len()))?;
        let by = signer.device;
        self.make(change, by, id);
        Ok(())
    }

    /// Whether a batch, a carry, a snapshot, a checkpoint or an ack counts after what has been applied: a
    /// member signed it, at a height in the epoch in force, and for all but an ack one with `write`.
    ///
    /// # Errors
    /// [`Refusal`] where it does not.
    pub fn admit(&self, entry: &Entry) -> Result<EntryId, Refusal> {
        if !matches!(
            entry.header().kind,
            Kind::Ack | Kind::Batch | Kind::Carry | Kind::Checkpoint | Kind::Snapshot
        ) {
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
        let rights = match header.kind {
            // Also whoever may only look is to have the key.
            Kind::Ack => Rights::READ,
            Kind::Batch | Kind::Carry | Kind::Checkpoint | Kind::Snapshot => Rights::WRITE,
            other => return Err(Refusal::Kind(other.number())),
        };
        if self.is_closed() {
            return Err(Refusal::Closed);
        }
        let in_force = self.epoch_start()..=self.height();
        if self.rotation_due || !in_force.contains(&header.height) {
            return Err(Refusal::Stale(header.height));
        }
        match self.member(header.device) {
            Some(signer) if signer.rights.include(rights) => Ok(()),
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

    /// The id of the membership entry at `height`.
    #[must_use]
    pub fn id_at(&self, height: Height) -> Option<EntryId> {
        self.ids.get(usize::try_from(height.0).ok()?).copied()
    }

    /// The height of the entry that started the epoch in force.
    #[must_use]
    pub fn epoch_start(&self) -> Height {
        self.epoch_starts.last().copied().unwrap_or_default()
    }

    /// The id of the entry that started the epoch in force, which is the epoch's identity.
    #[must_use]
    pub fn epoch(&self) -> EntryId {
        self.id_at(self.epoch_start()).unwrap_or(EntryId::ZERO)
    }

    /// The number of the epoch in force, from 0. It is for show and for order only.
    #[must_use]
    pub fn epoch_number(&self) -> u32 {
        height_of(self.epoch_starts.len().saturating_sub(1)).0
    }

    /// The heights of the entries that started an epoch, ascending; the first is 0.
    #[must_use]
    pub fn epoch_starts(&self) -> &[Height] {
        &self.epoch_starts
    }

    /// The height of the entry that started the epoch to which the entry at `height` belongs; an
    /// entry that starts one belongs to that. Beyond the newest entry: the epoch in force.
    #[must_use]
    pub fn epoch_start_at(&self, height: Height) -> Height {
        let later = self.epoch_starts.partition_point(|start| *start <= height);
        let index = later.saturating_sub(1);
        self.epoch_starts.get(index).copied().unwrap_or_default()
    }

    /// The heights of the entries by which something was forgotten, ascending. The epoch that each of
    /// them starts gives no key of an epoch before it.
    #[must_use]
    pub fn cuts(&self) -> &[Height] {
        &self.cuts
    }

    /// The height of the newest entry by which something was forgotten.
    #[must_use]
    pub fn cut(&self) -> Option<Height> {
        self.cuts.last().copied()
    }

    /// Whether an entry signed at `height` may hold what was forgotten since.
    #[must_use]
    pub fn is_before_cut(&self, height: Height) -> bool {
        self.cut().is_some_and(|cut| height < cut)
    }

    /// Whether somebody has gone who knows the epoch key. Until a member with `write` has replaced
    /// it, nothing else counts.
    #[must_use]
    pub const fn is_rotation_due(&self) -> bool {
        self.rotation_due
    }

    /// Whether the space is closed: it can be read, and nothing more counts.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// The space that goes on in this one's place, where it was closed for one.
    #[must_use]
    pub fn successor(&self) -> Option<SpaceId> {
        self.closed.flatten()
    }

    /// Everyone who is a member now, by number.
    pub fn members(&self) -> impl DoubleEndedIterator<Item = &Member> + Clone {
        self.everybody.iter().filter(|member| member.is_current())
    }

    /// Everyone who is or was a member, by number.
    #[must_use]
    pub fn everybody(&self) -> &[Member] {
        &self.everybody
    }

    /// The current member with this number.
    #[must_use]
    pub fn member(&self, device: DeviceNumber) -> Option<&Member> {
        self.member_ever(device).filter(|m| m.is_current())
    }

    /// Who has or had this number.
    #[must_use]
    pub fn member_ever(&self, device: DeviceNumber) -> Option<&Member> {
        self.everybody.get(usize::from(device.0))
    }

    /// The current member with this signing key.
    #[must_use]
    pub fn member_with_key(&self, key: &VerifyingKey) -> Option<&Member> {
        self.member_ever_with_key(key).filter(|m| m.is_current())
    }

    /// Who has or had this signing key. No other membership of this space can ever have it.
    #[must_use]
    pub fn member_ever_with_key(&self, key: &VerifyingKey) -> Option<&Member> {
        self.everybody.iter().find(|m| m.signing_key == *key)
    }

    /// The number that the next `add` has to give. It says 65,535 also where no number is left,
    /// which the rules refuse.
    #[must_use]
    pub fn next_device(&self) -> DeviceNumber {
        DeviceNumber(u16::try_from(self.everybody.len()).unwrap_or(u16::MAX))
    }

    /// Who signed `entry`, whose id is `id`: a member at the height that it names. Once found, the
    /// signer is the same after every later entry.
    ///
    /// # Errors
    /// [`Refusal::Stale`] where that height is not known, [`Refusal::Signer`] where no member had
    /// that number then or the signature is another's.
    pub fn signer(&self, entry: &Entry, id: &EntryId) -> Result<&Member, Refusal> {
        self.signer_with(entry, id, Signatures::Checked)
    }

    fn signer_with(
        &self,
        entry: &Entry,
        id: &EntryId,
        signatures: Signatures,
    ) -> Result<&Member, Refusal> {
        let header = entry.header();
        let at = self
            .id_at(header.height)
            .ok_or(Refusal::Stale(header.height))?;
        let member = self
            .member_ever(header.device)
            .filter(|member| member.signs_at(header.height));
        // Whoever is none costs as much as a bad signature, so that the time it takes says nothing.
        let key = member.map_or(&VerifyingKey::NOBODY, |member| &member.signing_key);
        let is_signed =
            signatures == Signatures::Known || black_box(entry.is_signed_by(key, &at, id));
        member
            .filter(|_| is_signed)
            .ok_or(Refusal::Signer(header.device))
    }

    /// Does what has been weighed.
    fn make(&mut self, change: Change, by: DeviceNumber, id: EntryId) {
        let at = height_of(self.ids.len());
        Arc::make_mut(&mut self.ids).push(id);
        if change.rotates {
            Arc::make_mut(&mut self.epoch_starts).push(at);
        }
        if change.forgets {
            Arc::make_mut(&mut self.cuts).push(at);
        }
        let everybody = Arc::make_mut(&mut self.everybody);
        for device in &change.ended {
            if let Some(member) = everybody.get_mut(usize::from(device.0)) {
                member.until = Some(at);
            }
        }
        if let Some(new) = change.agreement_key
            && let Some(signer) = everybody.get_mut(usize::from(by.0))
        {
            signer.agreement_key = new;
        }
        everybody.extend(change.added);
        // Nobody writes to a closed space, so nobody has to be kept from reading what follows.
        self.closed = change.closes;
        self.rotation_due =
            !self.is_closed() && !change.rotates && (self.rotation_due || change.exposes_key);
    }
}

/// Whether a signature is still to be checked. It is known to be right only where all entries are held
/// to an id that was verified: [`Membership::known`].
#[derive(Clone, Copy, Eq, PartialEq)]
enum Signatures {
    Checked,
    Known,
}

fn core_of(entry: &Entry) -> Result<Core, MembershipError> {
    if entry.header().kind != Kind::Membership {
        return Err(Refusal::Kind(entry.header().kind.number()).into());
    }
    let core = MembershipBody::parse(entry.body())?.core;
    if core.ops.is_empty() {
        return Err(MembershipError::Empty);
    }
    Ok(core)
}

/// Heights are bounded by what fits a `u32` long before a log could hold so many entries.
fn height_of(index: usize) -> Height {
    Height(u32::try_from(index).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::{Add, SUITE_XWING, SealedKey};
    use crate::signature::SigningKey;

    /// A number that came round again would make somebody else's old entries a newcomer's own.
    #[test]
    fn the_last_number_is_given_once() {
        let member = |device: u16| Member {
            device: DeviceNumber(device),
            person: PersonTag([0; 16]),
            signing_key: VerifyingKey([0; 32]),
            agreement_key: AttachmentHash([0; 32]),
            rights: Rights::ADMIN,
            since: Height(0),
            until: (device > 0).then_some(Height(1)),
        };
        let mut space = Membership {
            space: SpaceId([1; 32]),
            ids: Arc::new(vec![EntryId([2; 32]); 2]),
            epoch_starts: Arc::new(vec![Height(0)]),
            cuts: Arc::default(),
            everybody: Arc::new((0..u16::MAX).map(member).collect()),
            rotation_due: false,
            closed: None,
        };
        let add = |seed| {
            let key = SigningKey::from_seed(&[seed; 32]).unwrap();
            let device = DeviceNumber(u16::MAX);
            Core {
                previous: EntryId([2; 32]),
                ops: vec![Op::Add(Add {
                    device,
                    person: PersonTag([0; 16]),
                    signing_key: key.verifying_key(),
                    suite: SUITE_XWING,
                    agreement_key: AttachmentHash([0; 32]),
                    rights: Rights::READ,
                })],
                keys: vec![SealedKey {
                    device,
                    sealed: AttachmentHash([0; 32]),
                }],
            }
        };
        let change = rules::weigh(&space, &add(1), &member(0), Height(2)).unwrap();
        space.make(change, DeviceNumber(0), EntryId([3; 32]));
        assert!(space.member(DeviceNumber(u16::MAX)).is_some());
        let refused = rules::weigh(&space, &add(2), &member(0), Height(3));
        assert_eq!(refused.unwrap_err(), MembershipError::TooMany);
    }
}
