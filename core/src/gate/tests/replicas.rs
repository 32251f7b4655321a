use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::gate::chunk;

#[derive(Clone, Debug)]
enum Step {
    Put(u8),
    PutMany(Vec<u8>),
    Make(u8),
    /// Text, position and deletion as shares of the length, insertion.
    Splice(u8, u8, u8, String),
    /// Gathers everything since the last push into one section of the log.
    Push,
    /// Offers entries of the log, named by number, in this order.
    Pull(Vec<u8>),
    /// Saves, forgets and loads again.
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<u8>().prop_map(|n| Step::Put(n % 24)),
        1 => vec(0..24u8, 1..5).prop_map(Step::PutMany),
        1 => (0..3u8).prop_map(Step::Make),
        6 => (0..3u8, any::<u8>(), 0..90u8, "[a-c\u{e4}\u{4e2d}\u{1f600}]{0,6}")
            .prop_map(|(text, at, delete, insert)| Step::Splice(text, at, delete, insert)),
        3 => Just(Step::Push),
        4 => vec(any::<u8>(), 1..6).prop_map(Step::Pull),
        1 => Just(Step::Reload),
    ]
}

struct Replica {
    document: Document,
    unsent: Vec<StoredChange>,
    /// What the device's database holds.
    stored: Vec<Vec<u8>>,
    waiting: Vec<Section>,
}

