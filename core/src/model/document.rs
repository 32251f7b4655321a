//! The documents of a space, and which one a record belongs to.

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use crate::model::codes::codes;

codes! {
    /// What a document holds. The numbers are part of the format; those of later versions are
    /// reserved.
    DocumentKind {
        /// Answers to questionnaires, a year each.
        Assess = 3 "assess",
        /// A peer group's posts, a year each.
        Circle = 7 "circle",
        /// Check-ins and readings, a month of the local date each.
        Log = 2 "log",
        /// A therapist's own process notes, a year each.
        Notes = 5 "notes",
        /// An organisation's policies and votes.
        Org = 8 "org",
        /// Goals, revisions, measures, settings: one an episode.
        Plan = 1 "plan",
        /// A client's own journal, a year each.
        Private = 4 "private",
        /// Copies that the client published.
        Shared = 6 "shared",
    }
}

/// One document of a space.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct DocumentKey {
    /// What it holds.
    pub kind: DocumentKind,
    /// Which part: for a log `year * 12 + month - 1`, for what is kept by the year the year,
    /// for a plan the episode, otherwise 0.
    pub part: u32,
}

impl DocumentKey {
    /// The plan of the first episode.
    pub const PLAN: Self = Self {
        kind: DocumentKind::Plan,
        part: 0,
    };

    /// The log that a local date belongs to; `None` before year 0.
    pub fn log(date: NaiveDate) -> Option<Self> {
        let part = u32::try_from(date.year())
            .ok()?
            .checked_mul(12)?
            .checked_add(date.month0())?;
        Some(Self {
            kind: DocumentKind::Log,
            part,
        })
    }

    /// The first day of a log's month; `None` for another kind of document or an impossible part.
    pub fn month(self) -> Option<NaiveDate> {
        let year = i32::try_from(self.part / 12).ok()?;
        let first = NaiveDate::from_ymd_opt(year, self.part % 12 + 1, 1)?;
        (self.kind == DocumentKind::Log).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_found_by_its_month() {
        let date = NaiveDate::from_ymd_opt(2026, 12, 31).unwrap();
        let log = DocumentKey::log(date).unwrap();
        assert_eq!(log.part, 2026 * 12 + 11);
        assert_eq!(log.month(), NaiveDate::from_ymd_opt(2026, 12, 1));
        assert_eq!(DocumentKey::PLAN.month(), None);
        assert_eq!(
            DocumentKey {
                kind: DocumentKind::Log,
                part: u32::MAX
            }
            .month(),
            None
        );
    }
}
