//! Sections that a member could sign: their hashes are right, what they say is not.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::gate::chunk;
use crate::gate::varint::put;

const MALLORY: ActorId = ActorId([66; 16]);

fn at(n: u8, counter: u32) -> OpId {
    OpId {
        counter,
        actor: actor(n),
    }
}

fn own(counter: u32) -> OpId {
    OpId {
        counter,
        actor: MALLORY,
    }
}

fn insert(text: OpId, after: Option<OpId>, chars: &str) -> Op {
    Op::Insert {
        text,
        after,
        chars: chars.to_owned(),
    }
}

fn delete(text: OpId, first: OpId, count: u32) -> Op {
    Op::Delete { text, first, count }
}

fn record(n: u8) -> Op {
    Op::Record(Record::new(vec![n]))
}

/// What Mallory would write as her first change, after `others`.
fn forge(start_op: u32, others: Vec<ChangeHash>, ops: Vec<Op>) -> PlainChange {
    let body = ChangeBody { others, ops };
    PlainChange {
        actor: MALLORY,
        seq: 1,
        start_op,
        previous: None,
        body,
    }
}

/// Offers a change as a batch whose hash is right, whatever the change says.
fn offer_forged(document: &mut Document, change: &PlainChange) -> Result<Accepted, GateError> {
    let mut batch = vec![0];
    put(&mut batch, NAME.kind.into());
    put(&mut batch, NAME.part.into());
    put(&mut batch, change.seq.into());
    put(&mut batch, 1);
    change.body.encode(change.actor, &mut batch);
    batch.extend(&hash(change).0[..8]);
    document.accept(&|_| true, &decode_batch(change.actor, &batch)?[0])
}

fn hash(change: &PlainChange) -> ChangeHash {
    chunk::write(change).unwrap().hash
}

/// A text "abcdef" (made by operation 1, elements 2 to 7) whose "b" actor 1 deleted again (8).
/// Mallory saw everything, or only the first `seen` changes.
struct Scene {
    document: Document,
    changes: Vec<StoredChange>,
}

impl Scene {
    fn new() -> Self {
        let mut document = Document::new(actor(1));
        let changes = vec![
            document.make_text(TEXT).unwrap(),
            document.splice_text(TEXT, 0, 0, "abcdef").unwrap().unwrap(),
            document.splice_text(TEXT, 1, 1, "").unwrap().unwrap(),
        ];
        Self { document, changes }
    }

    fn offer(&mut self, seen: usize, ops: Vec<Op>) -> Result<Accepted, GateError> {
        let (start_op, others) = match seen {
            0 => (1, vec![]),
            1 => (2, vec![self.changes[0].hash]),
            2 => (8, vec![self.changes[1].hash]),
            _ => (9, vec![self.changes[2].hash]),
        };
        let before = view(&self.document);
        let result = offer_forged(&mut self.document, &forge(start_op, others, ops));
        if result.is_err() {
            assert_eq!(view(&self.document), before);
        }
        result
    }
}

