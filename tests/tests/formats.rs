//! Databases that older versions made: today's code opens them, shows what was in them and goes on
//! with them. What they are is said in `tests/fixtures/README.md`.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::fs;
use std::path::Path;

use minicbor::Encode;
use rusqlite::Connection;
use serde_json::Value;
use waymark_core::client::PlanId;
use waymark_core::model::{NewCheckIn, Outcome, Rating};
use waymark_core::space::Space;
use waymark_tests::story::{assert_same, assert_settled, goal, log, measure, meet, notes, status};
use waymark_tests::{Device, TestRelay, fixture, hand_over, link_therapist, post, read_frames};
use waymark_wire::chain::{Cursor, Position};
use waymark_wire::codec;
use waymark_wire::message::{Frame, PULL_PATH, PullRequest};
use waymark_wire::proof::ReadProof;

/// The devices and the relay of one story.
const PHONE: &str = "format-1/phone";
const TABLET: &str = "format-1/tablet";
const RELAY: &str = "relay-1";

/// What the story is made of.
const GOAL: &str = "walk to the lake";
const MEASURE: &str = "mood";
const TEXT: &str = "What helped: the lake.";
/// In the log, sealed for it, and not sealed yet.
const SENT: [&str; 2] = ["a cold day", "with Sam"];
const SEALED: &str = "on the train";
const UNSEALED: &str = "no network";
/// A note of the therapist's that was not sent yet.
const TITLE: &str = "before the session";

/// Whoever updates the app would lose the plan, or what was not sent before the update.
#[test]
fn a_device_of_format_1_shows_what_it_did_and_goes_on() {
    let (phone, plan) = device(PHONE, "http://127.0.0.1:9");
    let client = phone.client();
    let stands = status(&phone, plan);
    assert!(stands.ready && stands.on_the_way > 0 && stands.unsent > 0);
    assert_eq!((stands.held, stands.waiting), (0, 0));
    let known = fs::read(fixture::path("format-1/phone.json")).unwrap();
    let shown: Value = serde_json::from_str(&client.export_all().unwrap()).unwrap();
    assert_holds("", &shown, &serde_json::from_slice(&known).unwrap());
    let members = client.people().members(plan).unwrap();
    let names = members.iter().map(|member| member.name.as_deref());
    assert!(names.eq([Some("Kim"), Some("Dr. Ada")]));
    let goals = client.goals().list(plan).unwrap();
    assert_eq!(goals[0].statement, GOAL);
    let measures = client.goals().measures(plan).unwrap();
    assert_eq!(measures[0].label, MEASURE);
    let texts = client.texts().list(plan).unwrap();
    assert_eq!(client.texts().read(plan, texts[0].text).unwrap(), TEXT);
    let mut all = vec![SENT[0], SENT[1], SEALED, UNSEALED];
    all.sort_unstable();
    assert_eq!(notes(&phone, plan), all);

    log(&phone, plan, goals[0].id, "today");
    let mut phone = phone;
    phone.reopen();
    all.push("today");
    all.sort_unstable();
    assert_eq!(notes(&phone, plan), all);
    let diagnostics = phone.client().diagnostics().unwrap();
    assert_eq!((diagnostics.database, diagnostics.held), (None, Vec::new()));
}

/// Devices would take a relay that was updated for one that lost or altered their logs.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_of_version_1_serves_the_pages_that_it_served() {
    let copy = fixture::copy(RELAY);
    assert_eq!(version(&copy.path().join("relay.db")), 1);
    let mut relay = TestRelay::restored(RELAY).await;
    // Once as it is migrated, and once as it is then.
    for _ in 0..2 {
        for name in [PHONE, TABLET] {
            let mut device = Device::restored(name, &relay.url());
            let served = fs::read(fixture::path(&format!("{name}.pages"))).unwrap();
            let served = read_frames(&served);
            assert!(served.len() > 6, "{name}");
            assert_eq!(pages(&relay, &mut device).await, served, "{name}");
        }
        relay.restart().await;
    }
}

/// An update of everything at once must not be the end of a plan.
#[tokio::test(flavor = "multi_thread")]
async fn old_devices_and_an_old_relay_go_on_together() {
    let relay = TestRelay::restored(RELAY).await;
    let (phone, plan) = device(PHONE, &relay.url());
    let (tablet, _) = device(TABLET, &relay.url());
    let goals = phone.client().goals().list(plan).unwrap();
    log(&phone, plan, goals[0].id, "today");
    meet(&[&phone, &tablet]).await;
    assert_settled(&phone);
    assert_settled(&tablet);
    let mut all = vec![SENT[0], SENT[1], SEALED, UNSEALED, "today"];
    all.sort_unstable();
    assert_eq!(notes(&tablet, plan), all);
    let texts = phone.client().texts().list(plan).unwrap();
    let mut titles = texts.iter().filter_map(|text| text.title.as_deref());
    assert!(titles.any(|title| title == TITLE));

    let another = link_therapist(&phone, plan).await;
    meet(&[&tablet]).await;
    assert_eq!(notes(&another, plan), all);
    assert_same(plan, &[&phone, &tablet, &another]);
}

