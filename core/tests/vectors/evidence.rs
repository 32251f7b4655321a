//! Evidence that a relay told two stories, and what is none.

use serde_json::{Value, json};
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::evidence::{Evidence, EvidenceError, Story};
use waymark_wire::ids::{EntryId, Generation, SpaceId};
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::SigningKey;

use super::support::{counting, hex};

const SPACE: SpaceId = SpaceId([0x51; 32]);
const GENERATION: Generation = Generation([0x52; 16]);

pub(super) fn vectors() -> Value {
    json!({
        "relay_seed": hex(counting::<32>(0xd0)),
        "space": hex(SPACE.0),
        "generation": hex(GENERATION.0),
        "proofs": proofs(),
        "refused": refused(),
        "members": super::equivocation::vectors(),
    })
}

fn proofs() -> Value {
    let told = [
        (
            "two branches, the receipts at one place",
            of(told(0x60, 3), told(0x70, 3)),
        ),
        (
            "two branches, one of them longer",
            of(told(0x60, 2), told(0x70, 5)),
        ),
        (
            "a receipt without its story",
            of(untold(0x60, 2), told(0x70, 5)),
        ),
        (
            "two receipts at the place from which it is told",
            from(from_after(0x70, 3), untold(0x60, 3), untold(0x70, 3)),
        ),
    ];
    let told = told.into_iter().map(|(what, evidence)| {
        let said = evidence.verify().unwrap();
        json!({
            "what": what,
            "from": [evidence.from.seq, hex(evidence.from.chain.0)],
            "shorter": evidence.shorter.ids.iter().map(|id| hex(id.0)).collect::<Vec<_>>(),
            "shorter_position": place_of(&evidence.shorter),
            "longer": evidence.longer.ids.iter().map(|id| hex(id.0)).collect::<Vec<_>>(),
            "seq": said.seq,
            "one": hex(said.one.0),
            "other": hex(said.other.0),
            "bytes": hex(evidence.to_bytes()),
        })
    });
    told.collect()
}

fn place_of(story: &Story) -> Value {
    let place = story.receipt.position;
    json!([place.seq, hex(place.chain.0)])
}

fn refused() -> Value {
    type Tamper = fn(&mut Evidence);
    let tampers: [(&str, Tamper); 9] = [
        ("another relay's key", |e| {
            e.relay = key(0xd1).verifying_key();
        }),
        ("another space", |e| e.space = SpaceId([0x53; 32])),
        ("a restored relay", |e| {
            let place = e.longer.receipt.position;
            let sign = |text: &[u8]| key(0xd0).sign(text);
            e.longer.receipt = Receipt::new(&SPACE, Generation([0x54; 16]), place, sign);
        }),
        ("the longer story first", |e| {
            std::mem::swap(&mut e.shorter, &mut e.longer);
        }),
        ("it begins behind the shorter story", |e| {
            for id in std::mem::take(&mut e.longer.ids) {
                e.from = e.from.after(&id);
            }
        }),
        ("another entry in the longer story", |e| {
            e.longer.ids[4] = EntryId([0; 32]);
        }),
        ("it begins elsewhere", |e| e.from.chain = Chain([0; 32])),
        ("more of a chain than anything vouches for", |e| {
            *e = from(from_after(0x70, 3), untold(0x60, 3), untold(0x70, 3));
            e.from.chain.0[31] = 1;
        }),
        ("a log that grew", |e| {
            let grown = told(0x70, 2);
            e.shorter = grown;
        }),
    ];
    let tampered = tampers.into_iter().map(|(what, tamper)| {
        let mut evidence = of(told(0x60, 2), told(0x70, 5));
        tamper(&mut evidence);
        let why = name(&evidence.verify().unwrap_err());
        (what, evidence.to_bytes(), why)
    });
    let mut version = of(told(0x60, 2), told(0x70, 5)).to_bytes();
    version[2] = 2;
    let mut more = of(told(0x60, 2), told(0x70, 5)).to_bytes();
    more[0] += 1;
    more.extend([0x06, 0xf5]);
    let unread = [("another version", version), ("a further field", more)];
    let unread = unread.into_iter().map(|(what, bytes)| {
        let why = name(&Evidence::from_bytes(&bytes).unwrap_err());
        (what, bytes, why)
    });
    let all = tampered.chain(unread);
    let all =
        all.map(|(what, bytes, why)| json!({ "what": what, "bytes": hex(bytes), "outcome": why }));
    all.collect()
}

fn name(error: &EvidenceError) -> &'static str {
    match error {
        EvidenceError::NotStrict => "not_strict",
        EvidenceError::Version(_) => "version",
        EvidenceError::Unsigned => "unsigned",
        EvidenceError::Generations => "generations",
        EvidenceError::Order => "order",
        EvidenceError::Chain => "chain",
        EvidenceError::Agree => "agree",
        other => panic!("no vector is for this: {other}"),
    }
}

fn key(first: u8) -> SigningKey {
    SigningKey::from_seed(&counting(first)).unwrap()
}

/// The place after four entries.
fn start() -> Cursor {
    from_after(0x40, 4)
}

fn from_after(first: u8, count: u8) -> Cursor {
    let from = if first == 0x40 {
        Cursor::start(&SPACE)
    } else {
        start()
    };
    ids(first, count).iter().fold(from, |at, id| at.after(id))
}

fn ids(first: u8, count: u8) -> Vec<EntryId> {
    let last = first + count;
    (first..last)
        .map(|first| EntryId(counting(first)))
        .collect()
}

fn signed(at: Cursor) -> Receipt {
    let sign = |text: &[u8]| key(0xd0).sign(text);
    Receipt::new(&SPACE, GENERATION, at.position(), sign)
}

fn told(first: u8, count: u8) -> Story {
    Story {
        receipt: signed(from_after(first, count)),
        ids: ids(first, count),
    }
}

fn untold(first: u8, count: u8) -> Story {
    let ids = Vec::new();
    Story {
        ids,
        ..told(first, count)
    }
}

fn of(one: Story, other: Story) -> Evidence {
    from(start(), one, other)
}

fn from(at: Cursor, one: Story, other: Story) -> Evidence {
    Evidence::of(key(0xd0).verifying_key(), SPACE, at, one, other).unwrap()
}
