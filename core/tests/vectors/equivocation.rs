//! Evidence that a member's device wrote two changes under one number, and what is none.

use serde_json::{Value, json};
use waymark_core::crypto::{EpochKey, entry_key, seal};
use waymark_core::equivocation::{Equivocation, EquivocationError, Signed};
use waymark_core::gate::{Document, DocumentName, Section};
use waymark_core::space::actor;
use waymark_wire::chain::Cursor;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::padding;

use super::support::{counting, hex, keys, public, sign};

const SPACE: SpaceId = SpaceId([0x51; 32]);
const MEMBERSHIP: EntryId = EntryId([0x53; 32]);
const PLAN: DocumentName = DocumentName { kind: 1, part: 0 };
const LOG: DocumentName = DocumentName {
    kind: 2,
    part: 24_316,
};

pub(super) fn vectors() -> Value {
    let proof = proof(&["one", "two"], &["one", "other"]);
    let said = proof.verify().unwrap();
    json!({
        "epoch_key": hex(counting::<32>(0xb0)),
        "membership_entry": hex(MEMBERSHIP.0),
        "signer": hex(proof.signer.0),
        "space": hex(SPACE.0),
        "proof": {
            "bytes": hex(proof.to_bytes()),
            "document": { "kind": said.document.kind, "part": said.document.part },
            "change": said.change,
            "one": hex(said.one.0),
            "other": hex(said.other.0),
        },
        "refused": refused(),
    })
}

fn refused() -> Value {
    let good = || proof(&["one"], &["other"]);
    let altered = |change: fn(&mut Equivocation)| {
        let mut proof = good();
        change(&mut proof);
        proof.to_bytes()
    };
    let swapped = || {
        let (a, b) = (good(), good());
        Equivocation {
            one: a.other,
            other: b.one,
            ..good()
        }
    };
    let newer = || {
        let mut bytes = good().to_bytes();
        bytes[2] = 2;
        bytes
    };
    let cases = [
        ("the same changes", proof(&["one"], &["one"]).to_bytes()),
        ("one goes on where the other ends", goes_on().to_bytes()),
        ("in the wrong order", swapped().to_bytes()),
        (
            "another space",
            altered(|proof| proof.space = SpaceId([0x52; 32])),
        ),
        (
            "another signer",
            altered(|proof| proof.signer = public(&keys("somebody"))),
        ),
        (
            "signed over another membership entry",
            altered(|proof| proof.one.at = EntryId([0x54; 32])),
        ),
        (
            "a key that does not open it",
            altered(|proof| proof.one.key = [7; 32].into()),
        ),
        ("of a later version", newer()),
        (
            "with a byte behind it",
            [good().to_bytes(), vec![0]].concat(),
        ),
    ];
    let told = cases.map(|(what, bytes)| {
        let checked = Equivocation::from_bytes(&bytes).and_then(|proof| proof.verify());
        let outcome = match checked.unwrap_err() {
            EquivocationError::Agree => "agree",
            EquivocationError::Codec(_) => "codec",
            EquivocationError::NoBatches => "no_batches",
            EquivocationError::NotOpened => "not_opened",
            EquivocationError::NotStrict => "not_strict",
            EquivocationError::Unsigned => "unsigned",
            EquivocationError::Version(_) => "version",
            other => panic!("{other}"),
        };
        json!({ "what": what, "bytes": hex(bytes), "outcome": outcome })
    });
    told.into_iter().collect()
}

/// A batch in which the device put the first records into a log and the plan, and another.
fn proof(one: &[&str], other: &[&str]) -> Equivocation {
    assembled([signed(0, &sections(one)), signed(1, &sections(other))])
}

/// Two batches of an honest device.
fn goes_on() -> Equivocation {
    let mut document = Document::new(actor(&SPACE, &public(&keys("member"))));
    let mut batch = |counter| {
        let stored = document.put_record(&[0xa2, 0, 2, 1, counter]).unwrap();
        let stored = stored.unwrap().stored;
        let section = Section::build(PLAN, [stored]).unwrap();
        signed(counter.into(), &[section])
    };
    assembled([batch(0), batch(1)])
}

fn assembled([a, b]: [Signed; 2]) -> Equivocation {
    let (one, other) = match a.entry.id(&SPACE) < b.entry.id(&SPACE) {
        true => (a, b),
        false => (b, a),
    };
    Equivocation {
        space: SPACE,
        signer: public(&keys("member")),
        one,
        other,
    }
}

fn sections(records: &[&str]) -> Vec<Section> {
    let section = |name| {
        let mut document = Document::new(actor(&SPACE, &public(&keys("member"))));
        let put = records.iter().map(|record| {
            let change = document.put_record(record.as_bytes()).unwrap();
            change.unwrap().stored
        });
        Section::build(name, put.collect::<Vec<_>>()).unwrap()
    };
    vec![section(PLAN), section(LOG)]
}

fn signed(counter: u32, sections: &[Section]) -> Signed {
    let header = Header {
        kind: Kind::Batch,
        device: DeviceNumber(3),
        counter,
        height: Height(1),
        seen: Cursor::start(&SPACE).position(),
        salt: counting(0x10),
    };
    let epoch = EpochKey::from_slice(&counting::<32>(0xb0)).unwrap();
    // Not packed: how hard to pack is the writer's affair.
    let mut text = vec![0];
    for section in sections {
        text.extend(section.raw());
    }
    padding::pad(&mut text);
    let bytes = header.to_bytes();
    let body = seal(&epoch, &SPACE.0, &MEMBERSHIP.0, &bytes, text).unwrap();
    let key = entry_key(&epoch, &SPACE.0, &MEMBERSHIP.0, &bytes).unwrap();
    let member = keys("member");
    let entry = Entry::assemble(header, &body, &SPACE, &MEMBERSHIP, sign(&member));
    let at = MEMBERSHIP;
    Signed { entry, at, key }
}
