//! Flipped bits in a phone's database: what is sound opens, what is not is named, and a repair has it
//! fetched again. Nobody else is given wrong or doubled numbers by it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeSet;
use std::fs;

use chrono::Datelike;
use waymark_core::client::{Change, Client, Config, PlanId, RepairView, SalvageView};
use waymark_core::model::{GoalId, TextId};
use waymark_core::store::Table;
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, status, sync};
use waymark_tests::{Device, Heard, TestRelay, begin, link_therapist};

const KEY: [u8; 32] = [7; 32];

/// A phone with two plans, of which a therapist reads the first, and unsent edits in both.
struct Phone {
    phone: Device,
    tablet: Device,
    plan: PlanId,
    other: PlanId,
    goal: GoalId,
    text: TextId,
    _relay: TestRelay,
}

const SENT: [&str; 3] = ["sent 0", "sent 1", "sent 2"];
const UNSENT: [&str; 2] = ["unsent 0", "unsent 1"];

impl Phone {
    async fn new() -> Self {
        let relay = TestRelay::start().await;
        let (phone, plan) = begin(&relay);
        let other = phone.client().people().create_plan().unwrap();
        let tablet = link_therapist(&phone, plan).await;
        let goal_id = goal(&phone, plan, "walk");
        let read = goal(&phone, other, "read");
        let texts = phone.client().texts();
        let text = texts.create(plan, None, Some("note")).unwrap().text;
        texts.splice(plan, text, 0, 0, "Call Ada.").unwrap();
        for note in SENT {
            log(&phone, plan, goal_id, note);
            log(&phone, other, read, note);
            sync(&phone).await.unwrap();
        }
        sync(&tablet).await.unwrap();
        let _ = goal(&tablet, plan, "of the tablet");
        for device in [&tablet, &phone, &tablet, &phone] {
            sync(device).await.unwrap();
        }
        for note in UNSENT {
            log(&phone, plan, goal_id, note);
            log(&phone, other, read, note);
        }
        let mut made = Self {
            phone,
            tablet,
            plan,
            other,
            goal: goal_id,
            text,
            _relay: relay,
        };
        made.phone.close();
        made
    }

    fn salvage(&mut self) -> Result<SalvageView, String> {
        self.phone.close();
        let config = Config::new(self.phone.directory(), "http://127.0.0.1:9");
        Client::salvage(&config, &KEY).map_err(|error| error.code().to_owned())
    }

    fn repair(&self) -> Vec<RepairView> {
        self.phone.client().repair(None).unwrap()
    }

    async fn settle(&self) {
        for _ in 0..4 {
            for device in [&self.phone, &self.tablet] {
                sync(device).await.unwrap();
            }
        }
    }

    /// What is missing of all that was ever written, after a repair and a sync.
    fn missing(&self) -> BTreeSet<(PlanId, String)> {
        let mut missing = BTreeSet::new();
        for plan in [self.plan, self.other] {
            let shown: BTreeSet<String> = notes(&self.phone, plan).into_iter().collect();
            let all = SENT.into_iter().chain(UNSENT).map(String::from);
            missing.extend(
                all.filter(|note| !shown.contains(note))
                    .map(|note| (plan, note)),
            );
        }
        missing
    }

    /// Alters one row below every check: the database's page is sound, the row does not open.
    fn spoil(&mut self, table: Table, which: impl Fn(&[u8]) -> bool) -> usize {
        let file = self.phone.directory().join("waymark.sqlite");
        let db = rusqlite::Connection::open(file).unwrap();
        let sql = format!("SELECT key FROM {}", table.name());
        let mut keys = db.prepare(&sql).unwrap();
        let keys = keys.query_map((), |row| row.get::<_, Vec<u8>>(0)).unwrap();
        let keys: Vec<_> = keys.map(Result::unwrap).filter(|key| which(key)).collect();
        for key in &keys {
            let flip = format!(
                "UPDATE {} SET value = CAST(substr(value, 1, length(value) - 1) || x'00' || \
                 x'01' AS BLOB) WHERE key = ?1",
                table.name()
            );
            db.execute(&flip, [key]).unwrap();
        }
        keys.len()
    }

