//! The code that is read out and typed: secret and purpose in Crockford's base 32, seven groups of
//! four characters, each followed by a check, so that a typing mistake is named by its group.
//!
//! ```text
//! 140 bits = purpose (5) ‖ secret (128) ‖ zeros (7)      28 symbols, 7 groups
//! check of group n, symbols s1 s2 s3 s4: c = n; for each s: c = 2·c ⊕ s; then c = 2·c
//! ```
//!
//! Doubling is that of GF(2⁵) modulo x⁵ + x² + 1. Every symbol has another weight, so one wrong
//! symbol in a group, and any two exchanged ones, are always found; so are exchanged groups.

use zeroize::{Zeroize, Zeroizing};

use super::{LinkSecret, Purpose};
use crate::crypto::CryptoError;

/// What is wrong with a typed code. Groups are counted from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShortCodeError {
    /// A character that stands in no code. O, I and L are taken for 0, 1 and 1; U is never used.
    #[error("group {group} of the code has the character {character:?}, which no code has")]
    Character {
        /// The group, 1 to 7.
        group: u8,
        /// The character.
        character: char,
    },
    /// Its secret cannot be used.
    #[error("the code cannot be used: {0}")]
    Crypto(#[from] CryptoError),
    /// Too few or too many characters, separators not counted.
    #[error("the code has {0} characters, not 35")]
    Length(usize),
    /// A group does not fit its check.
    #[error("group {group} of the code is mistyped")]
    Mistyped {
        /// The group, 1 to 7.
        group: u8,
    },
    /// A purpose that this version does not know.
    #[error("the code is for a newer version")]
    Purpose,
}

/// The code, in groups with hyphens between.
pub(super) fn encode(purpose: Purpose, secret: &LinkSecret) -> Zeroizing<String> {
    let mut symbols = Zeroizing::new([0_u8; DATA]);
    symbols[0] = purpose.number();
    for (bit, set) in bits(secret.expose()).enumerate() {
        let place = BITS + bit;
        symbols[place / BITS] |= u8::from(set) << (BITS - 1 - place % BITS);
    }
    let mut text = Zeroizing::new(String::with_capacity(LENGTH + GROUPS));
    for (number, group) in (1..).zip(symbols.chunks(GROUP)) {
        if number > 1 {
            text.push('-');
        }
        let check = check(number, group);
        text.extend(group.iter().chain([&check]).map(|s| letter(*s)));
    }
    text
}

/// Reads a code as people type it.
pub(super) fn decode(text: &str) -> Result<(Purpose, LinkSecret), ShortCodeError> {
    let typed = || text.chars().filter(|c| !is_separator(*c));
    let length = typed().count();
    if length != LENGTH {
        return Err(ShortCodeError::Length(length));
    }
    let mut symbols = Zeroizing::new([0_u8; LENGTH]);
    for (place, (symbol, character)) in symbols.iter_mut().zip(typed()).enumerate() {
        let group = group_number(place / (GROUP + 1));
        *symbol = symbol_of(character).ok_or(ShortCodeError::Character { group, character })?;
    }
    let mut data = Zeroizing::new([0_u8; DATA]);
    for (index, typed) in symbols.chunks(GROUP + 1).enumerate() {
        let (group, stated) = typed.split_at(GROUP);
        if stated != [check(group_number(index), group)] {
            let group = group_number(index);
            return Err(ShortCodeError::Mistyped { group });
        }
        data[index * GROUP..][..GROUP].copy_from_slice(group);
    }
    let purpose = Purpose::from_number(data[0]).ok_or(ShortCodeError::Purpose)?;
    let mut secret = [0_u8; LinkSecret::LEN];
    for place in BITS..DATA * BITS {
        let set = data[place / BITS] >> (BITS - 1 - place % BITS) & 1;
        let bit = place - BITS;
        match secret.get_mut(bit / 8) {
            Some(byte) => *byte |= set << (7 - bit % 8),
            None if set == 0 => {}
            None => {
                let group = group_number(GROUPS - 1);
                return Err(ShortCodeError::Mistyped { group });
            }
        }
    }
    let parsed = LinkSecret::from_slice(&secret);
    secret.zeroize();
    Ok((purpose, parsed?))
}

fn bits(bytes: &[u8]) -> impl Iterator<Item = bool> + '_ {
    bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1))
}

fn check(number: u8, group: &[u8]) -> u8 {
    double(group.iter().fold(number, |c, symbol| double(c) ^ symbol))
}

/// Times x in GF(2⁵) modulo x⁵ + x² + 1.
const fn double(c: u8) -> u8 {
    (c << 1 & 0x1f) ^ if c & 0x10 == 0 { 0 } else { 0b101 }
}

