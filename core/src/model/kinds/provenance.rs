//! Where copies come from: whoever copies records from another space says whose they were there.
//! FHIR R4 Provenance has the same parts: `target`, `recorded`, `agent.who`, `agent.role`,
//! `entity.what`.
//!
//! A copy is signed by whoever copied it, and counts as written by the one whom the copier names:
//! on the copier's word, which is why only the client's counts, whose plan it is. What others wrote
//! here themselves stays theirs: only what the copier put here is given to somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use chrono::{DateTime, NaiveDate, Utc};
use minicbor::{Decode, Encode};
use serde::Serialize;
use waymark_wire::ids::SpaceId;

use crate::model::document::DocumentKey;
use crate::model::ids::{PersonTag, RecordId};
use crate::model::input::{InputError, NewRecord, Stamp};
use crate::model::json;
use crate::model::kinds::{Kind, Record};
use crate::model::left_out::Reason;
use crate::model::plan::Plan;
use crate::model::record::{Author, Home, RecordKind, read, write_beside};
use crate::model::text::{LINK_LIMIT, check_count, in_range, read_links};
use crate::model::time::{read_date, read_instant, write_date, write_instant};
use crate::role::Role;

/// Where copies come from, as stored.
#[derive(Clone, Debug, Decode, Encode)]
#[cbor(map)]
pub(crate) struct Provenance {
    #[n(0)]
    pub(crate) kind: Kind,
    #[n(1)]
    pub(crate) at: i64,
    /// The space that they were copied from.
    #[n(2)]
    pub(crate) source: SpaceId,
    #[n(3)]
    pub(crate) person: PersonTag,
    #[n(4)]
    pub(crate) role: u8,
    /// The copies, all in this document.
    #[n(5)]
    #[cbor(skip_if = "Vec::is_empty")]
    pub(crate) records: Vec<RecordId>,
    /// From this date on a therapist had a say there.
    #[n(6)]
    pub(crate) say_from: Option<i32>,
    /// Before this date.
    #[n(7)]
    pub(crate) say_until: Option<i32>,
}

impl RecordKind for Provenance {
    const WRITERS: &'static [Role] = &[Role::Client];
    const ACTION: &'static str = "say whose a copy is";

    fn home(&self) -> Result<Home, Reason> {
        Ok(Home::Beside)
    }

    fn check(&self) -> Result<(), Reason> {
        read_instant(self.at)?;
        role(self.role)?;
        read_links(self.records.len())?;
        self.say().map(drop)
    }

    fn links(&self) -> Vec<RecordId> {
        self.records.clone()
    }
}

impl Provenance {
    /// Whose the copies are.
    pub(crate) fn author(&self) -> Result<Author, Reason> {
        let role = role(self.role)?;
        let person = self.person;
        Ok(Author { person, role })
    }

    /// When a therapist had a say in the space that the copies come from.
    fn say(&self) -> Result<Option<Range<NaiveDate>>, Reason> {
        let dates = match (self.say_from, self.say_until) {
            (None, None) => None,
            (Some(from), Some(until)) => Some(read_date(from)?..read_date(until)?),
            _ => return Err(Reason::Malformed),
        };
        in_range(dates.as_ref().is_none_or(|dates| !dates.is_empty()))?;
        Ok(dates)
    }
}

/// Copies of one author's, to say whose they are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewProvenance {
    /// The space that they were copied from.
    pub source: SpaceId,
    /// Whose they are, by the tag that the person has or would have here.
    pub person: PersonTag,
    /// What the person was there.
    pub role: Role,
    /// The copies, at most 64.
    pub records: Vec<RecordId>,
    /// When a therapist had a say there, where that is to be told.
    pub say: Option<Range<NaiveDate>>,
}

impl NewProvenance {
    /// Copies that one record speaks of, at most.
    pub const RECORDS: usize = LINK_LIMIT;

    /// Makes the record for the document in which the copies are.
    ///
    /// # Errors
    /// If there are too many, the dates are none, or the role is not the client's.
    pub fn record(&self, document: DocumentKey, stamp: &Stamp) -> Result<NewRecord, InputError> {
        write_beside(&self.stored(stamp)?, document, stamp)
    }

    /// The same in an offer, where it has no effect yet and so needs no role.
    ///
    /// # Errors
    /// If there are too many, or the dates are none.
    pub fn offered(&self, document: DocumentKey, stamp: &Stamp) -> Result<NewRecord, InputError> {
        let as_client = Stamp {
            role: Role::Client,
            ..stamp.clone()
        };
        write_beside(&self.stored(stamp)?, document, &as_client)
    }

