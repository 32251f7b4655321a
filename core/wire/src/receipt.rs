//! What a relay commits itself to: that its log of a space stands so at some place. Two receipts of
//! one generation that disagree at one place prove that the relay showed two logs.

use minicbor::{Decode, Encode};

use crate::chain::Position;
use crate::ids::{Generation, SpaceId};
use crate::signature::{Signature, VerifyingKey};

/// A relay's signed word on its log of one space.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Receipt {
    /// The history this receipt belongs to.
    #[n(0)]
    pub generation: Generation,
    /// A place in the log.
    #[n(1)]
    pub position: Position,
    /// The relay's signature over the text below.
    #[n(2)]
    pub signature: Signature,
}

impl Receipt {
    /// Makes a receipt; `sign` is given what has to be signed.
    #[must_use]
    pub fn new(
        space: &SpaceId,
        generation: Generation,
        position: Position,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        let signature = sign(&receipt_text(space, &generation, &position));
        Self {
            generation,
            position,
            signature,
        }
    }

    /// Whether `relay` gave this receipt for `space`.
    #[must_use]
    pub fn is_signed_by(&self, relay: &VerifyingKey, space: &SpaceId) -> bool {
        let text = receipt_text(space, &self.generation, &self.position);
        relay.verifies(&text, &self.signature)
    }
}

/// `"waymark/1 receipt" ‖ space id ‖ generation ‖ seq ‖ first 16 bytes of the chain`.
fn receipt_text(space: &SpaceId, generation: &Generation, position: &Position) -> Vec<u8> {
    let seq = position.seq.to_be_bytes();
    [
        b"waymark/1 receipt".as_slice(),
        &space.0,
        &generation.0,
        &seq,
        &position.chain.0,
    ]
    .concat()
}
