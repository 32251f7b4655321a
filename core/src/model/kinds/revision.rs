//! A revision: how a goal is worded, what is to be reached, and when. Which one is in force is
//! decided by verdicts (`acceptance`).

use chrono::NaiveDate;
use minicbor::{Decode, Encode};

use crate::model::ids::{GoalId, MeasureId, RecordId, RevisionId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::kinds::goal::Goal;
use crate::model::kinds::measure::Measure;
use crate::model::kinds::schedule::{Schedule, StoredSchedule};
use crate::model::kinds::target::{StoredTarget, Target};
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::text::{LINK_LIMIT, STATEMENT_LIMIT, TextField, check_count, read_links};
use crate::model::time::{read_date_opt, read_instant, write_date, write_instant};
use crate::role::Role;

const STATEMENT: TextField = TextField::required("statement", STATEMENT_LIMIT);
const RATIONALE: TextField = TextField::optional("rationale", STATEMENT_LIMIT);

/// A revision as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct GoalRevision {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) goal: GoalId,
    /// None in a goal's first.
    #[n(3)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) replaces: Vec<RevisionId>,
    #[n(4)]
    pub(crate) statement: String,
    #[n(5)]
    pub(crate) target: Option<StoredTarget>,
    #[n(6)]
    pub(crate) schedule: Option<StoredSchedule>,
    #[n(7)]
    pub(crate) effective_from: Option<i32>,
    #[n(8)]
    pub(crate) rationale: Option<String>,
}

impl RecordKind for GoalRevision {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "propose a revision";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        read_links(self.replaces.len())?;
        STATEMENT.read(&self.statement)?;
        RATIONALE.read_opt(self.rationale.as_deref())?;
        read_date_opt(self.effective_from)?;
        self.target.as_ref().map(StoredTarget::check).transpose()?;
        self.schedule
            .as_ref()
            .map(StoredSchedule::view)
            .transpose()?;
        Ok(())
    }

    fn links(&self) -> Vec<RecordId> {
        let measure = self.target.as_ref().and_then(|target| target.measure);
        let replaced = self.replaces.iter().map(|id| id.record());
        let named = replaced.chain(measure.map(MeasureId::record));
        named.chain([self.goal.record()]).collect()
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        vec![self.goal.record()]
    }

    fn replaces(&self) -> Vec<RecordId> {
        self.replaces.iter().map(|id| id.record()).collect()
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        let goal = records.get::<Goal>(entry.record.goal.record()).map(drop);
        let measure = entry
            .record
            .target
            .as_ref()
            .and_then(|target| target.measure);
        let measured = measure.is_none_or(|id| {
            records
                .get::<Measure>(id.record())
                .is_some_and(|first| first.record.of.is_none())
        });
        goal.filter(|()| measured).ok_or(Reason::UnknownReference)
    }
}

/// A revision to propose. Write the proposer's own
/// [`NewVerdict`](crate::model::NewVerdict) in the same edit.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewRevision {
    /// The goal.
    pub goal: GoalId,
    /// The revisions it replaces: the one in force, or the proposals it settles. Empty only for a
    /// goal's first.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub replaces: Vec<RevisionId>,
    /// What is to be reached, in the client's words; 1 to 500 characters.
    pub statement: String,
    /// How much of what.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub target: Option<Target>,
    /// On which days. Without one no day is expected.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub schedule: Option<Schedule>,
    /// The first day on which it may hold; without one, as soon as it is agreed.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub effective_from: Option<NaiveDate>,
    /// Why, at most 500 characters.
    #[cfg_attr(feature = "uniffi", uniffi(default))]
    pub rationale: Option<String>,
}

impl NewRevision {
    /// The first wording of a goal that is yet to be made: it takes the goal's id when it is.
    pub fn first(statement: impl Into<String>, schedule: Schedule) -> Self {
        Self {
            goal: GoalId([0; 16]),
            replaces: Vec::new(),
            statement: statement.into(),
            target: None,
            schedule: Some(schedule),
            effective_from: None,
            rationale: None,
        }
    }

    /// Makes the record. Its id is the revision's.
    ///
    /// # Errors
    /// If the goal, the measure or a revision to replace is unknown, a text too long, a target
    /// value without measure, or the schedule has no sense.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        STATEMENT.check(&self.statement)?;
        RATIONALE.check_opt(self.rationale.as_deref())?;
        let state = plan
            .goal_state(self.goal)
            .ok_or(InputError::UnknownGoal(self.goal))?;
        check_count("revisions to replace", self.replaces.len(), LINK_LIMIT)?;
        let unknown = self
            .replaces
            .iter()
            .find(|id| !state.revisions.contains(&id.record()));
        if let Some(unknown) = unknown {
            return Err(InputError::UnknownRevision(*unknown));
        }
        if self.replaces.is_empty() && state.history.has_accepted() {
            let (field, needs) = ("another revision", "the revision in force to replace");
            return Err(InputError::Needs { field, needs });
        }
        let date = |date| write_date("effective date", date);
        let mut replaces = self.replaces.clone();
        replaces.sort_unstable();
        replaces.dedup();
        let revision = GoalRevision {
            kind: Kind::GoalRevision,
            at: write_instant(stamp.at)?,
            goal: self.goal,
            replaces,
            statement: self.statement.clone(),
            target: self
                .target
                .as_ref()
                .map(|target| target.store(plan))
                .transpose()?,
            schedule: self.schedule.as_ref().map(Schedule::store).transpose()?,
            effective_from: self.effective_from.map(date).transpose()?,
            rationale: self.rationale.clone(),
        };
        write(&revision, stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, revision};

    #[test]
    fn a_statement_has_500_characters_and_the_error_does_not_repeat_them() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let long = NewRevision {
            statement: "ü".repeat(612),
            ..revision(goal)
        };
        let error = space.refused(client(), |p, s| long.record(p, s));
        assert_eq!(
            error.to_string(),
            "statement is 612 characters, at most 500 are allowed"
        );
        let fits = NewRevision {
            statement: "ü".repeat(500),
            ..revision(goal)
        };
        space.put(client(), |p, s| fits.record(p, s));
    }

    #[test]
    fn what_a_revision_speaks_of_must_be_there() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let nowhere = revision(GoalId([9; 16]));
        let error = space.refused(client(), |p, s| nowhere.record(p, s));
        assert_eq!(error, InputError::UnknownGoal(nowhere.goal));
        let replaced = RevisionId([8; 16]);
        let orphan = NewRevision {
            replaces: vec![replaced],
            ..revision(goal)
        };
        let error = space.refused(client(), |p, s| orphan.record(p, s));
        assert_eq!(error, InputError::UnknownRevision(replaced));
    }
}
