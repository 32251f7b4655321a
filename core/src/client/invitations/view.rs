//! What an app sees of an invitation.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::client::{PlanId, WaymarkError};
use crate::driver::Shares;
use crate::mail::Kept;
use crate::membership::SpaceKind;
use crate::model::json;
use crate::pairing::{Ending, Purpose, Refusal, Side, Stage};
use crate::role::Role;

/// An invitation's name on this device. Shown as 43 characters of base64url without padding. It is
/// not the link, but belongs into no log: whoever knows it can spoil the invitation.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct InvitationId(pub [u8; 32]);

/// What somebody is invited to.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum InvitationPurpose {
    /// Join a circle of one's own.
    Circle {
        /// The circle.
        space: PlanId,
    },
    /// Be the client of this device's person, a therapist: the invited person makes the plan.
    Client,
    /// A further device of this device's own person.
    Device,
    /// Be therapist in a plan of one's own.
    Plan {
        /// The plan.
        plan: PlanId,
    },
    /// Support this device's person. A support space is for one.
    Supporter {
        /// The support space.
        space: PlanId,
        /// Supporter or guardian.
        role: Role,
    },
}

/// An invitation to hand on. Both texts are secrets.
#[derive(Clone, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct Invitation {
    /// Its name on this device.
    pub id: InvitationId,
    /// To send, or to show as a QR code (as bytes).
    pub link: String,
    /// To read out and type, where the other's app uses the same relay.
    pub code: String,
    /// When it ends.
    pub expires: DateTime<Utc>,
}

/// Where an invitation stands, as seen from this device.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum InvitationStage {
    /// Both said yes; the other is being let in, or this device is, which takes some syncs.
    Agreed,
    /// Accepted here; waits for the inviter's device.
    Answered,
    /// Show the code, and ask whether the other sees the same.
    Comparing,
    /// Confirmed here; waits for the other's word.
    Confirmed,
    /// All is done: whoever was invited is in.
    Done,
    /// It is over, and nothing came of it.
    Ended,
    /// Made here; nobody has answered yet.
    Inviting,
    /// Followed here: ask whether to accept what the inviter offers.
    Offered,
    /// Followed here; the inviter's device has not been there yet, or this one has not.
    Opening,
}

/// Why nothing came of an invitation.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum InvitationEnd {
    /// The other saw another code: somebody stood between.
    CodesDiffer,
    /// The other declined.
    Declined,
    /// Its time was up.
    Expired,
    /// The other's device found something wrong.
    Fault,
    /// It could not be carried out; the detail says why.
    NotPossible,
    /// Another device of this person's had invited somebody else to the support space, who came first:
    /// it is for one.
    Taken,
    /// What stood in the mailbox cannot have come from the other: somebody interfered, or the link
    /// was used on another device. Nothing of it was believed.
    Untrusted,
    /// This device's person refused it, or saw another code.
    Withdrawn,
}

/// An invitation that was made or followed here.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct InvitationView {
    /// Its name on this device.
    pub id: InvitationId,
    /// What it is to.
    pub purpose: Purpose,
    /// Whether it was made here or followed here.
    pub side: Side,
    /// Where it stands.
    pub stage: InvitationStage,
    /// Why nothing came of it, once it has ended.
    pub end: Option<InvitationEnd>,
    /// The plan or space that it leads to, once there is one; none for home.
    pub space: Option<PlanId>,
    /// The code to compare, as `123 456`, while it matters.
    pub code: Option<String>,
    /// The other person's name, as that person gives it. Until both said yes, anybody may have.
    pub name: Option<String>,
    /// The other device's name, with the same reserve.
    pub device_name: Option<String>,
    /// When it ends; none where a typed code was followed whose offer was not read yet.
    #[serde(serialize_with = "json::instant_opt")]
    pub expires: Option<DateTime<Utc>>,
    /// The code of what keeps it from going on, or ended it; errors go by the same codes.
    pub problem: Option<String>,
    /// The same in words, for whoever debugs.
    pub problem_detail: Option<String>,
}

impl InvitationPurpose {
    pub(super) const fn purpose(&self) -> Purpose {
        match self {
            Self::Circle { .. } => Purpose::Circle,
            Self::Client => Purpose::Client,
            Self::Device => Purpose::Device,
            Self::Plan { .. } => Purpose::Plan,
            Self::Supporter { .. } => Purpose::Supporter,
        }
    }
}

