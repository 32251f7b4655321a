//! Target `gate`, differential against Automerge: two authors, honest and not, whose sections reach
//! a document in several orders. Whatever the gate accepts, Automerge takes and shows the same.

use std::collections::BTreeMap;

use automerge::{Automerge, Change, ObjId, ROOT, ReadDoc, ScalarValue, TextEncoding, Value};
use waymark_core::gate::{
    Accepted, ActorId, ChangeBody, ChangeHash, Document, DocumentName, GateError, PlainChange,
    Section, StoredChange,
};

use super::changes::{ACTORS, ops, record, text, text_id};
use super::choices::{Choices, SplitMix64};

const NAME: DocumentName = DocumentName { kind: 1, part: 0 };
/// Who reads, and never wrote.
const READER: ActorId = ActorId([0xee; 16]);
const STEPS: usize = 64;

pub fn check(data: &[u8]) {
    let offered = Offered::of(data);
    let mut seed = SplitMix64(data.len() as u64);

    let first = Reading::of(&offered.sections);
    first.is_what_automerge_shows();
    for _ in 0..2 {
        let mut accepted: Vec<_> = first.accepted.clone();
        seed.shuffle(&mut accepted);
        let other = Reading::of(&accepted);
        assert_eq!(
            other.accepted.len(),
            accepted.len(),
            "accepted in one order only"
        );
        assert_eq!(view(&other.document), view(&first.document));
    }
    first.goes_on();
}

/// How many forged changes the author's own document took.
#[allow(dead_code, reason = "the tests ask, the fuzzer does not")]
pub fn forged_and_accepted(data: &[u8]) -> usize {
    Offered::of(data).forged
}

/// Everything that two authors send.
struct Offered {
    authors: [Author; 2],
    sections: Vec<Section>,
    /// The highest counter of each change that was ever made here, valid or not.
    counters: BTreeMap<ChangeHash, u32>,
    /// How many forged changes counted for their own author.
    forged: usize,
}

struct Author {
    document: Document,
    unsent: Vec<StoredChange>,
    last: Option<(u32, ChangeHash)>,
}

impl Default for Offered {
    fn default() -> Self {
        let author = |actor| Author {
            document: Document::new(actor),
            unsent: Vec::new(),
            last: None,
        };
        Self {
            authors: [author(ACTORS[0]), author(ACTORS[1])],
            sections: Vec::new(),
            counters: BTreeMap::new(),
            forged: 0,
        }
    }
}

impl Offered {
    fn of(data: &[u8]) -> Self {
        let mut choices = Choices::new(data);
        let mut offered = Self::default();
        // Bytes as they are: nobody's section but by chance.
        offered.raw(&ACTORS[0], data);
        for _ in 0..STEPS {
            if choices.is_empty() {
                break;
            }
            offered.step(&mut choices);
        }
        for author in 0..2 {
            offered.send(author);
        }
        offered
    }

    fn step(&mut self, choices: &mut Choices<'_>) {
        let what = choices.byte();
        let at = usize::from(what >> 7);
        match what % 8 {
            0 => self.edit(at, |document| document.put_record(&record(choices))),
            1 => self.edit(at, |document| {
                document.make_text(text_id(choices)).map(Some)
            }),
            2 | 3 => self.edit(at, |document| {
                let id = text_id(choices);
                let length = document.text(&id).map_or(0, |text| text.chars().count());
                let from = choices.below(length + 1);
                let gone = choices.below(length - from + 1);
                document.splice_text(id, from, gone, &text(choices))
            }),
            4 => {
                self.send(at);
                let count = self.sections.len();
                let section = self.sections.get(choices.below(count)).cloned();
                section.iter().for_each(|section| self.hear(at, section));
            }
            5 | 6 => self.forge(at, choices),
            _ => self.damage(choices),
        }
    }

    fn edit(
        &mut self,
        at: usize,
        edit: impl FnOnce(&mut Document) -> Result<Option<StoredChange>, GateError>,
    ) {
        let author = &mut self.authors[at];
        match edit(&mut author.document) {
            Ok(change) => {
                if let Some(change) = change {
                    author.unsent.push(change.clone());
                    self.know(at, &change);
                }
            }
            Err(GateError::TextExists | GateError::UnknownText) => {}
            Err(error) => panic!("an edit of one's own: {error}"),
        }
    }

