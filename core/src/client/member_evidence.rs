//! What proves that a member's device wrote two different changes under one number, for the person to
//! hand on.

use serde::Serialize;
use waymark_wire::ids::{DeviceNumber, SpaceId};

use super::{Held, PlanId, WaymarkError};
use crate::equivocation::{Equivocation, EquivocationError};
use crate::membership::SpaceKind;
use crate::model::DocumentKind;
use crate::space::Space;

/// Proof that a device wrote two different changes under one number in a document: it signed both. It
/// was copied, or its software does not keep the rules.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct MemberEvidence {
    /// The plan; none for home, and where the evidence was only read.
    pub plan: Option<PlanId>,
    /// The device's number in the plan; none where the evidence was only read.
    pub number: Option<u16>,
    /// The name of the person whose device it is, as far as this device can read it.
    pub name: Option<String>,
    /// The device's name, as far as this device can read it.
    pub device_name: Option<String>,
    /// The key that signed both, in hex. Whose key it is, the members' list of the space says.
    pub signer_key: String,
    /// The space that both are for, in hex.
    pub space: String,
    /// What kind of document the changes are for; none where this version does not know it.
    pub document: Option<DocumentKind>,
    /// The number that stands for two changes of this device's.
    pub change: u32,
    /// The id of the one entry, in hex.
    pub one: String,
    /// The id of the other, in hex.
    pub other: String,
    /// All of it, as `docs/protocol.md` §8.7 defines it: enough for anybody to check. Whoever has it
    /// can read what stands in the two entries.
    #[serde(skip)]
    pub proof: Vec<u8>,
}

impl MemberEvidence {
    /// Checks evidence that somebody handed over, with nothing else at hand.
    ///
    /// # Errors
    /// `invalid_input` where it is none, with the reason.
    pub fn check(bytes: &[u8]) -> Result<Self, WaymarkError> {
        let proof = Equivocation::from_bytes(bytes);
        let checked = proof.and_then(|proof| Self::of(&proof));
        checked.map_err(|why| WaymarkError::invalid(format!("this proves nothing: {why}")))
    }

    fn of(proof: &Equivocation) -> Result<Self, EquivocationError> {
        let said = proof.verify()?;
        let code = u8::try_from(said.document.kind).ok();
        Ok(Self {
            plan: None,
            number: None,
            name: None,
            device_name: None,
            signer_key: proof.signer.to_string(),
            space: proof.space.to_string(),
            document: code.and_then(|code| DocumentKind::read(code).ok()),
            change: said.change,
            one: said.one.to_string(),
            other: said.other.to_string(),
            proof: proof.to_bytes(),
        })
    }

    fn kept_of(
        space: &Space,
        (device, proof): &(DeviceNumber, Equivocation),
    ) -> Result<Self, WaymarkError> {
        let told = Self::of(proof).map_err(|why| WaymarkError::Damaged {
            reason: format!("evidence that is kept does not hold: {why}"),
        })?;
        let known = space.book().and_then(|book| book.roster(*device));
        Ok(Self {
            plan: (space.kind() == SpaceKind::Care).then_some(PlanId(space.id().0)),
            number: Some(device.0),
            name: known.map(|known| known.name.clone()),
            device_name: known.map(|known| known.device_name.clone()),
            ..told
        })
    }
}

impl Held<'_> {
    /// What this device keeps as proof that devices of members wrote two different changes under one
    /// number: at most one for each device of a space. The second change is held back as `forked`.
    ///
    /// # Errors
    /// The storage's.
    pub fn evidence(&self) -> Result<Vec<MemberEvidence>, WaymarkError> {
        let inner = &mut *self.0.shared.lock();
        let ids: Vec<SpaceId> = inner.engine.spaces().iter().map(Space::id).collect();
        let mut all = Vec::new();
        for id in ids {
            let Some((space, store, _)) = inner.engine.space_mut(&id) else {
                continue;
            };
            // Where the app ended before what it had held back was looked into.
            space.prove_forks(store)?;
            for kept in space.equivocations(store)? {
                all.push(MemberEvidence::kept_of(space, &kept)?);
            }
        }
        Ok(all)
    }
}
