//! Something is forgotten by everybody: nothing of it is left in any store, and nothing else is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use waymark_core::client::{Forgettable, PlanId};
use waymark_core::model::{GoalId, Kind};
use waymark_core::store::{MemoryDisk, Store, Table};
use waymark_server::inspect::entries;
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, settle, sync};
use waymark_tests::{
    Device, TestRelay, begin, disk_of, hand_over, link_phone, link_therapist, open_mortal,
};
use waymark_wire::entry::{Entry, Kind as EntryKind};
use waymark_wire::ids::SpaceId;

/// What must be nowhere.
const CANARY: &str = "a canary that sang in the diary";
/// How long a sync may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A client with two phones, a therapist, a goal that is to go and one that stays.
struct Scene {
    relay: TestRelay,
    phone: Device,
    second: Device,
    tablet: Device,
    plan: PlanId,
    gone: GoalId,
    stays: GoalId,
}

impl Scene {
    async fn set() -> Self {
        let relay = TestRelay::start().await;
        let (phone, plan) = begin(&relay);
        let second = link_phone(&phone).await;
        let tablet = link_therapist(&phone, plan).await;
        let gone = goal(&phone, plan, CANARY);
        let stays = goal(&phone, plan, "walk");
        settle(&[&phone, &second, &tablet]).await;
        let _ = log(&second, plan, gone, &format!("{CANARY}, a check-in"));
        let _ = log(&second, plan, stays, "walked");
        let scene = Self {
            relay,
            phone,
            second,
            tablet,
            plan,
            gone,
            stays,
        };
        scene.settle().await;
        scene
    }

    async fn settle(&self) {
        settle(&[&self.phone, &self.second, &self.tablet]).await;
    }

    /// What the relay has of the plan that somebody wrote.
    fn said(&self) -> Vec<Vec<u8>> {
        let all = entries(self.relay.directory()).unwrap().into_iter();
        let of_plan = all.filter(|entry| entry.space == SpaceId(self.plan.0));
        let is_said = |bytes: &Vec<u8>| {
            let kind = Entry::parse(bytes.clone()).unwrap().header().kind;
            kind != EntryKind::Membership
        };
        of_plan.map(|entry| entry.bytes).filter(is_said).collect()
    }

    /// Everybody shows the same, and nobody holds anything of what is forgotten.
    fn assert_gone(&mut self) {
        assert_same(self.plan, &[&self.phone, &self.second, &self.tablet]);
        for device in [&mut self.phone, &mut self.second, &mut self.tablet] {
            assert_settled(device);
            assert_nothing_left(device);
        }
    }
}

fn forget(device: &Device, plan: PlanId, goal: GoalId) {
    let forgetting = device.client().forgetting();
    forgetting
        .forget(plan, &[Forgettable::Goal { goal }])
        .unwrap();
}

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// The bytes of all files in a directory.
fn raw(directory: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            all.extend(std::fs::read(path).unwrap());
        }
    }
    all
}

/// Neither a file of a device says it, nor any row, once it is opened.
fn assert_nothing_left(device: &mut Device) {
    device.with_store(|store| {
        for table in Table::ALL {
            for (key, value) in store.scan(table, &[], None, usize::MAX).unwrap() {
                let is_there = holds(&value, CANARY.as_bytes());
                assert!(!is_there, "{table:?} {key:?} holds it");
            }
        }
    });
    assert!(!holds(&raw(device.directory()), CANARY.as_bytes()));
}