/// From an index of seven at most.
fn group_number(index: usize) -> u8 {
    u8::try_from(index + 1).unwrap_or(u8::MAX)
}

fn letter(symbol: u8) -> char {
    char::from(ALPHABET[usize::from(symbol & 0x1f)])
}

fn symbol_of(typed: char) -> Option<u8> {
    let letter = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|a| char::from(*a) == letter)?;
    u8::try_from(place).ok()
}

/// White space and every kind of dash.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const BITS: usize = 5;
const GROUP: usize = 4;
const GROUPS: usize = 7;
const DATA: usize = GROUP * GROUPS;
const LENGTH: usize = DATA + GROUPS;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code() -> Zeroizing<String> {
        let secret = LinkSecret::from_slice(&std::array::from_fn::<_, 16, _>(|i| {
            17 * u8::try_from(i).unwrap()
        }));
        encode(Purpose::Device, &secret.unwrap())
    }

    proptest! {
        #[test]
        fn a_code_says_what_was_put_in(secret: [u8; 16], purpose in 0..5_usize) {
            let secret = LinkSecret::from_slice(&secret).unwrap();
            let purpose = Purpose::ALL[purpose];
            let text = encode(purpose, &secret);
            prop_assert_eq!(text.len(), 41);
            prop_assert_eq!(decode(&text), Ok((purpose, secret)));
        }

        #[test]
        fn nothing_typed_makes_it_panic(text in "\\PC{0,60}") {
            let _ = decode(&text);
        }
    }

    /// People type what they see: in lower case, with blanks, with letters that look like digits.
    #[test]
    fn a_code_is_read_as_people_type_it() {
        let read = decode(&code());
        assert!(read.is_ok());
        let alike = code().replace('0', "o").replace('1', "l");
        assert_ne!(alike, *code(), "the example has such digits");
        let typed = [
            code().to_lowercase(),
            code().replace('-', " "),
            code().replace('-', ""),
            code().replace('-', "–"),
            code().replace('0', "O").replace('1', "I"),
            alike,
            format!(" {}\n", *code()),
        ];
        for typed in typed {
            assert_eq!(decode(&typed), read, "{typed}");
        }
    }

    /// One wrong character would otherwise lead to an empty mailbox and a long wait.
    #[test]
    fn every_single_mistake_is_named_by_its_group() {
        let text: Vec<char> = code().chars().collect();
        for (place, _) in text.iter().enumerate().filter(|(_, c)| **c != '-') {
            let group = group_number(place / 6);
            for other in ALPHABET.iter().map(|a| char::from(*a)) {
                let mut typed = text.clone();
                typed[place] = other;
                let typed: String = typed.into_iter().collect();
                let wanted = if typed == *code() {
                    decode(&code())
                } else {
                    Err(ShortCodeError::Mistyped { group })
                };
                assert_eq!(decode(&typed), wanted, "{typed}");
            }
        }
    }

    #[test]
    fn exchanged_characters_and_groups_are_found() {
        let text: Vec<char> = code().chars().collect();
        for group in 0..GROUPS {
            for (one, two) in [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (1, 4)] {
                let mut typed = text.clone();
                typed.swap(group * 6 + one, group * 6 + two);
                let same = typed == text;
                let typed: String = typed.into_iter().collect();
                assert_eq!(decode(&typed).is_ok(), same, "{typed}");
            }
        }
        let groups: Vec<_> = code().split('-').map(str::to_owned).collect();
        for (one, two) in [(0, 1), (2, 5), (1, 6)] {
            let mut typed = groups.clone();
            typed.swap(one, two);
            let group = group_number(one);
            let wanted = Err(ShortCodeError::Mistyped { group });
            assert_eq!(decode(&typed.join("-")), wanted);
        }
    }

    #[test]
    fn what_is_no_code_is_refused_by_name() {
        assert_eq!(decode(""), Err(ShortCodeError::Length(0)));
        assert_eq!(decode(&code()[1..]), Err(ShortCodeError::Length(34)));
        let mut typed = code().to_string();
        typed.replace_range(6..7, "U");
        let wanted = ShortCodeError::Character {
            group: 2,
            character: 'U',
        };
        assert_eq!(decode(&typed), Err(wanted));
        // Purpose 0 with a check that fits.
        let mut group = [0, 0, 0, 0, check(1, &[0; 4])]
            .map(letter)
            .iter()
            .collect::<String>();
        for number in 2..=7 {
            group.extend([0, 0, 0, 0, check(number, &[0; 4])].map(letter));
        }
        assert_eq!(decode(&group), Err(ShortCodeError::Purpose));
    }
}
