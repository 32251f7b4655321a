//! What proves that a relay told two stories.

use std::fs;
use std::path::Path;
use std::process::Command;

use waymark_core::crypto::{EpochKey, entry_key, seal};
use waymark_core::driver::SystemEntropy;
use waymark_core::equivocation::{Equivocation, Signed};
use waymark_core::gate::{Document, DocumentName, Section};
use waymark_core::space::actor;
use waymark_core::store::{SqliteStore, Store, Table, Transaction};
use waymark_wire::chain::Cursor;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::evidence::{Evidence, Story};
use waymark_wire::ids::{DeviceNumber, EntryId, Generation, Height, SpaceId};
use waymark_wire::padding;
use waymark_wire::receipt::Receipt;
use waymark_wire::signature::SigningKey;

use crate::harness::{Desk, Relay};

fn proof() -> Evidence {
    let (space, key) = (SpaceId([5; 32]), SigningKey::from_seed(&[6; 32]).unwrap());
    let from = Cursor::start(&space);
    let told = |id| {
        let ids = vec![EntryId([id; 32])];
        let position = from.after(&ids[0]).position();
        let sign = |text: &[u8]| key.sign(text);
        let receipt = Receipt::new(&space, Generation([7; 16]), position, sign);
        Story { receipt, ids }
    };
    Evidence::of(key.verifying_key(), space, from, told(1), told(2)).unwrap()
}

/// Two first changes of one device in a plan.
fn member_proof() -> Equivocation {
    let (space, key) = (SpaceId([5; 32]), SigningKey::from_seed(&[8; 32]).unwrap());
    let (epoch, at) = (EpochKey::from_slice(&[9; 32]).unwrap(), EntryId([4; 32]));
    let signed = |counter: u32, record: &[u8]| {
        let mut document = Document::new(actor(&space, &key.verifying_key()));
        let stored = document.put_record(record).unwrap().unwrap().stored;
        let section = Section::build(DocumentName { kind: 1, part: 0 }, [stored]).unwrap();
        let header = Header {
            kind: Kind::Batch,
            device: DeviceNumber(1),
            counter,
            height: Height(0),
            seen: Cursor::start(&space).position(),
            salt: [3; 16],
        };
        let mut text = [&[0], section.raw()].concat();
        padding::pad(&mut text);
        let bytes = header.to_bytes();
        let body = seal(&epoch, &space.0, &at.0, &bytes, text).unwrap();
        let alone = entry_key(&epoch, &space.0, &at.0, &bytes).unwrap();
        let entry = Entry::assemble(header, &body, &space, &at, |text| key.sign(text));
        let key = alone;
        Signed { entry, at, key }
    };
    let (one, other) = (signed(0, b"one"), signed(1, b"other"));
    Equivocation::of(space, key.verifying_key(), one, other).unwrap()
}

/// As if a sync of this device had caught its relay.
fn keep(desk: &Desk, evidence: &Evidence) {
    // {0: the evidence, 1: a millisecond after the epoch}
    let row = [
        vec![0xa2, 0x00],
        codec::encode(&Bytes(evidence.to_bytes())),
        vec![0x01, 0x01],
    ];
    put(desk, [[0; 5].as_slice(), &[7; 16]].concat(), row.concat());
}

/// Puts a row among the evidence of a device.
fn put(desk: &Desk, place: Vec<u8>, row: Vec<u8>) {
    let store = SqliteStore::open(
        &desk.directory(),
        &crate::harness::key(&desk.directory().join("storage.key")),
        SystemEntropy::default(),
    );
    let mut store = store.unwrap();
    let mut transaction = Transaction::new();
    transaction.put(Table::Evidence, place, row);
    store.commit(transaction.into()).unwrap();
}

/// Runs `evidence verify` where there is no device: exit code and what it says.
fn verify(file: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_waymark"));
    let output = command.args(["evidence", "verify"]).arg(file);
    let output = output.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Whoever caught a relay could otherwise not show it to anybody.
#[test]
fn evidence_is_shown_written_and_checked_from_its_file_alone() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    assert!(kim.run(&["evidence"]).done().all("evidence").is_empty());
    kim.run(&["evidence", "--out", "nothing"])
        .failed(2, "wrong_use");
    let evidence = proof();
    keep(&kim, &evidence);
    let shown = kim.run(&["evidence"]).done();
    let shown = shown.one("evidence");
    assert_eq!((&shown["number"], &shown["seq"]), (&1.into(), &1.into()));
    assert_eq!(shown["relay"], relay.url.as_str());
    assert_eq!(shown["relay_key"], evidence.relay.to_string());
    assert_eq!(shown["noticed"], "1970-01-01T00:00:00.001+00:00");
    let spaces = kim.run(&["status"]).done();
    let counts = spaces
        .all("space")
        .into_iter()
        .map(|space| &space["evidence"]);
    assert!(counts.eq([&serde_json::json!(1), &serde_json::json!(0)]));

    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("proof");
    let out = ["evidence", "1", "--out", file.to_str().unwrap()];
    kim.run(&out).done();
    assert_eq!(fs::read(&file).unwrap(), evidence.to_bytes());
    // Nothing is written over.
    kim.run(&out).failed(1, "io");
    kim.run(&["evidence", "2"]).failed(2, "wrong_use");
    let (code, said) = verify(&file);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&evidence.relay.to_string()), "{said}");
    assert!(said.contains("it is proven"), "{said}");

    let mut altered = evidence.to_bytes();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&file, altered).unwrap();
    let (code, said) = verify(&file);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("this proves nothing"), "{said}");
    assert_eq!(verify(&parent.path().join("none")).0, Some(1));
}

/// Whoever caught a member's device could otherwise not show it to anybody.
#[test]
fn evidence_against_a_member_is_shown_written_and_checked_from_its_file_alone() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    let proof = member_proof();
    put(&kim, vec![0, 0, 0, 0, 12, 0, 1], proof.to_bytes());
    let shown = kim.run(&["evidence"]).done();
    assert!(shown.all("evidence").is_empty(), "no relay is accused");
    let shown = shown.one("member_evidence");
    assert_eq!((&shown["piece"], &shown["number"]), (&1.into(), &1.into()));
    assert_eq!(
        (&shown["change"], &shown["document"]),
        (&1.into(), &"plan".into())
    );
    assert_eq!(shown["signer_key"], proof.signer.to_string());

    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("proof");
    let out = ["evidence", "1", "--out", file.to_str().unwrap()];
    let said = kim.run(&out).done();
    assert!(said.complaint.contains("can read what stands"), "{said:?}");
    assert_eq!(fs::read(&file).unwrap(), proof.to_bytes());
    let (code, said) = verify(&file);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("it is proven"), "{said}");
    assert!(said.contains(&proof.signer.to_string()), "{said}");

    let mut altered = proof.to_bytes();
    *altered.last_mut().unwrap() ^= 1;
    fs::write(&file, altered).unwrap();
    let (code, said) = verify(&file);
    assert_eq!(code, Some(2), "{said}");
}
