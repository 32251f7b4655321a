//! Records of every kind, as the model writes them, and bytes that are no records.

use chrono::{DateTime, NaiveDate};
use serde_json::{Value, json};
use waymark_core::gate::{ActorId, OpId};
use waymark_core::model::{
    Author, Comparison, DocumentKey, GrantScope, LifecycleStatus, Log, NewCheckIn, NewGoal,
    NewGrant, NewMeasure, NewNote, NewProvenance, NewRecord, NewRevision, NewSettings, NewStatus,
    NewVerdict, NewVoid, NewWithdrawal, Outcome, Pause, Period, PersonTag, Plan, Put, Rating,
    RecordId, Schedule, SchedulePattern, SourceRecord, Stamp, Target, TextId, Verdict, Weekday,
};
use waymark_core::role::Role;
use waymark_wire::ids::SpaceId;

use super::support::{counting, hex};

const CLIENT: Author = Author {
    person: PersonTag([0xc1; 16]),
    role: Role::Client,
};

/// Nothing is undone, so it is no matter which operation it was.
const PUT: Put = Put {
    op: OpId {
        counter: 1,
        actor: ActorId([0xc1; 16]),
    },
    author: CLIENT,
};

pub(super) fn vectors() -> Value {
    let mut month = Month::default();
    month.write();
    json!({
        "records": month.told,
        "left_out": left_out(),
        "voids": super::voids::vectors(),
    })
}

#[derive(Default)]
struct Month {
    plan: Vec<NewRecord>,
    log: Vec<NewRecord>,
    told: Vec<Value>,
}