    fn stored(&self, stamp: &Stamp) -> Result<Provenance, InputError> {
        check_count("copies", self.records.len(), LINK_LIMIT)?;
        let date = |date: NaiveDate| write_date("a therapist's say", date);
        let (from, until) = match &self.say {
            Some(say) if say.is_empty() => {
                return Err(InputError::Needs {
                    field: "the last day of a therapist's say",
                    needs: "a first day that is not later",
                });
            }
            Some(say) => (Some(date(say.start)?), Some(date(say.end)?)),
            None => (None, None),
        };
        Ok(Provenance {
            kind: Kind::Provenance,
            at: write_instant(stamp.at)?,
            source: self.source,
            person: self.person,
            role: code(self.role),
            records: self.records.clone(),
            say_from: from,
            say_until: until,
        })
    }
}

/// Where copies in a plan come from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ProvenanceView {
    /// The space that they were copied from.
    #[serde(serialize_with = "json::shown")]
    pub source: SpaceId,
    /// Whose they are.
    pub person: PersonTag,
    /// What the person was there.
    pub role: Role,
    /// How many.
    pub records: usize,
    /// When they were copied, by the copier's clock.
    #[serde(serialize_with = "json::instant")]
    pub at: DateTime<Utc>,
}

impl Plan {
    /// Whose the copies in the plan are where they are not the client's, oldest first.
    pub fn provenance(&self) -> Vec<ProvenanceView> {
        let stated = self.records().of::<Provenance>();
        let mut views: Vec<_> = stated
            .filter(|entry| !entry.record.records.is_empty())
            .filter_map(|entry| {
                let author = entry.record.author().ok()?;
                Some(ProvenanceView {
                    source: entry.record.source,
                    person: author.person,
                    role: author.role,
                    records: entry.record.records.len(),
                    at: read_instant(entry.record.at).ok()?,
                })
            })
            .collect();
        views.sort_by_key(|view| (view.at, view.source, view.person));
        views
    }

    /// When a therapist had a say in the spaces that this plan was copied from.
    pub fn earlier_says(&self) -> BTreeSet<(NaiveDate, NaiveDate)> {
        let stated = self.records().of::<Provenance>();
        says(stated.map(|entry| entry.record))
    }
}

/// When a therapist had a say, by these records.
pub(crate) fn says<'a>(
    stated: impl Iterator<Item = &'a Provenance>,
) -> BTreeSet<(NaiveDate, NaiveDate)> {
    let says = stated.filter_map(|stated| stated.say().ok().flatten());
    says.map(|say| (say.start, say.end)).collect()
}

/// Whose copies are, by record and by who put them there.
#[derive(Debug, Default)]
pub(crate) struct Copies(BTreeMap<RecordId, BTreeSet<(PersonTag, Author)>>);

impl Copies {
    /// Takes what one of the authors says, where it is the client's word.
    pub(crate) fn state(&mut self, stated: &Provenance, authors: &BTreeSet<Author>) {
        let Ok(author) = stated.author() else {
            return;
        };
        for copier in authors.iter().filter(|a| stated.may_write(a.role)) {
            for record in &stated.records {
                let of = self.0.entry(*record).or_default();
                of.insert((copier.person, author));
            }
        }
    }

    /// Who is to be taken for the author of a record that these put there.
    pub(crate) fn authors(&self, id: RecordId, here: BTreeSet<Author>) -> BTreeSet<Author> {
        let Some(stated) = self.0.get(&id) else {
            return here;
        };
        let mut authors = BTreeSet::new();
        for author in here {
            let by = |(copier, _): &&(PersonTag, Author)| *copier == author.person;
            let mut originals = stated.iter().filter(by).map(|(_, of)| *of).peekable();
            if originals.peek().is_none() {
                authors.insert(author);
            }
            authors.extend(originals);
        }
        authors
    }
}

/// The copies that a record speaks of, if it is one that does.
#[cfg_attr(not(feature = "http"), expect(dead_code, reason = "a client calls it"))]
pub(crate) fn copies_in(bytes: &[u8]) -> Vec<RecordId> {
    match read(bytes) {
        Ok(Record::Provenance(stated)) => stated.records,
        _ => Vec::new(),
    }
}

/// A role as stored: the numbers of the roster.
const fn code(role: Role) -> u8 {
    match role {
        Role::Client => 0,
        Role::Therapist => 1,
        Role::Supporter => 2,
        Role::Guardian => 3,
    }
}