impl Replica {
    fn new(n: u8) -> Self {
        Self {
            document: Document::new(actor(n)),
            unsent: Vec::new(),
            stored: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn own(&mut self, change: Option<StoredChange>) {
        if let Some(change) = change {
            self.stored.push(change.stored.clone());
            self.unsent.push(change);
        }
    }

    fn push(&mut self, log: &mut Vec<(ActorId, Vec<u8>)>) {
        if !self.unsent.is_empty() {
            log.push((
                self.document.actor(),
                encode_batch(&[section(&self.unsent)]).unwrap(),
            ));
            self.unsent.clear();
        }
    }

    fn pull(&mut self, entry: &(ActorId, Vec<u8>)) {
        self.waiting
            .extend(decode_batch(entry.0, &entry.1).unwrap());
        loop {
            let before = self.waiting.len();
            for section in std::mem::take(&mut self.waiting) {
                match self.document.accept(&|_| true, &section).unwrap() {
                    Accepted::Applied { changes, .. } => {
                        self.stored
                            .extend(changes.into_iter().map(|change| change.stored));
                    }
                    Accepted::Known => {}
                    Accepted::Waiting { .. } => self.waiting.push(section),
                }
            }
            if self.waiting.is_empty() || self.waiting.len() == before {
                break;
            }
        }
    }

    fn run(&mut self, step: Step, log: &mut Vec<(ActorId, Vec<u8>)>, put: &mut BTreeSet<Vec<u8>>) {
        match step {
            Step::Put(n) => {
                put.insert(record(n));
                let change = self.document.put_record(&record(n)).unwrap();
                self.own(change);
            }
            Step::PutMany(ns) => {
                let records: Vec<_> = ns.into_iter().map(record).collect();
                let slices: Vec<_> = records.iter().map(Vec::as_slice).collect();
                let change = self.document.put_records(&slices).unwrap();
                put.extend(records);
                self.own(change);
            }
            Step::Make(n) => {
                let id = TextId([n; 16]);
                match self.document.make_text(id) {
                    Ok(change) => self.own(Some(change)),
                    Err(error) => {
                        assert_eq!(error, GateError::TextExists);
                        assert!(self.document.text(&id).is_some());
                    }
                }
            }
            Step::Splice(n, at, delete, insert) => {
                let id = TextId([n; 16]);
                let Some(text) = self.document.text(&id) else {
                    let splice = self.document.splice_text(id, 0, 0, &insert);
                    assert_eq!(splice, Err(GateError::UnknownText));
                    return;
                };
                let mut chars: Vec<_> = text.chars().collect();
                let at = usize::from(at) * (chars.len() + 1) / 256;
                let delete = usize::from(delete) * (chars.len() - at) / 90;
                let change = self.document.splice_text(id, at, delete, &insert).unwrap();
                self.own(change);
                chars.splice(at..at + delete, insert.chars());
                assert_eq!(self.document.text(&id), Some(chars.into_iter().collect()));
            }
            Step::Push => self.push(log),
            Step::Pull(entries) => {
                for entry in entries {
                    if !log.is_empty() {
                        self.pull(&log[usize::from(entry) % log.len()].clone());
                    }
                }
            }
            Step::Reload => {
                let actor = self.document.actor();
                let snapshot = self.document.save().unwrap();
                let half = &self.stored[self.stored.len() / 2..];
                let loaded = Document::load(actor, Some(&snapshot), half).unwrap();
                assert_eq!(view(&loaded), view(&self.document));
                assert_eq!(loaded.own_seq(), self.document.own_seq());
                self.document = loaded;
            }
        }
    }
}

fn record(n: u8) -> Vec<u8> {
    vec![n; usize::from(n) * 7 + 1]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever order the log reaches them in, all devices end with the same plan, and nothing that
    /// anyone wrote is gone.
    #[test]
    fn replicas_that_exchange_sections_in_any_order_end_equal(
        count in 2..=4u8,
        steps in vec((any::<u8>(), step()), 1..60),
        order in vec(any::<u8>(), 40),
    ) {
        let mut replicas: Vec<_> = (1..=count).map(Replica::new).collect();
        let mut log = Vec::new();
        let mut put = BTreeSet::new();
        for (at, step) in steps {
            let at = usize::from(at) % replicas.len();
            replicas[at].run(step, &mut log, &mut put);
        }
        for replica in &mut replicas {
            replica.push(&mut log);
        }
        for replica in &mut replicas {
            for entry in &order {
                if !log.is_empty() {
                    replica.pull(&log[usize::from(*entry) % log.len()]);
                }
            }
            for entry in log.iter().rev() {
                replica.pull(entry);
            }
            prop_assert!(replica.waiting.is_empty());
        }
        let records: BTreeSet<_> =
            replicas[0].document.records().map(|record| record.bytes.into_owned()).collect();
        prop_assert_eq!(&records, &put);
        for replica in &replicas[1..] {
            prop_assert_eq!(view(&replica.document), view(&replicas[0].document));
        }
        for replica in &mut replicas {
            // The database alone brings the document back.
            let loaded =
                Document::load(replica.document.actor(), None, &replica.stored).unwrap();
            prop_assert_eq!(view(&loaded), view(&replica.document));
            prop_assert_eq!(loaded.change_count(), replica.stored.len() as u64);
            let authors: BTreeSet<_> =
                loaded.records().flat_map(|record| record.authors()).collect();
            let actors = replica.document.actors().unwrap();
            prop_assert!(authors.iter().all(|author| actors.contains(author)));
            // Read from the changes alone, a text is what Automerge makes of it.
            for id in loaded.texts() {
                let nothing = |_: &OpId| false;
                prop_assert_eq!(loaded.text_without(&id, &nothing), loaded.text(&id));
                let restored = loaded.text_restored(&id, &nothing).unwrap();
                prop_assert_eq!(Some(restored.text), loaded.text(&id));
                prop_assert_eq!((restored.hidden, restored.deleted), (0, 0));
            }
        }
        rebuilt_changes_are_automerges_own(&replicas[0].document, &replicas[0].stored);
    }
}

/// If one byte differed, every receiver would quarantine what an honest device wrote.
fn rebuilt_changes_are_automerges_own(document: &Document, stored: &[Vec<u8>]) {
    let mut plain: Vec<_> = stored
        .iter()
        .map(|stored| PlainChange::from_stored(stored).unwrap())
        .collect();
    let mut changes = document.doc.get_changes(&[]);
    assert_eq!(plain.len(), changes.len());
    plain.sort_by_key(|change| (change.actor, change.seq));
    changes.sort_by_key(|change| (change.actor_id().clone(), change.seq()));
    for ((plain, change), stored) in plain.iter().zip(&changes).zip(0..) {
        let chunk = chunk::write(plain).unwrap();
        assert_eq!(chunk.bytes, change.raw_bytes(), "change {stored}");
        let read = PlainChange::from_automerge(change, plain.previous).unwrap();
        assert_eq!(&read, plain);
        assert_eq!(
            PlainChange::from_stored(&read.to_stored()).as_ref(),
            Ok(plain)
        );
    }
}

/// Automerge's own editing of the same things is the reference for what a change must be.
#[test]
fn a_change_is_what_automerge_itself_would_have_committed() {
    use automerge::transaction::Transactable;
    use automerge::{Automerge, ObjType, ROOT, TextEncoding};

    let mut document = Document::new(actor(1));
    let mut plain = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint)
        .with_actor(automerge::ActorId::from([1; 16]));
    let same = |change: StoredChange, plain: &Automerge| {
        assert_eq!(plain.get_heads()[0].0, change.hash.0);
    };
    for bytes in [vec![0; 1], vec![7; 65_536]] {
        let change = document.put_record(&bytes).unwrap().unwrap();
        plain
            .transact(|tx| tx.put(ROOT, RecordId::of(&bytes).to_string(), bytes.clone()))
            .unwrap();
        same(change, &plain);
    }
    let change = document.make_text(TEXT).unwrap();
    let text = plain
        .transact(|tx| tx.put_object(ROOT, format!("t:{TEXT}"), ObjType::Text))
        .unwrap()
        .result;
    same(change, &plain);
    for (at, delete, insert) in [
        (0, 0, "breathe"),
        (3, 2, "\u{e9}\u{1f600}"),
        (7, 0, "!"),
        (0, 8, ""),
        (0, 0, "a"),
    ] {
        let change = document
            .splice_text(TEXT, at, delete, insert)
            .unwrap()
            .unwrap();
        plain
            .transact(|tx| tx.splice_text(&text, at, delete as isize, insert))
            .unwrap();
        same(change, &plain);
    }
}