/// Each of these, handed to Automerge as it is, makes it panic, or makes two devices differ by what
/// else they happen to know.
#[test]
fn operations_must_fit_what_their_author_had_seen() {
    let text = at(1, 1);
    let known = GateError::UnknownElement;
    let cases: Vec<(usize, Vec<Op>, GateError)> = vec![
        // A text that Mallory had not seen, though this device has it.
        (0, vec![insert(text, None, "x")], GateError::UnknownText),
        // No text at all: a record, an element, nothing.
        (3, vec![insert(at(1, 2), None, "x")], GateError::UnknownText),
        (
            3,
            vec![insert(at(1, 99), None, "x")],
            GateError::UnknownText,
        ),
        (
            3,
            vec![insert(own(9), None, "x"), record(1)],
            GateError::UnknownText,
        ),
        (3, vec![delete(own(1), at(1, 2), 1)], GateError::UnknownText),
        // Elements that are not there, not there yet, or of another kind.
        (3, vec![insert(text, Some(at(1, 99)), "x")], known),
        (3, vec![insert(text, Some(at(1, 1)), "x")], known),
        (3, vec![insert(text, Some(at(1, 8)), "x")], known),
        (3, vec![insert(text, Some(own(9)), "x")], known),
        (3, vec![insert(text, Some(own(10)), "x")], known),
        (1, vec![insert(text, Some(at(1, 2)), "x")], known),
        (3, vec![delete(text, at(1, 99), 1)], known),
        (3, vec![delete(text, at(1, 1), 1)], known),
        (3, vec![delete(text, at(1, 4), 5)], known),
        (3, vec![delete(text, at(1, 4), 131_072)], known),
        (3, vec![delete(text, at(1, 2_147_483_647), 1)], known),
        (1, vec![delete(text, at(1, 2), 1)], known),
        (3, vec![delete(text, at(7, 2), 1)], known),
        (3, vec![delete(text, own(9), 1)], known),
        // Deleted in the past, or a moment ago.
        (
            3,
            vec![delete(text, at(1, 2), 3)],
            GateError::AlreadyDeleted,
        ),
        (
            3,
            vec![delete(text, at(1, 3), 1)],
            GateError::AlreadyDeleted,
        ),
        (
            3,
            vec![delete(text, at(1, 4), 2), delete(text, at(1, 5), 1)],
            GateError::AlreadyDeleted,
        ),
        // A text again, twice.
        (3, vec![Op::MakeText { id: TEXT }], GateError::TextExists),
        (
            0,
            vec![
                Op::MakeText {
                    id: TextId([5; 16]),
                },
                Op::MakeText {
                    id: TextId([5; 16]),
                },
            ],
            GateError::TextExists,
        ),
        // Forms that have a shorter one.
        (
            3,
            vec![insert(text, None, "x"), insert(text, Some(own(9)), "y")],
            GateError::Malformed("run"),
        ),
        (
            3,
            vec![delete(text, at(1, 4), 1), delete(text, at(1, 5), 1)],
            GateError::Malformed("run"),
        ),
        (3, vec![record(1), record(1)], GateError::Malformed("ops")),
        (3, vec![], GateError::Malformed("ops")),
        (
            3,
            vec![insert(text, None, "")],
            GateError::Malformed("inserted text"),
        ),
        (
            3,
            vec![delete(text, at(1, 4), 0)],
            GateError::Malformed("deleted elements"),
        ),
    ];
    for (seen, ops, error) in cases {
        let mut scene = Scene::new();
        assert_eq!(scene.offer(seen, ops.clone()), Err(error), "{ops:?}");
        // A refused section leaves no trace in the index either: the honest one passes.
        assert!(applied(
            scene.offer(3, vec![delete(text, at(1, 4), 1), record(1)])
        ));
        assert_eq!(scene.document.text(&TEXT).as_deref(), Some("adef"));
    }
}

/// What an honest device may do, however unusual, must not be refused.
#[test]
fn operations_that_fit_are_applied() {
    let text = at(1, 1);
    let fine: Vec<(usize, Vec<Op>, &str)> = vec![
        (
            3,
            vec![insert(text, None, "x"), insert(text, None, "y")],
            "yxacdef",
        ),
        (3, vec![insert(text, Some(at(1, 3)), "x")], "axcdef"),
        (
            3,
            vec![delete(text, at(1, 4), 4), delete(text, at(1, 2), 1)],
            "",
        ),
        // Deleted by both without knowing of each other.
        (2, vec![delete(text, at(1, 2), 6)], ""),
        (
            3,
            vec![insert(text, None, "xy"), delete(text, own(9), 1)],
            "yacdef",
        ),
        (
            0,
            vec![
                Op::MakeText {
                    id: TextId([5; 16]),
                },
                insert(own(1), None, "new"),
            ],
            "acdef",
        ),
        (3, vec![record(1), record(2)], "acdef"),
    ];
    for (seen, ops, expected) in fine {
        let mut scene = Scene::new();
        assert!(applied(scene.offer(seen, ops.clone())), "{ops:?}");
        assert_eq!(
            scene.document.text(&TEXT).as_deref(),
            Some(expected),
            "{ops:?}"
        );
    }
}

/// Dependencies decide counters and order; only the honest ones give the same on every device.
#[test]
fn dependencies_are_those_of_an_honest_commit() {
    let mut scene = Scene::new();
    let hashes: Vec<_> = scene.changes.iter().map(|change| change.hash).collect();
    let mut both = vec![hashes[0], hashes[2]];
    both.sort_unstable();
    let change = forge(9, both, vec![record(1)]);
    assert_eq!(
        offer_forged(&mut scene.document, &change),
        Err(GateError::Dependencies)
    );

    // A first counter that does not follow from the dependencies shows in the hash.
    for start_op in [1, 8, 10, 2_000_000_000] {
        let change = forge(start_op, vec![hashes[2]], vec![record(1)]);
        assert_eq!(
            offer_forged(&mut scene.document, &change),
            Err(GateError::HashMismatch)
        );
    }

    // The own previous change named as another, and an earlier own one.
    let first = forge(9, vec![hashes[2]], vec![record(1)]);
    let previous = hash(&first);
    let second = PlainChange {
        seq: 2,
        start_op: 10,
        previous: Some(previous),
        ..forge(10, vec![previous], vec![record(2)])
    };
    assert!(applied(offer_forged(&mut scene.document, &first)));
    assert_eq!(
        offer_forged(&mut scene.document, &second),
        Err(GateError::Dependencies)
    );
}

