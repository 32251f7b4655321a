//! What a membership entry may do. An entry is weighed whole, against the membership before it, and
//! comes to a [`Change`] or to the first rule that it breaks; nothing changes before all of it holds.

use super::{
    Add, Core, KeyRefusal, Member, Membership, MembershipError, NewAgreementKey, Op, Rights,
    SUITE_XWING,
};
use crate::ids::{AttachmentHash, DeviceNumber, Height, SpaceId};
use crate::limits;

/// What an entry that keeps every rule comes to.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Whose memberships end.
    pub(super) ended: Vec<DeviceNumber>,
    /// Who comes, by number.
    pub(super) added: Vec<Member>,
    /// Whether an epoch starts.
    pub(super) rotates: bool,
    /// Whether something is forgotten: the epoch that starts leads to none before it.
    pub(super) forgets: bool,
    /// The signer's agreement key from now on.
    pub(super) agreement_key: Option<AttachmentHash>,
    /// Whether the epoch key is known to somebody who has just gone.
    pub(super) exposes_key: bool,
    /// Whether nothing follows any more, and where it goes on.
    pub(super) closes: Option<Option<SpaceId>>,
}

/// Weighs the entry of `core` by `signer`, which is to have height `at`. In an entry that founds a
/// space, the signer is whom it adds first.
///
/// The order of the rules is part of the protocol, so that everybody names the same reason: closed,
/// rotation due, each op in its turn, then what the ops come to together, then the sealed keys.
///
/// # Errors
/// [`MembershipError`] for the first rule that the entry breaks.
pub(super) fn weigh(
    before: &Membership,
    core: &Core,
    signer: &Member,
    at: Height,
) -> Result<Change, MembershipError> {
    if before.is_closed() {
        return Err(MembershipError::Closed);
    }
    let mends = |op: &Op| matches!(op, Op::Rotate(_) | Op::Leave | Op::Close(_));
    if before.is_rotation_due() && !core.ops.iter().any(mends) {
        return Err(MembershipError::RotationDue);
    }
    let mut weighing = Weighing {
        before,
        core,
        signer,
        at,
        sealed: Vec::new(),
        leaves: false,
        change: Change::default(),
    };
    for op in &core.ops {
        weighing.take(op)?;
    }
    weighing.conclude()
}

/// An entry on the scales.
struct Weighing<'m> {
    before: &'m Membership,
    core: &'m Core,
    signer: &'m Member,
    at: Height,
    /// Who gets the key of the epoch in force once more.
    sealed: Vec<DeviceNumber>,
    leaves: bool,
    change: Change,
}

impl<'m> Weighing<'m> {
    fn take(&mut self, op: &Op) -> Result<(), MembershipError> {
        match op {
            Op::Add(add) => self.add(add),
            // A first entry does nothing else.
            _ if self.is_founding() => Err(MembershipError::Unsupported(op.name())),
            Op::Remove(device) => self.remove(*device),
            Op::Rotate(key) => self.rotate(key.as_ref()),
            Op::Seal(device) => self.seal(*device),
            Op::Leave => self.leave(),
            Op::Close(successor) => self.close(*successor),
            Op::Forget => self.forget(),
            Op::Reserved(_) => Err(MembershipError::Unsupported(op.name())),
        }
    }

    fn add(&mut self, add: &Add) -> Result<(), MembershipError> {
        let next = self.before.everybody().len() + self.change.added.len();
        let next = DeviceNumber(u16::try_from(next).map_err(|_| MembershipError::TooMany)?);
        if add.device != next {
            return Err(MembershipError::DeviceNumber {
                given: add.device,
                next,
            });
        }
        let refuse = |why| MembershipError::Key { device: next, why };
        add.signing_key.check().map_err(|why| refuse(why.into()))?;
        let mut everybody = self.before.everybody().iter().chain(&self.change.added);
        if everybody.any(|member| member.signing_key == add.signing_key) {
            return Err(refuse(KeyRefusal::Used));
        }
        if !add.rights.is_known() {
            return Err(MembershipError::Unsupported("this combination of rights"));
        }
        if add.suite != SUITE_XWING {
            return Err(MembershipError::Unsupported("this HPKE suite"));
        }
        let handed_on = add.rights.without_lasting();
        let is_own = add.person == self.signer.person;
        let may =
            (is_own && self.signer.rights.include(handed_on)) || self.signer_is(Rights::ADMIN);
        // Nobody is given a phrase by somebody else: it would outlast every decision of theirs.
        if !may || (add.rights.is_lasting() && !is_own) {
            return Err(self.rights());
        }
        self.change.added.push(Member {
            device: next,
            person: add.person,
            signing_key: add.signing_key,
            agreement_key: add.agreement_key,
            rights: add.rights,
            since: self.at,
            until: None,
        });
        Ok(())
    }

    fn remove(&mut self, device: DeviceNumber) -> Result<(), MembershipError> {
        let member = self.staying(device)?;
        let over_own =
            member.person == self.signer.person && self.signer.rights.include(member.rights);
        let over = !member.rights.is_lasting() && (over_own || self.signer_is(Rights::ADMIN));
        if device != self.signer.device && !over {
            return Err(self.rights());
        }
        self.change.ended.push(device);
        Ok(())
    }

