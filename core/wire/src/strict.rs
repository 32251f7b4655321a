//! The strict form of what is signed or hashed: one CBOR map, definite lengths, shortest numbers, keys in order,
//! nothing behind it (RFC 8949 §4.2.1). Checked before it is decoded, so that the decoder meets
//! no surprises, two implementations read the same, and equal contents have equal bytes, also in
//! keys that are not known.

/// How deep items may nest.
const DEPTH: u8 = 8;

/// Whether the bytes are exactly one map in the strict form.
#[must_use]
pub fn is_strict_map(bytes: &[u8]) -> bool {
    let is_map = bytes.first().is_some_and(|first| first >> 5 == 5);
    is_map && item(bytes, DEPTH).is_some_and(<[u8]>::is_empty)
}

/// The rest behind one item, if that is in the strict form.
fn item(bytes: &[u8], depth: u8) -> Option<&[u8]> {
    let (major, value, mut rest) = head(bytes)?;
    match major {
        0 | 1 => Some(rest),
        2 => rest.get(usize::try_from(value).ok()?..),
        3 => {
            let (text, rest) = rest.split_at_checked(usize::try_from(value).ok()?)?;
            std::str::from_utf8(text).is_ok().then_some(rest)
        }
        4 => {
            let depth = depth.checked_sub(1)?;
            // Every item takes a byte at least, so a declared length beyond the bytes ends early.
            for _ in 0..value {
                rest = item(rest, depth)?;
            }
            Some(rest)
        }
        5 => {
            let depth = depth.checked_sub(1)?;
            let mut last: Option<&[u8]> = None;
            for _ in 0..value {
                let behind = item(rest, depth)?;
                let key = rest.get(..rest.len() - behind.len())?;
                if last.is_some_and(|last| last >= key) {
                    return None;
                }
                last = Some(key);
                rest = item(behind, depth)?;
            }
            Some(rest)
        }
        6 => item(rest, depth.checked_sub(1)?),
        // Simple values and floats: `head` has read them whole.
        _ => Some(rest),
    }
}

/// Major type, argument and the rest behind the head of an item.
fn head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (major, info) = (first >> 5, first & 0x1f);
    if info < 24 {
        return Some((major, u64::from(info), rest));
    }
    // 28 to 30 are reserved, 31 is an indefinite length: neither has a size here.
    let size = match info {
        24 => 1,
        25 => 2,
        26 => 4,
        27 => 8,
        _ => return None,
    };
    let (argument, rest) = rest.split_at_checked(size)?;
    let value = argument
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte));
    let shortest = match (major, size) {
        // Floats are as long as they are; a simple value in two bytes is 32 or more.
        (7, 1) => value >= 32,
        (7, _) => true,
        (_, 1) => value >= 24,
        (_, 2) => value > 0xff,
        (_, 4) => value > 0xffff,
        _ => value > 0xffff_ffff,
    };
    shortest.then_some((major, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strict_form_is_taken() {
        for strict in [
            &[0xa0][..],
            &[0xa1, 0x00, 0x01],
            &[0xa2, 0x00, 0x01, 0x18, 0x18, 0x61, b'x'],
            &[0xa1, 0x05, 0xfb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xa1, 0x05, 0xc1, 0x1a, 0, 1, 0, 0],
        ] {
            assert!(is_strict_map(strict), "{strict:02x?}");
        }
    }

    #[test]
    fn other_spellings_of_the_same_are_refused() {
        for (why, bytes) in [
            ("empty", &[][..]),
            ("not a map", &[0x80]),
            ("behind it", &[0xa0, 0x00]),
            ("long number", &[0xa1, 0x18, 0x01, 0x01]),
            ("indefinite", &[0xbf, 0xff]),
            ("indefinite inside", &[0xa1, 0x00, 0x9f, 0xff]),
            ("key twice", &[0xa2, 0x00, 0x01, 0x00, 0x02]),
            ("keys out of order", &[0xa2, 0x01, 0x01, 0x00, 0x02]),
            ("not UTF-8", &[0xa1, 0x00, 0x61, 0xff]),
            ("cut", &[0xa1, 0x00, 0x44, 0x00]),
            (
                "a promise of 2^64 items",
                &[0xa1, 0x00, 0x9b, 255, 255, 255, 255, 255, 255, 255, 255],
            ),
            (
                "too deep",
                &[
                    0xa1, 0, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00,
                ],
            ),
        ] {
            assert!(!is_strict_map(bytes), "{why}");
        }
    }
}
