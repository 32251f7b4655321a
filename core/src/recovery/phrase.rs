//! The words.

use std::fmt;

use bip39::{Language, Mnemonic};
use zeroize::Zeroizing;

use crate::crypto::{Entropy, Secret};

/// How many words a phrase has.
pub const PHRASE_WORDS: usize = 24;

/// How many words of the list an unknown word is compared to in an error, at most.
const SUGGESTIONS: usize = 4;
/// From how many changed letters on a word of the list no longer looks like what was typed.
const UNLIKE: usize = 3;
/// No two words of the list begin with the same four letters, so some people note no more.
const DISTINCT: usize = 4;
/// The longest word of the list has eight letters.
const LONGEST_LIKE: usize = 8 + UNLIKE;

/// 256 random bits, written as 24 words of BIP-39's English list; the last one holds a checksum.
///
/// Whoever knows the words is a member of the person's home. They are overwritten when dropped and
/// never printed. No passphrase and none of BIP-39's key stretching is used: 256 random bits need
/// none.
pub struct Phrase {
    entropy: Secret<32>,
    words: Box<Mnemonic>,
}

/// Why words are no recovery phrase.
///
/// Its texts and its `Debug` output hold no word, because they may end in a log, and a mistyped
/// word is almost a word of the phrase. The fields are for the screen where it was typed.
#[derive(Clone, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PhraseError {
    /// Every word is of the list, but they do not belong together: a word was taken for another
    /// one, or two stand in each other's place.
    #[error(
        "the words do not belong together: one is another word of the list, or two are swapped"
    )]
    Checksum,
    /// More or fewer words than [`PHRASE_WORDS`].
    #[error("a recovery phrase has 24 words, not {found}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// A word is not in the list. Others after it may not be either.
    #[error("word {place} is not a word of the list")]
    UnknownWord {
        /// Its place: 1 to 24.
        place: usize,
        /// The word as it was typed, in lower case.
        word: Zeroizing<String>,
        /// Up to four words of the list that are written alike, the most alike first; perhaps none.
        nearest: Vec<&'static str>,
    },
}

impl Phrase {
    /// A fresh phrase.
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        Self::from_entropy(Secret::generate(entropy))
    }

    /// Reads a phrase as somebody typed it: letters of either case, any white space between words.
    ///
    /// # Errors
    /// [`PhraseError`]: the count is looked at first, then each word, then the checksum.
    pub fn parse(text: &str) -> Result<Self, PhraseError> {
        let text = Zeroizing::new(text.to_ascii_lowercase());
        let found = text.split_whitespace().count();
        if found != PHRASE_WORDS {
            return Err(PhraseError::Count { found });
        }
        for (place, word) in (1..).zip(text.split_whitespace()) {
            if Language::English.find_word(word).is_none() {
                return Err(PhraseError::UnknownWord {
                    place,
                    word: Zeroizing::new(word.to_owned()),
                    nearest: nearest(word),
                });
            }
        }
        let words = Mnemonic::parse_in_normalized(Language::English, &text)
            .map_err(|_| PhraseError::Checksum)?;
        let bytes = Zeroizing::new(words.to_entropy_array().0);
        let mut entropy = Zeroizing::new([0; 32]);
        entropy.copy_from_slice(&bytes[..32]);
        Ok(Self {
            entropy: Secret::from(*entropy),
            words: Box::new(words),
        })
    }

    /// The 24 words in order, to be shown once.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        self.words.words()
    }

    /// The words with single spaces between them, as [`parse`](Self::parse) takes them.
    pub fn text(&self) -> Zeroizing<String> {
        // Long enough that the text never moves and leaves a copy behind.
        let mut text = Zeroizing::new(String::with_capacity(PHRASE_WORDS * LONGEST_LIKE));
        for word in self.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// What everything is derived from.
    pub(super) fn entropy(&self) -> &Secret<32> {
        &self.entropy
    }

    #[expect(
        clippy::expect_used,
        reason = "the only refusal is of another length than 16 to 32 bytes in steps of four"
    )]
    fn from_entropy(entropy: Secret<32>) -> Self {
        let words = Mnemonic::from_entropy_in(Language::English, entropy.expose())
            .expect("32 bytes are 24 words");
        Self {
            entropy,
            words: Box::new(words),
        }
    }
}

impl fmt::Debug for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phrase(..)")
    }
}

impl fmt::Debug for PhraseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhraseError({self})")
    }
}

/// The words of the list that are most like `typed`; the one that was only begun comes first.
fn nearest(typed: &str) -> Vec<&'static str> {
    let letters: Vec<char> = typed.chars().take(LONGEST_LIKE + 1).collect();
    let mut like: Vec<(usize, &'static str)> = Language::English
        .word_list()
        .iter()
        .filter_map(|word| {
            let is_begun = letters.len() >= DISTINCT && word.starts_with(typed);
            let distance = if is_begun {
                0
            } else {
                distance(&letters, word)
            };
            (distance < UNLIKE).then_some((distance, *word))
        })
        .collect();
    like.sort_unstable();
    like.into_iter()
        .take(SUGGESTIONS)
        .map(|(_, word)| word)
        .collect()
}

