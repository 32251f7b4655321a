//! Padding: a sealed text has at least 256 bytes and otherwise one of the sizes of Padmé, which
//! leaks O(log log n) bits of a length for at most 12 % more bytes (Nikitin et al., *Reducing
//! Metadata Leakage from Encrypted Files and Communication with PURBs*, PoPETs 2019(4), §4).
//!
//! The end of the text is marked as in ISO/IEC 7816-4: one byte 0x80, then zeros.

/// The smallest padded text, in bytes.
pub const SMALLEST: usize = 256;

const END: u8 = 0x80;

/// The Padmé size for `length` bytes: the next one whose lower bits are zero.
#[must_use]
pub const fn padme(length: usize) -> usize {
    if length < 2 {
        return length;
    }
    let exponent = length.ilog2();
    let free_bits = exponent - (exponent.ilog2() + 1);
    let mask = (1usize << free_bits) - 1;
    (length + mask) & !mask
}

/// Whether a padded text may have `length` bytes.
#[must_use]
pub const fn is_padded(length: usize) -> bool {
    length >= SMALLEST && padme(length) == length
}

/// Appends the end mark and zeros up to the next allowed size.
pub fn pad(text: &mut Vec<u8>) {
    text.push(END);
    let length = padme(text.len().max(SMALLEST));
    text.resize(length, 0);
}

/// The text without its padding, or `None` where no end mark stands.
#[must_use]
pub fn unpad(padded: &[u8]) -> Option<&[u8]> {
    let end = padded.iter().rposition(|byte| *byte != 0)?;
    (padded[end] == END).then(|| &padded[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_those_of_the_paper() {
        // Computed by hand from the definition: E = 8, S = 4, so four free bits at 257 bytes.
        assert_eq!(padme(256), 256);
        assert_eq!(padme(257), 272);
        assert_eq!(padme(1_000), 1_024 - 32 + 32);
        assert_eq!(padme(262_144), 262_144);
    }

    proptest! {
        #[test]
        fn padding_is_taken_off_again_and_costs_little(mut text in prop::collection::vec(any::<u8>(), 0..3_000)) {
            let original = text.clone();
            pad(&mut text);
            prop_assert!(is_padded(text.len()));
            prop_assert!(text.len() == SMALLEST || text.len() * 100 <= (original.len() + 1) * 112);
            prop_assert_eq!(unpad(&text), Some(&original[..]));
        }
    }

    #[test]
    fn a_text_without_end_mark_is_none() {
        assert_eq!(unpad(&[0; 256]), None);
        assert_eq!(unpad(&[1; 256]), None);
        assert_eq!(unpad(&[]), None);
    }
}
