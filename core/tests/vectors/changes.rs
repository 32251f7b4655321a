//! The codec of batches, and the Automerge changes that are rebuilt from it. The bytes of the
//! changes are read back from Automerge itself and not from the code that rebuilds them.

use std::collections::HashMap;

use automerge::Automerge;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use waymark_core::crypto::Entropy;
use waymark_core::forgotten::Forgotten;
use waymark_core::gate::{
    ActorId, Document, DocumentName, GateError, Op, OpId, PlainChange, Section, StoredChange,
    decode_batch, encode_batch, inspect_snapshot,
};
use waymark_core::ids::{RecordId, TextId};
use waymark_core::space::actor;
use waymark_wire::ids::SpaceId;

use super::support::{counting, entropy, hex, keys, public};

const PLAN: DocumentName = DocumentName { kind: 1, part: 0 };
const MAY_2026: DocumentName = DocumentName {
    kind: 2,
    part: 2026 * 12 + 4,
};

pub(super) fn vectors() -> Value {
    let story = Story::play();
    let actors = ["client's phone", "tablet", "desk"].map(|name| {
        let key = public(&keys(name));
        json!({ "signing_key": hex(key.0), "actor": hex(actor(&space(), &key).0) })
    });
    json!({
        "space": hex(space().0),
        "actors": actors,
        "changes": story.told,
        "sections": story.sections(),
        "batches": batches(&story),
        "snapshot": snapshot(&story),
        "forgotten": forgotten(&story),
        "refused": refused(&story),
    })
}

fn space() -> SpaceId {
    SpaceId(counting(0x40))
}

fn actor_of(name: &str) -> ActorId {
    actor(&space(), &public(&keys(name)))
}

/// Two devices write into one plan.
struct Story {
    phone: Document,
    tablet: Document,
    /// Reads both and writes once.
    desk: Document,
    by_phone: Vec<StoredChange>,
    by_tablet: Vec<StoredChange>,
    by_desk: Vec<StoredChange>,
    told: Vec<Value>,
}

impl Story {
    fn play() -> Self {
        let text = TextId(counting(0xd0));
        let mut story = Self {
            phone: Document::new(actor_of("client's phone")),
            tablet: Document::new(actor_of("tablet")),
            desk: Document::new(actor_of("desk")),
            by_phone: Vec::new(),
            by_tablet: Vec::new(),
            by_desk: Vec::new(),
            told: Vec::new(),
        };
        story.phone_does("a record", |plan| {
            plan.put_record(b"first").unwrap().unwrap()
        });
        story.phone_does("two records in one change", |plan| {
            plan.put_records(&[b"second", b"third"]).unwrap().unwrap()
        });
        story.phone_does("a new text", |plan| plan.make_text(text).unwrap());
        story.phone_does("characters of one to four bytes", |plan| {
            plan.splice_text(text, 0, 0, "aß☂🌧 walk").unwrap().unwrap()
        });
        story.tablet_hears(0);
        story.tablet_does(
            "another actor's text: a delete, and an insert before it",
            |plan| plan.splice_text(text, 1, 3, "n hour's").unwrap().unwrap(),
        );
        story.tablet_does("at the beginning", |plan| {
            plan.splice_text(text, 0, 0, "→ ").unwrap().unwrap()
        });
        story.phone_does("at the same time", |plan| {
            plan.splice_text(text, 8, 1, "ks").unwrap().unwrap()
        });
        story.desk_does("after two others, whose elements it deletes", |plan| {
            plan.splice_text(text, 1, 5, "").unwrap().unwrap()
        });
        story.phone_hears(0);
        story.phone_does(
            "after both: elements of two actors deleted in several runs",
            |plan| {
                let length = plan.text(&text).unwrap().chars().count();
                plan.splice_text(text, 1, length - 2, "…").unwrap().unwrap()
            },
        );
        story.tablet_hears(4);
        story.tablet_does("two records, one of them long", |plan| {
            plan.put_records(&[b"fourth", &[0xa0; 300]])
                .unwrap()
                .unwrap()
        });
        story.phone_hears(2);
        assert_eq!(story.phone.heads(), story.tablet.heads());
        assert_eq!(story.phone.text(&text), story.tablet.text(&text));
        story.tell_chunks();
        story
    }

