//! How a batch and a part of a snapshot are packed.
//!
//! ```text
//! packing   1 byte   0: the content follows as it is; 1: as raw DEFLATE (RFC 1951)
//! ```

use std::borrow::Cow;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::error::GateError;
use super::limits::MAX_UNPACK_FACTOR;

const STORED: u8 = 0;
const DEFLATE: u8 = 1;
/// Measured on batches of check-ins: 9 saves a further half per cent for half as much time again.
/// Grouping the records' bytes by field or position was measured too: the bytes alone are not
/// smaller for it (notes apart would save 7 %, but the gate knows nothing of notes).
const LEVEL: u32 = 6;

/// The content with its packing byte in at most `most` bytes, or `None` where it does not fit.
/// Content of less than `most` bytes always does.
pub(super) fn pack(content: &[u8], most: usize) -> Option<Vec<u8>> {
    if let Some(packed) = deflate(content, most) {
        return Some(packed);
    }
    if content.len() >= most {
        return None;
    }
    let mut out = Vec::with_capacity(content.len() + 1);
    out.push(STORED);
    out.extend(content);
    Some(out)
}

/// The content again: at most `most` bytes, and 16 times the packed ones. Errors name `what`.
///
/// # Errors
/// [`GateError::Malformed`] or [`GateError::TooLarge`].
pub(super) fn unpack<'a>(
    bytes: &'a [u8],
    most: usize,
    what: &'static str,
) -> Result<Cow<'a, [u8]>, GateError> {
    match bytes.split_first() {
        Some((&STORED, content)) if content.len() > most => Err(GateError::TooLarge(what)),
        Some((&STORED, content)) => Ok(Cow::Borrowed(content)),
        Some((&DEFLATE, packed)) => inflate(packed, most, what).map(Cow::Owned),
        Some(_) => Err(GateError::Malformed("packing")),
        None => Err(GateError::Malformed(what)),
    }
}

/// A block of DEFLATE that is stored, empty and not the last: five bytes that say nothing.
const EMPTY_BLOCK: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// The packed content, where it is smaller than the content. Content that is so even that it packs to
/// less than receivers unpack is led by empty blocks: still a sixteenth of what it would be stored.
fn deflate(content: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(content.len().min(most));
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
    let is_smaller = out.len() <= content.len().min(most);
    (status == Status::StreamEnd && is_smaller).then_some(out)
}

fn inflate(packed: &[u8], most: usize, what: &'static str) -> Result<Vec<u8>, GateError> {
    let limit = most.min(packed.len() * MAX_UNPACK_FACTOR);
    let mut out = Vec::with_capacity(limit.min(packed.len() * 4));
    let mut state = Decompress::new(false);
    let mut read = 0;
    loop {
        if out.len() == out.capacity() {
            // One byte over the limit is enough to see that it is passed.
            let room = (limit + 1).saturating_sub(out.len());
            if room == 0 {
                return Err(GateError::TooLarge(what));
            }
            out.reserve_exact(room.min(out.len().max(4096)));
        }
        let (before_in, before_out) = (read, out.len());
        let status = state
            .decompress_vec(&packed[read..], &mut out, FlushDecompress::None)
            .map_err(|_| GateError::Malformed("packing"))?;
        read = usize::try_from(state.total_in()).map_err(|_| GateError::Malformed("packing"))?;
        if out.len() > limit {
            return Err(GateError::TooLarge(what));
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
    use crate::gate::limits::{MAX_BATCH, MAX_UNPACKED};

    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, GateError> {
        unpack(bytes, MAX_UNPACKED, "batch").map(Cow::into_owned)
    }

    fn as_deflate(content: &[u8]) -> Vec<u8> {
        let mut out = vec![DEFLATE];
        out.reserve(content.len() + 1024);
        Compress::new(Compression::new(9), false)
            .compress_vec(content, &mut out, FlushCompress::Finish)
            .unwrap();
        out
    }

    /// A bomb would take a phone's memory; it must end at the limit, not after it.
    #[test]
    fn unpacking_stops_at_16_times_the_packed_size_and_at_4_mib() {
        for len in [100_000, 3_000_000, 40_000_000] {
            assert_eq!(
                unpacked(&as_deflate(&vec![0; len])),
                Err(GateError::TooLarge("batch")),
                "{len}"
            );
        }
        // At the limit itself the content is read.
        let packed = as_deflate(&[0; 1000]);
        assert_eq!(unpacked(&packed), Err(GateError::TooLarge("batch")));
        let content: Vec<u8> = (0..2000u32).flat_map(|n| (n * n).to_be_bytes()).collect();
        assert_eq!(unpacked(&as_deflate(&content)), Ok(content));
    }

    /// A diary with the same 26 scales in every entry would otherwise be sent as large as it is.
    #[test]
    fn very_even_content_packs_as_far_as_receivers_unpack() {
        for len in [200, 5_000, 80_000, 1_000_000] {
            let content = vec![7; len];
            let packed = pack(&content, MAX_BATCH).unwrap();
            assert!(
                packed.len() <= len.div_ceil(16) + 5,
                "{len} in {}",
                packed.len()
            );
            assert_eq!(unpacked(&packed), Ok(content), "{len}");
        }
        assert_eq!(pack(b"too short", MAX_BATCH).unwrap()[0], STORED);
    }

    /// Bytes after the stream's end, or a stream cut short, would be two batches of one meaning.
    #[test]
    fn a_stream_ends_where_the_batch_ends() {
        let packed = as_deflate(b"a stream of bytes, some bytes, more bytes");
        let mut longer = packed.clone();
        longer.push(0);
        assert_eq!(unpacked(&longer), Err(GateError::Malformed("packing")));
        for len in 1..packed.len() {
            assert_eq!(
                unpacked(&packed[..len]),
                Err(GateError::Malformed("packing")),
                "{len}"
            );
        }
    }
}
