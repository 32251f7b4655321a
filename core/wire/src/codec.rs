//! CBOR as this protocol uses it: maps with small integer keys, unknown keys skipped, nothing after
//! the item, and answers that are sequences of items (RFC 8742).

use std::fmt;

use minicbor::decode::Decoder;
use minicbor::{CborLen, Decode, Encode};

use crate::limits;

/// What is wrong with a body.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes are not the CBOR that was expected.
    #[error("malformed: {0}")]
    Malformed(String),
    /// More bytes follow the item.
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    /// The bytes are more than the limit for their kind.
    #[error("{length} bytes, at most {limit} are allowed")]
    TooLarge {
        /// How many bytes there are.
        length: usize,
        /// How many are allowed.
        limit: usize,
    },
}

/// Writes one item.
#[must_use]
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a `Vec` cannot fail, and none of our types refuses to be written.
    let _ = minicbor::encode(value, &mut bytes);
    bytes
}

/// Reads one item that is all of `bytes`.
///
/// # Errors
/// [`CodecError`] where `bytes` are longer than `limit`, no such item, or more than one.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8], limit: usize) -> Result<T, CodecError> {
    if bytes.len() > limit {
        return Err(CodecError::TooLarge {
            length: bytes.len(),
            limit,
        });
    }
    let mut decoder = Decoder::new(bytes);
    let value = decoder
        .decode()
        .map_err(|e| CodecError::Malformed(e.to_string()))?;
    match bytes.len() - decoder.position() {
        0 => Ok(value),
        rest => Err(CodecError::Trailing(rest)),
    }
}

/// Cuts items off a CBOR sequence that arrives in pieces.
///
/// It holds at most one unfinished item of `limit` bytes beside what was pushed last, so that an
/// answer without end costs bounded memory as long as the caller takes items as they come.
#[derive(Debug)]
pub struct SequenceReader {
    buffer: Vec<u8>,
    start: usize,
    limit: usize,
}

impl SequenceReader {
    /// A reader that refuses items of more than `limit` bytes.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            limit,
        }
    }

    /// Adds what came next.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole item, or `None` where more bytes are needed.
    ///
    /// # Errors
    /// [`CodecError`] where what stands next is no CBOR, is not a `T`, or is too large. The
    /// sequence is of no more use then.
    pub fn next_item<T: for<'b> Decode<'b, ()>>(&mut self) -> Result<Option<T>, CodecError> {
        let pending = &self.buffer[self.start..];
        if pending.is_empty() {
            return Ok(None);
        }
        let mut probe = Decoder::new(pending);
        match probe.skip() {
            Ok(()) => {}
            Err(e) if e.is_end_of_input() => {
                return if pending.len() > self.limit {
                    Err(CodecError::TooLarge {
                        length: pending.len(),
                        limit: self.limit,
                    })
                } else {
                    Ok(None)
                };
            }
            Err(e) => return Err(CodecError::Malformed(e.to_string())),
        }
        let length = probe.position();
        let value = decode(&pending[..length], self.limit)?;
        self.start += length;
        Ok(Some(value))
    }

    /// Whether the sequence ended between two items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.buffer.len()
    }
}

/// A byte string of any length; the request's own limit bounds it.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Bytes(pub Vec<u8>);

/// Shows the length alone: some of them are keys.
impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.0.len())
    }
}

impl<C> Encode<C> for Bytes {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<C> CborLen<C> for Bytes {
    fn cbor_len(&self, ctx: &mut C) -> usize {
        self.0.len().cbor_len(ctx) + self.0.len()
    }
}

impl<'b, C> Decode<'b, C> for Bytes {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Ok(Self(d.bytes()?.to_vec()))
    }
}

/// Reads an array of at most `limit` items, without trusting the length it states.
pub(crate) fn decode_list<'b, C, T: Decode<'b, C>>(
    d: &mut Decoder<'b>,
    ctx: &mut C,
    limit: usize,
) -> Result<Vec<T>, minicbor::decode::Error> {
    let mut list = Vec::new();
    for item in d.array_iter_with(ctx)? {
        if list.len() == limit {
            return Err(minicbor::decode::Error::message("too many items in a list"));
        }
        list.push(item?);
    }
    Ok(list)
}

/// Reads a nonce, which is bounded because it is kept and sent back.
pub(crate) fn decode_nonce<C>(
    d: &mut Decoder<'_>,
    _: &mut C,
) -> Result<Bytes, minicbor::decode::Error> {
    let bytes = d.bytes()?;
    if bytes.len() > limits::NONCE {
        return Err(minicbor::decode::Error::message("a nonce is too long"));
    }
    Ok(Bytes(bytes.to_vec()))
}

/// Makes a newtype over bytes of one fixed length, written as a CBOR byte string and shown as hex.
macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub [u8; $length]);

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
            fn decode(
                d: &mut minicbor::Decoder<'b>,
                _: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let at = d.position();
                <[u8; $length]>::try_from(d.bytes()?).map(Self).map_err(|_| {
                    minicbor::decode::Error::message(concat!(
                        stringify!($name), " is not of ", $length, " bytes"
                    ))
                    .at(at)
                })
            }
        }
    };
}
pub(crate) use fixed_bytes;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_with_more_behind_it_is_refused() {
        let mut bytes = encode(&7u8);
        bytes.push(0);
        assert_eq!(decode::<u8>(&bytes, 10), Err(CodecError::Trailing(1)));
        assert!(matches!(
            decode::<u8>(&bytes, 1),
            Err(CodecError::TooLarge { .. })
        ));
    }

    #[test]
    fn items_come_whole_however_the_network_cuts_them() {
        let items = [Bytes(vec![1; 3]), Bytes(vec![2; 300]), Bytes(Vec::new())];
        let stream: Vec<u8> = items.iter().flat_map(encode).collect();
        for piece in [1, 2, 7, 1_000] {
            let mut reader = SequenceReader::new(400);
            let mut seen = Vec::new();
            for part in stream.chunks(piece) {
                reader.push(part);
                while let Some(item) = reader.next_item::<Bytes>().unwrap() {
                    seen.push(item);
                }
            }
            assert_eq!(seen, items);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn an_item_without_end_is_cut_at_the_limit() {
        let mut reader = SequenceReader::new(100);
        // The head of a byte string that says it is 4 GiB long.
        reader.push(&[0x5a, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(reader.next_item::<Bytes>(), Ok(None));
        reader.push(&[0; 100]);
        assert!(matches!(
            reader.next_item::<Bytes>(),
            Err(CodecError::TooLarge { .. })
        ));
    }

    #[test]
    fn a_list_that_states_a_huge_length_allocates_nothing() {
        let bytes = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let mut decoder = Decoder::new(&bytes);
        assert!(decode_list::<(), u8>(&mut decoder, &mut (), 10).is_err());
    }
}
