//! The fields of an item as stored, with those that only a newer app knows. Whoever changes an item
//! hands these on unread, so that an older app on the tablet takes nothing away from the phone.

use minicbor::data::Type;
use minicbor::decode::{Decode, Decoder};
use minicbor::encode::{Encode, Encoder, Write};

use crate::model::item::Rules;
use crate::model::kinds::Content;

/// The fields of an item.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) content: Content,
    pub(crate) newer: Newer,
}

/// Fields that are not read yet.
pub(crate) struct Raw<'b>(&'b [u8]);

/// Fields that this version does not know: keys and values as they came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Newer {
    count: u64,
    bytes: Vec<u8>,
}

impl Newer {
    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Those of the map at the decoder's place whose key is not below `keys`.
    pub(crate) fn read(d: &Decoder<'_>, keys: u64) -> Result<Self, minicbor::decode::Error> {
        let mut reader = d.clone();
        let mut newer = Self::default();
        let count = match reader.datatype()? {
            Type::Map => reader.map()?.unwrap_or_default(),
            other => return Err(minicbor::decode::Error::type_mismatch(other)),
        };
        for _ in 0..count {
            let start = reader.position();
            let key = reader.u64()?;
            reader.skip()?;
            if key >= keys {
                newer.count += 1;
                let entry = reader.input().get(start..reader.position());
                newer.bytes.extend_from_slice(entry.unwrap_or_default());
            }
        }
        Ok(newer)
    }

    /// Writes a map of what this version knows and, behind it, these.
    pub(crate) fn write<W: Write>(
        &self,
        known: &impl Encode<()>,
        e: &mut Encoder<W>,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        if self.is_empty() {
            return known.encode(e, &mut ());
        }
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = minicbor::encode(known, &mut bytes);
        let mut decoder = Decoder::new(&bytes);
        let count = decoder.map().ok().flatten().unwrap_or_default();
        let known = bytes.get(decoder.position()..).unwrap_or_default();
        e.map(count + self.count)?;
        // Keys ascend: those of a newer version lie above all of this one's.
        for bytes in [known, &self.bytes] {
            e.writer_mut()
                .write_all(bytes)
                .map_err(minicbor::encode::Error::write)?;
        }
        Ok(())
    }
}

impl Body {
    /// Fields as this version knows them.
    pub(crate) fn of(fields: impl Into<Content>, newer: Newer) -> Self {
        let content = fields.into();
        Self { content, newer }
    }

    /// Reads the fields of a kind.
    pub(crate) fn decode(rules: &Rules, raw: Raw<'_>) -> Result<Self, minicbor::decode::Error> {
        let mut d = Decoder::new(raw.0);
        let newer = Newer::read(&d, rules.keys)?;
        let content = Content::decode(rules.kind, &mut d)?;
        Ok(Self { content, newer })
    }
}

impl<C> Encode<C> for Body {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.newer.write(&self.content, e)
    }
}

impl<'b, C> Decode<'b, C> for Raw<'b> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let start = d.position();
        d.skip()?;
        let bytes = d.input().get(start..d.position());
        Ok(Self(bytes.unwrap_or_default()))
    }
}
