use std::borrow::Cow;

use super::columns::RunsReader;
use crate::gate::error::GateError;
use crate::gate::id::{ActorId, DocumentName};
use crate::gate::limits::{MAX_OTHERS, MAX_PART, MAX_PART_CHANGES, MAX_PART_UNPACKED, MAX_PARTS};
use crate::gate::packing;
use crate::gate::varint::Reader;

/// What a part of a snapshot says of itself, in front of what is packed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PartHeader {
    /// Whose changes it holds.
    pub name: DocumentName,
    /// Which part of the snapshot this is, from 0.
    pub index: u16,
    /// How many parts the snapshot has, from 1 to [`MAX_PARTS`].
    pub count: u16,
}

impl PartHeader {
    /// Bytes of a header.
    pub const LENGTH: usize = 10;

    /// Reads the header of a part: which document it is for shows before anything is unpacked.
    ///
    /// # Errors
    /// [`GateError::Malformed`], or [`GateError::TooLarge`] for the part or the number of parts.
    pub fn of(part: &[u8]) -> Result<Self, GateError> {
        Self::split(part).map(|(header, _)| header)
    }

    pub(super) fn split(part: &[u8]) -> Result<(Self, &[u8]), GateError> {
        const WRONG: GateError = GateError::Malformed("snapshot part");
        if part.len() > MAX_PART {
            return Err(GateError::TooLarge("snapshot part"));
        }
        let (kind, rest) = part.split_first_chunk().ok_or(WRONG)?;
        let (month, rest) = rest.split_first_chunk().ok_or(WRONG)?;
        let (index, rest) = rest.split_first_chunk().ok_or(WRONG)?;
        let (count, rest) = rest.split_first_chunk().ok_or(WRONG)?;
        let header = Self {
            name: DocumentName {
                kind: u16::from_be_bytes(*kind),
                part: u32::from_be_bytes(*month),
            },
            index: u16::from_be_bytes(*index),
            count: u16::from_be_bytes(*count),
        };
        if usize::from(header.count) > MAX_PARTS {
            return Err(GateError::TooLarge("snapshot"));
        }
        if header.index >= header.count {
            return Err(WRONG);
        }
        Ok((header, rest))
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.name.kind.to_be_bytes());
        out.extend(self.name.part.to_be_bytes());
        out.extend(self.index.to_be_bytes());
        out.extend(self.count.to_be_bytes());
    }
}

/// Unpacks what follows the header.
pub(super) fn unpack(packed: &[u8]) -> Result<Cow<'_, [u8]>, GateError> {
    packing::unpack(packed, MAX_PART_UNPACKED, "snapshot part")
}

/// The columns of a part, read change by change: nothing is allocated that a number asks for.
pub(super) struct Part<'a> {
    /// How many changes there are.
    pub(super) changes: u32,
    /// Authors whose first change stands here.
    pub(super) authors: Vec<ActorId>,
    pub(super) author: RunsReader<'a>,
    others: Reader<'a>,
    /// Changes until the next one whose dependencies are stated; `None` where there is none.
    expected: Option<u32>,
    pub(super) ops: RunsReader<'a>,
    pub(super) kinds: RunsReader<'a>,
    pub(super) references: Reader<'a>,
    pub(super) lengths: Reader<'a>,
    pub(super) bytes: Reader<'a>,
    pub(super) check: [u8; 8],
}

impl<'a> Part<'a> {
    pub(super) fn read(content: &'a [u8]) -> Result<Self, GateError> {
        const WHAT: &str = "snapshot part";
        let mut reader = Reader::new(content);
        let count = reader.length(MAX_PART_CHANGES, "changes of a snapshot part")?;
        let mut authors = Vec::new();
        for _ in 0..reader.number("authors")? {
            authors.push(ActorId(reader.array("authors")?));
        }
        let mut column = || -> Result<Reader<'a>, GateError> {
            let len = reader.length(MAX_PART_UNPACKED, "column")?;
            Ok(Reader::new(reader.take(len, "column")?))
        };
        let mut part = Self {
            changes: u32::try_from(count).map_err(|_| GateError::Malformed(WHAT))?,
            authors,
            author: RunsReader::new(column()?, "author"),
            others: column()?,
            expected: None,
            ops: RunsReader::new(column()?, "ops"),
            kinds: RunsReader::new(column()?, "op"),
            references: column()?,
            lengths: column()?,
            bytes: column()?,
            check: reader.array("snapshot check")?,
        };
        if !reader.is_empty() || part.changes == 0 {
            return Err(GateError::Malformed(WHAT));
        }
        part.expect()?;
        Ok(part)
    }

    /// How far back the next change's dependencies stand, where they are stated.
    pub(super) fn distances(&mut self) -> Result<Option<Vec<u32>>, GateError> {
        const WHAT: &str = "dependencies";
        match &mut self.expected {
            None => return Ok(None),
            Some(0) => {}
            Some(more) => {
                *more -= 1;
                return Ok(None);
            }
        }
        let mut distances = Vec::new();
        for _ in 0..self.others.length(MAX_OTHERS, WHAT)? {
            let distance = self.others.number(WHAT)?;
            if distances
                .last()
                .map_or(distance == 0, |last| *last >= distance)
            {
                return Err(GateError::Malformed(WHAT));
            }
            distances.push(distance);
        }
        self.expect()?;
        Ok(Some(distances))
    }

    fn expect(&mut self) -> Result<(), GateError> {
        self.expected = if self.others.is_empty() {
            None
        } else {
            Some(self.others.number("dependencies")?)
        };
        Ok(())
    }

    /// Whether every column ended with the last change.
    pub(super) const fn is_done(&self) -> bool {
        self.author.is_done()
            && self.expected.is_none()
            && self.ops.is_done()
            && self.kinds.is_done()
            && self.references.is_empty()
            && self.lengths.is_empty()
            && self.bytes.is_empty()
    }
}
