//! What a device did in a space since its last push, as one run of bytes.
//!
//! ```text
//! packing   1 byte   0: the content follows as it is; 1: as raw DEFLATE (RFC 1951)
//! content   sections one after another, ascending by (kind, part), each document once, at least one
//! ```
//!
//! At most 256 KiB in all, 4,096 changes, 524,288 operations (counted as at the codec), and unpacked at most 16 times the packed content and
//! 4 MiB, which is checked while unpacking. Nothing follows the end of the DEFLATE stream.

use super::change::ChangeBody;
use super::error::GateError;
use super::id::ActorId;
use super::limits::{MAX_BATCH, MAX_BATCH_OPERATIONS, MAX_CHANGES, MAX_UNPACKED};
use super::packing;
use super::section::Section;

/// Packs sections, in any order, into a batch.
///
/// Sections whose [`raw`](Section::raw) bytes come to less than
/// [`MAX_BATCH`] always fit; more fit where they can be packed.
///
/// # Errors
/// [`GateError::Malformed`] where there is no section or a document occurs twice;
/// [`GateError::TooLarge`] where a limit is passed: put fewer changes into the batch.
pub fn encode_batch(sections: &[Section]) -> Result<Vec<u8>, GateError> {
    let mut order: Vec<_> = sections.iter().collect();
    order.sort_by_key(|section| section.name());
    if order.is_empty()
        || order
            .windows(2)
            .any(|pair| pair[0].name() == pair[1].name())
    {
        return Err(GateError::Malformed("batch"));
    }
    if order
        .iter()
        .map(|section| section.changes().len())
        .sum::<usize>()
        > MAX_CHANGES
    {
        return Err(GateError::TooLarge("batch"));
    }
    if operations(sections) > MAX_BATCH_OPERATIONS {
        return Err(GateError::TooLarge("operations"));
    }
    let content: Vec<u8> = order
        .iter()
        .flat_map(|section| section.raw())
        .copied()
        .collect();
    if content.len() > MAX_UNPACKED {
        return Err(GateError::TooLarge("batch"));
    }
    packing::pack(&content, MAX_BATCH).ok_or(GateError::TooLarge("batch"))
}

/// Unpacks a batch of `author`, the actor of the device whose signature stands under it.
///
/// # Errors
/// [`GateError::Malformed`], [`GateError::TooLarge`] or [`GateError::Overflow`].
pub fn decode_batch(author: ActorId, bytes: &[u8]) -> Result<Vec<Section>, GateError> {
    if bytes.len() > MAX_BATCH {
        return Err(GateError::TooLarge("batch"));
    }
    let content = packing::unpack(bytes, MAX_UNPACKED, "batch")?;
    let mut rest = &*content;
    let mut sections: Vec<Section> = Vec::new();
    let mut room = MAX_CHANGES;
    while !rest.is_empty() {
        let (section, after) = Section::read(author, rest, room)?;
        if sections
            .last()
            .is_some_and(|last| last.name() >= section.name())
        {
            return Err(GateError::Malformed("order of sections"));
        }
        room -= section.changes().len();
        sections.push(section);
        rest = after;
    }
    if sections.is_empty() {
        return Err(GateError::Malformed("batch"));
    }
    if operations(&sections) > MAX_BATCH_OPERATIONS {
        return Err(GateError::TooLarge("operations"));
    }
    Ok(sections)
}

fn operations(sections: &[Section]) -> u64 {
    sections
        .iter()
        .flat_map(Section::changes)
        .map(ChangeBody::operations)
        .sum()
}
