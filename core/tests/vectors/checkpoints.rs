//! Bodies of checkpoints: the public part, and what is wrong with some.

use serde_json::{Value, json};
use waymark_wire::chain::Chain;
use waymark_wire::checkpoint::{
    ChangesDigest, Checkpoint, CheckpointBody, CheckpointError, CheckpointPrivate, Kept, SnapshotOf,
};
use waymark_wire::codec;
use waymark_wire::entry::TAG;
use waymark_wire::ids::{EntryId, Height};

use super::support::{counting, hex};

pub(super) fn vectors() -> Value {
    json!({ "bodies": bodies(), "private": private() })
}

/// A checkpoint that covers forty entries.
fn checkpoint() -> Checkpoint {
    let kept = |seq, first| Kept {
        seq,
        id: EntryId(counting(first)),
    };
    Checkpoint {
        seq: 40,
        chain: Chain(counting(0x10)),
        height: Height(2),
        counters: vec![30, 0, 300],
        snapshots: vec![EntryId(counting(0x60)), EntryId(counting(0x20))],
        kept: vec![kept(7, 0x70), kept(40, 0x80)],
    }
}

fn bodies() -> Value {
    let plain = Checkpoint {
        snapshots: Vec::new(),
        kept: Vec::new(),
        ..checkpoint()
    };
    let alter = |alter: &dyn Fn(&mut Checkpoint)| {
        let mut altered = checkpoint();
        alter(&mut altered);
        codec::encode(&altered)
    };
    let full = codec::encode(&checkpoint());
    let mut longer = full.clone();
    longer.splice(0..1, [0xb8, 6]);
    let more = [&[0xa5], &codec::encode(&plain)[1..], &[6, 0xf6]].concat();
    let publics = [
        ("all of it", full.clone()),
        ("nothing named", codec::encode(&plain)),
        ("a key more", more),
        ("the place before the first entry", alter(&|c| c.seq = 0)),
        (
            "a snapshot twice",
            alter(&|c| c.snapshots[1] = c.snapshots[0]),
        ),
        ("kept entries out of order", alter(&|c| c.kept.swap(0, 1))),
        ("two kept at one place", alter(&|c| c.kept[0].seq = 40)),
        (
            "one kept that it does not cover",
            alter(&|c| c.kept[1].seq = 41),
        ),
        ("one kept before the first", alter(&|c| c.kept[0].seq = 0)),
        (
            "as many snapshots as it may name",
            alter(&|c| c.snapshots = many(1_024)),
        ),
        (
            "one more than it may name",
            alter(&|c| c.snapshots = many(1_025)),
        ),
        (
            "too many memberships",
            alter(&|c| c.counters = vec![0; 4_097]),
        ),
        ("a longer spelling", longer),
        ("no map", vec![0x80]),
        ("something behind it", [&full[..], &[0]].concat()),
    ];
    let stated = |length: usize, rest: &[u8]| {
        let length = u32::try_from(length).unwrap();
        [&length.to_be_bytes(), rest].concat()
    };
    let mut bodies: Vec<_> = publics
        .iter()
        .map(|(what, public)| {
            let private = [9; 256 + TAG];
            let rest = [&public[..], &private].concat();
            (*what, stated(public.len(), &rest))
        })
        .collect();
    let cut = [&full[..], &[9; 255 + TAG]].concat();
    bodies.push((
        "a private part that is not padded",
        stated(full.len(), &cut),
    ));
    bodies.push(("no private part", stated(full.len(), &full)));
    bodies.push(("a length beyond the end", stated(full.len() + 1, &full)));
    bodies.push(("no length", vec![0; 3]));
    let told = bodies
        .into_iter()
        .map(|(what, body)| json!({ "what": what, "body": hex(&body), "outcome": outcome(&body) }));
    told.collect()
}

fn many(count: u16) -> Vec<EntryId> {
    (0..count)
        .map(|at| {
            let mut id = [7; 32];
            id[..2].copy_from_slice(&at.to_be_bytes());
            EntryId(id)
        })
        .collect()
}

fn outcome(body: &[u8]) -> Value {
    match CheckpointBody::parse(body) {
        Ok(CheckpointBody { public, private }) => json!({
            "seq": public.seq,
            "chain": hex(public.chain.0),
            "height": public.height.0,
            "counters": public.counters,
            "snapshots": public.snapshots.len(),
            "kept": public.kept.iter().map(|kept| kept.seq).collect::<Vec<_>>(),
            "private": private.len(),
        }),
        Err(CheckpointError::Length(_)) => json!("length"),
        Err(CheckpointError::Order(_)) => json!("order"),
        Err(CheckpointError::Spelling) => json!("spelling"),
        Err(CheckpointError::Part(_)) => json!("part"),
        Err(other) => panic!("{other}"),
    }
}

/// The text that is padded and sealed beside the public part.
fn private() -> Value {
    let of = |kind, part, index, first| SnapshotOf {
        kind,
        part,
        index,
        pieces: 2,
        changes: ChangesDigest(counting(first)),
    };
    let private = CheckpointPrivate {
        documents: vec![of(1, 0, 0, 0x30), of(2, 24_320, 1, 0x40)],
    };
    let text = private.to_text();
    assert_eq!(CheckpointPrivate::parse(&text, 2), Ok(private));
    json!({
        "text": hex(&text),
        "documents": [[1, 0, 0, 2, hex(counting::<32>(0x30))], [2, 24_320, 1, 2, hex(counting::<32>(0x40))]],
    })
}
