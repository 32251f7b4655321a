//! Bytes that nobody of ours wrote.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::gate::limits::{MAX_BATCH, MAX_OPERATIONS};
use crate::gate::varint::{Reader, put};

/// Each is an Automerge chunk that panics Automerge 0.12.0 or takes gigabytes of memory.
const HOSTILE: [(&str, &[u8]); 4] = [
    (
        "bundle_panic",
        include_bytes!("../../../tests/hostile/bundle_panic.bin"),
    ),
    ("d10m", include_bytes!("../../../tests/hostile/d10m.bin")),
    ("p20", include_bytes!("../../../tests/hostile/p20.bin")),
    ("r10m", include_bytes!("../../../tests/hostile/r10m.bin")),
];

/// What a phone must survive: at no place of the wire is an Automerge chunk understood as one.
#[test]
fn chunks_that_break_automerge_are_refused_everywhere() {
    for (name, bytes) in HOSTILE {
        let mut stored = vec![0];
        stored.extend(bytes);
        let mut packed = vec![1];
        packed.extend(bytes);
        for batch in [bytes, &stored, &packed] {
            let error = decode_batch(actor(1), batch).unwrap_err();
            assert!(
                ["malformed", "too_large"].contains(&error.reason()),
                "{name}: {error}"
            );
        }
        let error = Section::parse(actor(1), bytes).unwrap_err();
        assert!(
            ["malformed", "too_large"].contains(&error.reason()),
            "{name}: {error}"
        );
        assert!(PlainChange::from_stored(bytes).is_err(), "{name}");
        assert!(Document::load(actor(1), None, [bytes]).is_err(), "{name}");
        // As the content of a record they are bytes like any others.
        let mut phone = Document::new(actor(1));
        let put = [phone.put_record(bytes).unwrap().unwrap()];
        let mut tablet = Document::new(actor(2));
        assert!(applied(offer(&mut tablet, &put)), "{name}");
        assert_eq!(
            tablet.record(&RecordId::of(bytes)).unwrap().bytes,
            bytes,
            "{name}"
        );
    }
}

/// A section of one change with a list of ops, written by hand.
fn handmade(first: u64, count: u64, change: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1, 1];
    put(&mut bytes, first);
    put(&mut bytes, count);
    bytes.extend(change);
    bytes.extend([0; 8]);
    bytes
}

/// What the hostile chunks stand for, in our own form: a few bytes that claim millions.
#[test]
fn claims_of_millions_are_refused_before_anything_is_made_of_them() {
    let number = |value: u64| {
        let mut bytes = Vec::new();
        put(&mut bytes, value);
        bytes
    };
    let ten_million = number(10_000_000);
    let delete = |count: &[u8]| [&[2, 0, 1, 3, 1, 1, 1, 1], count].concat();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "delete 10 million",
            handmade(1, 1, &delete(&ten_million)),
            "too_large",
        ),
        (
            "delete 2^32 - 1",
            handmade(1, 1, &delete(&number(0xffff_ffff))),
            "too_large",
        ),
        (
            "delete 2^40",
            handmade(1, 1, &delete(&number(1 << 40))),
            "malformed",
        ),
        (
            "insert 10 million",
            handmade(1, 1, &[&[2, 0, 1, 2, 1, 1, 0][..], &ten_million].concat()),
            "too_large",
        ),
        (
            "insert more than there is",
            handmade(1, 1, &[2, 0, 1, 2, 1, 1, 0, 100]),
            "malformed",
        ),
        (
            "10 million ops",
            handmade(1, 1, &[&[2, 0][..], &ten_million].concat()),
            "malformed",
        ),
        (
            "10 million actors",
            handmade(1, 1, &[&[2][..], &ten_million].concat()),
            "malformed",
        ),
        (
            "10 million dependencies",
            handmade(1, 1, &[&[1][..], &ten_million].concat()),
            "too_large",
        ),
        (
            "record of 10 million",
            handmade(1, 1, &[&[0][..], &ten_million].concat()),
            "too_large",
        ),
        ("empty record", handmade(1, 1, &[0, 0]), "malformed"),
        (
            "10 million changes",
            handmade(1, 10_000_000, &[0, 1, 7]),
            "too_large",
        ),
        ("no change", handmade(1, 0, &[]), "malformed"),
        ("sequence number 0", handmade(0, 1, &[0, 1, 7]), "malformed"),
        (
            "sequence number 2^31",
            handmade(1 << 31, 1, &[0, 1, 7]),
            "overflow",
        ),
        (
            "sequence number 2^64",
            handmade(u64::MAX, 1, &[0, 1, 7]),
            "malformed",
        ),
        (
            "counter 2^31",
            handmade(
                1,
                1,
                &[2, 0, 1, 3, 1, 0x80, 0x80, 0x80, 0x80, 0x08, 1, 1, 1],
            ),
            "overflow",
        ),
        (
            "counter 0",
            handmade(1, 1, &[2, 0, 1, 3, 1, 0, 1, 1, 1]),
            "malformed",
        ),
        (
            "no such actor",
            handmade(1, 1, &[2, 0, 1, 3, 2, 1, 1, 1, 1]),
            "malformed",
        ),
        ("unknown flag", handmade(1, 1, &[4, 1, 7]), "malformed"),
        ("unknown op", handmade(1, 1, &[2, 0, 1, 4]), "malformed"),
        (
            "lone record as a list",
            handmade(1, 1, &[2, 0, 1, 0, 1, 7]),
            "malformed",
        ),
        (
            "text reference before any",
            handmade(1, 1, &[2, 0, 1, 3, 0, 1, 1, 1]),
            "malformed",
        ),
        (
            "broken UTF-8",
            handmade(1, 1, &[2, 0, 1, 2, 1, 1, 0, 2, 0xc3, 0x28]),
            "malformed",
        ),
        (
            "surrogate",
            handmade(1, 1, &[2, 0, 1, 2, 1, 1, 0, 3, 0xed, 0xa0, 0x80]),
            "malformed",
        ),
    ];
    for (name, bytes, reason) in cases {
        let error = Section::parse(actor(1), &bytes).unwrap_err();
        assert_eq!(error.reason(), reason, "{name}: {error}");
        let batch = [&[0][..], &bytes].concat();
        assert_eq!(decode_batch(actor(1), &batch), Err(error), "{name}");
    }
    // The longest run that the codec takes names elements that are not there.
    let mut tablet = Document::new(actor(2));
    let longest = handmade(1, 1, &delete(&number(MAX_OPERATIONS)));
    let section = Section::parse(actor(1), &longest).unwrap();
    assert_eq!(
        tablet.accept(&|_| true, &section),
        Err(GateError::UnknownText)
    );
}

