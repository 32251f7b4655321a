//! How a device asks to be woken when something comes for it: by an operator's push gateway, under a
//! token that only the gateway can read and that is another in every space.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};
use ring::digest::{SHA256, digest};

use crate::codec::Bytes;
use crate::ids::{DeviceNumber, SpaceId};
use crate::limits;
use crate::signature::{Signature, VerifyingKey};

/// Leaves a token for a membership, or takes it away.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WakeRequest {
    /// The space.
    #[n(0)]
    pub space: SpaceId,
    /// The sender's membership.
    #[n(1)]
    pub device: DeviceNumber,
    /// A nonce of the relay's, opaque to devices, at most 32 bytes.
    #[n(2)]
    #[cbor(decode_with = "crate::codec::decode_nonce")]
    pub nonce: Bytes,
    /// What the gateway makes a device of, 1 to [`limits::WAKE_TOKEN`] bytes; absent: nobody is woken
    /// any more.
    #[n(3)]
    #[cbor(decode_with = "decode_token", default)]
    pub token: Option<Bytes>,
    /// The signature over its text.
    #[n(4)]
    pub signature: Signature,
}

/// The relay has it.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct WakeAnswer {
    /// For the next proof.
    #[n(0)]
    #[cbor(decode_with = "crate::codec::decode_nonce")]
    pub nonce: Bytes,
}

impl WakeRequest {
    /// Makes a request to `relay`; `sign` is given what has to be signed.
    #[must_use]
    pub fn new(
        relay: &VerifyingKey,
        nonce: Bytes,
        (space, device): (SpaceId, DeviceNumber),
        token: Option<Bytes>,
        sign: impl FnOnce(&[u8]) -> Signature,
    ) -> Self {
        let mut request = Self {
            space,
            device,
            nonce,
            token,
            signature: Signature([0; 64]),
        };
        request.signature = sign(&request.text(relay));
        request
    }

    /// Whether `key` made this request for `relay`. The nonce's age is the relay's to judge.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey, relay: &VerifyingKey) -> bool {
        key.verifies(&self.text(relay), &self.signature)
    }

    /// `"waymark/1 wake" ‖ relay key ‖ nonce ‖ space id ‖ device number ‖ SHA-256(token)`, the token
    /// being empty where there is none.
    fn text(&self, relay: &VerifyingKey) -> Vec<u8> {
        let token = self.token.as_ref().map_or(&[][..], |token| &token.0);
        [
            b"waymark/1 wake".as_slice(),
            &relay.0,
            &self.nonce.0,
            &self.space.0,
            &self.device.0.to_be_bytes(),
            digest(&SHA256, token).as_ref(),
        ]
        .concat()
    }
}

fn decode_token<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Option<Bytes>, Error> {
    match d.decode_with::<C, Option<Bytes>>(ctx)? {
        Some(token) if !(1..=limits::WAKE_TOKEN).contains(&token.0.len()) => {
            Err(Error::message("a token has 1 to 2,048 bytes"))
        }
        token => Ok(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{decode, encode};
    use crate::signature::SigningKey;

    fn request(token: Option<Bytes>) -> (WakeRequest, SigningKey) {
        let key = SigningKey::from_seed(&[1; 32]).unwrap();
        let (space, relay) = (SpaceId([2; 32]), VerifyingKey([3; 32]));
        let nonce = Bytes(vec![4; 24]);
        let request = WakeRequest::new(&relay, nonce, (space, DeviceNumber(5)), token, |text| {
            key.sign(text)
        });
        (request, key)
    }

    /// Two people with apps of different makers could not be woken by one relay otherwise.
    #[test]
    fn the_layout_is_fixed() {
        let (request, _) = request(Some(Bytes(vec![6; 2])));
        let bytes = encode(&request);
        let nonce = [&[0x02, 0x58, 24][..], &[4; 24]].concat();
        let head = [&[0xa5, 0x00, 0x58, 32][..], &[2; 32], &[0x01, 5], &nonce].concat();
        let token = [0x03, 0x42, 6, 6, 0x04, 0x58, 64];
        assert_eq!(bytes, [&head[..], &token, &request.signature.0].concat());
        assert_eq!(decode(&bytes, 4_096), Ok(request));
    }

    /// Whoever sits between could otherwise have somebody else woken, or nobody.
    #[test]
    fn the_signature_is_over_all_of_it() {
        let relay = VerifyingKey([3; 32]);
        let (mut request, key) = request(Some(Bytes(vec![6; 2])));
        let public = key.verifying_key();
        assert!(request.is_signed_by(&public, &relay));
        assert!(!request.is_signed_by(&public, &VerifyingKey([9; 32])));
        let signed = request.clone();
        let changes: [fn(&mut WakeRequest); 5] = [
            |request| request.space.0[0] ^= 1,
            |request| request.device.0 ^= 1,
            |request| request.nonce.0[0] ^= 1,
            |request| request.token = Some(Bytes(vec![7; 2])),
            |request| request.token = None,
        ];
        for change in changes {
            request = signed.clone();
            change(&mut request);
            assert!(!request.is_signed_by(&public, &relay));
        }
    }

    /// A relay keeps one for each membership: a large one would be somebody's free disk.
    #[test]
    fn tokens_are_short() {
        for (length, is_one) in [(0, false), (1, true), (2_048, true), (2_049, false)] {
            let (request, _) = request(Some(Bytes(vec![1; length])));
            let read = decode::<WakeRequest>(&encode(&request), 8_192);
            assert_eq!(read.is_ok(), is_one, "{length}");
        }
    }
}
