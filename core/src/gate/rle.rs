//! The three column encodings of Automerge's change chunk that our operations need. Each takes runs,
//! so that a long one costs no more than a short one.

use super::id::Key;
use super::varint::{put, put_signed};

/// A value that a run-length column can hold.
pub(super) trait Cell: PartialEq + Copy {
    fn put(&self, out: &mut Vec<u8>);
}

impl Cell for u64 {
    fn put(&self, out: &mut Vec<u8>) {
        put(out, *self);
    }
}

impl Cell for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        put_signed(out, *self);
    }
}

impl Cell for Key {
    fn put(&self, out: &mut Vec<u8>) {
        put(out, self.as_str().len() as u64);
        out.extend_from_slice(self.as_str().as_bytes());
    }
}

/// Run-length encoding with nulls. A repeated value is its count and the value, a stretch of single
/// values is minus their number and the values, nulls are 0 and their count; a column of nulls only
/// is empty.
pub(super) struct Runs<T> {
    out: Vec<u8>,
    state: State<T>,
}

enum State<T> {
    Empty,
    Nulls(u64),
    Run(T, u64),
    /// At least one value, no two neighbours equal.
    Singles(Vec<T>),
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self {
            out: Vec::new(),
            state: State::Empty,
        }
    }
}

impl<T: Cell> Runs<T> {
    /// Appends `value` (or null) `count` times.
    pub(super) fn push(&mut self, value: Option<T>, count: u64) {
        if count == 0 {
            return;
        }
        let Some(value) = value else {
            if let State::Nulls(before) = &mut self.state {
                *before += count;
            } else {
                self.flush();
                self.state = State::Nulls(count);
            }
            return;
        };
        match &mut self.state {
            State::Run(before, len) if *before == value => *len += count,
            State::Singles(singles) if singles.last() == Some(&value) => {
                // The last single turns out to begin a run.
                singles.pop();
                if singles.is_empty() {
                    self.state = State::Empty;
                }
                self.flush();
                self.state = State::Run(value, count + 1);
            }
            State::Singles(singles) if count == 1 => singles.push(value),
            _ => {
                self.flush();
                self.state = if count == 1 {
                    State::Singles(vec![value])
                } else {
                    State::Run(value, count)
                };
            }
        }
    }

    /// Appends the column to `out`.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if !(self.out.is_empty() && matches!(self.state, State::Nulls(_))) {
            self.flush();
        }
        out.extend(self.out);
    }

    fn flush(&mut self) {
        let out = &mut self.out;
        match std::mem::replace(&mut self.state, State::Empty) {
            State::Empty => {}
            State::Nulls(count) => {
                put_signed(out, 0);
                put(out, count);
            }
            State::Run(value, count) => {
                put_signed(out, count.cast_signed());
                value.put(out);
            }
            State::Singles(values) => {
                put_signed(out, -(values.len() as i64));
                for value in values {
                    value.put(out);
                }
            }
        }
    }
}

/// Counters that tend to ascend: the run-length encoding of the differences. Nulls keep the last
/// counter.
#[derive(Default)]
pub(super) struct Deltas {
    runs: Runs<i64>,
    last: i64,
}

impl Deltas {
    /// Appends `first`, `first + 1`, … : `count` counters.
    pub(super) fn push(&mut self, first: u64, count: u64) {
        if count == 0 {
            return;
        }
        let first = first.cast_signed();
        self.runs.push(Some(first - self.last), 1);
        self.runs.push(Some(1), count - 1);
        self.last = first + count.cast_signed() - 1;
    }

    /// Appends `count` nulls.
    pub(super) fn skip(&mut self, count: u64) {
        self.runs.push(None, count);
    }

    /// Appends the column to `out`.
    pub(super) fn finish(self, out: &mut Vec<u8>) {
        self.runs.finish(out);
    }
}

/// Booleans: how many `false`, then how many `true`, and so on in turn.
#[derive(Default)]
pub(super) struct Counts {
    out: Vec<u8>,
    value: bool,
    count: u64,
}

impl Counts {
    /// Appends `value` `count` times.
    pub(super) fn push(&mut self, value: bool, count: u64) {
        if value == self.value {
            self.count += count;
        } else {
            put(&mut self.out, self.count);
            self.value = value;
            self.count = count;
        }
    }

    /// Appends the column to `out`.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if self.count > 0 {
            put(&mut self.out, self.count);
        }
        out.extend(self.out);
    }
}
