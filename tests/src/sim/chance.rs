//! Everything random in a run, from one number.

use std::collections::BTreeMap;

/// A stream of numbers that follows from a seed: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
/// Keys do not come from it, only what happens.
#[derive(Debug)]
pub(super) struct Chance {
    state: u64,
    /// The points that force a rare branch: whether this run has them at all, and how often they did.
    forced: BTreeMap<&'static str, (bool, u64)>,
    /// Nothing is forced any more.
    is_calm: bool,
}

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            forced: BTreeMap::new(),
            is_calm: false,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, or 0 where that is 0.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % limit).unwrap_or_default()
    }

    /// A time from 0 to `most` milliseconds.
    pub(super) fn millis(&mut self, most: u32) -> i64 {
        i64::try_from(self.next() % u64::from(most.max(1))).unwrap_or_default()
    }

    /// Any byte.
    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.next() % 256).unwrap_or_default()
    }

    /// Whether something happens that happens so often in a thousand times.
    pub(super) fn is(&mut self, per_mille: u64) -> bool {
        self.next() % 1_000 < per_mille
    }

    /// One of these.
    pub(super) fn pick<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        let place = self.below(all.len());
        all.get(place)
    }

    /// Whether a rare branch is forced here. A third of all runs have a point, and there it is forced
    /// so often in a thousand times: what is rare together with what is not rare at all.
    pub(super) fn force(&mut self, point: &'static str, per_mille: u64) -> bool {
        if self.is_calm {
            return false;
        }
        let has = match self.forced.get(point) {
            Some((has, _)) => *has,
            None => {
                let has = self.is(333);
                self.forced.insert(point, (has, 0));
                has
            }
        };
        let happens = has && self.is(per_mille);
        if let Some((_, count)) = self.forced.get_mut(point).filter(|_| happens) {
            *count += 1;
        }
        happens
    }

    /// From now on nothing is forced.
    pub(super) fn calm(&mut self) {
        self.is_calm = true;
    }

    /// How often each rare branch was forced.
    pub(super) fn forced(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.forced
            .iter()
            .map(|(point, (_, count))| (*point, *count))
    }

    /// Eight letters that no other draw gives, with high probability.
    pub(super) fn word(&mut self) -> String {
        let mut number = self.next();
        let letter = || {
            let at = u8::try_from(number % 26).unwrap_or_default();
            number /= 26;
            char::from(b'a' + at)
        };
        std::iter::repeat_with(letter).take(8).collect()
    }
}