fn role(code: u8) -> Result<Role, Reason> {
    match code {
        0 => Ok(Role::Client),
        1 => Ok(Role::Therapist),
        2 => Ok(Role::Supporter),
        3 => Ok(Role::Guardian),
        _ => Err(Reason::NeedsNewerApp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::{Space, client, day, revision, therapist};
    use crate::model::{RevisionState, Verdict};

    fn stated(records: Vec<RecordId>) -> NewProvenance {
        NewProvenance {
            source: SpaceId([9; 32]),
            person: therapist().person,
            role: Role::Therapist,
            records,
            say: None,
        }
    }

    fn state(space: &mut Space, by: Author, stated: &NewProvenance) -> RecordId {
        space.clock += 1;
        let made = stated.record(DocumentKey::PLAN, &Space::stamp(client(), space.clock));
        space.store(made.unwrap(), by)
    }

    /// The same records as if the client had copied all of them.
    fn copied(from: &Space) -> Space {
        let mut copy = Space {
            clock: from.clock,
            therapist_since: None,
            ..Space::default()
        };
        for stored in &from.records {
            copy.store(stored.record.clone(), client());
        }
        copy
    }

    /// What a therapist had agreed to would stand as the client's own word after a new beginning.
    #[test]
    fn a_copy_counts_as_written_by_whom_the_client_names() {
        let mut old = Space::default();
        let goal = old.goal(therapist());
        let wording = old.propose(therapist(), revision(goal), 1);
        old.verdict(client(), wording, Verdict::Agree, 2);
        let by_therapist = old.records.iter().filter(|r| r.authors() == [therapist()]);
        let ids: Vec<_> = by_therapist.map(|stored| stored.record.id).collect();

        let mut new = copied(&old);
        state(&mut new, client(), &stated(ids.clone()));
        let (before, after) = (old.plan(), new.plan());
        assert_eq!(after.goals(day(9)), before.goals(day(9)));
        assert_eq!(after.left_out(), []);
        let told = after.provenance();
        assert_eq!((told.len(), told[0].records), (1, ids.len()));
        assert_eq!(told[0].person, therapist().person);
    }

    /// A therapist could otherwise make check-ins the client's, or the client's words its own.
    #[test]
    fn nobody_elses_word_counts_and_what_others_wrote_themselves_stays_theirs() {
        let mut space = Space::default();
        let goal = space.goal(client());
        let said = stated(vec![goal.record()]);
        let told = state(&mut space, therapist(), &said);
        assert_eq!(space.reason(told), Some(Reason::OutOfRole));
        assert_eq!(space.plan().goals(day(1))[0].created_by, [Role::Client]);

        let others = space.goal(therapist());
        let as_client = NewProvenance {
            person: client().person,
            role: Role::Client,
            ..stated(vec![others.record()])
        };
        state(&mut space, client(), &as_client);
        let goals = space.plan().goals(day(1));
        let view = goals.iter().find(|view| view.id == others);
        assert_eq!(view.unwrap().created_by, [Role::Therapist]);
    }

    /// A proposal that waited for the therapist would come into force by being copied.
    #[test]
    fn what_waited_for_a_therapist_still_waits_and_later_words_are_the_clients_alone() {
        let mut old = Space::default();
        let goal = old.goal(client());
        let first = old.propose(client(), revision(goal), 1);
        let second = crate::model::NewRevision {
            replaces: vec![first],
            ..revision(goal)
        };
        old.clock += 1;
        let waiting = old.propose(client(), second, 2);
        let stands = |space: &Space| {
            let plan = space.plan();
            plan.revision(waiting, day(20)).unwrap().state
        };
        assert_eq!(stands(&old), RevisionState::Open);

        let mut new = copied(&old);
        assert_eq!(stands(&new), RevisionState::InForce, "nobody told it");
        let say = NewProvenance {
            say: Some(day(1)..day(10)),
            ..stated(Vec::new())
        };
        state(&mut new, client(), &say);
        assert_eq!(stands(&new), RevisionState::Open);
        new.clock += 1;
        new.verdict(client(), waiting, Verdict::Agree, 10);
        assert_eq!(stands(&new), RevisionState::InForce);
    }

    #[test]
    fn what_breaks_a_range_or_has_a_role_of_a_newer_app_is_left_out() {
        let stored = |role, from, until| Provenance {
            kind: Kind::Provenance,
            at: 0,
            source: SpaceId([9; 32]),
            person: therapist().person,
            role,
            records: Vec::new(),
            say_from: from,
            say_until: until,
        };
        assert_eq!(stored(1, Some(5), Some(6)).check(), Ok(()));
        assert_eq!(stored(1, Some(5), Some(5)).check(), Err(Reason::OutOfRange));
        assert_eq!(stored(1, Some(5), None).check(), Err(Reason::Malformed));
        assert_eq!(stored(9, None, None).check(), Err(Reason::NeedsNewerApp));
    }
}