impl Month {
    fn write(&mut self) {
        let measure = self.put("a measure", |plan| {
            let measure = NewMeasure {
                measure: None,
                label: "Minutes outside".into(),
                min: 0,
                max: 10,
                step: 1,
                unit: Some("min".into()),
                low_label: Some("none".into()),
                high_label: None,
            };
            measure.record(plan, &stamp(0))
        });
        let mood = self.put("a measure with nothing optional", |plan| {
            let measure = NewMeasure {
                measure: None,
                label: "Mood".into(),
                min: -5,
                max: 5,
                step: 1,
                unit: None,
                low_label: None,
                high_label: None,
            };
            measure.record(plan, &stamp(1))
        });
        let goal = self.put("a goal", |plan| {
            NewGoal {
                area: Some("Health".into()),
            }
            .record(plan, &stamp(2))
        });
        let revision = self.put("a revision", |plan| {
            let day = |day| NaiveDate::from_ymd_opt(2026, 5, day);
            let revision = NewRevision {
                goal: goal.into(),
                replaces: vec![],
                statement: "Ten minutes outside — even when it rains ☂".into(),
                target: Some(Target {
                    measure: Some(measure.into()),
                    comparison: Comparison::AtLeast,
                    value: Some(10.0),
                    unit: None,
                    period: Period::Day,
                    due: day(31),
                }),
                schedule: Some(Schedule {
                    pattern: SchedulePattern::Weekdays {
                        days: vec![Weekday::Monday, Weekday::Wednesday, Weekday::Sunday],
                    },
                    start: day(1),
                    end: None,
                    planned_rest: vec![Weekday::Sunday],
                    rest_dates: day(13).into_iter().collect(),
                    pauses: day(18)
                        .zip(day(22))
                        .map(|(from, to)| Pause { from, to })
                        .into_iter()
                        .collect(),
                }),
                effective_from: day(1),
                rationale: None,
            };
            revision.record(plan, &stamp(3))
        });
        self.put("a verdict", |plan| {
            let verdict = NewVerdict {
                revision: revision.into(),
                verdict: Verdict::Agree,
                date: NaiveDate::from_ymd_opt(2026, 5, 1),
            };
            verdict.record(plan, &stamp(4))
        });
        self.put("settings", |plan| {
            let settings = NewSettings {
                cut_off_hour: Some(4),
                time_zone: Some("Europe/Berlin".into()),
                active_limit: None,
            };
            settings.record(plan, &stamp(5))
        });
        self.put("a status", |plan| {
            let status = NewStatus {
                goal: goal.into(),
                to: LifecycleStatus::Active,
                achievement: None,
                reason: Some("begun".into()),
            };
            status.record(plan, &stamp(6))
        });
        let note = self.put("a note", |plan| {
            let note = NewNote {
                text: TextId(counting(0xd0)),
                about: Some(goal),
                title: Some("Agenda".into()),
            };
            note.record(plan, &stamp(7))
        });
        let check_in = self.put("a check-in", |plan| {
            let check_in = NewCheckIn {
                quantity: Some(12.5),
                ratings: vec![
                    Rating {
                        measure: mood.into(),
                        value: -3,
                    },
                    Rating {
                        measure: measure.into(),
                        value: 7,
                    },
                ],
                note: Some("It rained. I went anyway.".into()),
                revision_seen: Some(revision.into()),
                ..NewCheckIn::new(goal.into(), Outcome::Done)
            };
            check_in.record(plan, None, &stamp(8))
        });
        let log = self.log_of_may();
        self.put("a correction", |plan| {
            let correction = NewCheckIn {
                replaces: vec![check_in.into()],
                ..NewCheckIn::new(goal.into(), Outcome::Partial)
            };
            correction.record(plan, Some(&log), &stamp(9))
        });
        self.put("a withdrawal", |plan| {
            plan.withdraw(
                &NewWithdrawal {
                    records: vec![note],
                },
                &stamp(10),
            )
        });
        self.put("a grant", |_| {
            let grant = NewGrant {
                person: PersonTag([0xc2; 16]),
                scope: GrantScope::Plan,
                purpose: "Therapy".into(),
                from: None,
                until: NaiveDate::from_ymd_opt(2026, 8, 31),
            };
            grant.record(&stamp(11))
        });
        self.put("copies of a therapist's, and when one had a say", |_| {
            let day = |day| NaiveDate::from_ymd_opt(2026, 1, day).expect("a day");
            let provenance = NewProvenance {
                source: SpaceId([0xa5; 32]),
                person: PersonTag([0xc2; 16]),
                role: Role::Therapist,
                records: vec![mood],
                say: Some(day(7)..day(31)),
            };
            provenance.record(DocumentKey::PLAN, &stamp(12))
        });
        // Of a device that has written nothing here.
        let actor = ActorId(counting(0xa0));
        self.put("a void, since a day", |plan| {
            let may = DocumentKey::log(NaiveDate::from_ymd_opt(2026, 5, 1).expect("a day"));
            let from = [(DocumentKey::PLAN, 17), (may.expect("a month"), 300)];
            let void = NewVoid {
                actor,
                from: from.into(),
                since: NaiveDate::from_ymd_opt(2026, 5, 3),
            };
            void.record(plan, &stamp(13))
        });
        self.put("a void that lets count again what one undid", |plan| {
            NewVoid::restored(actor, plan, &stamp(14))
        });
    }

    fn put<E: std::fmt::Debug>(
        &mut self,
        what: &str,
        make: impl FnOnce(&Plan) -> Result<NewRecord, E>,
    ) -> RecordId {
        let plan = Plan::fold(sources(&self.plan), Some(NaiveDate::MIN));
        assert_eq!(plan.left_out(), []);
        let record = make(&plan).unwrap();
        let id = record.id;
        self.told.push(json!({
            "what": what,
            "document": { "kind": kind_number(record.document), "part": record.document.part },
            "id": hex(id.0),
            "key": id.to_string(),
            "bytes": hex(&record.bytes),
        }));
        match record.document == DocumentKey::PLAN {
            true => self.plan.push(record),
            false => self.log.push(record),
        }
        id
    }

