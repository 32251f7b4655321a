//! What a device did in a space since its last push, as one run of bytes.
//!
//! ```text
//! packing   1 byte   0: the content follows as it is; 1: as raw DEFLATE (RFC 1951)
//! content   sections one after another, ascending by (kind, part), each document once, at least one
//! ```
//!
//! At most 256 KiB in all, 4,096 changes, 524,288 operations (counted as at the codec), and unpacked at most 16 times the packed content and
//! 4 MiB, which is checked while unpacking. Nothing follows the end of the DEFLATE stream.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::change::ChangeBody;
use super::error::GateError;
use super::id::ActorId;
use super::limits::{
    MAX_BATCH, MAX_BATCH_OPERATIONS, MAX_CHANGES, MAX_UNPACK_FACTOR, MAX_UNPACKED,
};
use super::section::Section;

const STORED: u8 = 0;
const DEFLATE: u8 = 1;
/// Measured on batches of check-ins: 9 saves a further half per cent for half as much time again.
/// Grouping the records' bytes by field or position was measured too: the bytes alone are not
/// smaller for it (notes apart would save 7 %, but the gate knows nothing of notes).
const LEVEL: u32 = 6;

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
    if let Some(packed) = pack(&content) {
        return Ok(packed);
    }
    if content.len() >= MAX_BATCH {
        return Err(GateError::TooLarge("batch"));
    }
    let mut out = Vec::with_capacity(content.len() + 1);
    out.push(STORED);
    out.extend(content);
    Ok(out)
}

/// Unpacks a batch of `author`, the actor of the device whose signature stands under it.
///
/// # Errors
/// [`GateError::Malformed`], [`GateError::TooLarge`] or [`GateError::Overflow`].
pub fn decode_batch(author: ActorId, bytes: &[u8]) -> Result<Vec<Section>, GateError> {
    if bytes.len() > MAX_BATCH {
        return Err(GateError::TooLarge("batch"));
    }
    let (packing, packed) = bytes.split_first().ok_or(GateError::Malformed("batch"))?;
    let unpacked;
    let mut rest = match *packing {
        STORED => packed,
        DEFLATE => {
            unpacked = unpack(packed)?;
            unpacked.as_slice()
        }
        _ => return Err(GateError::Malformed("packing")),
    };
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

/// A block of DEFLATE that is stored, empty and not the last: five bytes that say nothing.
const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// The packed batch, where it is smaller than the content. Content that is so even that it packs to
/// less than receivers unpack is led by empty blocks: still a sixteenth of what it would be stored.
fn pack(content: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len().min(MAX_BATCH));
    out.push(DEFLATE);
    let mut state = Compress::new(Compression::new(LEVEL), false);
    // The output never grows past the capacity, so packing stops where it is of no use.
    let status = state
        .compress_vec(content, &mut out, FlushCompress::Finish)
        .ok()?;
    let least = content.len().div_ceil(MAX_UNPACK_FACTOR);
    let missing = least.saturating_sub(out.len() - 1);
    let blocks = EMPTY_BLOCK.repeat(missing.div_ceil(EMPTY_BLOCK.len()));
    out.splice(1..1, blocks);
    let is_smaller = out.len() <= content.len().min(MAX_BATCH);
    (status == Status::StreamEnd && is_smaller).then_some(out)
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, GateError> {
    let limit = MAX_UNPACKED.min(packed.len() * MAX_UNPACK_FACTOR);
    let mut out = Vec::with_capacity(limit.min(packed.len() * 4));
    let mut state = Decompress::new(false);
    let mut read = 0;
    loop {
        if out.len() == out.capacity() {
            // One byte over the limit is enough to see that it is passed.
            let room = (limit + 1).saturating_sub(out.len());
            if room == 0 {
                return Err(GateError::TooLarge("batch"));
            }
            out.reserve_exact(room.min(out.len().max(4096)));
        }
        let (before_in, before_out) = (read, out.len());
        let status = state
            .decompress_vec(&packed[read..], &mut out, FlushDecompress::None)
            .map_err(|_| GateError::Malformed("packing"))?;
        read = usize::try_from(state.total_in()).map_err(|_| GateError::Malformed("packing"))?;
        if out.len() > limit {
            return Err(GateError::TooLarge("batch"));
        }
        if status == Status::StreamEnd {
            break;
        }
        if read == before_in && out.len() == before_out && out.len() < out.capacity() {
            return Err(GateError::Malformed("packing"));
        }
    }
    if read != packed.len() {
        return Err(GateError::Malformed("packing"));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deflate(content: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(content.len() + 1024);
        Compress::new(Compression::new(9), false)
            .compress_vec(content, &mut out, FlushCompress::Finish)
            .unwrap();
        out
    }

    /// A bomb would take a phone's memory; it must end at the limit, not after it.
    #[test]
    fn unpacking_stops_at_16_times_the_packed_size_and_at_4_mib() {
        for len in [100_000, 3_000_000, 40_000_000] {
            let mut bomb = vec![DEFLATE];
            bomb.extend(deflate(&vec![0; len]));
            assert_eq!(
                decode_batch(ActorId([1; 16]), &bomb),
                Err(GateError::TooLarge("batch")),
                "{len}"
            );
        }
        // At the limit itself the content is read (and is no section).
        let packed = deflate(&[0; 1000]);
        assert_eq!(unpack(&packed), Err(GateError::TooLarge("batch")));
        let content: Vec<u8> = (0..2000u32).flat_map(|n| (n * n).to_be_bytes()).collect();
        assert_eq!(unpack(&deflate(&content)), Ok(content));
    }

    /// A diary with the same 26 scales in every entry would otherwise be sent as large as it is.
    #[test]
    fn very_even_content_packs_as_far_as_receivers_unpack() {
        for len in [200, 5_000, 80_000, 1_000_000] {
            let content = vec![7; len];
            let packed = pack(&content).unwrap();
            assert!(
                packed.len() <= len.div_ceil(16) + 5,
                "{len} in {}",
                packed.len()
            );
            assert_eq!(unpack(&packed[1..]), Ok(content), "{len}");
        }
        assert_eq!(pack(b"too short"), None);
    }

    /// Bytes after the stream's end, or a stream cut short, would be two batches of one meaning.
    #[test]
    fn a_stream_ends_where_the_batch_ends() {
        let packed = deflate(b"a stream of bytes, some bytes, more bytes");
        let mut longer = packed.clone();
        longer.push(0);
        assert_eq!(unpack(&longer), Err(GateError::Malformed("packing")));
        for len in 0..packed.len() {
            assert_eq!(
                unpack(&packed[..len]),
                Err(GateError::Malformed("packing")),
                "{len}"
            );
        }
    }
}
