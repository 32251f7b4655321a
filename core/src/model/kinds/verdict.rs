//! A verdict: what a person says about a revision, on a date in the client's zone. Always
//! explicit, the proposer's own included.

use chrono::NaiveDate;
use minicbor::{Decode, Encode};

use crate::model::acceptance::Stand;
use crate::model::codes::Verdict;
use crate::model::ids::{RecordId, RevisionId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::kinds::revision::GoalRevision;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::time::{read_date, read_instant, write_date, write_instant};
use crate::role::Role;

/// A verdict as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct VerdictRecord {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) revision: RevisionId,
    #[n(3)]
    pub(crate) verdict: u8,
    #[n(4)]
    pub(crate) date: i32,
}

impl RecordKind for VerdictRecord {
    const WRITERS: &'static [Role] = &[Role::Client, Role::Therapist];
    const ACTION: &'static str = "accept or reject a revision";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        read_date(self.date)?;
        Verdict::read(self.verdict).map(drop)
    }

    fn links(&self) -> Vec<RecordId> {
        vec![self.revision.record()]
    }

    fn belongs_to(&self) -> Vec<RecordId> {
        self.links()
    }

    fn refer(entry: Entry<'_, Self>, records: &Records) -> Result<(), Reason> {
        let revision = records.get::<GoalRevision>(entry.record.revision.record());
        revision.map(drop).ok_or(Reason::UnknownReference)
    }
}

/// What somebody says about a revision.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "uniffi", derive(uniffi::Record))]
pub struct NewVerdict {
    /// The revision.
    pub revision: RevisionId,
    /// What the writer says.
    pub verdict: Verdict,
    /// The date in the client's zone; without one it is that of the stamp in the zone and with
    /// the cut-off hour of the plan.
    pub date: Option<NaiveDate>,
}

impl NewVerdict {
    /// Makes the record.
    ///
    /// # Errors
    /// If the revision is unknown, in force, superseded or tied, or the role has no verdict. On a
    /// client's first revision that is in force a therapist may speak: it shows as discussed.
    pub fn record(&self, plan: &Plan, stamp: &Stamp) -> Result<NewRecord, InputError> {
        let id = self.revision;
        let date = match self.date {
            Some(date) => date,
            None => plan.local_date(stamp)?,
        };
        let state = plan.state_of(id).ok_or(InputError::UnknownRevision(id))?;
        if !(stamp.role == Role::Therapist && state.history.is_clients_first(id.record())) {
            match state.history.stand(id.record(), date) {
                Stand::Tied => return Err(InputError::Tied(id)),
                Stand::Closed | Stand::Superseded => return Err(InputError::Superseded(id)),
                Stand::InForce => return Err(InputError::InForce(id)),
                Stand::Agreed | Stand::Declined | Stand::Open => {}
            }
        }
        let verdict = VerdictRecord {
            kind: Kind::Verdict,
            at: write_instant(stamp.at)?,
            revision: id,
            verdict: self.verdict.code(),
            date: write_date("date", date)?,
        };
        write(&verdict, stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, revision, therapist};
    use crate::model::{NewRevision, NewStatus, RevisionState, SourceRecord};

    #[test]
    fn a_verdict_on_what_is_settled_is_refused_with_the_reason() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let first = space.propose(client(), revision(goal), 1);
        space.verdict(therapist(), first, Verdict::Agree, 1);
        let next = NewRevision {
            replaces: vec![first],
            ..revision(goal)
        };
        let second = space.propose(client(), next.clone(), 2);
        space.clock += 1;
        let third = space.propose(therapist(), next, 2);
        let say = |revision, date| {
            let verdict = NewVerdict {
                revision,
                verdict: Verdict::Agree,
                date: Some(day(date)),
            };
            space.refused(client(), |p, s| verdict.record(p, s))
        };
        assert_eq!(say(first, 2), InputError::InForce(first));
        assert_eq!(
            say(RevisionId([9; 16]), 2),
            InputError::UnknownRevision(RevisionId([9; 16]))
        );
        space.verdict(therapist(), second, Verdict::Agree, 3);
        let say = |revision, date| {
            let verdict = NewVerdict {
                revision,
                verdict: Verdict::Agree,
                date: Some(day(date)),
            };
            space.refused(client(), |p, s| verdict.record(p, s))
        };
        assert_eq!(
            say(third, 3),
            InputError::Superseded(third),
            "its sibling was agreed first"
        );
        assert_eq!(say(first, 3), InputError::Superseded(first));
    }

    #[test]
    fn a_therapists_goal_waits_for_the_client() {
        let mut space = Space::default();
        let goal = space.goal(therapist());
        let first = space.propose(therapist(), revision(goal), 1);
        let now = space.plan().goal(goal, day(9)).unwrap();
        assert_eq!(now.status.as_str(), "proposed");
        assert_eq!(now.in_force, None);
        assert_eq!(now.proposals[0].state, RevisionState::Open);
        space.verdict(client(), first, Verdict::Agree, 4);
        let accepted = NewStatus {
            goal,
            to: crate::model::LifecycleStatus::Active,
            achievement: None,
            reason: None,
        };
        space.put(client(), |p, s| accepted.record(p, s));
        let now = space.plan().goal(goal, day(9)).unwrap();
        assert_eq!(now.status.as_str(), "active");
        assert_eq!(now.in_force.unwrap().in_force_from, Some(day(4)));
    }

    #[test]
    fn the_same_bytes_from_two_people_are_two_verdicts() {
        let mut space = Space::default();
        let goal = space.goal(therapist());
        let first = space
            .put(therapist(), |p, s| revision(goal).record(p, s))
            .into();
        let before = space.records.len();
        space.verdict(client(), first, Verdict::Agree, 2);
        space.verdict(therapist(), first, Verdict::Agree, 2);
        assert_eq!(space.records.len(), before + 1, "one instant, one record");
        assert_eq!(space.plan().in_force_on(goal, day(2)), Some(first));
        // Also when the document gives it once for each of them.
        let stored = space.records.last().unwrap().clone();
        let apart = stored.puts.iter().map(|put| SourceRecord {
            puts: std::slice::from_ref(put),
            ..stored.source()
        });
        let others = space.records[..before].iter().map(|stored| stored.source());
        let plan = Plan::fold(others.chain(apart), Some(NaiveDate::MIN));
        assert_eq!(plan.in_force_on(goal, day(2)), Some(first));
    }
}