/// How many letters have to be put in, left out, replaced, or swapped with their neighbour to turn
/// one into the other (Damerau and Levenshtein's distance, no letter touched twice).
fn distance(typed: &[char], word: &str) -> usize {
    let word: Vec<char> = word.chars().collect();
    if typed.len().abs_diff(word.len()) >= UNLIKE {
        return UNLIKE;
    }
    let mut before = vec![0; word.len() + 1];
    let mut last: Vec<usize> = (0..=word.len()).collect();
    for (row, letter) in typed.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in word.iter().enumerate() {
            let replaced = last[column] + usize::from(letter != other);
            let mut least = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            let is_swap =
                row > 0 && column > 0 && *letter == word[column - 1] && typed[row - 1] == *other;
            if is_swap {
                least = least.min(before[column - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[word.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::crypto::SeededEntropy;

    fn phrase() -> Phrase {
        Phrase::generate(&mut SeededEntropy::new([1; 32]))
    }

    fn with_word(place: usize, word: &str) -> String {
        let mut words: Vec<_> = phrase().words().collect();
        words[place - 1] = word;
        words.join(" ")
    }

    /// BIP-39's own vectors of 256 bits: words that another program wrote down are read here.
    #[test]
    fn phrases_are_as_published() {
        for (byte, repeated, last) in [
            (0x00, "abandon", "art"),
            (
                0x7f,
                "legal winner thank year wave sausage worth useful",
                "title",
            ),
            (
                0x80,
                "letter advice cage absurd amount doctor acoustic avoid",
                "bless",
            ),
            (0xff, "zoo", "vote"),
        ] {
            let words = repeated.split(' ').cycle().take(23).chain([last]);
            let spelled = words.collect::<Vec<_>>().join(" ");
            let made = Phrase::from_entropy(Secret::from([byte; 32]));
            assert_eq!(*made.text(), spelled);
            let read = Phrase::parse(&spelled).unwrap();
            assert_eq!(read.entropy().expose(), &[byte; 32]);
        }
    }

    proptest! {
        /// A phrase that could be written down and not read again is worth nothing.
        #[test]
        fn every_phrase_that_was_shown_is_read_again(entropy: [u8; 32]) {
            let made = Phrase::from_entropy(Secret::from(entropy));
            prop_assert_eq!(made.words().count(), PHRASE_WORDS);
            let read = Phrase::parse(&made.text()).unwrap();
            prop_assert_eq!(read.entropy().expose(), &entropy);
        }
    }

    /// Phones put capitals at the beginning, and people write in columns.
    #[test]
    fn case_and_white_space_do_not_matter() {
        let shouted = format!(
            "\n {}\t\n",
            phrase().text().to_uppercase().replace(' ', " \n\u{a0}")
        );
        let read = Phrase::parse(&shouted).unwrap();
        assert_eq!(read.entropy(), phrase().entropy());
    }

    #[test]
    fn another_number_of_words_is_told() {
        let text = phrase().text();
        let all_but_one = &text[..text.rfind(' ').unwrap()];
        for (text, found) in [
            ("", 0),
            ("abandon", 1),
            (all_but_one, 23),
            (&format!("{} zoo", *text), 25),
            // A whole phrase of twelve words is a phrase of something else.
            (&format!("{}about", "abandon ".repeat(11)), 12),
        ] {
            assert_eq!(
                Phrase::parse(text).unwrap_err(),
                PhraseError::Count { found }
            );
        }
    }

    /// In 24 words from a crumpled paper nobody finds the wrong one without being told.
    #[test]
    fn a_misspelt_word_is_named_with_its_place_and_what_it_may_have_been() {
        for (place, typed, first) in [
            (1, "abondon", Some("abandon")),
            (7, "quatnum", Some("quantum")),
            (24, "zo", Some("zoo")),
            (12, "Umbrela", Some("umbrella")),
            // Only begun.
            (3, "univ", Some("universe")),
            (9, "xqxqxq", None),
            (9, "straße", Some("stage")),
            (9, "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq", None),
        ] {
            let Err(PhraseError::UnknownWord {
                place: at,
                word,
                nearest,
            }) = Phrase::parse(&with_word(place, typed))
            else {
                panic!("{typed} was taken");
            };
            assert_eq!(
                (at, word.as_str()),
                (place, typed.to_ascii_lowercase().as_str())
            );
            assert_eq!(nearest.first().copied(), first, "{typed}: {nearest:?}");
            assert!(nearest.len() <= SUGGESTIONS);
        }
    }

    /// One word in 256 wrong ones still fits; a swap of neighbours or a wrong word of the list is
    /// otherwise found, and not called a spelling mistake.
    #[test]
    fn words_of_the_list_that_do_not_belong_together_are_told_from_misspelt_ones() {
        let mut words: Vec<_> = phrase().words().collect();
        words.swap(3, 4);
        let swapped = Phrase::parse(&words.join(" "));
        assert_eq!(swapped.unwrap_err(), PhraseError::Checksum);
        let all_alike = "abandon ".repeat(24);
        assert_eq!(
            Phrase::parse(&all_alike).unwrap_err(),
            PhraseError::Checksum
        );
    }

    /// A log is no place for a word of the phrase, nor for one that is nearly it.
    #[test]
    fn nothing_that_is_printed_holds_a_word() {
        assert_eq!(format!("{:?}", phrase()), "Phrase(..)");
        let error = Phrase::parse(&with_word(5, "abondon")).unwrap_err();
        let printed = format!("{error} {error:?}");
        assert!(printed.contains("word 5"));
        assert!(
            !printed.contains("bandon") && !printed.contains("abon"),
            "{printed}"
        );
    }

    #[test]
    fn distance_counts_each_mistake_once() {
        for (typed, word, expected) in [
            ("zoo", "zoo", 0),
            ("zo", "zoo", 1),
            ("zooo", "zoo", 1),
            ("zop", "zoo", 1),
            ("ozo", "zoo", 1),
            ("able", "bale", 1),
            ("abel", "bale", 2),
        ] {
            let letters: Vec<char> = typed.chars().collect();
            assert_eq!(distance(&letters, word), expected, "{typed} {word}");
        }
    }
}
