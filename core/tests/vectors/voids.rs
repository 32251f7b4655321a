//! What voids undo, in plans of notes and check-ins by several devices.

use chrono::NaiveDate;
use serde_json::{Value, json};
use waymark_core::gate::{ActorId, OpId};
use waymark_core::model::{
    Author, DocumentKey, LeftOut, Log, NewNote, NewRecord, NewVoid, PersonTag, Plan, Put, RecordId,
    SourceRecord, Stamp, TextId,
};
use waymark_core::role::Role;

use super::records::stamp;
use super::support::hex;

const CLIENT: u8 = 0xc1;
const THERAPIST: u8 = 0xc2;
/// Devices: the client's phone and tablet, the therapist's.
const PHONE: [u8; 2] = [CLIENT, 0];
const TABLET: [u8; 2] = [CLIENT, 1];
const ADA: [u8; 2] = [THERAPIST, 0];

const PLAN: DocumentKey = DocumentKey::PLAN;

type Device = [u8; 2];

pub(super) fn vectors() -> Value {
    let mut told = Vec::new();
    let mut tell = |what: &str, play: fn(&mut Story)| {
        let mut story = Story::default();
        play(&mut story);
        told.push(story.told(what));
    };
    tell("from an operation on, also what comes later", |story| {
        story.note(ADA);
        let from = story.next();
        story.note(ADA);
        story.note(PHONE);
        story.void(PHONE, ADA, &[(PLAN, from)]);
        story.note(ADA);
    });
    tell("all of a document that is not named", |story| {
        story.check_in(TABLET);
        story.note(TABLET);
        story.void(PHONE, TABLET, &[(PLAN, 9)]);
    });
    tell("another point in its place, and then nothing", |story| {
        story.note(ADA);
        story.note(ADA);
        story.void(PHONE, ADA, &[(PLAN, 2)]);
        story.void(TABLET, ADA, &[]);
        story.restore(PHONE, ADA);
    });
    tell("two that undo each other: the newer", |story| {
        story.note(PHONE);
        story.note(TABLET);
        story.void(TABLET, PHONE, &[]);
        story.void(PHONE, TABLET, &[]);
    });
    tell("what an undone one had replaced holds again", |story| {
        story.note(ADA);
        story.note(ADA);
        story.void(PHONE, ADA, &[(PLAN, 2)]);
        let from = story.next();
        story.void(TABLET, ADA, &[]);
        story.void(PHONE, TABLET, &[(PLAN, from)]);
    });
    tell("what somebody else wrote too stays", |story| {
        story.note(ADA);
        story.again(PHONE);
        story.void(PHONE, ADA, &[]);
    });
    tell("a therapist's undoes nothing", |story| {
        story.note(PHONE);
        story.void(ADA, PHONE, &[]);
    });
    told.into()
}

/// Records as devices put them, one operation after the other in each document.
#[derive(Default)]
struct Story {
    records: Vec<(NewRecord, Vec<Put>)>,
}

impl Story {
    /// The number of the next operation in the plan.
    fn next(&self) -> u32 {
        self.next_in(PLAN)
    }

    fn next_in(&self, document: DocumentKey) -> u32 {
        let here = self
            .records
            .iter()
            .filter(|(record, _)| record.document == document);
        let counters = here.flat_map(|(_, puts)| puts).map(|put| put.op.counter);
        counters.max().unwrap_or_default() + 1
    }

    fn note(&mut self, by: Device) {
        let note = NewNote {
            text: TextId([0xd0; 16]),
            about: None,
            title: None,
        };
        let made = note.record(&self.plan(), &self.stamp(by));
        self.put(made.unwrap(), by);
    }

    /// A check-in without a goal, in May 2026.
    fn check_in(&mut self, by: Device) {
        let mut check_in = super::records::bare_check_in();
        check_in.note = Some("outside".into());
        let made = check_in.record(&self.plan(), None, &self.stamp(by));
        self.put(made.unwrap(), by);
    }

    fn void(&mut self, by: Device, of: Device, from: &[(DocumentKey, u32)]) {
        let new = NewVoid {
            actor: actor(of),
            from: from.iter().copied().collect(),
            since: None,
        };
        // Written down as the client would.
        let stamp = Stamp {
            role: Role::Client,
            ..self.stamp(by)
        };
        self.put(new.record(&self.plan(), &stamp).unwrap(), by);
    }

    fn restore(&mut self, by: Device, of: Device) {
        let made = NewVoid::restored(actor(of), &self.plan(), &self.stamp(by));
        self.put(made.unwrap(), by);
    }

    /// The last record once more, by somebody else.
    fn again(&mut self, by: Device) {
        let record = self.records.last().unwrap().0.clone();
        let put = self.put_of(&record, by);
        self.records.last_mut().unwrap().1.push(put);
    }

    fn put(&mut self, record: NewRecord, by: Device) {
        let put = self.put_of(&record, by);
        self.records.push((record, vec![put]));
    }

    fn put_of(&self, record: &NewRecord, by: Device) -> Put {
        let op = OpId {
            counter: self.next_in(record.document),
            actor: actor(by),
        };
        let author = author(by);
        Put { op, author }
    }

    fn stamp(&self, by: Device) -> Stamp {
        let minute = i64::try_from(self.records.len()).unwrap();
        let Author { person, role } = author(by);
        Stamp {
            person,
            role,
            ..stamp(100 + minute)
        }
    }

    fn plan(&self) -> Plan {
        Plan::fold(self.sources(PLAN), Some(NaiveDate::MIN))
    }

    fn sources(&self, document: DocumentKey) -> impl Iterator<Item = SourceRecord<'_>> {
        let all = self.records.iter();
        let here = all.filter(move |(record, _)| record.document == document);
        here.map(|(record, puts)| SourceRecord {
            id: record.id,
            document: record.document,
            puts,
            bytes: &record.bytes,
        })
    }

    fn told(&self, what: &str) -> Value {
        let records = self.records.iter().map(|(record, puts)| {
            let puts = puts.iter().map(|put| {
                json!({
                    "counter": put.op.counter,
                    "actor": hex(put.op.actor.0),
                    "role": put.author.role,
                })
            });
            json!({
                "document": {
                    "kind": record.document.kind.code(),
                    "part": record.document.part,
                },
                "id": hex(record.id.0),
                "bytes": hex(&record.bytes),
                "puts": puts.collect::<Vec<_>>(),
            })
        });
        let plan = self.plan();
        let may = DocumentKey::log(NaiveDate::from_ymd_opt(2026, 5, 1).unwrap()).unwrap();
        let log = Log::fold(may, self.sources(may), plan.undone());
        let left_out = plan.left_out().into_iter().chain(log.left_out());
        let told = |left: LeftOut| {
            let by = left.undone_by.iter().map(|id: &RecordId| hex(id.0));
            json!({
                "id": hex(left.id.0),
                "reason": left.reason,
                "undone_by": by.collect::<Vec<_>>(),
            })
        };
        json!({
            "what": what,
            "records": records.collect::<Vec<_>>(),
            "left_out": left_out.map(told).collect::<Vec<_>>(),
        })
    }
}

fn actor([person, device]: Device) -> ActorId {
    let mut actor = [person; 16];
    actor[15] = device;
    ActorId(actor)
}

fn author([person, _]: Device) -> Author {
    let role = match person {
        CLIENT => Role::Client,
        _ => Role::Therapist,
    };
    let person = PersonTag([person; 16]);
    Author { person, role }
}