/// A batch that no relay takes must not be made, and one that is not ours must not be read.
#[test]
fn batches_hold_to_their_limits() {
    assert_eq!(encode_batch(&[]), Err(GateError::Malformed("batch")));
    for bytes in [&[][..], &[0], &[1], &[2, 0], &[1, 3, 0]] {
        assert_eq!(
            decode_batch(actor(1), bytes).unwrap_err().reason(),
            "malformed",
            "{bytes:?}"
        );
    }
    let too_long = vec![0; MAX_BATCH + 1];
    assert_eq!(
        decode_batch(actor(1), &too_long),
        Err(GateError::TooLarge("batch"))
    );

    // Incompressible bytes are stored as they are; repeated ones are never packed past 16 times.
    let mut phone = Document::new(actor(1));
    let noise: Vec<u8> = (0..1000u32)
        .flat_map(|n| RecordId::of(&n.to_be_bytes()).0)
        .collect();
    let one = section(&[phone.put_record(&noise).unwrap().unwrap()]);
    let batch = encode_batch(std::slice::from_ref(&one)).unwrap();
    assert_eq!(batch[0], 0);
    assert_eq!(decode_batch(actor(1), &batch), Ok(vec![one.clone()]));
    let two = section(&[phone.put_record(&[7; 65_536]).unwrap().unwrap()]);
    let batch = encode_batch(std::slice::from_ref(&two)).unwrap();
    assert_eq!(decode_batch(actor(1), &batch), Ok(vec![two.clone()]));
    assert_eq!(
        encode_batch(&[one.clone(), two]),
        Err(GateError::Malformed("batch"))
    );

    // Sections ascend, each document once.
    let stored = [phone.put_record(b"x").unwrap().unwrap()];
    let named =
        |kind, part| Section::build(DocumentName { kind, part }, [&stored[0].stored]).unwrap();
    let batch = encode_batch(&[named(2, 0), named(1, 5), named(1, 4)]).unwrap();
    let names: Vec<_> = decode_batch(actor(1), &batch)
        .unwrap()
        .iter()
        .map(|s| (s.name().kind, s.name().part))
        .collect();
    assert_eq!(names, [(1, 4), (1, 5), (2, 0)]);
    let wrong = [&[0][..], named(1, 5).raw(), named(1, 4).raw()].concat();
    assert_eq!(
        decode_batch(actor(1), &wrong),
        Err(GateError::Malformed("order of sections"))
    );
    let twice = [&[0][..], one.raw(), one.raw()].concat();
    assert_eq!(
        decode_batch(actor(1), &twice),
        Err(GateError::Malformed("order of sections"))
    );

    let many: Vec<_> = (0..4097u32)
        .map(|n| phone.put_record(&n.to_be_bytes()).unwrap().unwrap())
        .collect();
    let build = |stored: &[StoredChange]| Section::build(NAME, stored.iter().map(|c| &c.stored));
    assert_eq!(build(&many), Err(GateError::TooLarge("section")));
    assert!(encode_batch(&[build(&many[1..]).unwrap()]).is_ok());
    assert_eq!(
        encode_batch(&[build(&many[1..]).unwrap(), named(9, 9)]),
        Err(GateError::TooLarge("batch"))
    );
    let gap = [many[0].clone(), many[2].clone()];
    assert_eq!(
        build(&gap),
        Err(GateError::Damaged("order of stored changes"))
    );
}

