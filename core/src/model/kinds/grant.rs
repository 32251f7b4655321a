//! A grant: the client's word that a person may read, what for, and for how long. FHIR R4 Consent
//! has the same parts: `provision.actor`, `provision.purpose`, `provision.period`. A grant that was
//! given is never changed: it is withdrawn, and another one given.
//!
//! Reading is a matter of keys and not of this record: that the one follows the other is the
//! facade's to see to.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};

use crate::model::codes::GrantScope;
use crate::model::ids::{GrantId, PersonTag, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::kinds::Kind;
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Home, RecordKind, write};
use crate::model::records::{Entry, Records};
use crate::model::text::{STATEMENT_LIMIT, TextField, in_range};
use crate::model::time::{
    local_date, read_date, read_date_opt, read_instant, write_date, write_instant, zone,
};
use crate::role::Role;

const PURPOSE: TextField = TextField::required("purpose", STATEMENT_LIMIT);

/// A grant as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Grant {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    #[n(2)]
    pub(crate) person: PersonTag,
    #[n(3)]
    pub(crate) scope: u8,
    #[n(4)]
    pub(crate) purpose: String,
    #[n(5)]
    pub(crate) from: i32,
    #[n(6)]
    pub(crate) until: Option<i32>,
}

impl RecordKind for Grant {
    const WRITERS: &'static [Role] = &[Role::Client];
    const ACTION: &'static str = "grant access";
    const OF_PLAN: bool = true;
    const WITHDRAWABLE: bool = true;

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Plan)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        PURPOSE.read(&self.purpose)?;
        let from = read_date(self.from)?;
        in_range(read_date_opt(self.until)?.is_none_or(|until| from <= until))?;
        GrantScope::read(self.scope).map(drop)
    }

    fn links(&self) -> Vec<RecordId> {
        Vec::new()
    }
}

/// A grant to give.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewGrant {
    /// Who may read.
    pub person: PersonTag,
    /// What.
    pub scope: GrantScope,
    /// What for: 1 to 500 characters.
    pub purpose: String,
    /// The first day; without one it is the calendar date of the stamp in the device's zone.
    pub from: Option<NaiveDate>,
    /// The last day, which still counts; without one the grant holds until it is withdrawn.
    pub until: Option<NaiveDate>,
}

impl NewGrant {
    /// Makes the record.
    ///
    /// # Errors
    /// If the purpose is blank or too long, the grant ends before it begins, or the role is not the
    /// client's.
    pub fn record(&self, stamp: &Stamp) -> Result<NewRecord, InputError> {
        PURPOSE.check(&self.purpose)?;
        let from = match self.from {
            Some(from) => from,
            // A grant is about calendar days: that a day of the plan begins later is no matter here.
            None => local_date(stamp.at, zone(&stamp.time_zone)?, 0),
        };
        if self.until.is_some_and(|until| until < from) {
            return Err(InputError::Needs {
                field: "the last day of a grant",
                needs: "a first day that is not later",
            });
        }
        let until = self.until.map(|date| write_date("last day", date));
        let grant = Grant {
            kind: Kind::Grant,
            at: write_instant(stamp.at)?,
            person: self.person,
            scope: self.scope.code(),
            purpose: self.purpose.clone(),
            from: write_date("first day", from)?,
            until: until.transpose()?,
        };
        write(&grant, stamp)
    }
}

/// A grant, seen on a date.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GrantRecord {
    /// The grant.
    pub id: GrantId,
    /// Who may read.
    pub person: PersonTag,
    /// What.
    pub scope: GrantScope,
    /// What for.
    pub purpose: String,
    /// The first day.
    pub from: NaiveDate,
    /// The last day, which still counts.
    pub until: Option<NaiveDate>,
    /// How it stands on that date.
    pub state: GrantState,
    /// When it was given, by the writer's clock.
    pub at: DateTime<Utc>,
}

/// How a grant stands on a date.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "uniffi", derive(uniffi::Enum))]
pub enum GrantState {
    /// Its first day has not come.
    Coming,
    /// It holds.
    Active,
    /// Its last day is over.
    Ended,
    /// What the device wrote that gave it is undone: it lets nobody in.
    Undone,
    /// The client took it back.
    Withdrawn,
}

impl GrantState {
    /// Whether it will never hold again.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Withdrawn)
    }
}

impl Plan {
    /// Every grant that was ever given, seen on a date, oldest first.
    pub fn grants(&self, today: NaiveDate) -> Vec<GrantRecord> {
        let records = self.records();
        let grants = records.of::<Grant>().chain(records.undone::<Grant>());
        let mut views: Vec<_> = grants.filter_map(|g| view(g, records, today)).collect();
        views.sort_by_key(|grant| (grant.at, grant.id));
        views
    }

    /// The persons who had a grant that is over, and of whose grants none holds or is to come. Who has
    /// undone ones alone is not among them until their last day is over.
    pub fn whose_grants_are_over(&self, today: NaiveDate) -> BTreeSet<PersonTag> {
        let (mut over, mut in_force) = (BTreeSet::new(), BTreeSet::new());
        for grant in self.grants(today) {
            match grant.state {
                GrantState::Ended | GrantState::Withdrawn => over.insert(grant.person),
                GrantState::Active | GrantState::Coming => in_force.insert(grant.person),
                GrantState::Undone => false,
            };
        }
        over.difference(&in_force).copied().collect()
    }
}