/// What a client had everybody forget would be found on a phone that is sold, or in the relay's file;
/// or what others wrote offline meanwhile would go with it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_is_left_anywhere_and_what_others_wrote_offline_is_there() {
    let mut scene = Scene::set().await;
    let before = scene.said();
    // Both are offline; the tablet writes about what is to go, and about something else.
    let _ = log(&scene.second, scene.plan, scene.stays, "offline, walked on");
    let _ = log(
        &scene.second,
        scene.plan,
        scene.gone,
        "offline, about what is to go",
    );
    let breathe = goal(&scene.tablet, scene.plan, "breathe");
    forget(&scene.phone, scene.plan, scene.gone);
    sync(&scene.phone).await.unwrap();
    scene.settle().await;
    scene.assert_gone();

    for device in [&scene.phone, &scene.second, &scene.tablet] {
        assert_eq!(notes(device, scene.plan), ["offline, walked on", "walked"]);
        assert!(device.client().goals().get(scene.plan, breathe).is_ok());
        assert!(device.client().goals().get(scene.plan, scene.gone).is_err());
    }
    // Who wrote about it is told how much went; nobody else is.
    let given_up = |device: &Device| device.client().forgetting().given_up(scene.plan).unwrap();
    assert_eq!(given_up(&scene.phone), []);
    assert_eq!(given_up(&scene.tablet), []);
    let told = given_up(&scene.second);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].by.as_deref(), Some("Kim"));
    assert_eq!(told[0].kinds.len(), 1);
    assert_eq!(told[0].kinds[0].kind, Some(Kind::CheckIn));
    assert_eq!(told[0].kinds[0].records, 1);

    // Two people have what is left: the relay lets go of all that was said before.
    scene.relay.pass(31).await;
    scene.settle().await;
    scene.relay.stop().await;
    let file = raw(scene.relay.directory());
    assert!(!before.is_empty());
    for entry in &before {
        let end = &entry[entry.len() - 48..];
        assert!(
            !holds(&file, end),
            "the relay's file holds what was said before"
        );
    }
}

/// One of two people's decisions would be lost, or their devices never show the same again.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_forget_at_once_end_alike() {
    let mut scene = Scene::set().await;
    let other = goal(&scene.phone, scene.plan, &format!("{CANARY}, again"));
    scene.settle().await;
    forget(&scene.phone, scene.plan, scene.gone);
    forget(&scene.second, scene.plan, other);
    let _ = log(&scene.phone, scene.plan, scene.stays, "by the phone");
    let _ = log(
        &scene.second,
        scene.plan,
        scene.stays,
        "by the second phone",
    );
    scene.settle().await;
    scene.assert_gone();
    for device in [&scene.phone, &scene.second, &scene.tablet] {
        let forgetting = device.client().forgetting();
        assert!(!forgetting.is_pending(scene.plan).unwrap());
        assert_eq!(
            notes(device, scene.plan),
            ["by the phone", "by the second phone", "walked"]
        );
    }
}

/// Whoever comes to a plan later, in which something was forgotten, would see nothing of it or never be
/// able to write.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_later_starts_at_what_is_left() {
    let mut scene = Scene::set().await;
    forget(&scene.phone, scene.plan, scene.gone);
    sync(&scene.phone).await.unwrap();
    scene.settle().await;
    for has_dropped in [false, true] {
        if has_dropped {
            scene.relay.pass(31).await;
        }
        let mut late = Device::new(&scene.relay);
        let card = late.client().people().card("Dr. Bo", "late").unwrap();
        let people = scene.phone.client().people();
        people.add_therapist(scene.plan, &card).unwrap();
        hand_over(&scene.phone, &late, &card).await;
        let theirs = goal(&late, scene.plan, "by whoever came later");
        settle(&[&late, &scene.phone, &scene.second, &scene.tablet]).await;
        assert_same(scene.plan, &[&late, &scene.phone, &scene.tablet]);
        assert_settled(&late);
        assert!(scene.phone.client().goals().get(scene.plan, theirs).is_ok());
        assert_nothing_left(&mut late);
    }
}