    fn send(&mut self, at: usize) {
        let unsent = std::mem::take(&mut self.authors[at].unsent);
        if !unsent.is_empty() {
            let stored = unsent.iter().map(|change| &change.stored);
            let section = Section::build(NAME, stored);
            self.sections.push(section.expect("a section of one's own"));
        }
    }

    fn hear(&mut self, at: usize, section: &Section) {
        let author = &mut self.authors[at];
        let changes = match author.document.accept(&is_member, section) {
            Ok(Accepted::Applied { changes, .. }) => changes,
            Err(GateError::Engine(what)) => panic!("Automerge {what}"),
            Err(GateError::Poisoned) => panic!("poisoned"),
            _ => return,
        };
        for change in changes {
            self.know(at, &change);
        }
    }

    fn know(&mut self, at: usize, change: &StoredChange) {
        self.counters.insert(change.hash, counter(change));
        if change.actor == ACTORS[at] {
            self.authors[at].last = Some((change.seq, change.hash));
        }
    }

    /// A change that need not follow any rule, but is signed and hashed as it should be.
    fn forge(&mut self, at: usize, choices: &mut Choices<'_>) {
        self.send(at);
        let author = &self.authors[at];
        let known: Vec<_> = self.counters.keys().copied().collect();
        let mut others: Vec<_> = match choices.below(4) {
            // What this author's device would name.
            0 | 1 => author.document.heads(),
            more => (1..more)
                .filter_map(|_| known.get(choices.below(known.len())).copied())
                .collect(),
        };
        // Sometimes as if nothing of this author's were there: a second beginning.
        let last = author.last.filter(|_| choices.below(8) > 0);
        let (seq, previous) = last.map_or((1, None), |(seq, hash)| (seq + 1, Some(hash)));
        others.retain(|other| Some(*other) != previous);
        others.sort_unstable();
        others.dedup();
        let deps = others.iter().chain(&previous);
        let before = deps.filter_map(|dep| self.counters.get(dep)).max();
        let change = PlainChange {
            actor: ACTORS[at],
            seq,
            start_op: before.map_or(1, |before| before.saturating_add(1)),
            previous,
            body: ChangeBody {
                others,
                ops: ops(choices),
            },
        };
        if let Ok(section) = Section::build(NAME, [change.to_stored()]) {
            let before = self.authors[at].last;
            self.hear(at, &section);
            self.forged += usize::from(self.authors[at].last != before);
            self.sections.push(section);
        }
    }

    /// An earlier section with other bytes in it.
    fn damage(&mut self, choices: &mut Choices<'_>) {
        let count = self.sections.len();
        let Some(section) = self.sections.get(choices.below(count)) else {
            return;
        };
        let mut raw = section.raw().to_vec();
        let author = section.author();
        for _ in 0..=choices.below(3) {
            let from = choices.below(raw.len());
            let end = (from + choices.below(4)).min(raw.len());
            let length = choices.below(4);
            raw.splice(from..end, choices.bytes(length).iter().copied());
        }
        self.raw(&author, &raw);
    }

    fn raw(&mut self, author: &ActorId, raw: &[u8]) {
        self.sections.extend(Section::parse(*author, raw));
    }
}

/// A document that was offered sections until nothing more came of it.
struct Reading {
    document: Document,
    accepted: Vec<Section>,
    /// In the order in which they were applied.
    changes: Vec<StoredChange>,
}

impl Reading {
    fn of(sections: &[Section]) -> Self {
        let mut reading = Self {
            document: Document::new(READER),
            accepted: Vec::new(),
            changes: Vec::new(),
        };
        let mut waiting: Vec<&Section> = sections.iter().collect();
        loop {
            let before = waiting.len();
            waiting.retain(|section| reading.offer(section));
            if waiting.is_empty() || waiting.len() == before {
                return reading;
            }
        }
    }

    /// Whether the section has to be offered again.
    fn offer(&mut self, section: &Section) -> bool {
        let before = (self.document.heads(), self.document.change_count());
        match self.document.accept(&is_member, section) {
            Ok(Accepted::Applied { changes, .. }) => {
                let (heads, count) = before;
                assert_ne!(heads, self.document.heads());
                assert_eq!(
                    count + changes.len() as u64,
                    self.document.change_count(),
                    "not all of it is new"
                );
                self.changes.extend(changes);
                self.accepted.push(section.clone());
                return false;
            }
            Ok(Accepted::Known) => self.accepted.push(section.clone()),
            Ok(Accepted::Waiting { .. }) => {
                assert_eq!(
                    before,
                    (self.document.heads(), self.document.change_count())
                );
                return true;
            }
            Err(GateError::Engine(what)) => panic!("Automerge {what}"),
            Err(GateError::Poisoned) => panic!("poisoned"),
            Err(_) => {}
        }
        assert_eq!(
            before,
            (self.document.heads(), self.document.change_count())
        );
        false
    }

