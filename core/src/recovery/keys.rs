//! What a phrase is a member with.

use zeroize::Zeroizing;

use super::Phrase;
use crate::crypto::{CryptoError, MEMBERSHIP_KEYS_LEN, MembershipKeys, hkdf};

const HOME_LABEL: &[u8] = b"waymark/1 phrase home";
const BEACON_LABEL: &[u8] = b"waymark/1 phrase beacon keys";
const ENTRY_LABEL: &[u8] = b"waymark/1 phrase beacon entry";

/// The two memberships of a phrase. They are the only keys in Waymark that are derived and not
/// drawn; each has a label of its own, so that nothing ties the two spaces together for a relay.
#[derive(Debug, Eq, PartialEq)]
pub struct RecoveryKeys {
    /// In home.
    pub home: MembershipKeys,
    /// In the beacon, whose only member it is.
    pub beacon: MembershipKeys,
}

impl RecoveryKeys {
    /// The keys of `phrase`: always the same ones.
    ///
    /// # Errors
    /// None that a phrase can cause; the key library's signature asks for one.
    pub fn of(phrase: &Phrase) -> Result<Self, CryptoError> {
        let keys = |label| {
            let seeds = derive::<MEMBERSHIP_KEYS_LEN>(phrase, label)?;
            MembershipKeys::from_bytes(seeds.as_slice())
        };
        Ok(Self {
            home: keys(HOME_LABEL)?,
            beacon: keys(BEACON_LABEL)?,
        })
    }
}

/// The seed of everything in the beacon's first entry that would be random in another space's.
pub(super) fn beacon_seed(phrase: &Phrase) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
    derive(phrase, ENTRY_LABEL)
}

/// HKDF-SHA-256 of the phrase's 32 bytes, without salt: they are random already.
fn derive<const N: usize>(
    phrase: &Phrase,
    label: &[u8],
) -> Result<Zeroizing<[u8; N]>, CryptoError> {
    hkdf(&[], phrase.entropy().expose(), label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    fn phrase(seed: u8) -> Phrase {
        Phrase::generate(&mut SeededEntropy::new([seed; 32]))
    }

    /// The words on the paper must still be the member that home knows.
    #[test]
    fn a_phrase_that_was_typed_in_again_has_the_same_keys() {
        let typed = Phrase::parse(&phrase(1).text()).unwrap();
        assert_eq!(RecoveryKeys::of(&typed), RecoveryKeys::of(&phrase(1)));
    }

    /// A relay that saw one key twice would know whose beacon it serves.
    #[test]
    fn no_two_keys_are_the_same() {
        let mut seen = Vec::new();
        for seed in 0..4 {
            let keys = RecoveryKeys::of(&phrase(seed)).unwrap();
            seen.push(beacon_seed(&phrase(seed)).unwrap().to_vec());
            for keys in [keys.home, keys.beacon] {
                let bytes = keys.to_bytes();
                seen.extend(bytes.chunks(32).map(<[u8]>::to_vec));
            }
        }
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!((seen.len(), all), (20, 20));
    }
}