/// Makes the fixtures from today's code. That was right once for each format: what is released is
/// never made again, so whatever is there stays.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the fixtures, once for each format"]
async fn make() {
    if std::env::var_os("WAYMARK_WRITE_FIXTURES").is_none() {
        return;
    }
    for name in [PHONE, TABLET, RELAY] {
        fs::create_dir_all(fixture::path(name).parent().unwrap()).unwrap();
        fs::create_dir(fixture::path(name)).expect("a format that is not there yet");
    }
    let mut relay = TestRelay::start().await;
    let mut phone = Device::seeded(&relay, [1; 32]);
    phone.client().people().begin("Kim", "phone").unwrap();
    let plan = phone.client().people().create_plan().unwrap();
    let goal = goal(&phone, plan, GOAL);
    let measure = measure(&phone, plan, MEASURE, 10);
    let rated = NewCheckIn {
        note: Some(SENT[0].into()),
        ratings: vec![Rating { measure, value: 7 }],
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    phone.client().check_ins().log(plan, &rated).unwrap();
    log(&phone, plan, goal, SENT[1]);
    let texts = phone.client().texts();
    let text = texts.create(plan, None, Some("notes")).unwrap().text;
    texts.splice(plan, text, 0, 0, TEXT).unwrap();

    let mut tablet = Device::seeded(&relay, [2; 32]);
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    phone.client().people().add_therapist(plan, &card).unwrap();
    hand_over(&phone, &tablet, &card).await;
    meet(&[&phone, &tablet]).await;
    relay.stop().await;
    log(&phone, plan, goal, SEALED);
    phone.client().sync().now().await.unwrap_err();
    log(&phone, plan, goal, UNSEALED);
    let texts = tablet.client().texts();
    texts.create(plan, None, Some(TITLE)).unwrap();

    let stands = status(&phone, plan);
    assert!(stands.on_the_way > 0 && stands.unsent > 0);
    let shown = phone.client().export_all().unwrap();
    fs::write(fixture::path("format-1/phone.json"), shown + "\n").unwrap();
    for (device, name) in [(&mut phone, PHONE), (&mut tablet, TABLET)] {
        device.close();
        keep(name, device.directory(), &["waymark.sqlite"]);
    }
    // It leaves room in the file that only costs space here.
    let database = Connection::open(relay.directory().join("relay.db")).unwrap();
    database.execute_batch("VACUUM").unwrap();
    drop(database);
    let files = ["relay.db", "relay.key", "relay.secret"];
    keep(RELAY, relay.directory(), &files);

    let relay = TestRelay::restored(RELAY).await;
    for name in [PHONE, TABLET] {
        let mut device = Device::restored(name, &relay.url());
        let served = pages(&relay, &mut device).await;
        let served: Vec<u8> = served.iter().flat_map(codec::encode).collect();
        fs::write(fixture::path(&format!("{name}.pages")), served).unwrap();
    }
}

/// Files of a device or a relay that is closed, as a fixture.
fn keep(name: &str, directory: &Path, files: &[&str]) {
    for file in files {
        fs::copy(directory.join(file), fixture::path(name).join(file)).unwrap();
    }
    let names = fs::read_dir(directory).unwrap();
    let mut names = names.map(|file| file.unwrap().file_name().into_string().unwrap());
    assert!(!names.any(|name| name.ends_with("-wal")), "not all is kept");
}

/// A device of the story, whose relay is at `relay` now, and its plan.
fn device(name: &str, relay: &str) -> (Device, PlanId) {
    let copy = fixture::copy(name);
    assert_eq!(version(&copy.path().join("waymark.sqlite")), 1);
    let device = Device::restored(name, relay);
    let plan = device.client().people().plans()[0];
    (device, plan)
}

/// The version that a database says it is of.
fn version(path: &Path) -> i64 {
    let db = Connection::open(path).unwrap();
    db.pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// What a relay sends to a device that reads everything again, without the greeting, which is never
/// the same.
async fn pages(relay: &TestRelay, device: &mut Device) -> Vec<Frame> {
    let address = relay.url().trim_start_matches("http://").to_owned();
    let greeting = codec::encode(&PullRequest::default());
    let greeting = post(&address, PULL_PATH, &greeting).await.unwrap();
    let Some(Frame::Hello { relay: key, nonce }) = read_frames(&greeting.1).pop() else {
        panic!("no greeting");
    };
    let spaces = device.inside(|engine| {
        let ask = |space: &Space| {
            let reader = space.device_to_read_as().unwrap();
            let sign = |text: &[u8]| space.signing_key().sign(text);
            Asked {
                proof: ReadProof::new(&key, nonce.clone(), space.id(), reader, sign),
                after: Cursor::start(&space.id()).position(),
            }
        };
        engine.spaces().iter().map(ask).collect()
    });
    let request = codec::encode(&Asking { spaces });
    let (status, answer) = post(&address, PULL_PATH, &request).await.unwrap();
    assert_eq!(status, 200);
    read_frames(&answer).split_off(1)
}

/// A request to read as devices of that time made it, which know of no field that came later.
#[derive(Encode)]
#[cbor(map)]
struct Asking {
    #[n(0)]
    spaces: Vec<Asked>,
}

#[derive(Encode)]
#[cbor(map)]
struct Asked {
    #[n(0)]
    proof: ReadProof,
    #[n(1)]
    after: Position,
}

/// Fails unless everything in `old` is in `new` too. What came later may stand beside it.
fn assert_holds(at: &str, new: &Value, old: &Value) {
    match (new, old) {
        (Value::Object(new), Value::Object(old)) => {
            for (name, old) in old {
                assert_holds(
                    &format!("{at}.{name}"),
                    new.get(name).unwrap_or(&Value::Null),
                    old,
                );
            }
        }
        (Value::Array(new), Value::Array(old)) => {
            assert_eq!(new.len(), old.len(), "{at}");
            for (number, (new, old)) in new.iter().zip(old).enumerate() {
                assert_holds(&format!("{at}[{number}]"), new, old);
            }
        }
        _ => assert_eq!(new, old, "{at}"),
    }
}
