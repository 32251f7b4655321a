//! Which spaces were read on which day, until it is written down: once a day for each, and some time
//! after the reading, which does not wait for the disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use waymark_wire::ids::SpaceId;

use crate::cache::Cache;
use crate::log::Day;

/// Spaces of which is remembered that it is written down (up to twice as many).
const WRITTEN: usize = 64 * 1_024;

/// What is to be written down.
#[derive(Debug)]
pub(crate) struct Uses(Mutex<State>);

#[derive(Debug)]
struct State {
    written: Cache<SpaceId, Day>,
    waiting: HashMap<SpaceId, Day>,
}

impl Uses {
    /// Nothing was read yet.
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            written: Cache::new(WRITTEN),
            waiting: HashMap::new(),
        }))
    }

    /// A space was read.
    pub(crate) fn note(&self, space: SpaceId, day: Day) {
        let mut state = self.lock();
        if state
            .written
            .get(&space)
            .is_none_or(|written| *written != day)
        {
            state.waiting.insert(space, day);
        }
    }

    /// Takes what is to be written down, which is taken for written.
    pub(crate) fn take(&self) -> HashMap<SpaceId, Day> {
        let mut state = self.lock();
        let taken = std::mem::take(&mut state.waiting);
        for (space, day) in &taken {
            state.written.insert(*space, *day);
        }
        taken
    }

    /// It was not written down.
    pub(crate) fn put_back(&self, space: SpaceId, day: Day) {
        let mut state = self.lock();
        state.written.remove(&space);
        state.waiting.entry(space).or_insert(day);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A space that is only read is in use: what is not written down of that would let it go.
    #[test]
    fn a_reading_is_written_down_once_a_day() {
        let (uses, space) = (Uses::new(), SpaceId([1; 32]));
        for _ in 0..3 {
            uses.note(space, Day(10));
        }
        assert_eq!(uses.take(), HashMap::from([(space, Day(10))]));
        uses.note(space, Day(10));
        assert!(uses.take().is_empty());
        uses.note(space, Day(11));
        assert_eq!(uses.take(), HashMap::from([(space, Day(11))]));
        uses.put_back(space, Day(11));
        uses.note(space, Day(11));
        assert_eq!(uses.take(), HashMap::from([(space, Day(11))]));
    }
}