    fn phone_does(&mut self, what: &str, edit: impl FnOnce(&mut Document) -> StoredChange) {
        let change = edit(&mut self.phone);
        self.told.push(told(what, &change));
        self.by_phone.push(change);
    }

    fn tablet_does(&mut self, what: &str, edit: impl FnOnce(&mut Document) -> StoredChange) {
        let change = edit(&mut self.tablet);
        self.told.push(told(what, &change));
        self.by_tablet.push(change);
    }

    fn desk_does(&mut self, what: &str, edit: impl FnOnce(&mut Document) -> StoredChange) {
        for stored in [&self.by_phone, &self.by_tablet] {
            self.desk.accept(&|_| true, &section(PLAN, stored)).unwrap();
        }
        let change = edit(&mut self.desk);
        self.told.push(told(what, &change));
        self.by_desk.push(change);
    }

    fn tablet_hears(&mut self, from: usize) {
        let section = section(PLAN, &self.by_phone[from..]);
        self.tablet.accept(&|_| true, &section).unwrap();
    }

    fn phone_hears(&mut self, from: usize) {
        let section = section(PLAN, &self.by_tablet[from..]);
        self.phone.accept(&|_| true, &section).unwrap();
    }

    /// Adds what Automerge says of each change, and what our form of it says.
    fn tell_chunks(&mut self) {
        let mut chunks = HashMap::new();
        for document in [&self.phone, &self.desk] {
            let loaded = Automerge::load(&document.save().unwrap()).unwrap();
            for change in loaded.get_changes(&[]) {
                chunks.insert(hex(change.hash().0), hex(change.raw_bytes()));
            }
        }
        let stored = self
            .by_phone
            .iter()
            .chain(&self.by_tablet)
            .chain(&self.by_desk);
        let plain: HashMap<_, _> = stored
            .map(|change| {
                (
                    hex(change.hash.0),
                    PlainChange::from_stored(&change.stored).unwrap(),
                )
            })
            .collect();
        for told in &mut self.told {
            let hash = told["hash"].as_str().unwrap().to_owned();
            let change = &plain[&hash];
            told["actor"] = hex(change.actor.0).into();
            told["seq"] = change.seq.into();
            told["start_op"] = change.start_op.into();
            told["previous"] = change.previous.map(|hash| hex(hash.0)).into();
            told["others"] = change.body.others.iter().map(|hash| hex(hash.0)).collect();
            told["ops"] = change.body.ops.iter().map(op).collect();
            told["chunk"] = chunks[&hash].clone().into();
        }
    }

    fn sections(&self) -> Value {
        let sections = [
            &self.by_phone[..4],
            &self.by_phone[4..],
            &self.by_tablet[..2],
            &self.by_tablet[2..],
            &self.by_desk,
        ];
        sections
            .into_iter()
            .map(|stored| described(&section(PLAN, stored)))
            .collect()
    }
}

fn told(what: &str, change: &StoredChange) -> Value {
    json!({ "what": what, "hash": hex(change.hash.0), "stored": hex(&change.stored) })
}

fn op(op: &Op) -> Value {
    match op {
        Op::Record(record) => json!({ "op": "record", "bytes": hex(record.bytes()) }),
        Op::MakeText { id } => json!({ "op": "make_text", "id": hex(id.0) }),
        Op::Insert { text, after, chars } => json!({
            "op": "insert", "text": op_id(text), "after": after.as_ref().map(op_id), "chars": chars,
        }),
        Op::Delete { text, first, count } => json!({
            "op": "delete", "text": op_id(text), "first": op_id(first), "count": count,
        }),
    }
}

fn op_id(id: &OpId) -> Value {
    json!({ "counter": id.counter, "actor": hex(id.actor.0) })
}

