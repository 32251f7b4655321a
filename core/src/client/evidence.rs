//! What proves that a relay told two stories, for the person to hand on.

use chrono::{DateTime, Utc};
use serde::Serialize;
use waymark_wire::evidence::{Evidence, EvidenceError};

use super::status::rfc3339;
use super::{PlanId, Sync, WaymarkError};
use crate::membership::SpaceKind;

/// Evidence that a relay told two stories: it signed that the log of one space stands so, and
/// otherwise, at one place and in one history of its own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct ForkEvidence {
    /// The plan; none for home, and where the evidence was only read.
    pub plan: Option<PlanId>,
    /// The relay's address; none where the evidence was only read.
    pub relay: Option<String>,
    /// The key that signed both, in hex. Whose key it is, the relay says where it is asked.
    pub relay_key: String,
    /// The space that both are about, in hex.
    pub space: String,
    /// When this device noticed.
    #[serde(serialize_with = "rfc3339")]
    pub noticed: Option<DateTime<Utc>>,
    /// The relay's history to which both belong, in hex: an honest restore begins another.
    pub generation: String,
    /// The place in the log for which it said two things.
    pub seq: u64,
    /// What it said of that place: the chain's first 16 bytes, in hex.
    pub one: String,
    /// And what else.
    pub other: String,
    /// All of it, as `docs/protocol.md` §6.8 defines it: enough for anybody to check.
    #[serde(skip)]
    pub proof: Vec<u8>,
}

impl ForkEvidence {
    /// Checks evidence that somebody handed over, with nothing else at hand.
    ///
    /// # Errors
    /// `invalid_input` where it is none, with the reason.
    pub fn check(bytes: &[u8]) -> Result<Self, WaymarkError> {
        let evidence = Evidence::from_bytes(bytes);
        let checked = evidence.and_then(|evidence| Self::of(&evidence));
        checked.map_err(|why| WaymarkError::invalid(format!("this proves nothing: {why}")))
    }

    fn of(evidence: &Evidence) -> Result<Self, EvidenceError> {
        let said = evidence.verify()?;
        Ok(Self {
            plan: None,
            relay: None,
            relay_key: evidence.relay.to_string(),
            space: evidence.space.to_string(),
            noticed: None,
            generation: said.generation.to_string(),
            seq: said.seq,
            one: said.one.to_string(),
            other: said.other.to_string(),
            proof: evidence.to_bytes(),
        })
    }
}

impl Sync<'_> {
    /// What this device keeps as proof that a relay told two stories, home first: at most one for each
    /// of the relay's histories of a space.
    ///
    /// # Errors
    /// The storage's.
    pub fn evidence(&self) -> Result<Vec<ForkEvidence>, WaymarkError> {
        let inner = self.0.shared.lock();
        let store = inner.engine.store.as_ref();
        let mut all = Vec::new();
        for space in inner.engine.spaces() {
            for kept in space.evidence(store)? {
                let told = ForkEvidence::of(&kept.evidence);
                let told = told.map_err(|why| WaymarkError::Damaged {
                    reason: format!("evidence that is kept does not hold: {why}"),
                })?;
                all.push(ForkEvidence {
                    plan: (space.kind() == SpaceKind::Care).then_some(PlanId(space.id().0)),
                    relay: Some(space.relay().url.clone()),
                    noticed: kept.noticed.and_then(DateTime::from_timestamp_millis),
                    ..told
                });
            }
        }
        Ok(all)
    }
}
