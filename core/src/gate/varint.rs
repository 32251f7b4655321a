//! Reading and writing the codec's bytes: LEB128 numbers in their shortest form, and slices.

use super::error::GateError;

/// Appends `value` as unsigned LEB128: seven bits a byte, lowest first, the top bit set on all but
/// the last.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends `value` as signed LEB128.
pub(super) fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Reads from the front of a slice; every failure names what was being read.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn remaining(&self) -> usize {
        self.0.len()
    }

    pub(super) fn byte(&mut self, what: &'static str) -> Result<u8, GateError> {
        let (first, rest) = self.0.split_first().ok_or(GateError::Malformed(what))?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, len: usize, what: &'static str) -> Result<&'a [u8], GateError> {
        let (taken, rest) = self
            .0
            .split_at_checked(len)
            .ok_or(GateError::Malformed(what))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        what: &'static str,
    ) -> Result<[u8; N], GateError> {
        let (taken, rest) = self
            .0
            .split_first_chunk()
            .ok_or(GateError::Malformed(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    /// An unsigned LEB128 number of at most 32 bits; a longer form than needed is refused.
    pub(super) fn number(&mut self, what: &'static str) -> Result<u32, GateError> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte(what)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return u32::try_from(value).map_err(|_| GateError::Malformed(what));
            }
        }
        Err(GateError::Malformed(what))
    }

    /// A number that says how many bytes follow, at most `max`.
    pub(super) fn length(&mut self, max: usize, what: &'static str) -> Result<usize, GateError> {
        let len = self.number(what)? as usize;
        if len > max {
            return Err(GateError::TooLarge(what));
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two spellings of one number would be two byte forms of one change.
    #[test]
    fn only_the_shortest_form_of_a_number_is_read() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, value.into());
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.number("number"), Ok(value));
            assert!(reader.is_empty());
        }
        for wrong in [
            &[0x80, 0x00][..],
            &[0xff, 0x80, 0x00],
            &[0x80],
            &[],
            &[0xff; 5],
            &[0x80; 12],
        ] {
            assert_eq!(
                Reader::new(wrong).number("n"),
                Err(GateError::Malformed("n")),
                "{wrong:?}"
            );
        }
        // 2^32 needs 33 bits.
        assert!(
            Reader::new(&[0x80, 0x80, 0x80, 0x80, 0x10])
                .number("n")
                .is_err()
        );
    }
}
