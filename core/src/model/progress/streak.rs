//! Streaks: what was done since the unit that was one too many not to be.

use std::collections::VecDeque;

use chrono::NaiveDate;

use crate::model::progress::units::{State, Unit};

/// Units in a row among which so many may be left out.
const WINDOW: u32 = 7;

/// A walk over units, oldest first. Seen from any of them, the streak reaches back to the newest unit
/// that was left out and has, with those after it, more than `grace` left out among seven expected
/// ones. That border only moves forward, so one pass does.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    grace: u8,
    /// All that was done, and what of it lies before the border.
    total: u32,
    done_before: u32,
    /// The done days up to the border, whether or not they came to a unit.
    days_before: u32,
    best: u32,
    expected: u32,
    /// What was left out behind the border.
    left_out: VecDeque<LeftOut>,
}

#[derive(Clone, Copy, Debug)]
struct LeftOut {
    date: NaiveDate,
    /// Its place among the expected units.
    place: u32,
    /// What was done before it.
    done: u32,
    /// Done days up to its last.
    days: u32,
}

impl Walk {
    pub(super) const fn new(grace: u8) -> Self {
        Self {
            grace,
            total: 0,
            done_before: 0,
            days_before: 0,
            best: 0,
            expected: 0,
            left_out: VecDeque::new(),
        }
    }

    /// Takes the next unit, with all done days up to its last.
    pub(super) fn step(&mut self, unit: &Unit, days: u32) {
        match unit.judged.state {
            State::Done => self.total += 1,
            State::LeftOut => self.leave_out(unit.date, days),
            State::Partial => {}
        }
        self.expected += u32::from(unit.judged.is_expected);
        self.best = self.best.max(self.now());
    }

    fn leave_out(&mut self, date: NaiveDate, days: u32) {
        let (place, done) = (self.expected, self.total);
        self.left_out.push_back(LeftOut {
            date,
            place,
            done,
            days,
        });
        let one_too_many = self.left_out.len().checked_sub(usize::from(self.grace) + 1);
        if let Some(at) = one_too_many
            && let Some(border) = self.left_out.get(at)
            && place - border.place < WINDOW
        {
            self.done_before = border.done;
            self.days_before = border.days;
            self.left_out.drain(..=at);
        }
    }

    /// The streak at the end.
    pub(super) const fn now(&self) -> u32 {
        self.total - self.done_before
    }

    /// The done days since the border, of all of them.
    pub(super) const fn days(&self, all: u32) -> u32 {
        all - self.days_before
    }

    /// The longest there was.
    pub(super) const fn best(&self) -> u32 {
        self.best
    }

    /// All that was done.
    pub(super) const fn total(&self) -> u32 {
        self.total
    }

    /// The slips within the streak at the end. What was left out before anything was done is none.
    pub(super) fn slips(&self) -> Vec<NaiveDate> {
        let slips = self.left_out.iter();
        let slips = slips.filter(|left_out| left_out.done > self.done_before);
        slips.map(|left_out| left_out.date).collect()
    }
}