/// A document with every kind of operation, and another device that has seen the beginning.
fn story() -> (Vec<StoredChange>, Vec<StoredChange>) {
    let mut phone = Document::new(actor(1));
    let mut tablet = Document::new(actor(2));
    let first = vec![
        phone.make_text(TEXT).unwrap(),
        phone
            .splice_text(TEXT, 0, 0, "breathe in")
            .unwrap()
            .unwrap(),
    ];
    offer(&mut tablet, &first).unwrap();
    let second = vec![
        tablet.put_record(b"a check-in").unwrap().unwrap(),
        tablet
            .splice_text(TEXT, 2, 5, "\u{e4}\u{1f600}!")
            .unwrap()
            .unwrap(),
        tablet.put_records(&[b"one", b"two"]).unwrap().unwrap(),
        tablet.splice_text(TEXT, 1, 3, "").unwrap().unwrap(),
    ];
    (first, second)
}

/// Flips of a bit and cuts reach the gate whenever a signer is hostile; none may pass as something
/// that nobody wrote, and none may stop the app.
#[test]
fn a_damaged_batch_is_refused_or_is_the_same_batch() {
    let (first, second) = story();
    let whole = section(&second);
    let packed = encode_batch(std::slice::from_ref(&whole)).unwrap();
    let stored = [&[0][..], whole.raw()].concat();
    let fresh = || {
        let mut document = Document::new(actor(3));
        assert!(applied(offer(&mut document, &first)));
        document
    };
    let mut document = fresh();
    let before = document.heads();
    for good in [&packed, &stored] {
        let cuts = (0..good.len()).map(|len| good[..len].to_vec());
        let flips = (0..good.len()).flat_map(|at| {
            [1, 2, 4, 8, 16, 32, 64, 128, 255].map(|bits| {
                let mut bytes = good.clone();
                bytes[at] ^= bits;
                bytes
            })
        });
        for bytes in cuts.chain(flips) {
            let Ok(sections) = decode_batch(actor(2), &bytes) else {
                continue;
            };
            for section in sections {
                match document.accept(&|_| true, &section) {
                    Ok(Accepted::Applied { changes, .. }) => {
                        // Only the name of the document is not under the hash, but under the
                        // signature.
                        assert_eq!(changes, second);
                        document = fresh();
                    }
                    Ok(Accepted::Known) => panic!("nothing of it is known"),
                    Ok(Accepted::Waiting { .. }) => {}
                    Err(error) => assert!(!matches!(error, GateError::Engine(_)), "{error}"),
                }
                assert_eq!(document.heads(), before);
            }
        }
    }
}

/// A database page gone wrong must be reported, not shown as a shorter diary.
#[test]
fn a_damaged_store_is_reported() {
    let (first, second) = story();
    let all: Vec<_> = first
        .iter()
        .chain(&second)
        .map(|change| change.stored.clone())
        .collect();
    let whole = Document::load(actor(1), None, &all).unwrap();
    let without_first = Document::load(actor(1), None, &all[1..]);
    assert_eq!(without_first.err().map(|e| e.reason()), Some("damaged"));
    let mut snapshot = whole.save().unwrap();
    let middle = snapshot.len() / 2;
    snapshot[middle] ^= 1;
    let damaged = Document::load(actor(1), Some(&snapshot), [[0u8; 0]; 0]);
    assert_eq!(damaged.err().map(|e| e.reason()), Some("damaged"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// One change, one form: what is read is written back the same.
    #[test]
    fn bytes_that_are_read_are_the_only_form_of_what_they_say(
        noise in vec(any::<u8>(), 0..40),
        at in any::<prop::sample::Index>(),
        take in 0..4usize,
    ) {
        let (_, second) = story();
        let mut raw = section(&second).raw().to_vec();
        let at = at.index(raw.len());
        let end = (at + take).min(raw.len());
        raw.splice(at..end, noise.iter().copied().take(4));
        for bytes in [&raw, &noise] {
            let mut reader = Reader::new(bytes);
            if let Ok(body) = ChangeBody::decode(actor(2), &mut reader) {
                let mut again = Vec::new();
                body.encode(actor(2), &mut again);
                prop_assert_eq!(&again[..], &bytes[..bytes.len() - reader.remaining()]);
            }
            if let Ok(section) = Section::parse(actor(2), bytes) {
                prop_assert_eq!(section.raw(), &bytes[..]);
                let again = Section::parse(actor(2), section.raw());
                prop_assert_eq!(again, Ok(section));
            }
        }
    }
}
