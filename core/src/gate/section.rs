use super::change::{ChangeBody, PlainChange};
use super::chunk;
use super::error::GateError;
use super::id::{ActorId, ChangeHash, DocumentName};
use super::limits::{MAX_CHANGES, MAX_COUNTER};
use super::varint::{Reader, put};

/// Consecutive changes of one device to one document, as they travel. Whose they are is not in the
/// bytes: it follows from who signed the batch.
///
/// ```text
/// kind     number, at most 65,535
/// part     number
/// first    sequence number of the first change, at least 1
/// count    number of changes, 1..=4,096
/// changes  as described at the codec
/// check    the first 8 bytes of the last change's hash
/// ```
///
/// Numbers are unsigned LEB128 of at most 32 bits in the shortest form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Section {
    name: DocumentName,
    author: ActorId,
    first: u32,
    changes: Vec<ChangeBody>,
    check: [u8; 8],
    raw: Vec<u8>,
}

impl Section {
    /// A section of changes in their stored form, all of one actor and following each other. The
    /// document is not needed.
    ///
    /// # Errors
    /// [`GateError::Damaged`] where the changes do not follow each other or cannot be read.
    pub fn build<S: AsRef<[u8]>>(
        name: DocumentName,
        stored: impl IntoIterator<Item = S>,
    ) -> Result<Self, GateError> {
        let mut last: Option<(PlainChange, u32)> = None;
        let mut changes = Vec::new();
        for stored in stored {
            let change = PlainChange::from_stored(stored.as_ref())
                .map_err(|_| GateError::Damaged("stored change"))?;
            let first = match last.take() {
                None => change.seq,
                Some((before, first)) => {
                    if before.actor != change.actor || before.seq + 1 != change.seq {
                        return Err(GateError::Damaged("order of stored changes"));
                    }
                    changes.push(before.body);
                    first
                }
            };
            last = Some((change, first));
        }
        let (last, first) = last.ok_or(GateError::Malformed("section"))?;
        if changes.len() >= MAX_CHANGES {
            return Err(GateError::TooLarge("section"));
        }
        let author = last.actor;
        let check = check(&chunk::write(&last)?.hash);
        changes.push(last.body);

        let mut raw = Vec::new();
        put(&mut raw, name.kind.into());
        put(&mut raw, name.part.into());
        put(&mut raw, first.into());
        put(&mut raw, changes.len() as u64);
        for change in &changes {
            change.encode(author, &mut raw);
        }
        raw.extend(check);
        Ok(Self {
            name,
            author,
            first,
            changes,
            check,
            raw,
        })
    }

    /// Reads the bytes of one whole section, as [`raw`](Self::raw) gave them.
    ///
    /// # Errors
    /// [`GateError::Malformed`], [`GateError::TooLarge`] or [`GateError::Overflow`].
    pub fn parse(author: ActorId, bytes: &[u8]) -> Result<Self, GateError> {
        let (section, rest) = Self::read(author, bytes, MAX_CHANGES)?;
        if !rest.is_empty() {
            return Err(GateError::Malformed("section"));
        }
        Ok(section)
    }

    /// Reads a section of at most `max_changes` from the front of `bytes`, and what follows it.
    pub(super) fn read(
        author: ActorId,
        bytes: &[u8],
        max_changes: usize,
    ) -> Result<(Self, &[u8]), GateError> {
        let mut reader = Reader::new(bytes);
        let kind = u16::try_from(reader.number("document kind")?)
            .map_err(|_| GateError::Malformed("document kind"))?;
        let part = reader.number("document part")?;
        let first = reader.number("sequence number")?;
        let count = reader.length(max_changes, "section")?;
        if first == 0 || count == 0 {
            return Err(GateError::Malformed("section"));
        }
        if first as usize + count - 1 > MAX_COUNTER as usize {
            return Err(GateError::Overflow);
        }
        let mut changes = Vec::new();
        for _ in 0..count {
            changes.push(ChangeBody::decode(author, &mut reader)?);
        }
        let check = reader.array("section check")?;
        let (raw, rest) = bytes.split_at(bytes.len() - reader.remaining());
        let name = DocumentName { kind, part };
        Ok((
            Self {
                name,
                author,
                first,
                changes,
                check,
                raw: raw.to_vec(),
            },
            rest,
        ))
    }

    /// Which document the changes are for.
    #[must_use]
    pub const fn name(&self) -> DocumentName {
        self.name
    }

    /// Who made the changes.
    #[must_use]
    pub const fn author(&self) -> ActorId {
        self.author
    }

    /// The sequence number of the first change.
    #[must_use]
    pub const fn first_seq(&self) -> u32 {
        self.first
    }

    /// The sequence number of the last change.
    #[must_use]
    pub fn last_seq(&self) -> u32 {
        // `read` and `build` keep the sum in range.
        self.first
            .saturating_add(u32::try_from(self.changes.len()).unwrap_or(u32::MAX) - 1)
    }

    /// The changes, in order.
    #[must_use]
    pub fn changes(&self) -> &[ChangeBody] {
        &self.changes
    }

    /// The bytes that travelled; what a device keeps of a section that waits or is quarantined.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Whether `hash` is what the section states of its last change.
    pub(super) fn ends_with(&self, hash: &ChangeHash) -> bool {
        check(hash) == self.check
    }
}

fn check(hash: &ChangeHash) -> [u8; 8] {
    std::array::from_fn(|i| hash.0[i])
}
