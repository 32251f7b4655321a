//! What `waymark-wire` decides without a membership: padding, keys, entries, chains, proofs,
//! receipts.

use serde_json::{Value, json};
use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::chain::{Chain, ChainTag, Position};
use waymark_wire::codec::Bytes;
use waymark_wire::entry::{Entry, EntryError, Header, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Generation, Height, SpaceId};
use waymark_wire::padding;
use waymark_wire::proof::ReadProof;
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::{KeyError, SigningKey, VerifyingKey};

use super::checkpoints;
use super::support::{counting, hex};

pub(super) fn vectors() -> Value {
    json!({
        "padding": padding_vectors(),
        "signing_keys": signing_keys(),
        "entries": [batch(), founding_place(), unknown_kind(), ack()],
        "acks": acks(),
        "checkpoints": checkpoints::vectors(),
        "forms": forms(),
        "chain": chain(),
        "read_proof": read_proof(),
        "receipt": receipt(),
    })
}

fn padding_vectors() -> Value {
    let lengths = [
        0, 1, 254, 255, 256, 257, 271, 272, 287, 288, 1_000, 1_023, 1_024, 4_095, 65_535, 99_999,
        262_143,
    ];
    let sizes = lengths.map(|length| {
        let mut text = vec![7; length];
        padding::pad(&mut text);
        json!({ "text": length, "padded": text.len() })
    });
    let texts = [&b""[..], b"ten minutes outside", &[0x80, 0, 0]].map(|text| {
        let mut padded = text.to_vec();
        padding::pad(&mut padded);
        json!({ "text": hex(text), "padded": hex(padded) })
    });
    let allowed = (256..=600)
        .filter(|length| padding::is_padded(*length))
        .collect::<Vec<_>>();
    let unmarked = [
        vec![0; 256],
        vec![1; 256],
        [vec![0x80; 255], vec![0x81]].concat(),
    ];
    for text in &unmarked {
        assert_eq!(padding::unpad(text), None);
    }
    json!({
        "sizes": sizes,
        "texts": texts,
        "allowed_from_256_to_600": allowed,
        "without_end_mark": unmarked.map(hex),
    })
}

fn signing_keys() -> Value {
    let honest = [[0; 32], [7; 32], counting::<32>(1)].map(|seed| {
        let key = SigningKey::from_seed(&seed).unwrap();
        let message = b"waymark vectors";
        assert_eq!(key.verifying_key().check(), Ok(()));
        json!({
            "seed": hex(seed),
            "public": hex(key.verifying_key().0),
            "message": hex(message),
            "signature": hex(key.sign(message).0),
        })
    });
    let mut refused = Vec::new();
    for y in SMALL_ORDER {
        for sign in [0, 0x80] {
            let mut key = unhex32(y);
            key[31] |= sign;
            refused.push(key);
        }
    }
    for low in [0xed, 0xee, 0xf0, 0xff] {
        for high in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, high);
            refused.push(key);
        }
    }
    let refused = refused.into_iter().map(|key| {
        let why = match VerifyingKey(key).check() {
            Err(KeyError::NotCanonical) => "not_canonical",
            Err(KeyError::SmallOrder) => "small_order",
            Ok(()) => panic!("{} is not refused", hex(key)),
        };
        json!({ "key": hex(key), "why": why })
    });
    json!({ "honest": honest, "refused": refused.collect::<Vec<_>>() })
}

/// The y coordinates of the points of order 1, 2, 4 and 8.
const SMALL_ORDER: [&str; 5] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
];

fn unhex32(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap())
}

fn batch() -> Value {
    let header = Header {
        kind: Kind::Batch,
        device: DeviceNumber(0x0102),
        counter: 0x0304_0506,
        height: Height(0x0708_090a),
        seen: Position {
            seq: 0x0b0c_0d0e_0f10_1112,
            chain: ChainTag(counting(0x13)),
        },
        salt: counting(0x23),
    };
    let body: Vec<u8> = (0..272_usize).map(|at| (at % 251) as u8).collect();
    entry(
        header,
        &body,
        SpaceId(counting(0x40)),
        EntryId(counting(0x60)),
    )
}

/// As the first entry of a space is signed: zeros stand for the space and for what came before.
fn founding_place() -> Value {
    let header = Header {
        kind: Kind::Membership,
        device: DeviceNumber(0),
        counter: 0,
        height: Height(0),
        seen: Position {
            seq: 0,
            chain: ChainTag([0; 16]),
        },
        salt: counting(0x80),
    };
    entry(header, b"any body", SpaceId::ZERO, EntryId::ZERO)
}

