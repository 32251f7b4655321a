//! How a reader shows that it is a member: a signature over the relay's key, a nonce that the relay
//! gave, the space and its device number. The relay that receives it cannot use it at another.

use minicbor::{Decode, Encode};

use crate::codec::Bytes;
use crate::ids::{DeviceNumber, SpaceId};
use crate::signature::{Signature, VerifyingKey};

/// A proof that the sender is a member of a space.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct ReadProof {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// The reader's membership.
    #[n(1)]
    pub device: DeviceNumber,
    /// A nonce of the relay's, opaque to devices, at most 32 bytes.
    #[n(2)]
    #[cbor(decode_with = "crate::codec::decode_nonce")]
    pub nonce: Bytes,
    /// The signature over [`proof_text`].
    #[n(3)]
    pub signature: Signature,
}

impl ReadProof {
    /// Makes a proof for `relay`; `sign` is given what has to be signed.
    #[must_use]
    pub fn new(
        relay: &VerifyingKey,
        nonce: Bytes,
        space: SpaceId,
        device: DeviceNumber,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        let signature = sign(&proof_text(relay, &nonce, &space, device));
        Self {
            space,
            device,
            nonce,
            signature,
        }
    }

    /// Whether `key` made this proof for `relay`. The nonce's age is the relay's to judge.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey, relay: &VerifyingKey) -> bool {
        let text = proof_text(relay, &self.nonce, &self.space, self.device);
        key.verifies(&text, &self.signature)
    }
}

/// `"waymark/1 read" ‖ relay key ‖ nonce ‖ space id ‖ device number`.
fn proof_text(
    relay: &VerifyingKey,
    nonce: &Bytes,
    space: &SpaceId,
    device: DeviceNumber,
) -> Vec<u8> {
    let device = device.0.to_be_bytes();
    [
        b"waymark/1 read".as_slice(),
        &relay.0,
        &nonce.0,
        &space.0,
        &device,
    ]
    .concat()
}
