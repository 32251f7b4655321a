//! Chains: records that name the records they replace. The heads are what holds now; more than
//! one head is a conflict that people see.

use std::collections::BTreeSet;

use crate::model::ids::RecordId;

/// Records of one kind and the records they replace. Links to records that are not among them
/// have no effect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chain {
    /// Sorted.
    ids: Vec<RecordId>,
    /// What each replaces, as places in `ids`.
    replaces: Vec<Vec<usize>>,
    replaced: Vec<bool>,
}

impl Chain {
    /// A chain of records, each with those it replaces.
    pub(crate) fn new<L>(records: impl IntoIterator<Item = (RecordId, L)>) -> Self
    where
        L: IntoIterator<Item = RecordId>,
    {
        let records = records.into_iter();
        Self::of(
            records
                .map(|(id, links)| (id, Vec::from_iter(links)))
                .collect(),
        )
    }

    /// The same, whatever it was made of.
    fn of(mut records: Vec<(RecordId, Vec<RecordId>)>) -> Self {
        records.sort_by_key(|(id, _)| *id);
        records.dedup_by_key(|(id, _)| *id);
        let (ids, links): (Vec<_>, Vec<_>) = records.into_iter().unzip();
        let mut chain = Self {
            replaced: vec![false; ids.len()],
            ids,
            replaces: Vec::new(),
        };
        for links in links {
            let places: BTreeSet<_> = links
                .into_iter()
                .filter_map(|link| chain.place(link))
                .collect();
            places
                .iter()
                .for_each(|place| chain.replaced[*place] = true);
            chain.replaces.push(places.into_iter().collect());
        }
        chain
    }

    /// The records that nothing replaces, by id.
    pub(crate) fn heads(&self) -> Vec<RecordId> {
        self.ids
            .iter()
            .zip(&self.replaced)
            .filter(|(_, old)| !**old)
            .map(|(id, _)| *id)
            .collect()
    }

    /// The records by what they are about: each group is one thing and everything that replaced
    /// it, by any way.
    pub(crate) fn groups(&self) -> Vec<Vec<RecordId>> {
        let mut of: Vec<usize> = (0..self.ids.len()).collect();
        for (place, links) in self.replaces.iter().enumerate() {
            for link in links {
                let (a, b) = (root(&mut of, place), root(&mut of, *link));
                of[a.max(b)] = a.min(b);
            }
        }
        let mut groups = vec![Vec::new(); self.ids.len()];
        for (place, id) in self.ids.iter().enumerate() {
            groups[root(&mut of, place)].push(*id);
        }
        groups.retain(|group| !group.is_empty());
        groups
    }

    /// Who descends from whom.
    pub(crate) fn ancestry(&self) -> Ancestry {
        let words = self.ids.len().div_ceil(64);
        let mut above: Vec<Option<Vec<u64>>> = vec![None; self.ids.len()];
        // A record is settled after all it replaces. Hashes cannot form a ring; if ids were made
        // up, the ring stays without ancestors and the walk still ends.
        let mut waiting: Vec<usize> = (0..self.ids.len()).rev().collect();
        let mut entered = vec![false; self.ids.len()];
        while let Some(place) = waiting.pop() {
            if above[place].is_some() {
                continue;
            }
            let open = self.replaces[place]
                .iter()
                .filter(|link| above[**link].is_none());
            let open: Vec<usize> = open.filter(|link| !entered[**link]).copied().collect();
            if !open.is_empty() && !std::mem::replace(&mut entered[place], true) {
                waiting.push(place);
                waiting.extend(open);
                continue;
            }
            let mut bits = vec![0; words];
            for link in &self.replaces[place] {
                bits[link / 64] |= 1 << (link % 64);
                for (word, more) in bits.iter_mut().zip(above[*link].iter().flatten()) {
                    *word |= more;
                }
            }
            above[place] = Some(bits);
        }
        Ancestry {
            ids: self.ids.clone(),
            above: above.into_iter().map(Option::unwrap_or_default).collect(),
        }
    }

    fn place(&self, id: RecordId) -> Option<usize> {
        self.ids.binary_search(&id).ok()
    }
}

/// Who descends from whom in a chain, answered at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ancestry {
    ids: Vec<RecordId>,
    /// For each record a bit for each of its ancestors.
    above: Vec<Vec<u64>>,
}

