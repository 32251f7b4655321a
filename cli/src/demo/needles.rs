//! Looking for readable content where there must be none: every text and name of eight bytes or
//! more, every longer word of them, and every record as it is encoded.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, BuildError};

/// Shorter texts could stand anywhere by chance.
const SHORTEST: usize = 8;

/// What is looked for.
#[derive(Clone, Debug)]
pub(crate) struct Needles {
    finder: AhoCorasick,
    count: usize,
}

impl Needles {
    /// Needles from texts and encoded records. Each text also gives its words.
    ///
    /// # Errors
    /// Where there are too many to look for.
    pub(crate) fn new<'t>(
        texts: impl IntoIterator<Item = &'t str>,
        records: &[Vec<u8>],
    ) -> Result<Self, BuildError> {
        let mut needles: BTreeSet<&[u8]> = BTreeSet::new();
        for text in texts {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '_');
            let all = words.chain([text]).map(str::as_bytes);
            needles.extend(all.filter(|needle| needle.len() >= SHORTEST));
        }
        needles.extend(records.iter().map(Vec::as_slice));
        Ok(Self {
            count: needles.len(),
            finder: AhoCorasick::new(&needles)?,
        })
    }

    /// How many there are.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// How many of them stand somewhere in these bytes.
    pub(crate) fn found_in<'h>(&self, hay: impl IntoIterator<Item = &'h [u8]>) -> usize {
        let mut found = BTreeSet::new();
        for bytes in hay {
            found.extend(
                self.finder
                    .find_overlapping_iter(bytes)
                    .map(|at| at.pattern()),
            );
        }
        found.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search that finds nothing has to be able to find something.
    #[test]
    fn a_planted_needle_is_found_and_a_short_word_is_not_looked_for() {
        let record = vec![0xa1, 0x00, 0x05];
        let needles =
            Needles::new(["a walk by the lighthouse"], std::slice::from_ref(&record)).unwrap();
        assert_eq!(needles.count(), 3, "the text, its long word, the record");
        assert_eq!(needles.found_in([b"nothing of a walk here".as_slice()]), 0);
        assert_eq!(needles.found_in([b"..lighthouse..".as_slice()]), 1);
        let whole = b"xx a walk by the lighthouse";
        assert_eq!(needles.found_in([whole.as_slice(), &record]), 3);
    }

    /// One needle inside another one must not hide it.
    #[test]
    fn overlapping_needles_are_all_found() {
        let needles = Needles::new(["moonlight", "moonlight and candles"], &[]).unwrap();
        assert_eq!(
            needles.found_in([b"moonlight and candles".as_slice()]),
            needles.count()
        );
    }
}
