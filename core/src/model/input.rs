//! Writing: who writes when and where, what comes out, and why input is refused.

use chrono::{DateTime, Utc};

use crate::model::document::DocumentKey;
use crate::model::ids::{CheckInId, GoalId, MeasureId, PersonTag, RecordId, RevisionId};
use crate::role::Role;

/// Who writes, when and where. Everything a record takes from its surroundings comes from here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stamp {
    /// The person who writes.
    pub person: PersonTag,
    /// The person's role in the space.
    pub role: Role,
    /// The instant, by the device's clock.
    pub at: DateTime<Utc>,
    /// The device's time zone, an IANA name.
    pub time_zone: String,
}

/// A record that is ready to be put into its document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewRecord {
    /// The hash of the bytes.
    pub id: RecordId,
    /// Where it belongs.
    pub document: DocumentKey,
    /// Its CBOR bytes.
    pub bytes: Vec<u8>,
}

/// Why something is not written. Names the field and the limit, never what the person typed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// A correction speaks of another goal or another month than the entry it corrects.
    #[error("a correction keeps the goal and the month of check-in {0}; withdraw it and log anew")]
    CorrectionMoves(CheckInId),
    /// A date or an instant that cannot be kept.
    #[error("{field} lies outside the years 1900 to 9999")]
    DateOutside {
        /// The field.
        field: &'static str,
    },
    /// A text that must say something.
    #[error("{field} is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// The revision is in force already; to leave it, propose another.
    #[error("revision {0} is in force; propose another or change the goal's status")]
    InForce(RevisionId),
    /// A field that cannot stand without another.
    #[error("{field} needs {needs}")]
    Needs {
        /// The field that was given.
        field: &'static str,
        /// The field that is missing.
        needs: &'static str,
    },
    /// Nothing of this device's is undone.
    #[error("nothing that this device wrote is undone")]
    NothingUndone,
    /// The role may not write this.
    #[error("a {role} may not {action}")]
    NotYourRole {
        /// What was wanted.
        action: &'static str,
        /// The role.
        role: &'static str,
    },
    /// Only who wrote a record withdraws it.
    #[error("record {0} was written by somebody else")]
    NotYours(RecordId),
    /// The quantity has another unit than the goal's target.
    #[error("the unit is not that of the target of goal {0}")]
    OtherUnit(GoalId),
    /// A number outside its range.
    #[error("{field} {value} is outside {min}–{max}")]
    Outside {
        /// The field.
        field: &'static str,
        /// What was given.
        value: i64,
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// An amount that is negative, too large, or finer than a thousandth.
    #[error("{field} is not an amount from 0 to 1000000000 with at most three decimals")]
    NotAnAmount {
        /// The field.
        field: &'static str,
    },
    /// A kind of record that has its own way of being undone.
    #[error("record {0} is not withdrawn but replaced by another")]
    NotWithdrawable(RecordId),
    /// A rating between the steps of its measure.
    #[error("rating {value} is not on a step of measure {measure}: {step} from {min}")]
    RatingOffStep {
        /// The measure.
        measure: MeasureId,
        /// The rating.
        value: i32,
        /// The smallest value.
        min: i32,
        /// The distance of two values.
        step: i32,
    },
    /// A rating outside its measure.
    #[error("rating {value} of measure {measure} is outside {min}–{max}")]
    RatingOutside {
        /// The measure.
        measure: MeasureId,
        /// The rating.
        value: i32,
        /// The smallest value.
        min: i32,
        /// The largest value.
        max: i32,
    },
    /// The measure is rated twice in one check-in.
    #[error("measure {0} is rated twice")]
    RatedTwice(MeasureId),
    /// Another revision was agreed first, or this one was replaced.
    #[error("revision {0} is superseded")]
    Superseded(RevisionId),
    /// Agreed on the same date as a sibling: a revision that replaces both decides.
    #[error("revision {0} is tied with another; propose one that replaces both")]
    Tied(RevisionId),
    /// A text over its limit.
    #[error("{field} is {length} characters, at most {limit} are allowed")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Characters that were given.
        length: usize,
        /// Characters that are allowed.
        limit: usize,
    },
    /// Another goal would be active beyond the plan's limit. It may be, where the person says so.
    #[error("{limit} goals are active already")]
    TooManyActive {
        /// The limit.
        limit: u8,
    },
    /// More of something than a record takes.
    #[error("{count} {field}, at most {limit} are allowed")]
    TooMany {
        /// Of what.
        field: &'static str,
        /// How many were given.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The record as a whole is over its limit.
    #[error("the record is {0} bytes, at most 65536 are allowed")]
    TooManyBytes(usize),
    /// No such check-in in this month.
    #[error("unknown check-in {0}")]
    UnknownCheckIn(CheckInId),
    /// No such goal in this plan.
    #[error("unknown goal {0}")]
    UnknownGoal(GoalId),
    /// No such measure in this plan.
    #[error("unknown measure {0}")]
    UnknownMeasure(MeasureId),
    /// No such record in this document.
    #[error("unknown record {0}")]
    UnknownRecord(RecordId),
    /// No such revision of this goal.
    #[error("unknown revision {0}")]
    UnknownRevision(RevisionId),
    /// A time zone that is not in the tables.
    #[error("unknown time zone")]
    UnknownTimeZone,
}

/// How errors call a role.
pub(crate) const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Client => "client",
        Role::Guardian => "guardian",
        Role::Supporter => "supporter",
        Role::Therapist => "therapist",
    }
}