/// A kind of a later version has neither a size nor a layout that this one could hold against it.
fn unknown_kind() -> Value {
    let header = Header {
        kind: Kind::Unknown(9),
        device: DeviceNumber(3),
        counter: 12,
        height: Height(2),
        seen: Position {
            seq: 40,
            chain: ChainTag(counting(1)),
        },
        salt: counting(0x90),
    };
    entry(
        header,
        b"later",
        SpaceId(counting(0x40)),
        EntryId(counting(0x60)),
    )
}

/// A member says that the key of the epoch that starts at height 7 did not come.
fn ack() -> Value {
    let header = Header {
        kind: Kind::Ack,
        device: DeviceNumber(3),
        counter: 12,
        height: Height(9),
        seen: Position {
            seq: 41,
            chain: ChainTag(counting(1)),
        },
        salt: counting(0xb0),
    };
    entry(
        header,
        &Ack::KeyRefused(Height(7)).to_body(),
        SpaceId(counting(0x40)),
        EntryId(counting(0x60)),
    )
}

/// What bodies of acks say, before and behind the padding.
fn acks() -> Value {
    let about = |code: u8, more: &[u8]| {
        let head = [0xa2 + u8::from(!more.is_empty()), 0, code, 1, 0x58, 32];
        [&head[..], &counting::<32>(0x50), more].concat()
    };
    let named = [
        ("a checkpoint that is right", about(2, &[])),
        ("a right one, and a key more", about(2, &[2, 3])),
        ("changes are missing", about(3, &[2, 1])),
        ("changes were invented", about(3, &[2, 2])),
        ("changes were altered", about(3, &[2, 3])),
        ("a bomb", about(3, &[2, 4])),
        ("something else", about(3, &[2, 0])),
        ("what a later version names", about(3, &[2, 0x18, 99])),
        ("nothing that is wrong", about(3, &[])),
        ("half a checkpoint's id", vec![0xa2, 0, 2, 1, 0x42, 1, 2]),
    ];
    let said = [
        ("the first epoch", &[0xa2, 0, 1, 1, 0][..]),
        ("a later epoch", &[0xa2, 0, 1, 1, 7]),
        ("one far on", &[0xa2, 0, 1, 1, 0x19, 0x03, 0xe8]),
        ("a key more", &[0xa3, 0, 1, 1, 7, 2, 0x80]),
        ("no checkpoint", &[0xa1, 0, 2]),
        ("another code", &[0xa1, 0, 4]),
        (
            "another code that says more",
            &[0xa2, 0, 0x18, 0x63, 2, 0x41, 9],
        ),
        ("no epoch", &[0xa1, 0, 1]),
        ("no code", &[0xa1, 1, 7]),
        ("a longer spelling", &[0xa2, 0, 1, 1, 0x18, 7]),
        ("keys out of order", &[0xa2, 1, 7, 0, 1]),
        ("something behind it", &[0xa2, 0, 1, 1, 7, 0]),
        ("no map", &[0x82, 1, 7]),
    ];
    let said = said.map(|(what, text)| (what, text.to_vec()));
    let told = said.into_iter().chain(named).map(|(what, mut body)| {
        padding::pad(&mut body);
        let outcome = match Ack::parse(&body) {
            Some(Ack::KeyRefused(epoch)) => json!({ "key_refused": epoch.0 }),
            Some(Ack::CheckpointOk(id)) => json!({ "checkpoint_ok": hex(id.0) }),
            Some(Ack::CheckpointBad(id, fault)) => {
                assert_eq!(CheckpointFault::from_number(fault.number()), fault);
                json!({ "checkpoint_bad": hex(id.0), "fault": fault.name() })
            }
            Some(Ack::Unknown(code)) => json!({ "unknown": code }),
            Some(other) => panic!("{other:?}"),
            None => json!("unreadable"),
        };
        json!({ "what": what, "body": hex(body), "outcome": outcome })
    });
    told.collect()
}

fn entry(header: Header, body: &[u8], space: SpaceId, membership: EntryId) -> Value {
    let seed = counting::<32>(0xa0);
    let key = SigningKey::from_seed(&seed).unwrap();
    let entry = Entry::assemble(header, body, &space, &membership, |text| key.sign(text));
    assert_eq!(Entry::parse(entry.bytes().to_vec()).as_ref(), Ok(&entry));
    json!({
        "space": hex(space.0),
        "membership_entry": hex(membership.0),
        "seed": hex(seed),
        "header": {
            "kind": header.kind.number(),
            "device": header.device.0,
            "counter": header.counter,
            "height": header.height.0,
            "seen_seq": header.seen.seq,
            "seen_chain": hex(header.seen.chain.0),
            "salt": hex(header.salt),
            "bytes": hex(header.to_bytes()),
        },
        "body": hex(body),
        "id": hex(entry.id(&space).0),
        "signature": hex(entry.signature().0),
        "bytes": hex(entry.bytes()),
    })
}