    /// The local number of a space.
    fn number(&mut self, plan: PlanId) -> u32 {
        let id = waymark_wire::ids::SpaceId(plan.0);
        let number = self
            .phone
            .inside(|engine| engine.space(&id).unwrap().number());
        self.phone.close();
        number
    }

    /// Fails unless both show the same, and nobody holds anything back or waits.
    fn assert_well(&self, what: &str) {
        assert_same(self.plan, &[&self.phone, &self.tablet]);
        for device in [&self.phone, &self.tablet] {
            let status = status(device, self.plan);
            assert_eq!((status.held, status.waiting), (0, 0), "{what}: {status:?}");
            assert_settled(device);
        }
        assert_eq!(
            self.phone.client().diagnostics().unwrap().database,
            None,
            "{what}"
        );
    }
}

fn of_space(number: u32) -> impl Fn(&[u8]) -> bool {
    move |key| key.starts_with(&number.to_be_bytes())
}

/// One bad sector would otherwise take every plan, and the diary of a month would have to be given up
/// although the relay has it.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_documents_come_back_with_what_was_unsent_and_the_device_stays_who_it_was() {
    let mut stage = Phone::new().await;
    let number = stage.number(stage.plan);
    // Everything of the documents that was sent: the rows of the unsent edits stay.
    let first_rows = move |key: &[u8]| key.starts_with(&number.to_be_bytes()) && key[8..] == [0; 4];
    assert!(stage.spoil(Table::Change, first_rows) > 1);
    stage.phone.reopen();
    let heard = Heard::from(&stage.phone);
    let client = stage.phone.client();
    assert_eq!(
        client.goals().list(stage.plan).unwrap_err().code(),
        "damaged"
    );
    assert_eq!(client.goals().list(stage.other).unwrap().len(), 1);
    let repaired = client.repair(Some(stage.plan)).unwrap();
    assert!(
        repaired[0].documents > 1 && repaired[0].kept >= 2,
        "{repaired:?}"
    );
    assert_eq!((repaired[0].lost, repaired[0].restored), (0, false));
    // It says so until they are here, also after the app was closed.
    stage.phone.reopen();
    let client = stage.phone.client();
    assert_eq!(
        client.goals().list(stage.plan).unwrap_err().code(),
        "damaged"
    );
    assert_eq!(notes(&stage.phone, stage.other).len(), 5);
    stage.settle().await;
    assert_eq!(stage.missing(), BTreeSet::new());
    let text = stage.phone.client().texts().read(stage.plan, stage.text);
    assert_eq!(text.unwrap(), "Call Ada.");
    log(&stage.phone, stage.plan, stage.goal, "since");
    stage.settle().await;
    assert!(notes(&stage.tablet, stage.plan).contains(&"since".to_owned()));
    stage.assert_well("documents");
    let restored = Change::Restored { plan: stage.plan };
    assert!(!heard.all().contains(&restored), "it is who it was");
    assert_eq!(
        waymark_tests::story::readers(&stage.tablet, stage.plan).len(),
        2
    );
}

/// A device that forgot an entry which the relay has would give its number to another one, and
/// everybody else would hold back all that it writes from then on.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_lost_unsent_edits_counts_as_restored_and_is_told() {
    let mut stage = Phone::new().await;
    let number = stage.number(stage.plan);
    assert!(stage.spoil(Table::Change, of_space(number)) > 4);
    stage.phone.reopen();
    let heard = Heard::from(&stage.phone);
    let repaired = stage.phone.client().repair(Some(stage.plan)).unwrap();
    assert!(
        repaired[0].restored && repaired[0].lost >= 2,
        "{repaired:?}"
    );
    stage.settle().await;
    let lost: BTreeSet<_> = UNSENT.map(|note| (stage.plan, note.to_owned())).into();
    assert_eq!(stage.missing(), lost);
    log(&stage.phone, stage.plan, stage.goal, "since");
    stage.settle().await;
    assert!(notes(&stage.tablet, stage.plan).contains(&"since".to_owned()));
    stage.assert_well("lost edits");
    assert!(heard.all().contains(&Change::Restored { plan: stage.plan }));
}