impl Ancestry {
    /// Whether `old` was replaced by `new`, or by something that `new` replaced in turn.
    pub(crate) fn is_above(&self, old: RecordId, new: RecordId) -> bool {
        let (Ok(old), Ok(new)) = (self.ids.binary_search(&old), self.ids.binary_search(&new))
        else {
            return false;
        };
        self.bit(new, old)
    }

    /// Whether one is the other or descends from it.
    pub(crate) fn on_one_line(&self, a: RecordId, b: RecordId) -> bool {
        a == b || self.is_above(a, b) || self.is_above(b, a)
    }

    /// How many records lie above one. Greater than for each of those.
    pub(crate) fn depth(&self, id: RecordId) -> u32 {
        let bits = self
            .ids
            .binary_search(&id)
            .ok()
            .and_then(|place| self.above.get(place));
        bits.into_iter()
            .flatten()
            .map(|word| word.count_ones())
            .sum()
    }

    /// The newest record from which all of these descend; of several the lower id.
    pub(crate) fn common(&self, heads: &[RecordId]) -> Option<RecordId> {
        let above_all = |id: &&RecordId| heads.iter().all(|head| self.is_above(**id, *head));
        let common: Vec<_> = self.ids.iter().filter(above_all).collect();
        let newest = |id: &&&RecordId| !common.iter().any(|other| self.is_above(***id, **other));
        common.iter().find(newest).map(|id| **id)
    }

    fn bit(&self, of: usize, place: usize) -> bool {
        self.above[of]
            .get(place / 64)
            .is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

/// The representative of a place, shortening the way for the next look.
fn root(of: &mut [usize], mut place: usize) -> usize {
    while of[place] != place {
        of[place] = of[of[place]];
        place = of[place];
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> RecordId {
        RecordId([n; 16])
    }

    fn chain(links: &[(u8, &[u8])]) -> Chain {
        Chain::new(
            links
                .iter()
                .map(|(new, old)| (id(*new), old.iter().map(|old| id(*old)))),
        )
    }

    #[test]
    fn concurrent_changes_are_two_heads_until_one_replaces_both() {
        let apart = [(1, &[][..]), (2, &[1]), (3, &[1])];
        assert_eq!(chain(&apart).heads(), [id(2), id(3)]);
        let joined = [(1, &[][..]), (2, &[1]), (3, &[1]), (4, &[2, 3])];
        assert_eq!(chain(&joined).heads(), [id(4)]);
    }

    #[test]
    fn groups_follow_every_way_of_replacing() {
        let groups = chain(&[(1, &[]), (2, &[1]), (3, &[]), (4, &[1]), (5, &[3, 9])]).groups();
        assert_eq!(groups, [vec![id(1), id(2), id(4)], vec![id(3), id(5)]]);
    }

    #[test]
    fn ancestry_spans_generations_in_any_order_of_ids() {
        let ancestry = chain(&[(9, &[]), (1, &[9]), (5, &[1]), (3, &[9])]).ancestry();
        assert!(ancestry.is_above(id(9), id(5)));
        assert!(!ancestry.is_above(id(5), id(9)));
        assert!(!ancestry.on_one_line(id(3), id(5)));
        assert_eq!(ancestry.common(&[id(5), id(3)]), Some(id(9)));
        assert_eq!(ancestry.common(&[id(5)]), Some(id(1)));
        assert_eq!((ancestry.depth(id(9)), ancestry.depth(id(5))), (0, 2));
    }

    #[test]
    fn links_nobody_could_make_do_not_hang() {
        let ring = chain(&[(1, &[2]), (2, &[1]), (3, &[3]), (4, &[2])]);
        assert!(ring.heads().contains(&id(4)));
        ring.ancestry();
        ring.groups();
    }

    #[test]
    fn a_very_long_chain_is_walked_without_recursion() {
        let ids: Vec<RecordId> = (0..5_000_u32)
            .map(|n| RecordId::of(&n.to_be_bytes()))
            .collect();
        let links = ids
            .iter()
            .enumerate()
            .map(|(n, id)| (*id, n.checked_sub(1).map(|n| ids[n])));
        let ancestry = Chain::new(links).ancestry();
        assert_eq!(ancestry.depth(ids[4_999]), 4_999);
    }
}