    /// Another Automerge document, handed the rebuilt bytes alone.
    fn is_what_automerge_shows(&self) {
        let mut plain = Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint);
        for change in &self.changes {
            let stored = PlainChange::from_stored(&change.stored).expect("as it was stored");
            let chunk = stored.to_chunk().expect("as it was rebuilt");
            let read = Change::try_from(chunk.as_slice()).expect("Automerge reads it");
            assert_eq!(read.hash().0, change.hash.0);
            plain.apply_changes([read]).expect("Automerge takes it");
        }
        assert!(plain.get_missing_deps(&[]).is_empty());
        let heads: Vec<_> = plain.get_heads().iter().map(|head| head.0).collect();
        let ours: Vec<_> = self.document.heads().iter().map(|head| head.0).collect();
        assert_eq!(heads, ours);
        assert_eq!(shown_by(&plain), shown_by_gate(&self.document));

        // What was refused left nothing behind, neither in what is saved nor in what is stored.
        let stored = self.changes.iter().map(|change| &change.stored);
        let loaded = Document::load(READER, None, stored).expect("the store gives it back");
        assert_eq!(view(&loaded), view(&self.document));
        let saved = self.document.save().expect("it can be saved");
        let loaded = Document::load(READER, Some(&saved), [[0_u8; 0]; 0]).expect("and opened");
        assert_eq!(view(&loaded), view(&self.document));
    }

    /// Whoever accepted all that can still write.
    fn goes_on(mut self) {
        let own = self.document.put_record(b"own").expect("an edit");
        assert!(own.is_some() || self.document.change_count() > 0);
        for id in self.document.texts() {
            let spliced = self.document.splice_text(id, 0, 0, "own ");
            assert!(spliced.expect("an edit").is_some());
            let read = self.document.text(&id).expect("a text");
            assert!(read.starts_with("own "));
        }
    }
}

fn is_member(actor: &ActorId) -> bool {
    ACTORS[..2].contains(actor)
}

fn counter(change: &StoredChange) -> u32 {
    let change = PlainChange::from_stored(&change.stored).expect("as it was stored");
    change.max_op().expect("as it was made")
}

type View = (
    Vec<ChangeHash>,
    BTreeMap<String, Vec<u8>>,
    Vec<Vec<ActorId>>,
);

fn view(document: &Document) -> View {
    let authors = document.records().map(|record| record.authors()).collect();
    (document.heads(), shown_by_gate(document), authors)
}

/// Keys of the root and what stands there.
fn shown_by_gate(document: &Document) -> BTreeMap<String, Vec<u8>> {
    let records = document
        .records()
        .map(|record| (record.id.to_string(), record.bytes.into_owned()));
    let texts = document.texts().into_iter().map(|id| {
        let text = document.text(&id).expect("a text");
        (format!("t:{id}"), text.into_bytes())
    });
    records.chain(texts).collect()
}

fn shown_by(plain: &Automerge) -> BTreeMap<String, Vec<u8>> {
    let shown = |key: String| {
        let bytes = match plain.get(ROOT, key.as_str()) {
            // Where several were made under one key, they are read one after another, the oldest first.
            Ok(Some((Value::Object(_), _))) => {
                let made = plain.get_all(ROOT, key.as_str()).expect("what was made");
                let mut made: Vec<_> = made.into_iter().map(|(_, object)| object).collect();
                made.sort_unstable_by_key(age);
                let texts = made.iter().map(|text| plain.text(text).expect("a text"));
                texts.collect::<String>().into_bytes()
            }
            Ok(Some((Value::Scalar(value), _))) => match value.into_owned() {
                ScalarValue::Bytes(bytes) => bytes,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        (key, bytes)
    };
    plain.keys(ROOT).map(shown).collect()
}

/// When an object was made: its operation's counter, then its actor.
fn age(object: &ObjId) -> (u64, Vec<u8>) {
    match object {
        ObjId::Root => (0, Vec::new()),
        ObjId::Id(counter, actor, _) => (*counter, actor.to_bytes().to_vec()),
    }
}