fn section(name: DocumentName, stored: &[StoredChange]) -> Section {
    Section::build(name, stored.iter().map(|change| &change.stored)).unwrap()
}

fn described(section: &Section) -> Value {
    json!({
        "kind": section.name().kind,
        "part": section.name().part,
        "author": hex(section.author().0),
        "first": section.first_seq(),
        "changes": section.changes().len(),
        "raw": hex(section.raw()),
    })
}

fn batches(story: &Story) -> Value {
    let author = actor_of("client's phone");
    let lone = encode_batch(&[section(PLAN, &story.by_phone[..1])]).unwrap();
    assert_eq!(lone[0], 0, "too short to be packed");

    let mut log = Document::new(author);
    let mut random = entropy("records of a month");
    let month: Vec<_> = (0..40_u8)
        .map(|day| {
            let mut noise = [0; 8];
            random.fill(&mut noise);
            let record = [b"a record of the log, day ".as_slice(), &[day], &noise].concat();
            log.put_record(&record).unwrap().unwrap()
        })
        .collect();
    let several = [section(MAY_2026, &month), section(PLAN, &story.by_phone)];
    let packed = encode_batch(&several).unwrap();
    assert_eq!(packed[0], 1);
    // How hard an implementation packs is its own affair; what the published bytes hold is not.
    let published = super::published("changes")
        .and_then(|file| unhex(file["batches"][1]["bytes"].as_str()?))
        .filter(|bytes| decode_batch(author, bytes) == decode_batch(author, &packed));

    [lone, published.unwrap_or(packed)]
        .map(|bytes| {
            let sections = decode_batch(author, &bytes).unwrap();
            json!({
                "author": hex(author.0),
                "bytes": hex(&bytes),
                "sections": sections.iter().map(described).collect::<Vec<_>>(),
            })
        })
        .into_iter()
        .collect()
}

/// The phone's plan as a snapshot, in one part.
fn snapshot(story: &Story) -> Value {
    let members = |_: &ActorId| true;
    let inspected = |part: &[u8]| inspect_snapshot(PLAN, &members, &[part]);
    let parts = story.phone.to_snapshot(PLAN, &|_, _| true).unwrap();
    let [part] = parts.try_into().unwrap();
    let summary = inspected(&part).unwrap();
    assert_eq!(
        Ok(summary.digest),
        story.phone.digest(&|_, _| true),
        "all of it"
    );
    // As with batches.
    let published = super::published("changes")
        .and_then(|file| unhex(file["snapshot"]["part"].as_str()?))
        .filter(|part| inspected(part).as_ref() == Ok(&summary));
    let authors = summary
        .authors
        .iter()
        .map(|(actor, last)| json!({ "actor": hex(actor.0), "changes": last }));
    json!({
        "kind": PLAN.kind,
        "document_part": PLAN.part,
        "part": hex(published.unwrap_or(part)),
        "changes": summary.changes,
        "authors": authors.collect::<Vec<_>>(),
        "digest": hex(summary.digest.0),
    })
}

