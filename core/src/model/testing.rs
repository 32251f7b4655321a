//! A space in memory, for the tests of the model.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta};

use crate::ids::{ActorId, OpId};
use crate::model::item::body::{Body, Newer};
use crate::model::item::{Fields, Item};
use crate::model::record::write;
use crate::model::{
    Author, Comparison, DocumentKey, DocumentKind, GoalId, InputError, LeftOut, LifecycleStatus,
    Log, MeasureId, NewCheckIn, NewGoal, NewMeasure, NewRecord, NewRevision, NewStatus, NewVerdict,
    Outcome, Period, PersonTag, Plan, Put, Reason, RecordId, RevisionId, Schedule, SourceRecord,
    Stamp, Target, Verdict,
};
use crate::role::Role;

/// 2026-05-01, noon in Berlin.
const BASE_MS: i64 = 1_777_629_600_000;

/// One device's copy of a space, with a clock in milliseconds.
#[derive(Clone)]
pub(crate) struct Space {
    pub(crate) records: Vec<Stored>,
    pub(crate) clock: i64,
    pub(crate) therapist_since: Option<NaiveDate>,
    /// Which of its person's devices it is.
    pub(crate) device: u8,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stored {
    pub(crate) record: NewRecord,
    pub(crate) puts: Vec<Put>,
}

impl Default for Space {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            clock: 0,
            therapist_since: Some(NaiveDate::MIN),
            device: 0,
        }
    }
}

impl Space {
    pub(crate) fn stamp(author: Author, clock: i64) -> Stamp {
        Stamp {
            person: author.person,
            role: author.role,
            at: DateTime::from_timestamp_millis(BASE_MS).unwrap() + TimeDelta::milliseconds(clock),
            time_zone: "Europe/Berlin".into(),
        }
    }

    /// Writes a record.
    pub(crate) fn put(
        &mut self,
        author: Author,
        make: impl FnOnce(&Plan, &Stamp) -> Result<NewRecord, InputError>,
    ) -> RecordId {
        let record = make(&self.plan(), &Self::stamp(author, self.clock)).unwrap();
        self.store(record, author)
    }

    /// Puts a record under the name of an author who did not make it.
    pub(crate) fn forge(
        &mut self,
        author: Author,
        make: impl FnOnce(&Plan) -> Result<NewRecord, InputError>,
    ) -> RecordId {
        let record = make(&self.plan()).unwrap();
        self.store(record, author)
    }

    /// Puts an item that no check has seen, as another app may have written it.
    pub(crate) fn smuggle<F: Fields>(&mut self, author: Author, fields: F) -> RecordId {
        let stamp = Self::stamp(author, self.clock);
        let item = Item {
            rules: F::KIND.rules().unwrap(),
            at: Some(stamp.at.timestamp_millis()),
            body: Some(Body::of(fields, Newer::default())),
            of: None,
            replaces: Vec::new(),
            day: None,
        };
        self.store(write(&item, &stamp).unwrap(), author)
    }

    pub(crate) fn refused(
        &self,
        author: Author,
        make: impl FnOnce(&Plan, &Stamp) -> Result<NewRecord, InputError>,
    ) -> InputError {
        make(&self.plan(), &Self::stamp(author, self.clock)).unwrap_err()
    }

    pub(crate) fn store(&mut self, record: NewRecord, author: Author) -> RecordId {
        let id = record.id;
        let op = OpId {
            counter: self.next_op(record.document),
            actor: actor(author, self.device),
        };
        let known = self.records.iter().find(|stored| stored.record.id == id);
        let mut puts = known.into_iter().flat_map(|stored| &stored.puts);
        if !puts.any(|put| put.author == author && put.op.actor == op.actor) {
            self.put_down(record, Put { op, author });
        }
        id
    }

    /// The number of the next operation in a document.
    pub(crate) fn next_op(&self, document: DocumentKey) -> u32 {
        let here = self.records.iter();
        let here = here.filter(|stored| stored.record.document == document);
        let ops = here.flat_map(|stored| &stored.puts);
        ops.map(|put| put.op.counter).max().unwrap_or_default() + 1
    }

    fn put_down(&mut self, record: NewRecord, put: Put) {
        let mut known = self.records.iter_mut();
        match known.find(|stored| stored.record.id == record.id) {
            Some(twin) if twin.puts.contains(&put) => {}
            Some(twin) => twin.puts.push(put),
            None => self.records.push(Stored {
                record,
                puts: vec![put],
            }),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for stored in &other.records {
            for put in &stored.puts {
                self.put_down(stored.record.clone(), *put);
            }
        }
        self.clock = self.clock.max(other.clock);
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan::fold(self.of(DocumentKey::PLAN), self.therapist_since)
    }

    /// The log of May 2026.
    pub(crate) fn log(&self) -> Log {
        self.log_of(DocumentKey::log(day(1)).unwrap())
    }

    /// The log of a month.
    pub(crate) fn log_of(&self, month: DocumentKey) -> Log {
        Log::fold(month, self.of(month), self.plan().undone())
    }

    /// The logs of all months that have one.
    pub(crate) fn logs(&self) -> Vec<Log> {
        let documents = self.records.iter().map(|stored| stored.record.document);
        let months: BTreeSet<_> = documents
            .filter(|key| key.kind == DocumentKind::Log)
            .collect();
        months.into_iter().map(|month| self.log_of(month)).collect()
    }

    pub(crate) fn of(&self, document: DocumentKey) -> impl Iterator<Item = SourceRecord<'_>> {
        let here = self
            .records
            .iter()
            .filter(move |stored| stored.record.document == document);
        here.map(Stored::source)
    }

