//! Records: what a kind of record must say about itself, and how it becomes bytes and back.

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::Encode;

use crate::ids::OpId;
use crate::model::document::{DocumentKey, DocumentKind};
use crate::model::ids::{PersonTag, RecordId, TextId};
use crate::model::input::{InputError, NewRecord, Stamp, role_name};
use crate::model::kinds::kind_of::Of;
use crate::model::kinds::{Kind, Record};
use crate::model::left_out::Reason;
use crate::model::records::{Entry, Records};
use crate::model::time::read_instant;
use crate::role::Role;
use waymark_wire::strict::is_strict_map;

/// Bytes of a record at most.
pub const RECORD_LIMIT: usize = 64 * 1024;

/// A record as a document gives it.
#[derive(Clone, Copy, Debug)]
pub struct SourceRecord<'a> {
    /// The first 16 bytes of the SHA-256 of `bytes`. Taken as given: the gate computes it.
    pub id: RecordId,
    /// The document it was found in.
    pub document: DocumentKey,
    /// Every time that it was put there: several, when two wrote the very same bytes.
    pub puts: &'a [Put],
    /// Its CBOR bytes.
    pub bytes: &'a [u8],
}

/// Who wrote a record: the signer's person, with the role that the person has in the space.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Author {
    /// The person.
    pub person: PersonTag,
    /// The person's role.
    pub role: Role,
}

/// One time that a record was put into its document.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Put {
    /// The operation.
    pub op: OpId,
    /// Whose it was.
    pub author: Author,
}

/// Where a record belongs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Home {
    /// The log of the month of a local date.
    Log(NaiveDate),
    /// The plan.
    Plan,
    /// Wherever the records are that it speaks of.
    Beside,
}

/// A kind of record. Key 0 of its map is the kind's number, key 1 the claimed instant in
/// milliseconds since the epoch, its own fields follow from key 2 on. Codes are stored as plain
/// numbers and not as derived enums, whose decoder turns an unknown number in an optional field
/// into nothing.
pub(crate) trait RecordKind: Of + Encode<()> {
    /// Who may write it (`NewRecord` for the facade, `out_of_role` for the view). The rules of their kind
    /// say it of items, and what follows.
    const WRITERS: &'static [Role] = &[];
    /// What errors say somebody wanted: "a therapist may not …".
    const ACTION: &'static str = "";
    /// Whether a withdrawal takes it back. Chains are continued instead.
    const WITHDRAWABLE: bool = false;
    /// Whether it is about the plan as a whole, and so is copied with any part of it.
    const OF_PLAN: bool = false;

    /// As [`Self::ACTION`].
    fn action(&self) -> &'static str {
        Self::ACTION
    }

    /// As [`Self::OF_PLAN`].
    fn is_of_plan(&self) -> bool {
        Self::OF_PLAN
    }

    /// Where it belongs.
    fn home(&self) -> Result<Home, Reason>;

    /// The ranges and codes that it must obey by itself.
    fn check(&self) -> Result<(), Reason>;

    /// Whether the role may write this very record.
    fn may_write(&self, role: Role) -> bool {
        Self::WRITERS.contains(&role)
    }

    /// The records that it names, in whatever document.
    fn links(&self) -> Vec<RecordId>;

    /// Those of them that it is about, and is forgotten with.
    fn belongs_to(&self) -> Vec<RecordId> {
        Vec::new()
    }

    /// Those of them that it replaces, where it is a link of a chain.
    fn replaces(&self) -> Vec<RecordId> {
        Vec::new()
    }

    /// Whether a record of a log counts beside the plan.
    fn fits(&self, _plan: &Records) -> Result<(), Reason> {
        Ok(())
    }

    /// What it must obey beside the other records of its document.
    fn refer(_entry: Entry<'_, Self>, _records: &Records) -> Result<(), Reason> {
        Ok(())
    }
}

/// Reads one record: bounded, strict, no panic on any bytes.
pub(crate) fn read(bytes: &[u8]) -> Result<Record, Reason> {
    if bytes.len() > RECORD_LIMIT || !is_strict_map(bytes) {
        return Err(Reason::Malformed);
    }
    let kind = kind_number(bytes).ok_or(Reason::Malformed)?;
    let record = Record::decode(Kind::of_number(kind).ok_or(Reason::NeedsNewerApp)?, bytes)?;
    record.check()?;
    Ok(record)
}

/// The records that a record speaks of, and the text that it names; `None` for what this version
/// cannot read.
pub(crate) fn spoken_of(bytes: &[u8]) -> Option<(Vec<RecordId>, Option<TextId>)> {
    let record = read(bytes).ok()?;
    let text = match &record {
        Record::Note(note) => Some(note.text),
        _ => None,
    };
    Some((record.links(), text))
}

