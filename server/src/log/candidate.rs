//! What of an append can be checked before its turn: forms, ids, and signatures against a
//! membership that was read a moment ago. A membership only grows, so what was signed then is
//! signed now, and the writer is spared the costly part.

use std::time::Instant;

use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::entry::{Entry, EntryError, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::{
    AGREEMENT_KEY, Membership, MembershipBody, Op, Refusal, SEALED_KEY,
};
use waymark_wire::message::RefusalCode;

use super::rules::{self, Reason};
use super::{Append, Refused, Terms};
use crate::rates::TooOften;

/// An entry that may be appended.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The entry.
    pub(crate) entry: Entry,
    /// Its id in the space.
    pub(crate) id: EntryId,
    /// Whether it is the first entry of the space.
    pub(crate) is_founding: bool,
    /// Whether its signature has been verified.
    pub(crate) is_authentic: bool,
    /// What it says in public, where it is a checkpoint.
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// Something that a membership entry names by hash.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    /// Its name.
    pub(crate) hash: AttachmentHash,
    /// What it is.
    pub(crate) bytes: Vec<u8>,
}

/// An append, checked as far as it can be without its turn.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    /// The space.
    pub(crate) space: SpaceId,
    /// What may be appended, in order.
    pub(crate) candidates: Vec<Candidate>,
    /// Why what came next may not.
    pub(crate) then: Option<Refused>,
    /// What came with it.
    pub(crate) attachments: Vec<Attachment>,
    /// Whether the first entry may create the space.
    pub(crate) may_create: bool,
    /// Whether attachments may be missing.
    pub(crate) heals: bool,
    /// How much is taken.
    pub(crate) terms: Terms,
    /// When it arrived, in milliseconds since the Unix epoch.
    pub(crate) now: i64,
}

impl Prepared {
    /// Checks an append against `membership`, which may be older than the log is, and is `None`
    /// where the space was not found.
    ///
    /// # Errors
    /// [`Refused`] where nothing of it may be appended.
    pub(crate) fn new(append: Append, membership: Option<&Membership>) -> Result<Self, Refused> {
        let mut candidates = Vec::with_capacity(append.entries.len());
        let mut then = None;
        for bytes in append.entries {
            match candidate(&append.space, bytes, membership, candidates.is_empty()) {
                Ok(candidate) => candidates.push(candidate),
                Err(reason) => {
                    then = Some(Refused::from(reason));
                    break;
                }
            }
        }
        if candidates.is_empty() {
            return Err(then.unwrap_or_else(|| {
                Reason::new(RefusalCode::BadRequest, "there is no entry").into()
            }));
        }
        let attachments = attachments(append.attachments, &candidates, then.is_some())?;
        Ok(Self {
            space: append.space,
            candidates,
            then,
            attachments,
            may_create: append.may_create,
            heals: append.heals,
            terms: append.terms,
            now: append.now,
        })
    }

    /// Counts it, where a member has proven to have signed it: nobody else can use up what a member
    /// may, or find out how much that is.
    ///
    /// # Errors
    /// [`Refused`] where the member, or the space, has had too much lately.
    pub(crate) fn count(&self) -> Result<(), Refused> {
        let first = self.candidates.first().filter(|first| first.is_authentic);
        let (Some(rates), Some(first)) = (&self.terms.rates, first) else {
            return Ok(());
        };
        let device = first.entry.header().device;
        let count = self.candidates.len();
        let counted = rates.act(&self.space, device, count, Instant::now());
        counted.map_err(|TooOften { seconds }| Refused {
            after: Some(seconds),
            ..Reason::new(RefusalCode::TooOften, TooOften { seconds }).into()
        })
    }
}

/// Something that a membership entry names by hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Named {
    /// The hash.
    pub(crate) hash: AttachmentHash,
    /// Whether it is a sealed epoch key; otherwise it is an agreement key.
    pub(crate) is_sealed_key: bool,
}

impl Named {
    /// How many bytes it has.
    pub(crate) const fn size(&self) -> usize {
        if self.is_sealed_key {
            SEALED_KEY
        } else {
            AGREEMENT_KEY
        }
    }
}