    fn log_of_may(&self) -> Log {
        let day = NaiveDate::from_ymd_opt(2026, 5, 1).unwrap();
        let plan = Plan::fold(sources(&self.plan), Some(NaiveDate::MIN));
        let month = DocumentKey::log(day).unwrap();
        Log::fold(month, sources(&self.log), plan.undone())
    }
}

/// A check-in that says nothing yet, about no goal.
pub(super) fn bare_check_in() -> NewCheckIn {
    NewCheckIn {
        goal: None,
        ..NewCheckIn::new(RecordId([0; 16]).into(), Outcome::NoteOnly)
    }
}

pub(super) fn stamp(minute: i64) -> Stamp {
    // 2026-05-01, noon in Berlin.
    let at = DateTime::from_timestamp_millis(1_777_629_600_000 + minute * 60_000).unwrap();
    Stamp {
        person: CLIENT.person,
        role: CLIENT.role,
        at,
        time_zone: "Europe/Berlin".into(),
    }
}

fn kind_number(document: DocumentKey) -> u8 {
    if document == DocumentKey::PLAN { 1 } else { 2 }
}

fn sources<'a>(records: &'a [NewRecord]) -> Vec<SourceRecord<'a>> {
    let source = |record: &'a NewRecord| {
        let (id, document) = (record.id, record.document);
        SourceRecord {
            id,
            document,
            puts: &[PUT],
            bytes: &record.bytes,
        }
    };
    records.iter().map(source).collect()
}

/// Bytes in a plan that no view counts, with the reason that every device gives.
fn left_out() -> Value {
    let cases: [(&str, &[u8]); 17] = [
        ("no bytes of a map", &[0x80]),
        ("a map of no kind", &[0xa0]),
        ("bytes behind the map", &[0xa2, 0, 2, 1, 0, 0xff]),
        ("an indefinite length", &[0xbf, 0, 2, 1, 0, 0xff]),
        ("a number in a longer form", &[0xa2, 0, 0x18, 2, 1, 0]),
        ("keys out of order", &[0xa2, 1, 0, 0, 2]),
        ("a key twice", &[0xa3, 0, 2, 1, 0, 1, 0]),
        ("text that is no UTF-8", &[0xa3, 0, 2, 1, 0, 2, 0x61, 0xff]),
        ("a field of another type", &[0xa2, 0, 2, 1, 0x61, b'x']),
        ("a field is missing", &[0xa1, 0, 2]),
        (
            "an optional field that is null counts as absent",
            &[0xa3, 0, 2, 1, 0, 2, 0xf6],
        ),
        (
            "a number beyond the field's type",
            &[0xa3, 0, 2, 1, 0, 3, 0x1a, 0, 1, 0, 0],
        ),
        ("a kind below zero", &[0xa2, 0, 0x20, 1, 0]),
        ("a kind of a later version", &[0xa2, 0, 0x18, 99, 1, 0]),
        (
            "an instant after the year 9999",
            &[
                0xa2, 0, 2, 1, 0x1b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
        ),
        (
            "a verdict on a revision that is not there",
            &[
                0xa5, 0, 5, 1, 0, 2, 0x50, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 1, 4,
                0,
            ],
        ),
        (
            "a goal with a field of a later version counts",
            &[0xa3, 0, 2, 1, 0, 0x18, 200, 0x61, b'x'],
        ),
    ];
    let told = cases.map(|(what, bytes)| {
        let record = NewRecord {
            id: RecordId::of(bytes),
            document: DocumentKey::PLAN,
            bytes: bytes.to_vec(),
        };
        let plan = Plan::fold(sources(std::slice::from_ref(&record)), Some(NaiveDate::MIN));
        let left_out = plan.left_out();
        let reason = left_out
            .first()
            .map(|left| serde_json::to_value(left.reason).unwrap());
        json!({ "what": what, "bytes": hex(bytes), "reason": reason })
    });
    told.into_iter().collect()
}