    pub(crate) fn bytes(&self, id: RecordId) -> &[u8] {
        &self
            .records
            .iter()
            .find(|stored| stored.record.id == id)
            .unwrap()
            .record
            .bytes
    }

    /// Why a record of the plan does not count.
    pub(crate) fn reason(&self, id: RecordId) -> Option<Reason> {
        let left_out: Vec<LeftOut> = self.plan().left_out();
        left_out
            .iter()
            .find(|left| left.id == id)
            .map(|left| left.reason)
    }

    pub(crate) fn goal(&mut self, author: Author) -> GoalId {
        self.put(author, |plan, stamp| NewGoal::default().record(plan, stamp))
            .into()
    }

    /// Logs a check-in of the client's.
    pub(crate) fn check_in(&mut self, new: &NewCheckIn) -> RecordId {
        self.clock += 1;
        self.put(client(), |plan, stamp| new.record(plan, None, stamp))
    }

    /// The client says how a day of May 2026 went for a goal.
    pub(crate) fn say(&mut self, goal: GoalId, outcome: Outcome, on: u32) -> RecordId {
        self.check_in(&NewCheckIn {
            date: Some(day(on)),
            ..NewCheckIn::new(goal, outcome)
        })
    }

    /// The same with an amount.
    pub(crate) fn say_amount(
        &mut self,
        goal: GoalId,
        outcome: Outcome,
        quantity: f64,
        on: u32,
    ) -> RecordId {
        self.check_in(&NewCheckIn {
            date: Some(day(on)),
            quantity: Some(quantity),
            ..NewCheckIn::new(goal, outcome)
        })
    }

    /// The client says where a goal stands.
    pub(crate) fn stand(&mut self, goal: GoalId, to: LifecycleStatus) -> RecordId {
        self.clock += 1;
        let status = NewStatus {
            goal,
            to,
            achievement: None,
            reason: None,
        };
        self.put(client(), |plan, stamp| status.record(plan, stamp))
    }

    /// Proposes a revision with the proposer's own agreement on a day of May 2026.
    pub(crate) fn propose(&mut self, author: Author, new: NewRevision, on: u32) -> RevisionId {
        let id = self
            .put(author, |plan, stamp| new.record(plan, stamp))
            .into();
        self.verdict(author, id, Verdict::Agree, on);
        id
    }

    /// Gives a verdict on a day of May 2026.
    pub(crate) fn verdict(&mut self, by: Author, revision: RevisionId, verdict: Verdict, on: u32) {
        let verdict = NewVerdict {
            revision,
            verdict,
            date: Some(day(on)),
        };
        self.put(by, |plan, stamp| verdict.record(plan, stamp));
    }
}

impl Stored {
    pub(crate) fn authors(&self) -> Vec<Author> {
        self.puts.iter().map(|put| put.author).collect()
    }

    pub(crate) fn source(&self) -> SourceRecord<'_> {
        SourceRecord {
            id: self.record.id,
            document: self.record.document,
            puts: &self.puts,
            bytes: &self.record.bytes,
        }
    }
}

/// The actor of one of a person's devices.
pub(crate) fn actor(author: Author, device: u8) -> ActorId {
    let mut actor = author.person.0;
    actor[15] = device;
    ActorId(actor)
}

pub(crate) fn client() -> Author {
    Author {
        person: PersonTag([1; 16]),
        role: Role::Client,
    }
}

pub(crate) fn therapist() -> Author {
    Author {
        person: PersonTag([2; 16]),
        role: Role::Therapist,
    }
}

/// A day of May 2026, which began on a Friday.
pub(crate) fn day(of_may: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 5, of_may).unwrap()
}

/// A first revision without target.
pub(crate) fn revision(goal: GoalId) -> NewRevision {
    NewRevision {
        goal,
        replaces: Vec::new(),
        statement: "Meditate daily to be less tense".into(),
        target: None,
        schedule: Some(Schedule::daily()),
        effective_from: None,
        rationale: None,
    }
}

/// A rating from 0 to 10.
pub(crate) fn mood() -> NewMeasure {
    NewMeasure {
        measure: None,
        label: "Mood".into(),
        min: 0,
        max: 10,
        step: 1,
        unit: None,
        low_label: None,
        high_label: None,
    }
}

/// A count of minutes.
pub(crate) fn minutes() -> NewMeasure {
    NewMeasure {
        label: "Minutes".into(),
        max: 1440,
        unit: Some("min".into()),
        ..mood()
    }
}

/// At least so much a day.
pub(crate) fn per_day(value: f64, measure: MeasureId) -> Target {
    Target {
        measure: Some(measure),
        comparison: Comparison::AtLeast,
        value: Some(value),
        unit: None,
        period: Period::Day,
        due: None,
    }
}
