//! Ids of what documents hold, and of who put it there: sixteen bytes each, shown as 22 characters of base64url.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

/// Bytes of every id.
pub(crate) const LENGTH: usize = 16;

/// Declares an id: sixteen bytes with text form, CBOR form and, for the bindings, a string.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; $crate::ids::LENGTH]);

        impl $name {
            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; $crate::ids::LENGTH] {
                &self.0
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&$crate::ids::text_of(&self.0))
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::ids::IdError;

            fn from_str(text: &str) -> Result<Self, $crate::ids::IdError> {
                $crate::ids::parse(text).map(Self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                e: &mut minicbor::Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let position = d.position();
                <[u8; $crate::ids::LENGTH]>::try_from(d.bytes()?).map(Self).map_err(|_| {
                    minicbor::decode::Error::message("an id has 16 bytes").at(position)
                })
            }
        }

        #[cfg(feature = "uniffi")]
        uniffi::custom_type!($name, String, {
            try_lift: |text| Ok(text.parse().map_err(crate::client::WaymarkError::from)?),
            lower: |id| id.to_string(),
        });
    };
}
pub(crate) use id;

id!(
    /// Who made a change: 16 bytes that a device computes from the space and the signer's key. It
    /// never travels for the signer itself.
    ActorId
);
id!(
    /// A record: the first 16 bytes of the SHA-256 of its bytes.
    RecordId
);
id!(
    /// A text that people edit together, in the document beside the records.
    TextId
);

/// One operation of a document, and the element or text that it made: a Lamport counter and the
/// actor. Ordered as Automerge orders operations.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OpId {
    /// From 1 to [`MAX_COUNTER`](crate::gate::limits::MAX_COUNTER).
    pub counter: u32,
    /// Who made the operation.
    pub actor: ActorId,
}

impl std::fmt::Debug for OpId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.counter, self.actor)
    }
}

/// A text that is not an id.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an id is 22 characters of unpadded base64url")]
pub struct IdError;

impl RecordId {
    /// The id of a record with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest::digest(&digest::SHA256, bytes);
        let mut id = [0; LENGTH];
        id.iter_mut()
            .zip(hash.as_ref())
            .for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

pub(crate) fn text_of(bytes: &[u8; LENGTH]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn parse(text: &str) -> Result<[u8; LENGTH], IdError> {
    // The length first: what is not an id is refused before anything is allocated for it.
    if text.len() != 22 {
        return Err(IdError);
    }
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| IdError)?;
    <[u8; LENGTH]>::try_from(bytes).map_err(|_| IdError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form_and_other_text_is_refused() {
        let id = RecordId::of(b"waymark");
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "=",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAB",
            "ééééééééééé",
        ] {
            assert_eq!(wrong.parse::<RecordId>(), Err(IdError), "{wrong}");
        }
    }

    #[test]
    fn the_record_id_is_the_start_of_sha_256() {
        // SHA-256 of "abc", FIPS 180-2 appendix B.1.
        assert_eq!(
            RecordId::of(b"abc").0,
            [
                0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae,
                0x22, 0x23
            ]
        );
    }
}
