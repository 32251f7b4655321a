use crate::gate::error::GateError;
use crate::gate::varint::{Reader, put};

/// Writes a column of values that tend to repeat: each with how often it stands.
#[derive(Default)]
pub(super) struct Runs {
    out: Vec<u8>,
    run: Option<(u32, u32)>,
}

impl Runs {
    pub(super) fn push(&mut self, value: u32) {
        match &mut self.run {
            Some((last, count)) if *last == value => *count += 1,
            _ => {
                self.flush();
                self.run = Some((value, 1));
            }
        }
    }

    /// Bytes at most, once it is finished.
    pub(super) const fn len(&self) -> usize {
        self.out.len() + 10
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.out
    }

    fn flush(&mut self) {
        if let Some((value, count)) = self.run.take() {
            put(&mut self.out, value.into());
            put(&mut self.out, count.into());
        }
    }
}

/// Reads what [`Runs`] wrote.
pub(super) struct RunsReader<'a> {
    reader: Reader<'a>,
    value: Option<u32>,
    left: u32,
    what: &'static str,
}

impl<'a> RunsReader<'a> {
    /// Errors name `what`.
    pub(super) const fn new(reader: Reader<'a>, what: &'static str) -> Self {
        Self {
            reader,
            value: None,
            left: 0,
            what,
        }
    }

    pub(super) fn next(&mut self) -> Result<u32, GateError> {
        if self.left == 0 {
            let value = self.reader.number(self.what)?;
            self.left = self.reader.number(self.what)?;
            if self.left == 0 || self.value == Some(value) {
                return Err(GateError::Malformed(self.what));
            }
            self.value = Some(value);
        }
        self.left -= 1;
        self.value.ok_or(GateError::Malformed(self.what))
    }

    /// Whether any value is another one.
    pub(super) fn has_other_than(mut self, value: u32) -> Result<bool, GateError> {
        while !self.reader.is_empty() {
            self.left = 0;
            if self.next()? != value {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether nothing is left.
    pub(super) const fn is_done(&self) -> bool {
        self.left == 0 && self.reader.is_empty()
    }
}