/// Losing the keys of one plan must not cost the others, nor the way back into it.
#[tokio::test(flavor = "multi_thread")]
async fn a_space_whose_keys_are_lost_is_entered_anew_through_home() {
    let mut stage = Phone::new().await;
    let number = stage.number(stage.plan);
    assert_eq!(stage.spoil(Table::Space, of_space(number)), 1);
    stage.phone.reopen();
    let client = stage.phone.client();
    assert_eq!(
        client.goals().list(stage.plan).unwrap_err().code(),
        "damaged"
    );
    assert_eq!(notes(&stage.phone, stage.other).len(), 5);
    // The others go on meanwhile.
    sync(&stage.phone).await.unwrap();
    let named = status(&stage.phone, stage.plan);
    assert_eq!(named.problem.as_deref(), Some("damaged"));
    let repaired = stage.phone.client().repair(Some(stage.plan)).unwrap();
    assert!(
        repaired[0].entered_anew && repaired[0].lost >= 2,
        "{repaired:?}"
    );
    stage.settle().await;
    let lost: BTreeSet<_> = UNSENT.map(|note| (stage.plan, note.to_owned())).into();
    assert_eq!(stage.missing(), lost);
    stage.assert_well("keys");
}

/// Whoever is shown an empty home would begin a second life beside the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_home_is_named_and_no_second_one_is_begun() {
    let mut stage = Phone::new().await;
    assert_eq!(stage.spoil(Table::Space, of_space(0)), 1);
    stage.phone.reopen();
    let client = stage.phone.client();
    assert_eq!(notes(&stage.phone, stage.other).len(), 5);
    let refused = client.people().begin("Kim", "phone").unwrap_err();
    assert_eq!(refused.code(), "not_allowed");
    let views = stage.repair();
    let problem = views.iter().find_map(|view| view.problem.clone()).unwrap();
    assert!(problem.contains("recovery phrase"), "{problem}");
}

/// What a row that comes again with the log is worth: nothing but a sync.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_entries_memberships_and_keys_of_epochs_come_back_with_the_log() {
    for table in [
        Table::Entry,
        Table::Membership,
        Table::Epoch,
        Table::Attachment,
    ] {
        let mut stage = Phone::new().await;
        let number = stage.number(stage.plan);
        assert!(stage.spoil(table, of_space(number)) > 0, "{table:?}");
        stage.phone.reopen();
        let views = stage.repair();
        assert_eq!(views.len(), 1, "{table:?}: {views:?}");
        assert!(
            views[0].lost == 0 && !views[0].restored,
            "{table:?}: {views:?}"
        );
        stage.settle().await;
        assert_eq!(stage.missing(), BTreeSet::new(), "{table:?}");
        stage.assert_well(table.name());
    }
}

/// What became of a database with a flipped bit.
#[derive(Debug, Default)]
struct Tally {
    well: usize,
    repaired: usize,
    restored: usize,
    salvaged: usize,
    hopeless: usize,
}

/// A bit that flips anywhere: everything that the relay has is back, and what is lost is told.
#[tokio::test(flavor = "multi_thread")]
async fn a_bit_that_flips_anywhere_costs_what_is_told_and_nothing_else() {
    let trials: u64 = std::env::var("WAYMARK_FLIPS")
        .ok()
        .map_or(24, |flips| flips.parse().unwrap());
    let mut tally = Tally::default();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for trial in 0..trials {
        let stage = Phone::new().await;
        let file = stage.phone.directory().join("waymark.sqlite");
        let mut bytes = fs::read(&file).unwrap();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Every other time where SQLite keeps its own books: the beginning of a page.
        let place = usize::try_from(seed >> 24).unwrap() % bytes.len();
        let place = if trial % 2 == 0 {
            place
        } else {
            place / 4_096 * 4_096 + place % 24
        };
        bytes[place] ^= 1 << (seed >> 61);
        fs::write(&file, bytes).unwrap();
        let what = format!("trial {trial}: byte {place}");
        flipped(stage, &what, &mut tally).await;
    }
    println!("{tally:?}");
    assert!(tally.well > 0 && tally.repaired > 0, "{tally:?}");
}

