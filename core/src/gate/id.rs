use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

use super::error::GateError;

/// Who made a change: 16 bytes that a device computes from the space and the signer's key. It never
/// travels for the signer itself.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ActorId(pub [u8; 16]);

/// SHA-256 of an Automerge change chunk: the name of a change on every device.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChangeHash(pub [u8; 32]);

/// The name of a record: the first 16 bytes of the SHA-256 of its bytes. Shown, and used as the key
/// in the document, as 22 characters of base64url without padding.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordId(pub [u8; 16]);

/// The name of a text that people edit together: 16 random bytes, chosen by who makes it. Shown as
/// 22 characters of base64url without padding; the key in the document has `t:` before them.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TextId(pub [u8; 16]);

/// One operation of a document, and the element or text that it made: a Lamport counter and the
/// actor. Ordered as Automerge orders operations.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OpId {
    /// From 1 to [`MAX_COUNTER`](super::limits::MAX_COUNTER).
    pub counter: u32,
    /// Who made the operation.
    pub actor: ActorId,
}

/// Which document inside a space.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DocumentName {
    /// What the document holds (plan, log, …); numbers are the model's.
    pub kind: u16,
    /// Which one of its kind: 0 where there is one, `year * 12 + month - 1` for a month's log.
    pub part: u32,
}

/// A string that is not 22 characters of canonical base64url.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not an id of 22 base64url characters")]
pub struct ParseIdError;

impl RecordId {
    /// The id of a record with these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let hash = digest(&SHA256, bytes);
        let mut id = [0; 16];
        id.copy_from_slice(&hash.as_ref()[..16]);
        Self(id)
    }

    /// The key in the document's root map.
    pub(super) fn key(&self) -> Key {
        Key::new(None, &self.0)
    }
}

impl TextId {
    /// The key in the document's root map.
    pub(super) fn key(&self) -> Key {
        Key::new(Some(b"t:"), &self.0)
    }
}

/// A key of a document's root map, without an allocation.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Key {
    bytes: [u8; 24],
    len: usize,
}

impl Key {
    fn new(prefix: Option<&[u8; 2]>, id: &[u8; 16]) -> Self {
        let mut bytes = [0; 24];
        let at = prefix.map_or(0, |prefix| {
            bytes[..2].copy_from_slice(prefix);
            2
        });
        // 16 bytes are 22 characters, always.
        let len = at
            + URL_SAFE_NO_PAD
                .encode_slice(id, &mut bytes[at..])
                .unwrap_or(0);
        Self { bytes, len }
    }

    pub(super) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// What a key of a document's root map names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Named {
    Record(RecordId),
    Text(TextId),
}

impl FromStr for Named {
    type Err = GateError;

    fn from_str(key: &str) -> Result<Self, GateError> {
        match key.strip_prefix("t:") {
            Some(id) => parse(id).map(TextId).map(Self::Text),
            None => parse(key).map(RecordId).map(Self::Record),
        }
        .map_err(|_| GateError::Damaged("root key"))
    }
}

fn parse(text: &str) -> Result<[u8; 16], ParseIdError> {
    let mut id = [0; 18];
    match URL_SAFE_NO_PAD.decode_slice(text, &mut id) {
        Ok(16) => Ok(std::array::from_fn(|i| id[i])),
        _ => Err(ParseIdError),
    }
}

macro_rules! base64_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(Key::new(None, &self.0).as_str())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }
    };
}

base64_text!(RecordId);
base64_text!(TextId);

macro_rules! short_hex {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "("))?;
                for byte in &self.0[..4] {
                    write!(f, "{byte:02x}")?;
                }
                f.write_str(")")
            }
        }
    };
}

short_hex!(ActorId);
short_hex!(ChangeHash);
short_hex!(RecordId);
short_hex!(TextId);

impl fmt::Debug for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{:?}", self.counter, self.actor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record's id is its key on every device: a different encoding would make a second record.
    #[test]
    fn ids_are_22_canonical_characters_and_read_back() {
        // SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 … (FIPS 180-4, example B.1)
        let id = RecordId::of(b"abc");
        assert_eq!(id.0[..4], [0xba, 0x78, 0x16, 0xbf]);
        assert_eq!(id.to_string(), "ungWv48Bz-pBQUDeXa4iIw");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.key().as_str().parse(), Ok(Named::Record(id)));
        let text = TextId(id.0);
        assert_eq!(text.key().as_str(), "t:ungWv48Bz-pBQUDeXa4iIw");
        assert_eq!(text.key().as_str().parse(), Ok(Named::Text(text)));
        for wrong in [
            "",
            "ungWv48Bz-pBQUDeXa4iI",
            "ungWv48Bz-pBQUDeXa4iIx",
            "ungWv48Bz+pBQUDeXa4iIw",
        ] {
            assert_eq!(wrong.parse::<RecordId>(), Err(ParseIdError), "{wrong}");
        }
    }
}