    fn rotate(&mut self, key: Option<&NewAgreementKey>) -> Result<(), MembershipError> {
        if !self.signer_is(Rights::WRITE) {
            return Err(self.rights());
        }
        if self.change.rotates {
            return Err(MembershipError::Together("rotate"));
        }
        if !self.sealed.is_empty() {
            return Err(MembershipError::Together("seal"));
        }
        if key.is_some_and(|key| key.suite != SUITE_XWING) {
            return Err(MembershipError::Unsupported("this HPKE suite"));
        }
        self.change.rotates = true;
        self.change.agreement_key = key.map(|key| key.agreement_key);
        Ok(())
    }

    fn seal(&mut self, device: DeviceNumber) -> Result<(), MembershipError> {
        if !self.signer_is(Rights::WRITE) {
            return Err(self.rights());
        }
        if self.change.rotates || self.sealed.contains(&device) {
            return Err(MembershipError::Together("seal"));
        }
        self.staying(device)?;
        self.sealed.push(device);
        Ok(())
    }

    fn leave(&mut self) -> Result<(), MembershipError> {
        self.stand_alone("leave")?;
        let signer = self.signer;
        let own = self.before.members().filter(|m| m.person == signer.person);
        for member in own {
            if member.rights.is_lasting() && member.device != signer.device {
                return Err(self.rights());
            }
            self.change.ended.push(member.device);
        }
        self.leaves = true;
        Ok(())
    }

    fn close(&mut self, successor: Option<SpaceId>) -> Result<(), MembershipError> {
        self.stand_alone("close")?;
        let mut members = self.before.members();
        let lasting = members.find(|member| member.rights.is_lasting());
        let may = self.signer_is(Rights::ADMIN)
            && lasting.is_none_or(|member| member.device == self.signer.device);
        if !may {
            return Err(self.rights());
        }
        self.change.closes = Some(successor);
        Ok(())
    }

    fn forget(&mut self) -> Result<(), MembershipError> {
        if !self.signer_is(Rights::ADMIN) {
            return Err(self.rights());
        }
        if self.change.forgets {
            return Err(MembershipError::Together("forget"));
        }
        self.change.forgets = true;
        Ok(())
    }

    /// What the ops come to together.
    fn conclude(mut self) -> Result<Change, MembershipError> {
        let ended = &self.change.ended;
        if let Some(gone) = self.sealed.iter().find(|device| ended.contains(device)) {
            return Err(MembershipError::NotMember(*gone));
        }
        let removes_signer = ended.contains(&self.signer.device);
        let removes_others = ended.iter().any(|device| *device != self.signer.device);
        let rotates = self.change.rotates;
        if !self.leaves && (removes_others && !rotates || removes_signer && rotates) {
            return Err(MembershipError::Rotation);
        }
        // Who has the key of before could open what is to be forgotten, for as long as it is in force.
        if self.change.forgets && !rotates {
            return Err(MembershipError::Rotation);
        }
        let staying = |member: &&Member| !ended.contains(&member.device);
        let before = self.before.members().filter(staying);
        let after: Vec<&Member> = before.chain(&self.change.added).collect();
        if after.iter().filter(|m| m.rights.is_lasting()).count() > 1 {
            return Err(self.rights());
        }
        // A first entry is told what is wrong with its founder (below).
        let is_admin = |member: &&Member| member.rights.include(Rights::ADMIN);
        if !self.is_founding() && self.change.closes.is_none() && !after.iter().any(is_admin) {
            return Err(MembershipError::LastAdmin);
        }
        if after.len() > limits::MEMBERSHIPS {
            return Err(MembershipError::TooMany);
        }
        let mut needed: Vec<DeviceNumber> = if rotates {
            after.iter().map(|member| member.device).collect()
        } else {
            let added = self.change.added.iter().map(|member| member.device);
            self.sealed.iter().copied().chain(added).collect()
        };
        needed.sort_unstable();
        if !self.core.keys.iter().map(|key| key.device).eq(needed) {
            return Err(MembershipError::Keys);
        }
        if self.is_founding() && !self.signer_is(Rights::ADMIN) {
            return Err(self.rights());
        }
        self.change.exposes_key = self.leaves || removes_signer;
        Ok(self.change)
    }

    /// The member with this number, which this entry has not removed so far, and did not add.
    fn staying(&self, device: DeviceNumber) -> Result<&'m Member, MembershipError> {
        self.before
            .member(device)
            .filter(|_| !self.change.ended.contains(&device))
            .ok_or(MembershipError::NotMember(device))
    }

    fn stand_alone(&self, op: &'static str) -> Result<(), MembershipError> {
        match self.core.ops.len() {
            1 => Ok(()),
            _ => Err(MembershipError::Together(op)),
        }
    }

    fn signer_is(&self, rights: Rights) -> bool {
        self.signer.rights.include(rights)
    }

    fn is_founding(&self) -> bool {
        self.before.everybody().is_empty()
    }

    const fn rights(&self) -> MembershipError {
        MembershipError::Rights(self.signer.device)
    }
}
