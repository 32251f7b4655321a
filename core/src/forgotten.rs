//! What is forgotten: names, and nothing of what they name.

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};

use crate::ids::{RecordId, TextId};

/// Records and texts that are forgotten, in every document of their space.
#[derive(Clone, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Forgotten {
    /// Records.
    #[n(0)]
    #[cbor(skip_if = "BTreeSet::is_empty", default)]
    pub records: BTreeSet<RecordId>,
    /// Texts that people edit together.
    #[n(1)]
    #[cbor(skip_if = "BTreeSet::is_empty", default)]
    pub texts: BTreeSet<TextId>,
}

impl Forgotten {
    /// How many things it names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len() + self.texts.len()
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes in what `other` names.
    pub fn extend(&mut self, other: Self) {
        self.records.extend(other.records);
        self.texts.extend(other.texts);
    }

    /// As much of it as `room` names come to: records first.
    #[must_use]
    pub fn first(&self, room: usize) -> Self {
        let records: BTreeSet<_> = self.records.iter().copied().take(room).collect();
        let rest = room - records.len();
        Self {
            records,
            texts: self.texts.iter().copied().take(rest).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use waymark_wire::codec;

    use super::*;

    /// What one device wants forgotten has to be what every other one reads, and no more of it than
    /// an entry holds must keep the rest from being forgotten with the next one.
    #[test]
    fn it_is_read_as_it_was_written_and_taken_in_parts() {
        let mut all = Forgotten {
            records: (0..5).map(|n| RecordId([n; 16])).collect(),
            texts: [TextId([9; 16])].into(),
        };
        for part in [&all, &Forgotten::default()] {
            let bytes = codec::encode(part);
            assert_eq!(codec::decode::<Forgotten>(&bytes, 1_000).as_ref(), Ok(part));
        }
        assert_eq!(
            (all.first(9), all.first(0)),
            (all.clone(), Forgotten::default())
        );
        let most = all.first(5);
        assert_eq!((most.records.len(), most.texts.len()), (5, 0));
        let rest = Forgotten {
            texts: std::mem::take(&mut all.texts),
            ..Forgotten::default()
        };
        all.extend(rest.clone());
        assert_eq!((all.len(), all.texts), (6, rest.texts));
    }
}