/// Which lengths are entries: all bytes are zero but version and kind.
fn forms() -> Value {
    let mut forms = Vec::new();
    for (version, kind, length) in [
        (1, 2, 0),
        (1, 2, 115),
        (1, 2, 116),
        (1, 2, 387),
        (1, 2, 388),
        (1, 2, 389),
        (1, 2, 404),
        (2, 2, 388),
        (2, 2, 389),
        (1, 2, 262_276),
        (1, 2, 262_277),
        (2, 2, 262_277),
        (1, 1, 116),
        (1, 1, 131_240),
        (1, 1, 131_241),
        (1, 3, 388),
        (1, 3, 1_048_708),
        (1, 3, 1_048_709),
        (1, 4, 116),
        (1, 4, 388),
        (1, 4, 254_088),
        (1, 4, 254_089),
        (1, 5, 372),
        (1, 5, 373),
        (1, 5, 388),
        (1, 5, 389),
        (1, 5, 1_140),
        (1, 5, 1_141),
        (1, 6, 388),
        (1, 0, 116),
        (1, 7, 117),
        (1, 200, 262_276),
        (1, 200, 262_277),
    ] {
        let mut bytes = vec![0; length];
        if length > 1 {
            (bytes[0], bytes[1]) = (version, kind);
        }
        let outcome = match Entry::parse(bytes) {
            Ok(_) => "ok",
            Err(EntryError::TooShort(_)) => "too_short",
            Err(EntryError::TooLong { .. }) => "too_long",
            Err(EntryError::Version(_)) => "version",
            Err(EntryError::NotPadded(_)) => "not_padded",
            Err(other) => panic!("{other}"),
        };
        forms.push(json!({
            "version": version, "kind": kind, "length": length, "outcome": outcome,
        }));
    }
    Value::Array(forms)
}

fn chain() -> Value {
    let space = SpaceId(counting(0x40));
    let start = Chain::start(&space);
    let mut chain = start;
    let mut steps = Vec::new();
    let ids = [
        EntryId::from(space),
        EntryId(counting(0x60)),
        EntryId(counting(0x70)),
    ];
    for (seq, id) in (1..).zip(ids) {
        chain = chain.next(seq, &id);
        steps.push(json!({
            "seq": seq, "id": hex(id.0), "chain": hex(chain.0), "tag": hex(chain.tag().0),
        }));
    }
    json!({ "space": hex(space.0), "start": hex(start.0), "steps": steps })
}

fn read_proof() -> Value {
    let (seed, relay_seed) = (counting::<32>(0xa0), counting::<32>(0xc0));
    let key = SigningKey::from_seed(&seed).unwrap();
    let relay = SigningKey::from_seed(&relay_seed).unwrap().verifying_key();
    let (space, nonce) = (SpaceId(counting(0x40)), counting::<24>(0xe0));
    let device = DeviceNumber(0x0102);
    let proof = ReadProof::new(&relay, Bytes(nonce.to_vec()), space, device, |text| {
        key.sign(text)
    });
    assert!(proof.is_signed_by(&key.verifying_key(), &relay));
    json!({
        "relay": hex(relay.0),
        "nonce": hex(nonce),
        "space": hex(space.0),
        "device": device.0,
        "seed": hex(seed),
        "signature": hex(proof.signature.0),
    })
}

fn receipt() -> Value {
    let seed = counting::<32>(0xc0);
    let relay = SigningKey::from_seed(&seed).unwrap();
    let space = SpaceId(counting(0x40));
    let position = Position {
        seq: 3,
        chain: ChainTag(counting(5)),
    };
    let generation = Generation(counting(0x21));
    let receipt = Receipt::new(&space, generation, position, |text| relay.sign(text));
    assert!(receipt.is_signed_by(&relay.verifying_key(), &space));
    json!({
        "relay_seed": hex(seed),
        "relay": hex(relay.verifying_key().0),
        "space": hex(space.0),
        "generation": hex(generation.0),
        "seq": position.seq,
        "chain": hex(position.chain.0),
        "signature": hex(receipt.signature.0),
    })
}
