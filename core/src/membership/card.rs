//! What a device hands over so that it can be added to spaces: fresh public keys and names, signed
//! by each key to show that the device holds it.

use minicbor::{Decode, Encode};
use waymark_wire::codec::{self, Bytes, CodecError};
use waymark_wire::membership::SUITE_XWING;
use waymark_wire::signature::{KeyError, Signature, VerifyingKey};

use super::RosterMember;
use crate::crypto::{AgreementPublicKey, CryptoError, MembershipKeys};

/// Bytes of a card, at most.
const LIMIT: usize = 16 * 1024;
/// Key sets in a card, at most.
const KEY_SETS: usize = 8;

/// The public keys for one membership.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct KeySet {
    /// Signs entries and proofs.
    #[n(0)]
    pub signing_key: VerifyingKey,
    /// The HPKE suite of the next field.
    #[n(1)]
    pub suite: u8,
    /// Epoch keys are sealed to it.
    #[n(2)]
    pub agreement_key: Bytes,
}

#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
struct Body {
    #[n(0)]
    name: String,
    #[n(1)]
    device_name: String,
    #[n(2)]
    level: u16,
    #[n(3)]
    keys: Vec<KeySet>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Signed {
    #[n(0)]
    body: Bytes,
    #[n(1)]
    signatures: Vec<Signature>,
}

/// A device's card: as many key sets as it wants to be in spaces.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContactCard {
    /// The person's name; 1 to 100 characters.
    pub name: String,
    /// The device's name; 1 to 100 characters.
    pub device_name: String,
    /// The newest format level that the device reads.
    pub level: u16,
    /// One for each space, 1 to 8.
    pub keys: Vec<KeySet>,
}

/// Why a card is refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CardError {
    /// It cannot be read.
    #[error("the card is {0}")]
    Codec(#[from] CodecError),
    /// A key that no honest device makes.
    #[error("a key of the card is refused: {0}")]
    SigningKey(#[from] KeyError),
    /// A key that no honest device makes.
    #[error("a key of the card is refused: {0}")]
    AgreementKey(#[from] CryptoError),
    /// A name is empty or too long, or there are no keys or too many.
    #[error("the card's {0} is empty or too long")]
    Field(&'static str),
    /// Not every key signed the card.
    #[error("the card is not signed by its keys")]
    Signature,
    /// A suite that this version does not know.
    #[error("the card's key suite {0} is not supported by this version")]
    Suite(u8),
}

impl ContactCard {
    /// The bytes to hand over, with a key set and a signature for each of `keys`.
    ///
    /// # Errors
    /// [`CardError`] where a name is empty or too long, or there are no keys or too many.
    pub fn issue(
        name: &str,
        device_name: &str,
        level: u16,
        keys: &[MembershipKeys],
    ) -> Result<Vec<u8>, CardError> {
        let mut sets = Vec::new();
        for keys in keys {
            sets.push(KeySet {
                signing_key: VerifyingKey(keys.signing_public()?),
                suite: SUITE_XWING,
                agreement_key: Bytes(keys.agreement_public()?.to_bytes().to_vec()),
            });
        }
        let body = Body {
            name: name.into(),
            device_name: device_name.into(),
            level,
            keys: sets,
        };
        body.check()?;
        let body = codec::encode(&body);
        let text = signed_text(&body);
        let mut signatures = Vec::new();
        for keys in keys {
            signatures.push(Signature(keys.sign(&text)?));
        }
        Ok(codec::encode(&Signed {
            body: Bytes(body),
            signatures,
        }))
    }

    /// Reads a card and checks everything in it.
    ///
    /// # Errors
    /// [`CardError`] where it is not what [`ContactCard::issue`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, CardError> {
        let signed: Signed = codec::decode(bytes, LIMIT)?;
        let body: Body = codec::decode(&signed.body.0, LIMIT)?;
        body.check()?;
        let text = signed_text(&signed.body.0);
        if signed.signatures.len() != body.keys.len() {
            return Err(CardError::Signature);
        }
        for (set, signature) in body.keys.iter().zip(&signed.signatures) {
            set.signing_key.check()?;
            if set.suite != SUITE_XWING {
                return Err(CardError::Suite(set.suite));
            }
            AgreementPublicKey::from_bytes(&set.agreement_key.0)?;
            if !set.signing_key.verifies(&text, signature) {
                return Err(CardError::Signature);
            }
        }
        let Body {
            name,
            device_name,
            level,
            keys,
        } = body;
        Ok(Self {
            name,
            device_name,
            level,
            keys,
        })
    }
}

impl Body {
    fn check(&self) -> Result<(), CardError> {
        for (text, field) in [(&self.name, "name"), (&self.device_name, "device name")] {
            if !(1..=RosterMember::NAME_CHARS).contains(&text.chars().count()) {
                return Err(CardError::Field(field));
            }
        }
        if !(1..=KEY_SETS).contains(&self.keys.len()) {
            return Err(CardError::Field("list of keys"));
        }
        Ok(())
    }
}

fn signed_text(body: &[u8]) -> Vec<u8> {
    [b"waymark/1 card".as_slice(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::SeededEntropy;

    fn card() -> Vec<u8> {
        let mut entropy = SeededEntropy::new([3; 32]);
        let keys = [
            MembershipKeys::generate(&mut entropy),
            MembershipKeys::generate(&mut entropy),
        ];
        ContactCard::issue("Dr. Ada", "tablet", 1, &keys).unwrap()
    }

    #[test]
    fn a_card_says_what_was_put_in() {
        let card = ContactCard::parse(&card()).unwrap();
        assert_eq!((card.name.as_str(), card.keys.len()), ("Dr. Ada", 2));
    }

    /// Whoever alters a card on its way could otherwise put own keys or another's name in.
    #[test]
    fn an_altered_card_is_refused() {
        let card = card();
        for at in (0..card.len()).step_by(7) {
            let mut altered = card.clone();
            altered[at] ^= 1;
            assert!(ContactCard::parse(&altered).is_err(), "byte {at}");
        }
        assert!(ContactCard::parse(&card[..card.len() - 1]).is_err());
    }

    #[test]
    fn names_have_a_length() {
        let keys = [MembershipKeys::generate(&mut SeededEntropy::new([3; 32]))];
        let long = "x".repeat(101);
        assert_eq!(
            ContactCard::issue(&long, "d", 1, &keys),
            Err(CardError::Field("name"))
        );
        assert_eq!(
            ContactCard::issue("n", "", 1, &keys),
            Err(CardError::Field("device name"))
        );
    }
}
