use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};

use super::error::GateError;
pub use crate::ids::{ActorId, OpId};
use crate::ids::{RecordId, TextId};

/// SHA-256 of an Automerge change chunk: the name of a change on every device.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChangeHash(pub [u8; 32]);

/// Which document inside a space.
#[derive(Clone, Copy, Debug, Decode, Encode, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cbor(map)]
pub struct DocumentName {
    /// What the document holds (plan, log, …); numbers are the model's.
    #[n(0)]
    pub kind: u16,
    /// Which one of its kind: 0 where there is one, `year * 12 + month - 1` for a month's log.
    #[n(1)]
    pub part: u32,
}

/// The key of a record in the document's root map.
pub(super) fn record_key(id: &RecordId) -> Key {
    Key::new(None, &id.0)
}

/// The key of a text in the document's root map.
pub(super) fn text_key(id: &TextId) -> Key {
    Key::new(Some(b"t:"), &id.0)
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
            Some(id) => id.parse().map(Self::Text),
            None => key.parse().map(Self::Record),
        }
        .map_err(|_| GateError::Damaged("root key"))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangeHash(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record's id is its key on every device: a different encoding would make a second record.
    #[test]
    fn keys_name_what_they_were_made_from() {
        let id = RecordId::of(b"abc");
        assert_eq!(record_key(&id).as_str(), id.to_string());
        assert_eq!(record_key(&id).as_str().parse(), Ok(Named::Record(id)));
        let text = TextId(id.0);
        assert_eq!(text_key(&text).as_str(), "t:ungWv48Bz-pBQUDeXa4iIw");
        assert_eq!(text_key(&text).as_str().parse(), Ok(Named::Text(text)));
        assert!("t:short".parse::<Named>().is_err());
    }
}
