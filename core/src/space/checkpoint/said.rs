//! Which changes entries of the log hold.

use std::collections::{BTreeMap, BTreeSet};

use crate::gate::{ActorId, DocumentName, Section};

/// The changes that some entries hold, by document and author: ranges of numbers.
#[derive(Debug, Default)]
pub(super) struct Said(BTreeMap<(DocumentName, ActorId), Vec<(u32, u32)>>);

impl Said {
    pub(super) fn add(&mut self, section: &Section) {
        let of = (section.name(), section.author());
        let range = (section.first_seq(), section.last_seq());
        self.0.entry(of).or_default().push(range);
    }

    /// Whether all changes of an author with numbers above `after` up to `last` are among them.
    pub(super) fn holds(&self, name: DocumentName, author: ActorId, after: u32, last: u32) -> bool {
        let mut ranges = self.0.get(&(name, author)).cloned().unwrap_or_default();
        ranges.sort_unstable();
        let mut reached = after;
        for (first, to) in ranges {
            if first <= reached.saturating_add(1) {
                reached = reached.max(to);
            }
        }
        reached >= last
    }

    /// The documents that they change.
    pub(super) fn documents(&self) -> BTreeSet<DocumentName> {
        self.0.keys().map(|(name, _)| *name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change that no entry holds any more would be gone with what is dropped.
    #[test]
    fn ranges_are_joined_where_they_meet_and_not_over_a_hole() {
        let name = DocumentName { kind: 1, part: 0 };
        let author = ActorId([1; 16]);
        let mut said = Said::default();
        assert!(said.holds(name, author, 3, 3));
        assert!(!said.holds(name, author, 3, 4));
        let ranges = said.0.entry((name, author)).or_default();
        ranges.extend([(8, 9), (1, 2), (2, 5)]);
        for (after, last, held) in [(0, 5, true), (2, 5, true), (0, 6, false), (5, 9, false)] {
            assert_eq!(
                said.holds(name, author, after, last),
                held,
                "{after} {last}"
            );
        }
        assert!(said.holds(name, author, 7, 9));
        assert!(!said.holds(name, ActorId([2; 16]), 7, 9));
        assert!(!said.holds(DocumentName { kind: 2, part: 0 }, author, 7, 9));
    }
}
