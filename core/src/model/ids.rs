//! Ids: sixteen bytes each, shown as 22 characters of base64url.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::decode::{Decode, Decoder};
use minicbor::encode::{Encode, Encoder, Write};
use ring::digest;
use serde::{Serialize, Serializer};

/// Bytes of every id.
const LENGTH: usize = 16;

/// Declares an id: sixteen bytes with text form, CBOR form and, for the bindings, a string.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; LENGTH]);

        impl $name {
            /// The bytes of the id.
            pub const fn as_bytes(&self) -> &[u8; LENGTH] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<C> Encode<C> for $name {
            fn encode<W: Write>(
                &self,
                e: &mut Encoder<W>,
                _: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                e.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> Decode<'b, C> for $name {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
                let position = d.position();
                <[u8; LENGTH]>::try_from(d.bytes()?).map(Self).map_err(|_| {
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

/// Declares an id that is the id of a record of one kind.
macro_rules! record_id {
    ($(#[$doc:meta])* $name:ident) => {
        id!($(#[$doc])* $name);

        impl $name {
            /// The id of the record.
            pub const fn record(self) -> RecordId {
                RecordId(self.0)
            }
        }

        impl From<RecordId> for $name {
            fn from(id: RecordId) -> Self {
                Self(id.0)
            }
        }

        impl From<$name> for RecordId {
            fn from(id: $name) -> Self {
                Self(id.0)
            }
        }
    };
}

id!(
    /// A record: the first 16 bytes of the SHA-256 of its bytes.
    RecordId
);
id!(
    /// A text that people edit together, in the document beside the records.
    TextId
);
id!(
    /// A person in one space: random, shared by the memberships of that person's devices.
    PersonTag
);
record_id!(
    /// A check-in.
    CheckInId
);
record_id!(
    /// A goal.
    GoalId
);
record_id!(
    /// A measure, known by the first record of its chain.
    MeasureId
);
record_id!(
    /// A note.
    NoteId
);
record_id!(
    /// A revision of a goal.
    RevisionId
);

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

fn parse(text: &str) -> Result<[u8; LENGTH], IdError> {
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
