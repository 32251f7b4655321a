//! Target `record`: any bytes as records of any authors in any documents. No panic, and the views do
//! not depend on the order.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use waymark_core::gate::{ActorId, OpId};
use waymark_core::model::{
    Author, DocumentKey, DocumentKind, Log, Offer, Period, PersonTag, Plan, Put, RecordId,
    SourceRecord, day_results, period_results, projection_json,
};
use waymark_core::role::Role;

use super::choices::{Choices, SplitMix64};

/// The month of the records that the vectors hold.
const MONTH: u32 = 24_316;
const RECORDS: usize = 48;
/// Fifteen of these and a number stand for the id of an earlier record: a record that is altered has
/// another id, and those that speak of it would speak of nothing.
pub const MARK: u8 = 0xee;

const LOG: DocumentKey = DocumentKey {
    kind: DocumentKind::Log,
    part: MONTH,
};

/// A place in a plan, and the ways to write it.
pub const DOCUMENTS: [DocumentKey; 4] = [
    DocumentKey::PLAN,
    LOG,
    DocumentKey {
        kind: DocumentKind::Offered,
        part: 0,
    },
    DocumentKey {
        kind: DocumentKind::Offered,
        part: MONTH,
    },
];

fn author(n: usize) -> Author {
    let roles = [
        Role::Client,
        Role::Therapist,
        Role::Supporter,
        Role::Guardian,
    ];
    Author {
        person: PersonTag([0xc1 + u8::try_from(n % 5).unwrap_or(0); 16]),
        role: roles[n % 4],
    }
}

/// The author of this number puts a record, as the device of that number.
fn put(n: usize, counter: usize) -> Put {
    let op = OpId {
        counter: u32::try_from(counter).unwrap_or(0),
        actor: ActorId([u8::try_from(n).unwrap_or(0); 16]),
    };
    let author = author(n);
    Put { op, author }
}

struct Source {
    document: DocumentKey,
    id: RecordId,
    puts: BTreeSet<Put>,
    bytes: Vec<u8>,
}

/// Each record: a byte of document (low two bits) and authors, two bytes of length, its bytes.
pub fn check(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut found: BTreeMap<(DocumentKey, RecordId), Source> = BTreeMap::new();
    let mut ids = Vec::new();
    while !choices.is_empty() && ids.len() < RECORDS {
        let head = usize::from(choices.byte());
        let length = choices.number() & 0xffff;
        let mut bytes = choices.bytes(length as usize).to_vec();
        name(&mut bytes, &ids);
        let (document, id) = (DOCUMENTS[head % 4], RecordId::of(&bytes));
        ids.push(id);
        let source = found.entry((document, id)).or_insert(Source {
            document,
            id,
            puts: BTreeSet::new(),
            bytes,
        });
        source.puts.insert(put(head / 4 % 8, ids.len()));
        if head >= 128 {
            source.puts.insert(put(head / 32, ids.len()));
        }
    }
    let mut sources: Vec<_> = found.into_values().collect();
    let said = told(&sources);
    sources.reverse();
    assert_eq!(told(&sources), said, "the order counts");
    SplitMix64(data.len() as u64).shuffle(&mut sources);
    assert_eq!(told(&sources), said, "the order counts");
}

/// Puts the ids of earlier records where they are spoken of.
fn name(bytes: &mut [u8], ids: &[RecordId]) {
    let mut at = 0;
    while let Some(place) = bytes.get_mut(at..at + 16) {
        if place[..15].iter().all(|byte| *byte == MARK)
            && let Some(id) = ids.get(usize::from(place[15]))
        {
            place.copy_from_slice(&id.0);
            at += 16;
        } else {
            at += 1;
        }
    }
}

/// Everything that the views show, as text.
fn told(sources: &[Source]) -> String {
    let puts: Vec<Vec<Put>> = sources
        .iter()
        .map(|source| source.puts.iter().copied().collect())
        .collect();
    let records = || {
        sources
            .iter()
            .zip(&puts)
            .map(|(source, puts)| SourceRecord {
                id: source.id,
                document: source.document,
                puts,
                bytes: &source.bytes,
            })
    };
    let mut told = String::new();
    for since in [None, NaiveDate::from_ymd_opt(2026, 5, 1)] {
        let plan = Plan::fold(records(), since);
        let logs = [Log::fold(LOG, records(), plan.undone())];
        told += &shown(&plan, &logs);
    }
    let plan = Plan::fold(records(), None);
    told += &format!("{:?}", plan.undone());
    let mut offer = Offer::default();
    let members = [author(0), author(1)].map(|author| author.person).into();
    for document in &DOCUMENTS[2..] {
        let here = records().filter(|record| record.document == *document);
        offer.read(
            *document,
            author(1),
            author(0),
            &members,
            plan.undone(),
            here,
        );
    }
    told += &format!("{:?} {:?}", offer.source(), offer.says());
    told += &format!("{:?}", offer.chosen().keys());
    told + &shown(&offer.plan(), &offer.logs())
}

fn shown(plan: &Plan, logs: &[Log]) -> String {
    let mut shown = projection_json(plan, logs).to_string();
    let day = NaiveDate::from_ymd_opt(2026, 5, 4).unwrap_or_default();
    let month = day..=day + chrono::Days::new(30);
    for today in [day, NaiveDate::MIN, NaiveDate::MAX] {
        shown += &format!("{:?}", plan.view(today));
        for goal in plan.goal_ids() {
            let days = day_results(plan, logs, goal, month.clone(), today);
            shown += &format!("{days:?}");
            for period in [Period::Week, Period::Month] {
                let results = period_results(plan, logs, goal, period, month.clone(), today);
                shown += &format!("{results:?}");
            }
        }
    }
    for log in logs {
        shown += &format!("{:?}", log.view(plan));
    }
    shown
}