/// Plans before and after something of them is forgotten.
fn forgotten(story: &Story) -> Value {
    let phone = actor_of("client's phone");
    let mut names_taken = Document::new(phone);
    // What would stand in the place of the third record is put already, and of the second text, made.
    let says_nothing = [0xa2, 0, 13, 2, 3];
    let records: [&[u8]; 3] = [b"kept", &says_nothing, b"gone"];
    let mut written = vec![names_taken.put_records(&records).unwrap().unwrap()];
    let taken = [
        b"waymark/1 forgotten".as_slice(),
        &phone.0,
        &[0, 0, 0, 5, 0, 0, 0, 0],
    ]
    .concat();
    let taken = digest(&SHA256, &taken);
    let taken = TextId(std::array::from_fn(|at| taken.as_ref()[at]));
    let gone = TextId(counting(0xe0));
    written.push(names_taken.make_text(taken).unwrap());
    written.push(names_taken.make_text(gone).unwrap());
    for (text, words) in [(gone, "gone"), (taken, "kept")] {
        let change = names_taken.splice_text(text, 0, 0, words);
        written.push(change.unwrap().unwrap());
    }
    written.extend(story.by_phone.iter().chain(&story.by_tablet).cloned());
    written.extend(story.by_desk.iter().cloned());
    let stored: HashMap<_, _> = written.iter().map(|c| (c.hash.0, &c.stored)).collect();
    let nothing_of_it = Forgotten {
        records: [RecordId::of(b"elsewhere")].into(),
        texts: [TextId(counting(0xd1))].into(),
    };
    assert!(story.phone.forgetting(&nothing_of_it).unwrap().is_none());
    let cases = [
        (
            "records and a text",
            &story.phone,
            Forgotten {
                records: [&b"second"[..], b"fourth"].map(RecordId::of).into(),
                texts: [TextId(counting(0xd0))].into(),
            },
        ),
        (
            "the last record: what comes before stays as it is",
            &story.phone,
            Forgotten {
                records: [RecordId::of(&[0xa0; 300])].into(),
                texts: [].into(),
            },
        ),
        (
            "names that are taken",
            &names_taken,
            Forgotten {
                records: [RecordId::of(b"gone")].into(),
                texts: [gone].into(),
            },
        ),
    ];
    let told = cases.map(|(what, plan, forgotten)| {
        let after = plan.forgetting(&forgotten).unwrap().unwrap();
        let after = automerge_of(&after);
        let after: HashMap<_, _> = after
            .get_changes(&[])
            .into_iter()
            .map(|change| ((change.actor_id().clone(), change.seq()), change))
            .collect();
        // Each follows all that it depends on.
        let changes = automerge_of(plan).get_changes(&[]).into_iter();
        let changes = changes.map(|change| {
            let now = &after[&(change.actor_id().clone(), change.seq())];
            json!({
                "stored": hex(stored[&change.hash().0]),
                "hash": hex(now.hash().0),
                "chunk": hex(now.raw_bytes()),
            })
        });
        json!({
            "what": what,
            "records": forgotten.records.iter().map(|id| hex(id.0)).collect::<Vec<_>>(),
            "texts": forgotten.texts.iter().map(|id| hex(id.0)).collect::<Vec<_>>(),
            "changes": changes.collect::<Vec<_>>(),
        })
    });
    told.into_iter().collect()
}

fn automerge_of(plan: &Document) -> Automerge {
    Automerge::load(&plan.save().unwrap()).unwrap()
}