fn view(entry: Entry<'_, Grant>, records: &Records, today: NaiveDate) -> Option<GrantRecord> {
    let grant = entry.record;
    let from = read_date(grant.from).ok()?;
    let until = read_date_opt(grant.until).ok()?;
    Some(GrantRecord {
        id: entry.id.into(),
        person: grant.person,
        scope: GrantScope::read(grant.scope).ok()?,
        purpose: grant.purpose.clone(),
        from,
        until,
        state: match until {
            _ if records.is_withdrawn(entry.id) => GrantState::Withdrawn,
            Some(until) if until < today => GrantState::Ended,
            _ if records.find(entry.id).is_none() => GrantState::Undone,
            _ if today < from => GrantState::Coming,
            _ => GrantState::Active,
        },
        at: read_instant(grant.at).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::NewWithdrawal;
    use crate::model::testing::{Space, client, day, therapist};

    fn until(last: Option<u32>) -> NewGrant {
        NewGrant {
            person: therapist().person,
            scope: GrantScope::Plan,
            purpose: "Therapy".into(),
            from: None,
            until: last.map(day),
        }
    }

    fn give(space: &mut Space, grant: &NewGrant) -> RecordId {
        space.clock += 1;
        space.put(client(), |_, stamp| grant.record(stamp))
    }

    fn withdraw(space: &mut Space, id: RecordId) {
        let withdrawal = NewWithdrawal { records: vec![id] };
        space.clock += 1;
        space.put(client(), |plan, stamp| plan.withdraw(&withdrawal, stamp));
    }

    fn states(space: &Space, on: u32) -> Vec<GrantState> {
        let grants = space.plan().grants(day(on));
        grants.iter().map(|grant| grant.state).collect()
    }

    /// A day too few takes away what was promised, a day too many reads without leave.
    #[test]
    fn the_last_day_still_counts_and_the_next_one_does_not() {
        let mut space = Space::default();
        give(&mut space, &until(Some(10)));
        assert_eq!(states(&space, 1), [GrantState::Active]);
        assert_eq!(states(&space, 10), [GrantState::Active]);
        assert_eq!(space.plan().whose_grants_are_over(day(10)), [].into());
        assert_eq!(states(&space, 11), [GrantState::Ended]);
        let over = space.plan().whose_grants_are_over(day(11));
        assert_eq!(over, [therapist().person].into());
    }

    #[test]
    fn a_second_grant_keeps_the_person_in_also_one_that_is_still_to_come() {
        let mut space = Space::default();
        give(&mut space, &until(Some(10)));
        let coming = NewGrant {
            from: Some(day(20)),
            ..until(None)
        };
        let coming = give(&mut space, &coming);
        assert_eq!(states(&space, 12), [GrantState::Ended, GrantState::Coming]);
        assert_eq!(space.plan().whose_grants_are_over(day(12)), [].into());
        withdraw(&mut space, coming);
        let over = space.plan().whose_grants_are_over(day(12));
        assert_eq!(over, [therapist().person].into());
    }

    #[test]
    fn a_grant_without_end_holds_until_it_is_withdrawn() {
        let mut space = Space::default();
        let id = give(&mut space, &until(None));
        assert_eq!(states(&space, 31), [GrantState::Active]);
        withdraw(&mut space, id);
        assert_eq!(states(&space, 2), [GrantState::Withdrawn]);
    }

    /// Whoever was never granted anything is there on the client's word alone.
    #[test]
    fn who_never_had_a_grant_has_none_that_is_over() {
        let space = Space::default();
        assert_eq!(space.plan().whose_grants_are_over(day(31)), [].into());
    }

    /// A therapist could extend a grant that the client let end.
    #[test]
    fn only_the_client_grants_and_withdraws() {
        let mut space = Space::default();
        let refused = space.refused(therapist(), |_, stamp| until(None).record(stamp));
        assert_eq!(
            refused.to_string(),
            "a therapist may not grant access",
            "{refused:?}"
        );
        let made = until(None).record(&Space::stamp(client(), 5)).unwrap();
        let smuggled = space.forge(therapist(), |_| Ok(made));
        assert_eq!(space.reason(smuggled), Some(Reason::OutOfRole));
        assert_eq!(space.plan().grants(day(1)), []);
        let id = give(&mut space, &until(None));
        let withdrawal = NewWithdrawal { records: vec![id] };
        let refused = space.refused(therapist(), |plan, stamp| plan.withdraw(&withdrawal, stamp));
        assert_eq!(refused, InputError::NotYours(id));
    }

    #[test]
    fn it_says_what_for_and_does_not_end_before_it_begins() {
        let space = Space::default();
        let refused = |grant: NewGrant| {
            let refused = space.refused(client(), |_, stamp| grant.record(stamp));
            refused.to_string()
        };
        let purpose = |purpose: String| NewGrant {
            purpose,
            ..until(None)
        };
        assert_eq!(refused(purpose(" ".into())), "purpose is empty");
        assert_eq!(
            refused(purpose("x".repeat(501))),
            "purpose is 501 characters, at most 500 are allowed"
        );
        let backwards = NewGrant {
            from: Some(day(2)),
            ..until(Some(1))
        };
        assert_eq!(
            refused(backwards),
            "the last day of a grant needs a first day that is not later"
        );
    }

    /// The same rules hold for what arrives.
    #[test]
    fn what_breaks_a_range_or_has_a_scope_of_a_newer_app_is_left_out() {
        let stored = |scope, from, until| Grant {
            kind: Kind::Grant,
            at: 0,
            person: therapist().person,
            scope,
            purpose: "Therapy".into(),
            from,
            until,
        };
        assert_eq!(stored(1, 5, Some(5)).check(), Ok(()));
        assert_eq!(stored(1, 5, Some(4)).check(), Err(Reason::OutOfRange));
        assert_eq!(stored(1, i32::MAX, None).check(), Err(Reason::OutOfRange));
        assert_eq!(stored(2, 5, None).check(), Err(Reason::NeedsNewerApp));
    }
}