impl Invitation {
    pub(super) fn of(kept: &Kept) -> Self {
        let link = kept.pairing.link();
        let end = kept.pairing.expires_ms();
        Self {
            id: InvitationId(link.secret.mailbox().0),
            link: link.to_text().to_string(),
            code: link.to_short_text().to_string(),
            expires: end
                .and_then(DateTime::from_timestamp_millis)
                .unwrap_or_default(),
        }
    }
}

impl InvitationView {
    pub(super) fn of(shares: &Shares, kept: &Kept, now: i64) -> Self {
        let pairing = &kept.pairing;
        let mailbox = kept.mailbox();
        let (stage, end) = stage(kept, now);
        let offered = pairing.offer().filter(|_| pairing.side() == Side::Invited);
        let offered = offered.map(|offer| offer.name.as_str());
        let space = kept.about.space.and_then(|id| shares.engine.space(&id));
        let space = space.filter(|space| space.kind() != SpaceKind::Home);
        let (problem, problem_detail) = problem(shares, kept, end).unzip();
        Self {
            id: InvitationId(mailbox.0),
            purpose: pairing.link().purpose,
            side: pairing.side(),
            stage,
            end,
            space: space.map(|space| PlanId(space.id().0)),
            code: matches!(
                stage,
                InvitationStage::Comparing | InvitationStage::Confirmed
            )
            .then(|| pairing.code())
            .flatten()
            .map(|code| code.to_string()),
            name: pairing.other_name().or(offered).map(Into::into),
            device_name: pairing.other_device_name().map(Into::into),
            expires: pairing
                .expires_ms()
                .and_then(DateTime::from_timestamp_millis),
            problem,
            problem_detail,
        }
    }
}

fn stage(kept: &Kept, now: i64) -> (InvitationStage, Option<InvitationEnd>) {
    use InvitationStage as At;
    let is_over = kept.pairing.expires_ms().is_some_and(|end| end <= now);
    let stage = match kept.pairing.stage() {
        _ if kept.about.is_taken == Some(true) => return (At::Ended, Some(InvitationEnd::Taken)),
        _ if kept.about.failed.is_some() => return (At::Ended, Some(InvitationEnd::NotPossible)),
        Stage::Ended(ending) => return (At::Ended, Some(end_of(ending))),
        Stage::Done if kept.about.settled => At::Done,
        Stage::Done => At::Agreed,
        _ if is_over => return (At::Ended, Some(InvitationEnd::Expired)),
        Stage::Agreed => At::Agreed,
        Stage::Answered => At::Answered,
        Stage::Comparing => At::Comparing,
        Stage::Confirmed => At::Confirmed,
        Stage::Inviting => At::Inviting,
        Stage::Offered => At::Offered,
        Stage::Opening => At::Opening,
    };
    (stage, None)
}

const fn end_of(ending: Ending) -> InvitationEnd {
    match ending {
        Ending::Expired => InvitationEnd::Expired,
        Ending::Failed(_) => InvitationEnd::Untrusted,
        Ending::Refused(Refusal::CodesDiffer) => InvitationEnd::CodesDiffer,
        Ending::Refused(Refusal::Declined) => InvitationEnd::Declined,
        Ending::Refused(Refusal::Fault) => InvitationEnd::Fault,
        Ending::Withdrawn => InvitationEnd::Withdrawn,
    }
}

/// What keeps it from going on, or ended it: code and words.
fn problem(shares: &Shares, kept: &Kept, end: Option<InvitationEnd>) -> Option<(String, String)> {
    let error = match (&kept.about.failed, kept.pairing.stage()) {
        (Some(reason), _) => WaymarkError::NotAllowed {
            reason: reason.clone(),
        },
        (None, Stage::Ended(Ending::Failed(failure))) => WaymarkError::RelayUntrusted {
            reason: failure.to_string(),
        },
        _ if end.is_some() => return None,
        _ => shares.machine.mail_problem(&kept.mailbox())?.into(),
    };
    Some((error.code().into(), error.to_string()))
}

impl fmt::Display for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for InvitationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationId({self})")
    }
}

impl Serialize for InvitationId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for InvitationId {
    type Err = WaymarkError;

    fn from_str(text: &str) -> Result<Self, WaymarkError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        let rule = "an invitation's id has 43 base64url characters";
        bytes.map(Self).ok_or_else(|| WaymarkError::invalid(rule))
    }
}

/// Without the secrets.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("id", &self.id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "uniffi")]
uniffi::custom_type!(InvitationId, String, {
    try_lift: |text| Ok(text.parse::<InvitationId>()?),
    lower: |id| id.to_string(),
});
