//! Streaks: what was done since the unit that was one too many not to be.

use chrono::NaiveDate;

use crate::model::progress::units::{State, Unit};

/// Units in a row among which so many may be left out.
const WINDOW: usize = 7;

/// What a walk over units comes to.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Walk {
    /// The streak at the end.
    pub(super) now: u32,
    /// The longest there was.
    pub(super) best: u32,
    /// The slips within the streak at the end.
    pub(super) slips: Vec<NaiveDate>,
    /// All that was done.
    pub(super) total: u32,
}

/// Walks over units, oldest first. Seen from any of them, the streak reaches back to the newest unit
/// that was left out and has, with those after it, more than `grace` left out among seven expected
/// ones. That border only moves forward, so one pass does.
pub(super) fn streak(units: &[Unit], grace: u8) -> Walk {
    let mut walk = Walk::default();
    let mut expected = 0_usize;
    // Units left out, by their place among the expected ones, with what was done before each.
    let mut left_out: Vec<(usize, u32, NaiveDate)> = Vec::new();
    // How many of them lie before the border, which is the last of those.
    let (mut passed, mut done_before) = (0, 0);
    for unit in units {
        match unit.state {
            State::Done => walk.total += 1,
            State::LeftOut => {
                left_out.push((expected, walk.total, unit.date));
                let one_too_many = left_out.len().checked_sub(usize::from(grace) + 1);
                if let Some(place) = one_too_many
                    && let Some((index, done, _)) = left_out.get(place)
                    && expected - index < WINDOW
                {
                    (passed, done_before) = (place + 1, *done);
                }
            }
            State::Partial(_) => {}
        }
        expected += usize::from(unit.is_expected);
        walk.now = walk.total - done_before;
        walk.best = walk.best.max(walk.now);
    }
    let within = left_out.iter().skip(passed);
    // What was left out before anything was done is no slip.
    let slips = within.filter(|(_, done, _)| *done > done_before);
    walk.slips = slips.map(|(_, _, date)| *date).collect();
    walk
}
