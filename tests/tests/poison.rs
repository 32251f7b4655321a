//! An entry that kills the app whenever it is opened: at a later start it is held back, and the app
//! is usable again. An app that was killed by chance holds nothing back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::process::{Command, Stdio};
use std::sync::Arc;

use waymark_core::client::{Client, Config, HeldOutcome, PlanId};
use waymark_core::driver::SystemEntropy;
use waymark_core::store::{Row, SqliteStore, Store, StoreError, Table, Write};
use waymark_tests::story::{goal, log, notes, sync};
use waymark_tests::{Device, TestClock, TestRelay, begin, link_therapist, unlocked};

const DIRECTORY: &str = "WAYMARK_TEST_DIRECTORY";
const RELAY: &str = "WAYMARK_TEST_RELAY";
const POISON: &str = "kills who opens it";

/// A store in whose process a certain note is deadly: it aborts where a document would take it.
struct Deadly(SqliteStore);

fn strike(writes: &[Write]) {
    let is_deadly = |write: &Write| match write {
        Write::Put {
            table: Table::Change,
            value,
            ..
        } => value
            .windows(POISON.len())
            .any(|part| part == POISON.as_bytes()),
        _ => false,
    };
    if writes.iter().any(is_deadly) {
        std::process::abort();
    }
}

impl Store for Deadly {
    fn commit(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        strike(&writes);
        self.0.commit(writes)
    }

    fn commit_soon(&mut self, writes: Vec<Write>) -> Result<(), StoreError> {
        strike(&writes);
        self.0.commit_soon(writes)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.get(table, key)
    }

    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, StoreError> {
        self.0.scan(table, prefix, after, limit)
    }

    fn verify(&self) -> Result<(), StoreError> {
        self.0.verify()
    }

    fn close(self: Box<Self>) -> Result<(), StoreError> {
        Box::new(self.0).close()
    }
}

/// Not a test by itself: the app that the tests below start, and that dies by what it reads.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it is run by the tests below"]
async fn child() {
    let (Some(directory), Ok(relay)) = (std::env::var_os(DIRECTORY), std::env::var(RELAY)) else {
        return;
    };
    let entropy = SystemEntropy::default();
    let open = || SqliteStore::open(directory.as_ref(), &[7; 32], entropy.clone());
    let store = unlocked(open, |error| *error == StoreError::Locked).unwrap();
    let config = Config::new(directory, &relay);
    let clock = Arc::new(TestClock::at(1_777_636_800_000));
    let store = Box::new(Deadly(store));
    let client = Client::with_store(config, store, Box::new(entropy), clock).unwrap();
    client.sync().now().await.unwrap();
}

/// Runs the app once; says whether it came to its end.
fn lives(device: &mut Device, relay: &TestRelay) -> bool {
    device.close();
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, device.directory())
        .env(RELAY, relay.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    child.status().unwrap().success()
}

/// A plan in which a second device wrote three entries, the middle one deadly, and a tablet that has
/// read none of them.
async fn poisoned(relay: &TestRelay) -> (Device, Device, PlanId) {
    let (phone, plan) = begin(relay);
    let goal = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    for note in ["before", POISON, "after"] {
        log(&phone, plan, goal, note);
        sync(&phone).await.unwrap();
    }
    (phone, tablet, plan)
}

/// The therapist would otherwise never see this or any other plan again on that tablet.
#[tokio::test(flavor = "multi_thread")]
async fn what_kills_the_app_at_every_start_is_held_and_can_be_released() {
    let relay = TestRelay::start().await;
    let (phone, mut tablet, plan) = poisoned(&relay).await;
    for start in 1..=3 {
        assert!(!lives(&mut tablet, &relay), "start {start}");
    }
    assert!(lives(&mut tablet, &relay), "it is held back by now");
    tablet.reopen();
    assert_eq!(
        notes(&tablet, plan),
        ["before"],
        "what follows waits behind it"
    );
    let held = tablet.client().held().list().unwrap();
    let told: Vec<_> = held.iter().map(|held| held.reason.as_str()).collect();
    assert_eq!(told, ["killed_the_app"]);
    assert!(held[0].name.is_some(), "it says whose it is");

    // An app in which it is not deadly any more.
    let outcome = tablet.client().held().release(held[0].place).unwrap();
    assert_eq!(outcome, HeldOutcome::Applied);
    assert_eq!(notes(&tablet, plan), notes(&phone, plan));
    assert_eq!(tablet.client().held().list().unwrap(), []);
    let again = tablet.client().held().release(held[0].place).unwrap_err();
    assert_eq!(again.code(), "not_found");
}

/// Systems kill apps at any time: honest words must not be held back for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_was_killed_twice_while_it_read_holds_nothing_back() {
    let relay = TestRelay::start().await;
    let (phone, mut tablet, plan) = poisoned(&relay).await;
    for start in 1..=2 {
        assert!(!lives(&mut tablet, &relay), "start {start}");
    }
    tablet.reopen();
    sync(&tablet).await.unwrap();
    assert_eq!(notes(&tablet, plan), notes(&phone, plan));
    assert_eq!(tablet.client().held().list().unwrap(), []);
}