/// A section says nothing of its author, so another device's words under one's own signature must
/// not count.
#[test]
fn a_section_of_one_device_does_not_pass_as_anothers() {
    let mut phone = Document::new(actor(1));
    let stored = [phone.put_record(b"mine").unwrap().unwrap()];
    let batch = encode_batch(&[section(&stored)]).unwrap();
    let mut tablet = Document::new(actor(2));
    let as_other = &decode_batch(MALLORY, &batch).unwrap()[0];
    assert_eq!(
        tablet.accept(&|_| true, as_other),
        Err(GateError::HashMismatch)
    );
    assert_eq!(tablet.change_count(), 0);
    let as_own = &decode_batch(actor(1), &batch).unwrap()[0];
    assert_eq!(
        tablet.accept(&|_| false, as_own),
        Err(GateError::UnknownActor)
    );
    assert!(applied(tablet.accept(&|_| true, as_own)));
}

/// An actor whom nobody ever let in must not appear, not even as the maker of an element.
#[test]
fn actors_that_operations_name_are_members() {
    let mut scene = Scene::new();
    let change = forge(
        9,
        vec![scene.changes[2].hash],
        vec![delete(at(1, 1), at(7, 2), 1)],
    );
    let section = Section::build(NAME, [change.to_stored()]).unwrap();
    let members = [actor(1), MALLORY];
    let result = scene
        .document
        .accept(&|actor| members.contains(actor), &section);
    assert_eq!(result, Err(GateError::UnknownActor));
}

fn id() -> impl Strategy<Value = OpId> {
    (
        prop_oneof![Just(actor(1)), Just(MALLORY), Just(actor(3))],
        1..16u32,
    )
        .prop_map(|(actor, counter)| OpId { counter, actor })
}

fn op() -> impl Strategy<Value = Op> {
    let text = || prop_oneof![4 => Just(at(1, 1)), 1 => id()];
    prop_oneof![
        (0..8u8).prop_map(record),
        (8..11u8).prop_map(|n| Op::MakeText {
            id: TextId([n; 16])
        }),
        (text(), proptest::option::of(id()), "[xy\u{e4}]{1,3}")
            .prop_map(|(text, after, chars)| Op::Insert { text, after, chars }),
        (text(), id(), 1..4u32).prop_map(|(text, first, count)| Op::Delete { text, first, count }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    /// The gate lets nothing through that Automerge does not survive, and two devices that had
    /// different things before decide alike.
    #[test]
    fn whatever_passes_is_applied_alike_everywhere(
        forgeries in vec((0..4usize, vec(op(), 1..4)), 1..4),
    ) {
        let mut scene = Scene::new();
        let mut bare = Document::new(actor(3));
        prop_assert!(applied(offer(&mut bare, &scene.changes)));
        let mut elsewhere = Document::new(actor(4));
        elsewhere.make_text(TextId([9; 16])).unwrap();
        elsewhere.splice_text(TextId([9; 16]), 0, 0, "elsewhere").unwrap();
        prop_assert!(applied(offer(&mut elsewhere, &scene.changes)));
        let mut last: Option<(u32, ChangeHash, u32)> = None;
        for (seen, ops) in forgeries {
            let (dep_max, others) = match seen {
                0 => (0, vec![]),
                1 => (1, vec![scene.changes[0].hash]),
                2 => (7, vec![scene.changes[1].hash]),
                _ => (8, vec![scene.changes[2].hash]),
            };
            let start_op = dep_max.max(last.map_or(0, |last| last.2)) + 1;
            let change = PlainChange {
                seq: last.map_or(1, |last| last.0 + 1),
                previous: last.map(|last| last.1),
                ..forge(start_op, others, ops)
            };
            let one = offer_forged(&mut scene.document, &change);
            let two = offer_forged(&mut bare, &change);
            let three = offer_forged(&mut elsewhere, &change);
            prop_assert!(!matches!(one, Err(GateError::Engine(_) | GateError::Poisoned)), "{one:?}");
            prop_assert_eq!(&one, &two);
            prop_assert_eq!(&one, &three);
            if one.is_ok() {
                last = Some((change.seq, hash(&change), change.max_op().unwrap()));
            }
        }
        prop_assert_eq!(view(&scene.document), view(&bare));
        for document in [&bare, &elsewhere] {
            let saved = document.save().unwrap();
            let loaded = Document::load(actor(5), Some(&saved), [[0u8; 0]; 0]).unwrap();
            prop_assert_eq!(view(&loaded), view(document));
        }
    }
}
