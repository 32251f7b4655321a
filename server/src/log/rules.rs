//! Which entries are taken at their turn, whatever engine keeps them.

use std::collections::HashSet;
use std::fmt::Display;
use std::ops::Range;

use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{AttachmentHash, EntryId, Height};
use waymark_wire::membership::{Membership, MembershipError, Refusal};
use waymark_wire::message::RefusalCode;
use waymark_wire::signature::VerifyingKey;

use super::{Candidate, Refused};

/// Why an entry is not taken, and what its signer may be told.
#[derive(Clone, Debug)]
pub(crate) struct Reason {
    /// Why.
    pub(crate) code: RefusalCode,
    /// What is wrong.
    pub(crate) detail: String,
    /// The height that a member's entry named; `None` where the signature proved nobody.
    pub(crate) member_at: Option<Height>,
}

impl Reason {
    /// A reason that is told to whoever asked.
    pub(crate) fn new(code: RefusalCode, detail: impl Display) -> Self {
        Self {
            code,
            detail: detail.to_string(),
            member_at: None,
        }
    }

    /// The reason, told to the member who signed `entry`.
    pub(crate) fn told_to_member(mut self, entry: &Entry) -> Self {
        self.member_at = Some(entry.header().height);
        self
    }

    /// Whether the newer membership entries help whoever asked.
    pub(crate) fn calls_for_membership(&self) -> bool {
        matches!(
            self.code,
            RefusalCode::StaleMembership | RefusalCode::MembershipMoved
        )
    }
}

impl From<Reason> for Refused {
    fn from(reason: Reason) -> Self {
        Self {
            code: reason.code,
            detail: reason.detail,
            head: None,
            membership: Vec::new(),
            after: None,
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // Says no more than is said of a space that does not exist.
            Refusal::Signer(_) => not_found(),
            Refusal::Kind(_) => Self::new(RefusalCode::Unsupported, refusal),
            Refusal::Rights(_) => Self::new(RefusalCode::Forbidden, refusal),
            Refusal::Stale(_) => Self::new(RefusalCode::StaleMembership, refusal),
            Refusal::Closed => Self::new(RefusalCode::Closed, refusal),
        }
    }
}

impl From<MembershipError> for Reason {
    fn from(error: MembershipError) -> Self {
        let code = match &error {
            MembershipError::Refused(refusal) => return Self::from(*refusal),
            MembershipError::Body(_) => RefusalCode::BadRequest,
            MembershipError::Closed => RefusalCode::Closed,
            MembershipError::Moved => RefusalCode::MembershipMoved,
            MembershipError::Unsupported(_) => RefusalCode::Unsupported,
            _ => RefusalCode::Forbidden,
        };
        Self::new(code, error)
    }
}

/// The membership that the first entry of a space founds.
pub(crate) fn found(candidate: &Candidate) -> Result<Membership, Reason> {
    Membership::found(&candidate.entry).map_err(|error| match error {
        // There is nothing that could have moved.
        MembershipError::Moved => Reason::new(RefusalCode::Forbidden, "it is no first entry"),
        error => Reason::from(error),
    })
}

/// Finds out whether a member signed the candidate, unless that is known.
pub(crate) fn authenticate(membership: &Membership, candidate: &Candidate) -> Result<(), Reason> {
    if candidate.is_founding {
        // A second delivery: the signature is over zeros where another names a membership entry.
        found(candidate)?;
    } else if !candidate.is_authentic {
        let signer = membership.signer(&candidate.entry, &candidate.id);
        signer.map_err(|refusal| match refusal {
            // That height never came, so the signature proves nobody.
            Refusal::Stale(_) => not_found_at_cost(&candidate.entry, &candidate.id),
            refusal => Reason::from(refusal),
        })?;
    }
    Ok(())
}

/// Decides on a candidate that a member signed and that is not in the log: the membership after it
/// where it changes that. `next` is the counter that is its signer's turn.
pub(crate) fn judge(
    membership: &Membership,
    candidate: &Candidate,
    next: u64,
) -> Result<Option<Membership>, Reason> {
    let entry = &candidate.entry;
    let changed = match entry.header().kind {
        Kind::Membership => {
            let mut changed = membership.clone();
            let applied = changed.apply(entry);
            applied.map_err(|error| Reason::from(error).told_to_member(entry))?;
            Some(changed)
        }
        _ => {
            let admitted = membership.admit_signed(entry.header());
            admitted.map_err(|refusal| Reason::from(refusal).told_to_member(entry))?;
            None
        }
    };
    let counter = entry.header().counter;
    if u64::from(counter) != next {
        let detail = format!("counter {counter} where {next} is next");
        return Err(Reason::new(RefusalCode::Counter, detail).told_to_member(entry));
    }
    Ok(changed)
}

/// What is not needed any more after a membership entry, and so not kept.
#[derive(Debug)]
pub(crate) struct Dropped {
    /// Agreement keys that were a member's, and are none's: of those who went, and of one that took
    /// a new one.
    pub(crate) agreement_keys: Vec<AttachmentHash>,
    /// Sealed keys of which the newest entry that names them has one of these heights.
    pub(crate) sealed: Vec<Range<Height>>,
}

/// What the entry that made `after` of `before` lets go of. Everything up to the membership entry of
/// height `gone` may be dropped.
pub(crate) fn dropped(before: &Membership, after: &Membership, gone: Height) -> Dropped {
    let kept: HashSet<_> = after.members().map(|member| member.agreement_key).collect();
    let keys = before.members().map(|member| member.agreement_key);
    Dropped {
        agreement_keys: keys.filter(|key| !kept.contains(key)).collect(),
        sealed: spent_keys(after, gone),
    }
}

/// The heights whose sealed keys nobody needs. Of an epoch that is over every later key leads to its
/// key, but not over an entry that forgets: the last epoch before one is kept as long as its entries
/// may be read.
pub(crate) fn spent_keys(membership: &Membership, gone: Height) -> Vec<Range<Height>> {
    let starts = membership.epoch_starts();
    let cuts = membership.cuts();
    let last_two = starts.iter().rev().copied().nth(1).unwrap_or_default();
    let gone = cuts.iter().rev().find(|cut| **cut <= gone).copied();
    let until = last_two.max(gone.unwrap_or_default());
    let mut spent = Vec::new();
    let mut from = Height(0);
    for cut in cuts
        .iter()
        .filter(|cut| gone.is_none_or(|gone| **cut > gone))
    {
        let before = Height(cut.0.saturating_sub(1));
        let stays = membership.epoch_start_at(before);
        if stays >= until {
            break;
        }
        spent.push(from..stays);
        from = *cut;
    }
    spent.push(from..until);
    spent.retain(|range| !range.is_empty());
    spent
}

/// What is said of a space that does not exist, and to those who are not in one that does.
pub(crate) fn not_found() -> Reason {
    Reason::new(RefusalCode::NotFound, "not found")
}

/// [`not_found`] after as much work as a signature takes.
pub(crate) fn not_found_at_cost(entry: &Entry, id: &EntryId) -> Reason {
    std::hint::black_box(entry.is_signed_by(&VerifyingKey::NOBODY, &EntryId::ZERO, id));
    not_found()
}

/// An attachment is not as the entry says.
pub(crate) fn attachment(what: &str) -> Reason {
    Reason::new(RefusalCode::Attachment, format!("an attachment {what}"))
}
