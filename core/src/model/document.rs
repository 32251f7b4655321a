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
        /// Copies from another space that somebody offers the client: of its plan as part 0, of a
        /// month's log as the log's part. Nothing of it counts before the client takes it over.
        Offered = 9 "offered",
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

    /// Where copies of this document are offered; `None` for what is not offered.
    pub fn offered(self) -> Option<Self> {
        let is_offered = matches!(self.kind, DocumentKind::Log | DocumentKind::Plan);
        is_offered.then_some(Self {
            kind: DocumentKind::Offered,
            part: self.part,
        })
    }

    /// The document whose copies are offered here; `None` for a document of another kind.
    pub fn offers(self) -> Option<Self> {
        let kind = match self.part {
            0 => DocumentKind::Plan,
            _ => DocumentKind::Log,
        };
        let part = self.part;
        (self.kind == DocumentKind::Offered).then_some(Self { kind, part })
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
        for offered in [DocumentKey::PLAN, log] {
            assert_eq!(offered.offered().unwrap().offers(), Some(offered));
        }
        assert_eq!(log.offers(), None);
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
