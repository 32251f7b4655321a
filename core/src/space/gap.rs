//! Narrowing down where a relay's log ends that has lost a part of it. What stood before that place must
//! not be given back: a relay answers those alone who are members, and who signed the beginning of a log
//! may have gone since.

use waymark_wire::limits;

use super::Space;

/// Two places of a log: a relay's log agrees up to the first, and not up to the second.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Gap {
    /// The number of the last entry up to which both are known to agree; 0 where that is none.
    pub agreed: u64,
    /// The number of an entry behind it up to which they do not.
    pub parted: u64,
}

impl Gap {
    /// What is left where a relay agrees up to `agreed` of the places that were `named`, in a log that
    /// this device has read to `end`; `within` is what was left before. `None` where it takes back
    /// what it has said: it is asked no more.
    #[must_use]
    pub fn left(
        within: Option<Self>,
        end: u64,
        named: impl IntoIterator<Item = u64>,
        agreed: u64,
    ) -> Option<Self> {
        let behind = named.into_iter().filter(|at| *at > agreed).min();
        let gap = Self {
            agreed,
            parted: behind.unwrap_or(within.map_or(end, |gap| gap.parted)),
        };
        Some(gap).filter(|gap| within.is_none_or(|before| gap.agreed >= before.agreed))
    }

    /// The first place and others between both, as many as a pull names, at equal distances.
    pub(super) fn split(self) -> impl Iterator<Item = u64> {
        let between = self.parted.saturating_sub(self.agreed);
        let parts = (limits::EARLIER as u64).min(between);
        let inner = (1..parts).map(move |part| self.agreed + between * part / parts);
        std::iter::once(self.agreed)
            .filter(|at| *at > 0)
            .chain(inner)
    }

    /// Whether no place lies between both.
    fn is_closed(self) -> bool {
        self.parted.saturating_sub(self.agreed) <= 1
    }
}

impl Space {
    /// What of a gap this device can name places in; `None` where it can name none between both.
    #[must_use]
    pub fn narrows(&self, gap: Gap) -> Option<Gap> {
        // Of what it has let go of it knows the last place alone.
        let agreed = gap.agreed.max(self.base_seq().saturating_sub(1));
        Some(Gap { agreed, ..gap }).filter(|gap| !gap.is_closed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a relay is asked that has entries up to this one, of so many.
    fn asked(has: u64, of: u64) -> u32 {
        let mut gap = Gap {
            agreed: 0,
            parted: of,
        };
        let mut asked = 0;
        while !gap.is_closed() {
            let named: Vec<u64> = gap.split().collect();
            assert!(named.len() <= limits::EARLIER && named.is_sorted_by(|a, b| a < b));
            assert!(named.iter().all(|at| *at < gap.parted));
            let agreed = named.iter().copied().filter(|at| *at <= has).max();
            let left = Gap::left(Some(gap), of, named, agreed.unwrap_or_default());
            gap = left.expect("it takes nothing back");
            asked += 1;
        }
        assert_eq!(gap.agreed, has);
        asked
    }

    /// A relay would be given what it has, or be asked for ever.
    #[test]
    fn the_end_of_a_relays_log_is_found_in_a_few_questions() {
        for of in 1..200 {
            assert!((0..of).all(|has| asked(has, of) <= 4));
        }
        assert!(
            [0, 1, 4_711, 99_999]
                .iter()
                .all(|has| asked(*has, 100_000) <= 7)
        );
    }
}