/// What `entry` names by hash; nothing for an entry that is no membership entry, or one that cannot
/// be read (and will be refused for that).
pub(crate) fn named_by(entry: &Entry) -> Vec<Named> {
    if entry.header().kind != Kind::Membership {
        return Vec::new();
    }
    let Ok(body) = MembershipBody::parse(entry.body()) else {
        return Vec::new();
    };
    let agreement_keys = agreement_keys(&body).map(|hash| Named {
        hash,
        is_sealed_key: false,
    });
    let sealed_keys = body.core.keys.iter().map(|key| Named {
        hash: key.sealed,
        is_sealed_key: true,
    });
    agreement_keys.chain(sealed_keys).collect()
}

/// What `device` needs with a membership entry: its own sealed key, and where it may have to seal
/// to others, the agreement keys that come with the entry.
pub(crate) fn needed_by(device: DeviceNumber, writes: bool, entry: &Entry) -> Vec<AttachmentHash> {
    let Ok(body) = MembershipBody::parse(entry.body()) else {
        return Vec::new();
    };
    let own = body.core.keys.iter().filter(|key| key.device == device);
    let own = own.map(|key| key.sealed);
    if writes {
        agreement_keys(&body).chain(own).collect()
    } else {
        own.collect()
    }
}

/// The agreement keys of new members, and the one that the signer takes, in the order of the ops.
fn agreement_keys(body: &MembershipBody<'_>) -> impl Iterator<Item = AttachmentHash> {
    body.core.ops.iter().filter_map(|op| match op {
        Op::Add(add) => Some(add.agreement_key),
        Op::Rotate(new) => new.map(|new| new.agreement_key),
        _ => None,
    })
}

fn candidate(
    space: &SpaceId,
    bytes: Vec<u8>,
    membership: Option<&Membership>,
    is_first: bool,
) -> Result<Candidate, Reason> {
    let entry = Entry::parse(bytes).map_err(|error| {
        let code = match error {
            EntryError::TooLong { .. } => RefusalCode::TooLarge,
            EntryError::Version(_) => RefusalCode::Unsupported,
            _ => RefusalCode::BadRequest,
        };
        Reason::new(code, error)
    })?;
    let kind = entry.header().kind;
    if matches!(kind, Kind::Unknown(_)) {
        return Err(Reason::from(Refusal::Kind(kind.number())));
    }
    let checkpoint = match kind {
        Kind::Checkpoint => {
            let body = CheckpointBody::parse(entry.body());
            let body = body.map_err(|error| Reason::new(RefusalCode::BadRequest, error))?;
            Some(body.public)
        }
        _ => None,
    };
    let is_founding = kind == Kind::Membership && entry.id(&SpaceId::ZERO) == EntryId::from(*space);
    if is_founding {
        return Ok(Candidate {
            id: EntryId::from(*space),
            entry,
            is_founding,
            is_authentic: false,
            checkpoint,
        });
    }
    let id = entry.id(space);
    let is_authentic = match membership {
        // The entry before may have created the space.
        None if !is_first => false,
        None => return Err(rules::not_found_at_cost(&entry, &id)),
        Some(membership) => match membership.signer(&entry, &id) {
            Ok(_) => true,
            // That height may have come since.
            Err(Refusal::Stale(_)) => false,
            Err(refusal) => return Err(Reason::from(refusal)),
        },
    };
    Ok(Candidate {
        entry,
        id,
        is_founding,
        is_authentic,
        checkpoint,
    })
}

/// What was given for these entries. Where more entries came, which were not looked at, the rest may be
/// theirs.
fn attachments(
    given: Vec<Vec<u8>>,
    by: &[Candidate],
    is_part: bool,
) -> Result<Vec<Attachment>, Refused> {
    if given.is_empty() {
        return Ok(Vec::new());
    }
    let named: Vec<_> = by.iter().flat_map(|by| named_by(&by.entry)).collect();
    let mut taken: Vec<Attachment> = Vec::with_capacity(given.len());
    for bytes in given {
        if bytes.len() > limits::ATTACHMENT {
            return Err(Reason::new(RefusalCode::TooLarge, "an attachment is too large").into());
        }
        let hash = AttachmentHash::of(&bytes);
        match named.iter().find(|named| named.hash == hash) {
            Some(named) if named.size() == bytes.len() => {}
            Some(_) => return Err(rules::attachment("has the wrong size").into()),
            None if is_part => continue,
            None => return Err(rules::attachment("is named by no entry").into()),
        }
        if taken.iter().all(|other| other.hash != hash) {
            taken.push(Attachment { hash, bytes });
        }
    }
    Ok(taken)
}
