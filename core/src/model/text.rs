//! Lengths of texts and lists, counted the same when writing and when reading.

use crate::model::input::InputError;
use crate::model::left_out::Reason;

/// Characters (Unicode scalar values) of a statement or a rationale at most.
pub const STATEMENT_LIMIT: usize = 500;
/// Characters of a note at most.
pub const NOTE_LIMIT: usize = 4_000;
/// Characters of a label, an area or the name of a unit at most.
pub const LABEL_LIMIT: usize = 100;
/// Links to other records in one record at most.
pub const LINK_LIMIT: usize = 64;

/// A field of text with its length limit in characters.
#[derive(Clone, Copy)]
pub(crate) struct TextField {
    /// How errors call it.
    pub(crate) name: &'static str,
    /// Characters at most.
    pub(crate) limit: usize,
    /// Whether it must say something.
    pub(crate) required: bool,
}

impl TextField {
    /// A field that must say something.
    pub(crate) const fn required(name: &'static str, limit: usize) -> Self {
        Self {
            name,
            limit,
            required: true,
        }
    }

    /// A field that may be left empty.
    pub(crate) const fn optional(name: &'static str, limit: usize) -> Self {
        Self {
            name,
            limit,
            required: false,
        }
    }

    /// Checks what a person typed.
    pub(crate) fn check(self, text: &str) -> Result<(), InputError> {
        let length = text.chars().count();
        if length > self.limit {
            return Err(InputError::TooLong {
                field: self.name,
                length,
                limit: self.limit,
            });
        }
        if self.required && text.trim().is_empty() {
            return Err(InputError::Empty { field: self.name });
        }
        Ok(())
    }

    /// Checks what a person may have typed.
    pub(crate) fn check_opt(self, text: Option<&str>) -> Result<(), InputError> {
        text.map_or(Ok(()), |text| self.check(text))
    }

    /// The same rule for what was read.
    pub(crate) fn read(self, text: &str) -> Result<(), Reason> {
        self.check(text).map_err(|_| Reason::OutOfRange)
    }

    /// The same rule for what may have been read.
    pub(crate) fn read_opt(self, text: Option<&str>) -> Result<(), Reason> {
        self.check_opt(text).map_err(|_| Reason::OutOfRange)
    }
}

/// Checks the number of links that somebody wants to write.
pub(crate) fn check_count(
    field: &'static str,
    count: usize,
    limit: usize,
) -> Result<(), InputError> {
    match count > limit {
        true => Err(InputError::TooMany {
            field,
            count,
            limit,
        }),
        false => Ok(()),
    }
}

/// Checks the number of links that were read.
pub(crate) fn read_links(count: usize) -> Result<(), Reason> {
    in_range(count <= LINK_LIMIT)
}

/// `out_of_range` unless the condition holds.
pub(crate) fn in_range(holds: bool) -> Result<(), Reason> {
    match holds {
        true => Ok(()),
        false => Err(Reason::OutOfRange),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_not_bytes() {
        let field = TextField::required("statement", 3);
        assert_eq!(field.check("日本語"), Ok(()));
        assert_eq!(
            field.check("🙂🙂🙂🙂").unwrap_err().to_string(),
            "statement is 4 characters, at most 3 are allowed"
        );
        assert_eq!(
            field.check(" \n").unwrap_err().to_string(),
            "statement is empty"
        );
    }
}