/// A page that a failing flash lost, or gave back as it was once.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_lost_costs_what_is_told_and_nothing_else() {
    let mut tally = Tally::default();
    for trial in 0..16 {
        let stage = Phone::new().await;
        let file = stage.phone.directory().join("waymark.sqlite");
        let mut bytes = fs::read(&file).unwrap();
        let pages = bytes.len() / 4_096;
        let page = (trial * 5 + 2) % pages;
        bytes[page * 4_096..][..4_096].fill(0);
        fs::write(&file, bytes).unwrap();
        flipped(stage, &format!("page {page} of {pages}"), &mut tally).await;
    }
    println!("{tally:?}");
    assert!(tally.salvaged > 0 && tally.repaired > 0, "{tally:?}");
}

async fn flipped(mut stage: Phone, what: &str, tally: &mut Tally) {
    let mut is_salvaged = false;
    let opened = stage.phone.open(&KEY).map(drop);
    if let Err(error) = opened {
        assert!(
            ["damaged", "needs_newer_app"].contains(&error.code()),
            "{what}: {error}"
        );
        is_salvaged = true;
        if let Err(code) = stage.salvage() {
            assert!(
                ["damaged", "key_lost"].contains(&code.as_str()),
                "{what}: {code}"
            );
            tally.hopeless += 1;
            return;
        }
    }
    stage.phone.reopen();
    // What is sound can be used, and what is not says so.
    let mut readable = BTreeSet::new();
    for plan in [stage.plan, stage.other] {
        match stage.phone.client().check_ins().months(plan) {
            Err(error) => assert_eq!(error.code(), "damaged", "{what}: {error}"),
            Ok(months) => {
                for month in months {
                    let check_ins = stage.phone.client().check_ins();
                    match check_ins.in_month(plan, month.year(), month.month()) {
                        Ok(views) => {
                            let notes = views.into_iter().filter_map(|view| view.note);
                            readable.extend(notes.map(|note| (plan, note)));
                        }
                        Err(error) => assert_eq!(error.code(), "damaged", "{what}: {error}"),
                    }
                }
            }
        }
    }
    let views = match stage.phone.client().repair(None) {
        Ok(views) => views,
        Err(error) => {
            assert_eq!(error.code(), "damaged", "{what}: {error}");
            is_salvaged = true;
            stage.salvage().unwrap();
            stage.phone.reopen();
            stage.repair()
        }
    };
    tally.salvaged += usize::from(is_salvaged);
    if views.iter().any(|view| view.problem.is_some()) {
        tally.hopeless += 1;
        return;
    }
    stage.settle().await;
    let missing = stage.missing();
    let lost: u32 = views.iter().map(|view| view.lost).sum();
    assert!(
        missing.iter().all(|(_, note)| note.starts_with("unsent")),
        "{what}: {missing:?}"
    );
    assert!(
        missing.len() <= lost as usize,
        "{what}: {missing:?} of {views:?}"
    );
    let entered_anew = views.iter().any(|view| view.entered_anew);
    let gone: Vec<_> = missing.intersection(&readable).collect();
    assert!(
        gone.is_empty() || entered_anew || is_salvaged,
        "{what}: {gone:?} could be read"
    );
    let goal = stage.goal;
    log(&stage.phone, stage.plan, goal, "since");
    stage.settle().await;
    assert!(
        notes(&stage.tablet, stage.plan).contains(&"since".to_owned()),
        "{what}"
    );
    stage.assert_well(what);
    let restored = views.iter().any(|view| view.restored);
    tally.restored += usize::from(restored);
    tally.repaired += usize::from(!views.is_empty());
    tally.well += usize::from(views.is_empty() && !is_salvaged);
}

/// An app that offers the repair twice, or to be sure, must not cost anything.
#[tokio::test(flavor = "multi_thread")]
async fn repairing_what_is_sound_or_was_repaired_does_nothing_more() {
    let mut stage = Phone::new().await;
    let number = stage.number(stage.plan);
    stage.phone.reopen();
    assert_eq!(stage.repair(), []);
    stage.phone.close();
    assert!(stage.spoil(Table::Change, of_space(number)) > 4);
    stage.phone.reopen();
    assert_eq!(stage.repair().len(), 1);
    assert_eq!(stage.repair(), []);
    stage.phone.reopen();
    assert_eq!(stage.repair(), []);
    stage.settle().await;
    stage.assert_well("twice");
}
