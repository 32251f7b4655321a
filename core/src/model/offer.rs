//! Copies that somebody offers the client, who lost the plan: read for what they would be.
//!
//! An offer is signed by whoever makes it, and everything in it is on that person's word. It says
//! with records of their own whose each copy was; what it says nothing of is the offerer's.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use waymark_wire::ids::SpaceId;

use crate::ids::{ActorId, OpId};
use crate::model::choosing::Chosen;
use crate::model::document::{DocumentKey, DocumentKind};
use crate::model::ids::{PersonTag, RecordId};
use crate::model::kinds::Record;
use crate::model::kinds::provenance::says;
use crate::model::log::Log;
use crate::model::plan::Plan;
use crate::model::record::{Author, Put, SourceRecord, read};
use crate::model::undone::Undone;
use crate::role::Role;

/// A record that is offered.
#[derive(Clone, Debug)]
struct Copied {
    bytes: Vec<u8>,
    puts: Vec<Put>,
}

/// What one person offers.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// By document.
    parts: BTreeMap<DocumentKey, BTreeMap<RecordId, Copied>>,
    source: Option<SpaceId>,
    says: BTreeSet<(NaiveDate, NaiveDate)>,
}

impl Offer {
    /// Reads what `by` offers in one document, without what is `undone`. What was the client's there
    /// becomes `client`'s. Nobody speaks for another of this space's `members`: what is said to be
    /// theirs is passed over.
    pub fn read<'a>(
        &mut self,
        document: DocumentKey,
        by: Author,
        client: Author,
        members: &BTreeSet<PersonTag>,
        undone: &Undone,
        sources: impl IntoIterator<Item = SourceRecord<'a>>,
    ) {
        let Some(offers) = document.offers() else {
            return;
        };
        let own = |source: &SourceRecord<'a>| {
            let mut puts = source.puts.iter();
            puts.any(|put| put.author == by && !undone.covers(document, &put.op))
        };
        let (mut copies, mut stated) = (Vec::new(), Vec::new());
        for source in sources.into_iter().filter(own) {
            match read(source.bytes) {
                Ok(Record::Provenance(provenance)) => stated.push(provenance),
                Ok(_) => copies.push(source),
                // Of a newer app or no record: nobody here can tell what it would be.
                Err(_) => {}
            }
        }
        self.says.extend(says(stated.iter()));
        let sources = stated.iter().map(|provenance| provenance.source);
        self.source = sources.chain(self.source).min();
        let mut whose: BTreeMap<RecordId, BTreeSet<Author>> = BTreeMap::new();
        for provenance in &stated {
            let Ok(author) = provenance.author() else {
                continue;
            };
            let author = match author.role {
                Role::Client => client,
                _ => author,
            };
            let is_forged = author.role != Role::Client
                && author.person != by.person
                && members.contains(&author.person);
            for record in &provenance.records {
                if is_forged {
                    copies.retain(|copy| copy.id != *record);
                } else {
                    whose.entry(*record).or_default().insert(author);
                }
            }
        }
        let part = self.parts.entry(offers).or_default();
        for copy in copies {
            let authors = whose.remove(&copy.id).unwrap_or_else(|| [by].into());
            // Nobody has put it where it would be.
            let op = OpId {
                counter: 0,
                actor: ActorId([0; 16]),
            };
            let puts = authors.into_iter().map(|author| Put { op, author });
            let copied = Copied {
                bytes: copy.bytes.to_vec(),
                puts: puts.collect(),
            };
            part.insert(copy.id, copied);
        }
    }

    /// Where it comes from, by the offerer's word.
    pub const fn source(&self) -> Option<SpaceId> {
        self.source
    }

    /// When a therapist had a say there.
    pub const fn says(&self) -> &BTreeSet<(NaiveDate, NaiveDate)> {
        &self.says
    }

    /// The plan that it would be.
    pub fn plan(&self) -> Plan {
        Plan::fold(self.sources(DocumentKey::PLAN), None)
    }

    /// The logs that it would have, in order.
    pub fn logs(&self) -> Vec<Log> {
        let months = self.parts.keys().copied();
        let months = months.filter(|key| key.kind == DocumentKind::Log);
        months
            .map(|key| Log::fold(key, self.sources(key), &Undone::default()))
            .collect()
    }

    /// What of it would count, by document.
    pub fn chosen(&self) -> BTreeMap<DocumentKey, Chosen> {
        let plan = (DocumentKey::PLAN, self.plan().everything());
        let logs = self.logs().into_iter();
        let logs = logs.map(|log| (log.month(), log.everything()));
        std::iter::once(plan).chain(logs).collect()
    }

    /// The bytes of a record of it.
    pub fn bytes(&self, document: DocumentKey, id: RecordId) -> Option<&[u8]> {
        Some(&self.parts.get(&document)?.get(&id)?.bytes)
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.parts.values().all(BTreeMap::is_empty)
    }

    fn sources(&self, key: DocumentKey) -> impl Iterator<Item = SourceRecord<'_>> {
        let records = self.parts.get(&key).into_iter().flatten();
        records.map(move |(id, copied)| SourceRecord {
            id: *id,
            document: key,
            puts: &copied.puts,
            bytes: &copied.bytes,
        })
    }
}