/// Opens a disk again, without a limit, and syncs until everybody has everything; then nothing of it is
/// left, and all is there that others wrote.
async fn comes_back(scene: &mut Scene, disk: &MemoryDisk, forgets: bool) -> Vec<String> {
    let lives = Arc::new(AtomicUsize::new(usize::MAX));
    let phone = open_mortal(disk, &scene.relay, &lives);
    if forgets {
        let what = [Forgettable::Goal { goal: scene.gone }];
        phone.forgetting().forget(scene.plan, &what).unwrap();
    }
    let others: Vec<&Device> = [&scene.phone, &scene.second, &scene.tablet]
        .into_iter()
        .filter(|device| device.is_open())
        .collect();
    for _ in 0..4 {
        let synced = tokio::time::timeout(PATIENCE, phone.sync().now()).await;
        synced.expect("the sync ends").unwrap();
        for other in &others {
            sync(other).await.unwrap();
        }
    }
    assert!(!phone.forgetting().is_pending(scene.plan).unwrap());
    let hash = phone.projection_hash(scene.plan).unwrap();
    let notes = notes(others[0], scene.plan);
    for other in others {
        let same = other.client().projection_hash(scene.plan).unwrap();
        assert_eq!(same, hash);
    }
    drop(phone);
    let store = disk.open().unwrap();
    for table in Table::ALL {
        for (key, value) in store.scan(table, &[], None, usize::MAX).unwrap() {
            let is_there = holds(&value, CANARY.as_bytes());
            assert!(!is_there, "{table:?} {key:?} holds it");
        }
    }
    for device in [&mut scene.phone, &mut scene.second, &mut scene.tablet] {
        if device.is_open() {
            assert_settled(device);
            assert_nothing_left(device);
        }
    }
    notes
}

/// A phone that has something forgotten, and dies after so many commits. Says how many were left.
async fn forgets_and_dies_after(commits: usize) -> usize {
    let mut scene = Scene::set().await;
    let disk = disk_of(&mut scene.phone);
    let lives = Arc::new(AtomicUsize::new(commits));
    let phone = open_mortal(&disk, &scene.relay, &lives);
    let what = [Forgettable::Goal { goal: scene.gone }];
    let wanted = phone.forgetting().forget(scene.plan, &what).is_ok();
    let _ = tokio::time::timeout(PATIENCE, phone.sync().now()).await;
    let left = lives.load(Ordering::SeqCst);
    drop(phone);
    let notes = comes_back(&mut scene, &disk, !wanted).await;
    assert_eq!(notes, ["walked"], "after {commits}");
    left
}

/// A phone that reads that something is forgotten, and dies after so many commits. Says how many were
/// left.
async fn reads_it_and_dies_after(commits: usize) -> usize {
    let mut scene = Scene::set().await;
    let _ = log(&scene.second, scene.plan, scene.stays, "offline");
    let _ = log(&scene.second, scene.plan, scene.gone, CANARY);
    let _ = log(&scene.phone, scene.plan, scene.stays, "before");
    sync(&scene.phone).await.unwrap();
    forget(&scene.phone, scene.plan, scene.gone);
    sync(&scene.phone).await.unwrap();
    let _ = log(&scene.phone, scene.plan, scene.stays, "behind");
    sync(&scene.phone).await.unwrap();
    let disk = disk_of(&mut scene.second);
    let lives = Arc::new(AtomicUsize::new(commits));
    let second = open_mortal(&disk, &scene.relay, &lives);
    let _ = tokio::time::timeout(PATIENCE, second.sync().now()).await;
    let left = lives.load(Ordering::SeqCst);
    drop(second);
    let notes = comes_back(&mut scene, &disk, false).await;
    assert_eq!(
        notes,
        ["before", "behind", "offline", "walked"],
        "after {commits}"
    );
    left
}

/// A battery that dies at the wrong moment would leave it half forgotten for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_dies_between_any_two_commits_forgets_all_of_it_in_the_end() {
    let mut commits = 0;
    while forgets_and_dies_after(commits).await == 0 {
        commits += 1;
    }
    assert!(commits > 4, "{commits} commits: it is not that short");
}

/// The same at whoever reads it, with what was written before, behind it and offline.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_that_dies_while_it_reads_what_is_forgotten_has_all_else_in_the_end() {
    let mut commits = 0;
    while reads_it_and_dies_after(commits).await == 0 {
        commits += 1;
    }
    assert!(commits > 4, "{commits} commits: it is not that short");
}