/// When a record says that it was written; `None` for what this version cannot read.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a client calls it"))]
pub(crate) fn claimed_at(bytes: &[u8]) -> Option<DateTime<Utc>> {
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.map().ok()??;
    // Key 0 is the kind, key 1 the instant, of every kind of record.
    let (kind, _, at) = (
        decoder.u16().ok()?,
        decoder.u16().ok()?,
        decoder.u16().ok()?,
    );
    let millis = decoder.i64().ok()?;
    ((kind, at) == (0, 1)).then(|| read_instant(millis).ok())?
}

/// Whether a record says no instant, as what several devices find by themselves does not.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a client calls it"))]
pub(crate) fn is_timeless(bytes: &[u8]) -> bool {
    claimed_at(bytes).is_none() && read(bytes).is_ok()
}

/// The number of a record's kind, if the bytes begin like a record.
pub(crate) fn kind_number(bytes: &[u8]) -> Option<u16> {
    let mut decoder = minicbor::Decoder::new(bytes);
    decoder.map().ok()??;
    // Keys are in order, so the kind is the first one.
    match decoder.u16().ok()? {
        0 => decoder.u16().ok(),
        _ => None,
    }
}

/// Makes the bytes of a record that its kind has checked.
pub(crate) fn write<T: RecordKind>(record: &T, stamp: &Stamp) -> Result<NewRecord, InputError> {
    let home = match record.home() {
        Ok(Home::Log(date)) => DocumentKey::log(date),
        _ => Some(DocumentKey::PLAN),
    };
    let document = home.ok_or(InputError::DateOutside { field: "date" })?;
    write_beside(record, document, stamp)
}

/// The same for a record that belongs beside what it speaks of.
pub(crate) fn write_beside<T: RecordKind>(
    record: &T,
    document: DocumentKey,
    stamp: &Stamp,
) -> Result<NewRecord, InputError> {
    if !record.may_write(stamp.role) {
        return Err(InputError::NotYourRole {
            action: record.action(),
            role: role_name(stamp.role),
        });
    }
    let mut bytes = Vec::with_capacity(256);
    // Writing to memory cannot fail: the error type has no values.
    let Ok(()) = minicbor::encode(record, &mut bytes).map_err(drop) else {
        return Err(InputError::TooManyBytes(usize::MAX));
    };
    match bytes.len() > RECORD_LIMIT {
        true => Err(InputError::TooManyBytes(bytes.len())),
        false => Ok(NewRecord {
            id: RecordId::of(&bytes),
            document,
            bytes,
        }),
    }
}

impl Home {
    /// Whether a record with this home is right in that document.
    pub(crate) fn is_in(self, document: DocumentKey) -> bool {
        match self {
            Self::Beside => true,
            Self::Log(date) => DocumentKey::log(date) == Some(document),
            Self::Plan => document.kind == DocumentKind::Plan,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client};

    /// A goal with an unknown key that holds so many zeros.
    fn goal_with(zeros: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = minicbor::Encoder::new(&mut bytes);
        encoder
            .map(3)
            .unwrap()
            .u8(0)
            .unwrap()
            .encode(Kind::Goal)
            .unwrap();
        encoder.u8(1).unwrap().i64(1_777_629_600_000).unwrap();
        encoder.u8(99).unwrap().bytes(&vec![0; zeros]).unwrap();
        bytes
    }

    #[test]
    fn what_a_newer_app_added_to_a_known_kind_is_read_past() {
        assert!(matches!(read(&goal_with(9)), Ok(Record::Goal(_))));
    }

    #[test]
    fn a_record_has_64_kib() {
        let overhead = goal_with(60_000).len() - 60_000;
        assert!(read(&goal_with(RECORD_LIMIT - overhead)).is_ok());
        assert_eq!(
            read(&goal_with(RECORD_LIMIT - overhead + 1)).err(),
            Some(Reason::Malformed)
        );
    }

    #[test]
    fn unknown_kinds_and_codes_wait_for_a_newer_app_and_nonsense_is_malformed() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let good = space.bytes(goal.record()).to_vec();
        let with_kind = |kind: &[u8]| [&good[..2], kind, &good[3..]].concat();
        assert_eq!(
            read(&with_kind(&[0x18, 0xff])).err(),
            Some(Reason::NeedsNewerApp)
        );
        assert_eq!(
            read(&with_kind(&[4])).err(),
            Some(Reason::Malformed),
            "a goal is no revision"
        );
        assert_eq!(
            read(&[&good[..], &[0]].concat()).err(),
            Some(Reason::Malformed)
        );
        assert_eq!(read(&[0xa0]).err(), Some(Reason::Malformed));
    }
}
