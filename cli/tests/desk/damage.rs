//! What was held back, and a database that is damaged.

use rusqlite::Connection;
use waymark_core::driver::SystemEntropy;
use waymark_core::store::{SqliteStore, Store, Table, Transaction};

use crate::harness::{Desk, Relay, key};
use crate::sharing::sharing;

/// As if this device had held back the entry at this place of its first plan's log.
fn hold(desk: &Desk, seq: u64) {
    let key = key(&desk.directory().join("storage.key"));
    let store = SqliteStore::open(&desk.directory(), &key, SystemEntropy::default());
    let mut store = store.unwrap();
    let place = [
        &[0, 0, 0, 1][..],
        &seq.to_be_bytes(),
        &u32::MAX.to_be_bytes(),
    ]
    .concat();
    // {0: seq, 1: the device's number, 2: the reason, 3: no bytes of its own}
    let mut row = vec![
        0xa4,
        0x00,
        u8::try_from(seq).unwrap(),
        0x01,
        0x00,
        0x02,
        0x65,
    ];
    row.extend(b"tried");
    row.extend([0x03, 0x40]);
    let mut transaction = Transaction::new();
    transaction.put(Table::Quarantine, place, row);
    store.commit(transaction.into()).unwrap();
}

/// Where in the log the newest entry stands that this desk was sent.
fn newest(desk: &Desk) -> u64 {
    let key = key(&desk.directory().join("storage.key"));
    let store = SqliteStore::open(&desk.directory(), &key, SystemEntropy::default());
    let rows = store.unwrap().scan(Table::Entry, &[0, 0, 0, 1], None, 999);
    rows.unwrap().len() as u64
}

/// A client's words would be missing without anybody being told, or stay missing after an update.
#[test]
fn what_was_held_back_is_shown_judged_again_or_given_up() {
    let relay = Relay::start();
    let (kim, ada) = sharing(&relay);
    kim.add_goal("A walk every day");
    ada.run(&["sync"]).done();
    assert!(ada.run(&["held"]).done().all("held").is_empty());
    let seq = newest(&ada);
    assert!(seq < 24, "the row above is written for such");
    hold(&ada, seq);
    let held = ada.run(&["held"]).done();
    let held = held.one("held");
    assert_eq!(
        (&held["number"], &held["held"]["reason"]),
        (&1.into(), &"tried".into())
    );
    let space = ada.run(&["status"]).done();
    assert!(space.all("space").iter().any(|space| space["held"] == 1));

    ada.run(&["held", "release", "2"]).failed(2, "wrong_use");
    let released = ada.run(&["held", "release", "1"]).done();
    assert_eq!(released.one("released")["outcome"], "applied");
    assert!(ada.run(&["held"]).done().all("held").is_empty());
    hold(&ada, seq);
    ada.answer(&["held", "discard", "1"], "no\n")
        .failed(1, "declined");
    ada.run(&["held", "discard", "1", "--yes"])
        .done()
        .one("discarded");
    assert!(ada.run(&["held"]).done().all("held").is_empty());
}

/// A bad sector would otherwise end the plan on this computer, although the relay has it.
#[test]
fn what_is_damaged_is_named_repaired_and_fetched_again() {
    let relay = Relay::start();
    let kim = Desk::client(&relay, "Kim");
    kim.add_goal("A walk every day");
    let nothing = kim.run(&["repair"]).done();
    assert!(nothing.all("repaired").is_empty());
    let file = kim.directory().join("waymark.sqlite");
    let spoil = "UPDATE change SET value = CAST(substr(value, 1, length(value) - 1) || x'00' || \
                 x'01' AS BLOB)";
    assert!(Connection::open(&file).unwrap().execute(spoil, ()).unwrap() > 0);
    let client = kim.open();
    let plan = client.people().plans()[0];
    assert_eq!(client.goals().list(plan).unwrap_err().code(), "damaged");
    drop(client);
    let repaired = kim.run(&["repair"]).done();
    let repaired = repaired.all("repaired");
    assert!(
        repaired.iter().any(|view| view["documents"] != 0),
        "{repaired:?}"
    );
    kim.run(&["sync"]).done();
    assert_eq!(kim.goals(), ["A walk every day"]);

    let salvaged = kim.run(&["repair", "--file"]).done();
    let tables = salvaged.one("salvaged")["tables"].as_array().unwrap();
    assert!(
        tables
            .iter()
            .any(|t| t["table"] == "entry" && t["rows"] != 0)
    );
    kim.run(&["repair", "--forget-damaged"]).done();
    kim.run(&["sync"]).done();
    assert_eq!(kim.goals(), ["A walk every day"]);
}