/// Bytes that are no batch, each with the name of what is wrong.
fn refused(story: &Story) -> Value {
    let author = actor_of("client's phone");
    let first = section(PLAN, &story.by_phone[..1]);
    let later = section(MAY_2026, &story.by_phone[..1]);
    let list = section(PLAN, &story.by_phone[1..2]);
    let texts = section(PLAN, &story.by_phone[3..4]);
    let stored = |content: &[&[u8]]| [&[0][..], &content.concat()].concat();
    let at = |section: &Section, place: usize, byte: u8| {
        let mut raw = section.raw().to_vec();
        raw[place] = byte;
        raw
    };
    let mut bomb = flate2::Compress::new(flate2::Compression::new(9), false);
    let mut packed = Vec::with_capacity(20_000);
    packed.push(1);
    let finish = flate2::FlushCompress::Finish;
    bomb.compress_vec(&vec![0; 1_000_000], &mut packed, finish)
        .unwrap();

    let cases = [
        ("nothing", vec![]),
        ("no section", vec![0]),
        ("another packing", [&[2][..], first.raw()].concat()),
        ("a stream that is cut", vec![1, 0x4b]),
        (
            "a stream that unpacks to more than 16 times its size",
            packed,
        ),
        (
            "a section that is cut",
            stored(&[&first.raw()[..first.raw().len() - 1]]),
        ),
        ("a document twice", stored(&[first.raw(), first.raw()])),
        (
            "documents out of order",
            stored(&[later.raw(), first.raw()]),
        ),
        (
            "a kind over 65,535",
            stored(&[&[0x80, 0x80, 0x04], &first.raw()[1..]]),
        ),
        (
            "a number in a longer form",
            stored(&[&[0x81, 0x00], &first.raw()[1..]]),
        ),
        ("sequence numbers begin at 1", stored(&[&at(&first, 2, 0)])),
        ("a section of no change", stored(&[&[1, 0, 1, 0], &[0; 8]])),
        ("4,097 changes", stored(&[&[1, 0, 1, 0x81, 0x20], &[0; 8]])),
        (
            "sequence numbers beyond 2^31 - 1",
            stored(&[&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x07, 2]]),
        ),
        ("flags of a later version", stored(&[&at(&first, 4, 4)])),
        ("an empty record", stored(&[&[1, 0, 1, 1, 0, 0], &[0; 8]])),
        (
            "a record over 64 KiB",
            stored(&[&[1, 0, 1, 1, 0, 0x81, 0x80, 0x04], &[0; 65_545]]),
        ),
        (
            "dependencies that are none",
            stored(&[&[1, 0, 1, 1, 1, 0, 1, 7], &[0; 8]]),
        ),
        (
            "dependencies out of order",
            stored(&[&[1, 0, 1, 1, 1, 2], &[9; 32], &[8; 32], &[1, 7], &[0; 8]]),
        ),
        (
            "a list that is a single record",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 0, 1, 7], &[0; 8]]),
        ),
        (
            "a record twice in a change",
            stored(&[&[1, 0, 1, 1, 2, 0, 2, 0, 1, 7, 0, 1, 7], &[0; 8]]),
        ),
        ("an op of a later version", stored(&[&at(&list, 7, 4)])),
        (
            "an actor that no op names",
            stored(&[
                &[1, 0, 1, 1, 2, 1],
                &[5; 16],
                &[2, 0, 1, 7, 0, 1, 8],
                &[0; 8],
            ]),
        ),
        (
            "the same text as the op before, where there is none",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 2, 0, 0, 1, b'x'], &[0; 8]]),
        ),
        (
            "an insert of nothing",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 2, 1, 1, 0, 0], &[0; 8]]),
        ),
        (
            "an insert that is no UTF-8",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 2, 1, 1, 0, 1, 0xff], &[0; 8]]),
        ),
        (
            "a delete of the text's beginning",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 3, 1, 1, 0, 1], &[0; 8]]),
        ),
        (
            "a delete of nothing",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 3, 1, 1, 1, 2, 0], &[0; 8]]),
        ),
        (
            "a delete of 131,073 elements",
            stored(&[
                &[1, 0, 1, 1, 2, 0, 1, 3, 1, 1, 1, 2, 0x81, 0x80, 0x08],
                &[0; 8],
            ]),
        ),
        (
            "two deletes that are one run",
            stored(&[
                &[1, 0, 1, 1, 2, 0, 2, 3, 1, 1, 1, 2, 1, 3, 0, 1, 3, 1],
                &[0; 8],
            ]),
        ),
        (
            "a counter of zero",
            stored(&[&[1, 0, 1, 1, 2, 0, 1, 2, 1, 0, 0, 1, b'x'], &[0; 8]]),
        ),
        (
            "a counter beyond 2^31 - 1",
            stored(&[
                &[
                    1, 0, 1, 1, 2, 0, 1, 2, 1, 0x80, 0x80, 0x80, 0x80, 0x08, 0, 1, b'x',
                ],
                &[0; 8],
            ]),
        ),
        (
            "bytes behind the last section",
            stored(&[texts.raw(), &[0xff]]),
        ),
    ];
    let told = cases.map(|(what, bytes)| {
        let error: GateError = decode_batch(author, &bytes).expect_err(what);
        json!({ "what": what, "bytes": hex(bytes), "reason": error.reason() })
    });
    told.into_iter().collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok())
        .collect()
}
