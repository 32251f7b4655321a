//! An app that dies at any point: everything that was acknowledged is there, and nothing is doubled
//! elsewhere.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use waymark_core::client::{Client, Config, PlanId, WaymarkError};
use waymark_core::model::{GoalId, NewCheckIn, Outcome};
use waymark_core::store::{MemoryDisk, StoreError};
use waymark_tests::story::{assert_same, goal, log, meet, notes};
use waymark_tests::{
    Device, TestRelay, begin_at, disk_of, hand_over, link_therapist, open_mortal, unlocked,
};

fn check_in(client: &Client, plan: PlanId, goal: GoalId, note: &str) -> Result<(), WaymarkError> {
    let check_in = NewCheckIn {
        note: Some(note.into()),
        ..NewCheckIn::new(goal, Outcome::Done)
    };
    client.check_ins().log(plan, &check_in).map(drop)
}

/// A disk with a phone's database on it: begun, with a plan, a goal and a second phone, all synced.
async fn prepared(relay: &TestRelay) -> (MemoryDisk, PlanId, GoalId, Device) {
    let (mut phone, plan) = begin_at(&relay.url());
    let goal = goal(&phone, plan, "walk");
    let second = waymark_tests::link_phone(&phone).await;
    let disk = disk_of(&mut phone);
    (disk, plan, goal, second)
}

/// A phone that dies after so many commits, anywhere between edit, seal, append and page. Says how
/// many commits were left at the end.
async fn dies_after(relay: &TestRelay, commits: usize) -> usize {
    let (disk, plan, goal, second) = prepared(relay).await;
    let tablet = Device::new(relay);
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    let lives = Arc::new(AtomicUsize::new(commits));
    let phone = open_mortal(&disk, relay, &lives);
    let mut acknowledged = Vec::new();
    let mut wanted = false;
    for step in ["a", "b", "c", "d"] {
        if check_in(&phone, plan, goal, step).is_ok() {
            acknowledged.push(step.to_owned());
        }
        let other = format!("second {step}");
        log(&second, plan, goal, &other);
        acknowledged.push(other);
        second.client().sync().now().await.unwrap();
        if step == "b" {
            wanted = phone.people().add_therapist(plan, &card).is_ok();
        }
        let _ = phone.sync().now().await;
    }
    let left = lives.load(Ordering::SeqCst);
    drop(phone);

    lives.store(usize::MAX, Ordering::SeqCst);
    let phone = open_mortal(&disk, relay, &lives);
    if !wanted {
        phone.people().add_therapist(plan, &card).unwrap();
    }
    phone.sync().now().await.unwrap();
    let welcome = phone.people().welcome(&card).unwrap().unwrap();
    tablet.client().people().accept(&welcome).unwrap();
    meet(&[&second, &tablet]).await;
    phone.sync().now().await.unwrap();
    acknowledged.sort();
    assert_eq!(notes(&second, plan), acknowledged, "after {commits}");
    assert_eq!(waymark_tests::story::readers(&second, plan).len(), 3);
    assert_same(plan, &[&second, &tablet]);
    let hash = phone.projection_hash(plan).unwrap();
    assert_eq!(hash, tablet.client().projection_hash(plan).unwrap());
    for status in phone.status().unwrap() {
        assert_eq!(
            (status.unsent, status.on_the_way),
            (0, 0),
            "after {commits}"
        );
    }
    left
}

/// The client would lose a check-in that the app had shown as kept, or find it twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_dies_between_any_two_commits_loses_and_doubles_nothing() {
    let relay = TestRelay::start().await;
    let mut commits = 0;
    while dies_after(&relay, commits).await == 0 {
        commits += 1;
    }
    assert!(
        commits > 10,
        "{commits} commits: the story is not that short"
    );
}

/// A disk that is full for a while must cost what could not be written, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_edits_and_keeps_what_was() {
    let relay = TestRelay::start().await;
    let (disk, plan, goal, second) = prepared(&relay).await;
    let phone = open_mortal(&disk, &relay, &Arc::new(AtomicUsize::new(usize::MAX)));
    check_in(&phone, plan, goal, "before").unwrap();
    log(&second, plan, goal, "from elsewhere");
    second.client().sync().now().await.unwrap();
    disk.fail_commits(Some(StoreError::Full));
    let hash = phone.projection_hash(plan).unwrap();
    let refused = check_in(&phone, plan, goal, "refused").unwrap_err();
    assert_eq!(refused.code(), "storage_full");
    assert_eq!(phone.sync().now().await.unwrap_err().code(), "storage_full");
    let problem = phone.status().unwrap().into_iter().find_map(|s| s.problem);
    assert_eq!(problem.as_deref(), Some("storage_full"));
    assert_eq!(phone.projection_hash(plan).unwrap(), hash);
    disk.fail_commits(None);
    check_in(&phone, plan, goal, "after").unwrap();
    phone.sync().now().await.unwrap();
    meet(&[&second]).await;
    assert_eq!(notes(&second, plan), ["after", "before", "from elsewhere"]);
}

const DIRECTORY: &str = "WAYMARK_TEST_DIRECTORY";

/// Not a test by itself: the process that the next test kills. It says of every check-in that it is
/// kept, once it is.
#[test]
#[ignore = "it is run, and killed, by the test below"]
fn child() {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let config = Config::new(directory, "http://127.0.0.1:9");
    let open = || Client::open(config.clone(), &[7; 32]);
    let open = || unlocked(open, |error| error.code() == "locked").unwrap();
    let client = CLIENT.get_or_init(open);
    let plan = client.people().plans()[0];
    let goal = client.goals().list(plan).unwrap()[0].id;
    for n in 0.. {
        check_in(client, plan, goal, &format!("{n:05}")).unwrap();
        println!("kept {n:05}");
    }
}

/// How often the process is killed: `$WAYMARK_KILLS` times for a long run.
fn kills() -> usize {
    let asked = std::env::var("WAYMARK_KILLS").ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(20)
}

/// Systems kill apps without asking.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_has_kept_what_it_said_it_kept() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin_at(&relay.url());
    let _ = goal(&phone, plan, "walk");
    let mut kept: Vec<String> = Vec::new();
    for round in 0..kills() {
        phone.close();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact", "--ignored", "--nocapture"])
            .env(DIRECTORY, phone.directory())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map_while(Result::ok);
        let told = said.filter_map(|line| Some(line.split_once("kept ")?.1.to_owned()));
        let told: Vec<_> = told.take(5 + round * 7 % 31).collect();
        child.kill().unwrap();
        child.wait().unwrap();
        kept.extend(told);
        phone.reopen();
        let shown = notes(&phone, plan);
        for note in &kept {
            let times = |of: &[String]| of.iter().filter(|n| *n == note).count();
            assert!(times(&shown) >= times(&kept), "{note} is lost");
        }
        phone.client().diagnostics().unwrap();
        assert_eq!(phone.client().diagnostics().unwrap().database, None);
    }
    let tablet = link_therapist(&phone, plan).await;
    assert_eq!(notes(&tablet, plan), notes(&phone, plan));
    let late = Device::new(&relay);
    let card = late.client().people().card("Dr. Bo", "late").unwrap();
    phone.client().people().add_therapist(plan, &card).unwrap();
    hand_over(&phone, &late, &card).await;
    assert_same(plan, &[&phone, &tablet, &late]);
}
