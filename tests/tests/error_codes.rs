//! Every error code is reached by a situation, so that an app that handles it handles something.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use waymark_core::client::{Client, Config, ErrorClass, WaymarkError};
use waymark_core::driver::SystemEntropy;
use waymark_core::model::{LifecycleStatus, NewStatus};
use waymark_core::store::{MemoryDisk, Store, StoreError, Table, Transaction};
use waymark_tests::story::{goal, sync};
use waymark_tests::{Device, Reply, Stage, TestClock, begin_at};
use waymark_wire::message::{PULL_PATH, RefusalAnswer, RefusalCode};

/// Nobody listens there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// What a device says whose disk does this at every commit.
fn with_disk_that(fault: StoreError) -> WaymarkError {
    let disk = MemoryDisk::new();
    let client = Client::with_store(
        Config::new("unused", NOWHERE),
        Box::new(disk.open().unwrap()),
        Box::new(SystemEntropy::default()),
        Arc::new(TestClock::at(0)),
    );
    let client = client.unwrap();
    client.people().begin("Kim", "phone").unwrap();
    disk.fail_commits(Some(fault));
    let error = client.people().create_plan().unwrap_err();
    assert!(
        client.people().plans().is_empty(),
        "a plan that is not stored"
    );
    disk.fail_commits(None);
    client.people().create_plan().unwrap();
    error
}

fn with_format(format: u32) -> WaymarkError {
    let (mut phone, _) = begin_at(NOWHERE);
    phone.close();
    let file = phone.directory().join("waymark.sqlite");
    let db = rusqlite::Connection::open(file).unwrap();
    db.pragma_update(None, "user_version", format).unwrap();
    drop(db);
    phone.open(&[7; 32]).unwrap_err()
}

fn with_a_foreign_file() -> WaymarkError {
    let (mut phone, _) = begin_at(NOWHERE);
    phone.close();
    let file = phone.directory().join("waymark.sqlite");
    fs::write(file, [0x20; 8_192]).unwrap();
    phone.open(&[7; 32]).unwrap_err()
}

/// Keys of a card that are not what this library wrote: nothing that happens, but what `internal`
/// is for.
async fn with_keys_that_are_none() -> WaymarkError {
    let stage = Stage::set().await;
    let mut late = Device::with_relay(&stage.liar.url());
    let card = late.client().people().card("Dr. Eve", "late").unwrap();
    let people = stage.phone.client().people();
    people.add_therapist(stage.plan, &card).unwrap();
    sync(&stage.phone).await.unwrap();
    let welcome = people.welcome(&card).unwrap().unwrap();
    late.with_store(|store: &mut dyn Store| {
        let mut transaction = Transaction::new();
        for (key, _) in store.scan(Table::Meta, b"card ", None, 9).unwrap() {
            transaction.put(Table::Meta, key, [0x43, 1, 2, 3]);
        }
        store.commit(transaction.take()).unwrap();
    });
    late.client().people().accept(&welcome).unwrap_err()
}

async fn with_a_relay_that(answer: Reply) -> WaymarkError {
    let stage = Stage::set().await;
    stage.liar.answer(PULL_PATH, answer);
    sync(&stage.tablet).await.unwrap_err()
}

/// What a device says of the fourth active goal, before its person is asked and wants it.
fn with_a_fourth_active_goal() -> WaymarkError {
    let (phone, plan) = begin_at(NOWHERE);
    let goals = phone.client().goals();
    let mut last = None;
    for name in ["walk", "sleep", "call", "cook"] {
        let status = NewStatus {
            goal: goal(&phone, plan, name),
            to: LifecycleStatus::Active,
            achievement: None,
            reason: None,
        };
        if let Err(error) = goals.set_status(plan, &status) {
            assert!(goals.view(plan).unwrap().warnings.is_empty());
            goals.set_status_anyway(plan, &status).unwrap();
            assert_eq!(goals.view(plan).unwrap().warnings.len(), 1);
            last = Some(error);
        }
    }
    last.unwrap()
}

fn busy() -> Reply {
    let refusal = RefusalAnswer {
        code: RefusalCode::Unavailable,
        detail: "too much at once".into(),
        nonce: waymark_wire::codec::Bytes(vec![0; 24]),
        seqs: Vec::new(),
        head: None,
        membership: Vec::new(),
    };
    Reply::Whole(503, waymark_wire::codec::encode(&refusal))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_the_fifteen_codes_is_reached_and_has_its_class() {
    use ErrorClass::{AskUser, FixInput, Report, Wait};
    let (phone, plan) = begin_at(NOWHERE);
    let people = phone.client().people();
    let unbegun = Device::with_relay(NOWHERE);
    let io = StoreError::Io {
        what: "a cable came loose".into(),
    };
    let _ = goal(&phone, plan, "walk");
    let unknown = waymark_core::client::PlanId([1; 32]);
    let reached: Vec<(WaymarkError, &str, ErrorClass)> = vec![
        (
            people.add_therapist(plan, b"no card").unwrap_err(),
            "bad_card",
            FixInput,
        ),
        (with_a_foreign_file(), "damaged", Report),
        (with_keys_that_are_none().await, "internal", Report),
        (
            people.card("", "phone").unwrap_err(),
            "invalid_input",
            FixInput,
        ),
        (
            {
                let (mut other, _) = begin_at(NOWHERE);
                other.close();
                other.open(&[1; 32]).unwrap_err()
            },
            "key_lost",
            AskUser,
        ),
        (phone.open(&[7; 32]).unwrap_err(), "locked", AskUser),
        (with_format(99), "needs_newer_app", AskUser),
        (
            unbegun.client().people().create_plan().unwrap_err(),
            "not_allowed",
            AskUser,
        ),
        (people.members(unknown).unwrap_err(), "not_found", FixInput),
        (sync(&phone).await.unwrap_err(), "offline", Wait),
        (with_a_relay_that(busy()).await, "relay_busy", Wait),
        (
            with_a_relay_that(Reply::Whole(200, vec![0xff])).await,
            "relay_untrusted",
            Report,
        ),
        (with_disk_that(io), "storage_failed", Report),
        (with_disk_that(StoreError::Full), "storage_full", AskUser),
        (with_a_fourth_active_goal(), "too_many_active", AskUser),
    ];
    for (error, code, class) in &reached {
        assert_eq!((error.code(), error.class()), (*code, *class), "{error}");
    }
    let codes: BTreeSet<_> = reached.iter().map(|(error, ..)| error.code()).collect();
    assert_eq!(codes.len(), 15, "a code is missing: {codes:?}");
}
