//! Hex, fixed bytes, and keys.

use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use waymark_core::crypto::{MembershipKeys, SeededEntropy};
use waymark_wire::signature::{Signature, VerifyingKey};

/// Lower-case hex.
pub(super) fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// `N` bytes that count up from `first`.
pub(super) fn counting<const N: usize>(first: u8) -> [u8; N] {
    let mut next = first;
    std::array::from_fn(|_| {
        let byte = next;
        next = next.wrapping_add(1);
        byte
    })
}

/// Random-looking bytes that are always the same ones for a name.
pub(super) fn entropy(name: &str) -> SeededEntropy {
    let mut seed = [0; 32];
    seed.copy_from_slice(digest(&SHA256, name.as_bytes()).as_ref());
    SeededEntropy::new(seed)
}

/// The membership keys of a name.
pub(super) fn keys(name: &str) -> MembershipKeys {
    MembershipKeys::generate(&mut entropy(name))
}

/// The public signing key of membership keys.
pub(super) fn public(keys: &MembershipKeys) -> VerifyingKey {
    VerifyingKey(keys.signing_public().unwrap())
}

/// Signs with membership keys.
pub(super) fn sign(keys: &MembershipKeys) -> impl Fn(&[u8]) -> Signature + '_ {
    |text| Signature(keys.sign(text).unwrap())
}

/// HKDF-SHA-256, for the values in between that the code never shows.
pub(super) fn hkdf(salt: &[u8], secret: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut out = vec![0; length];
    let prk = Salt::new(HKDF_SHA256, salt).extract(secret);
    prk.expand(&[info], Length(length))
        .unwrap()
        .fill(&mut out)
        .unwrap();
    out
}
