//! A phone that came back from a backup, or was cloned: two devices with the same keys, of which each
//! has to end as one of its own, with everything that either of them wrote.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeSet;

use waymark_core::client::{Change, PlanId};
use waymark_core::model::{GoalId, TextId};
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, meet, notes, readers, status, sync,
};
use waymark_tests::{
    Device, Heard, Liar, Reply, TestRelay, begin, begin_at, link_phone, link_therapist, until,
};
use waymark_wire::message::APPEND_PATH;

/// Syncs in turn until nothing new comes of it.
async fn settle(devices: &[&Device]) {
    for _ in 0..4 {
        meet(devices).await;
    }
}

/// A client's phone, the therapist's tablet, and a check-in "0" that both have.
async fn stage(relay: &TestRelay) -> (Device, Device, PlanId, GoalId) {
    let (phone, plan) = begin(relay);
    let tablet = link_therapist(&phone, plan).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "0");
    settle(&[&phone, &tablet]).await;
    (phone, tablet, plan, walk)
}

fn write(device: &Device, plan: PlanId, text: TextId, at: u32, delete: u32, words: &str) {
    let texts = device.client().texts();
    texts.splice(plan, text, at, delete, words).unwrap();
}

fn read(device: &Device, plan: PlanId, text: TextId) -> String {
    device.client().texts().read(plan, text).unwrap()
}

fn length(device: &Device, plan: PlanId, text: TextId) -> u32 {
    read(device, plan, text).chars().count().try_into().unwrap()
}

fn was_restored(heard: &Heard, plan: PlanId) -> bool {
    heard.all().contains(&Change::Restored { plan })
}

/// The numbers that these devices have in a plan.
fn own_numbers(plan: PlanId, devices: &[&Device]) -> BTreeSet<u16> {
    let own = |device: &&Device| {
        let mut all = readers(device, plan).into_iter();
        all.find(|member| member.this_device).unwrap().number
    };
    devices.iter().map(own).collect()
}

/// Everything since the backup would be gone from the phone, and it could never sync again.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_restored_from_a_backup_has_what_came_after_it_and_writes_on() {
    let relay = TestRelay::start().await;
    let (mut phone, tablet, plan, walk) = stage(&relay).await;
    let restored = phone.copy();
    for note in ["1", "2"] {
        log(&phone, plan, walk, note);
        settle(&[&phone, &tablet]).await;
    }
    phone.close();

    let heard = Heard::from(&restored);
    log(&restored, plan, walk, "written before it knew");
    settle(&[&restored, &tablet]).await;
    assert!(was_restored(&heard, plan), "nobody was told");
    log(&restored, plan, walk, "written since");
    settle(&[&restored, &tablet]).await;
    let all = ["0", "1", "2", "written before it knew", "written since"];
    assert_eq!(notes(&restored, plan), all);
    assert_eq!(notes(&tablet, plan), all);
    assert_same(plan, &[&restored, &tablet]);
    assert_settled(&restored);
    // The phone that it was is still there, until somebody removes it.
    assert_eq!(readers(&tablet, plan).len(), 3);
    let devices = restored.client().people().devices().unwrap();
    let old = devices.iter().find(|device| !device.this_device).unwrap();
    restored
        .client()
        .people()
        .remove_device(old.number)
        .unwrap();
    settle(&[&restored, &tablet]).await;
    assert_eq!(readers(&tablet, plan).len(), 2);
    let read = goal(&tablet, plan, "seen by the restored phone");
    settle(&[&tablet, &restored]).await;
    assert!(restored.client().goals().get(plan, read).is_ok());
    assert_settled(&restored);
}

/// Words that the phone had already sent when it was lost would stand there twice after the restore;
/// or those that it had not would be gone.
#[tokio::test(flavor = "multi_thread")]
async fn unsent_edits_of_a_restored_phone_are_kept_and_those_that_were_sent_are_not_doubled() {
    let relay = TestRelay::start().await;
    let (mut phone, tablet, plan, walk) = stage(&relay).await;
    let created = phone.client().texts().create(plan, None, Some("note"));
    let text = created.unwrap().text;
    write(&phone, plan, text, 0, 0, "Call Ada. Breathe slowly.");
    settle(&[&phone, &tablet]).await;

    // The backup has edits that nobody else has yet, and the phone sends them later, with others.
    log(&phone, plan, walk, "in both");
    write(&phone, plan, text, 9, 0, " Drink water.");
    let second = phone.client().texts().create(plan, None, Some("other"));
    let second = second.unwrap().text;
    write(&phone, plan, second, 0, 0, "in both");
    let restored = phone.copy();
    log(&phone, plan, walk, "sent");
    write(&phone, plan, text, 0, 0, "1. ");
    write(&phone, plan, second, 7, 0, ", sent");
    settle(&[&phone, &tablet]).await;
    phone.close();
    // Somebody else edits the middle of it meanwhile.
    let at = read(&tablet, plan, text).find("Breathe").unwrap();
    let at = at.try_into().unwrap();
    write(&tablet, plan, text, at, 7, "Breathe in and out");
    settle(&[&tablet]).await;

    log(&restored, plan, walk, "unsent");
    let length = length(&restored, plan, text);
    write(&restored, plan, text, length, 0, " Go outside.");
    write(&restored, plan, text, 0, 4, "Phone");
    write(&restored, plan, second, 0, 0, "unsent, ");
    let third = restored.client().texts().create(plan, None, Some("third"));
    let third = third.unwrap().text;
    write(&restored, plan, third, 0, 0, "all its own");
    settle(&[&restored, &tablet]).await;

    assert_eq!(notes(&tablet, plan), ["0", "in both", "sent", "unsent"]);
    assert_same(plan, &[&restored, &tablet]);
    for device in [&restored, &tablet] {
        let words = read(device, plan, text);
        for part in [
            "1. ",
            "Phone",
            " Drink water.",
            " Breathe in and out slowly.",
            " Go outside.",
        ] {
            assert_eq!(words.matches(part).count(), 1, "{part}: {words}");
        }
        assert!(!words.contains("Call"), "{words}");
        assert_eq!(read(device, plan, second), "unsent, in both, sent");
        assert_eq!(read(device, plan, third), "all its own");
        assert_eq!(status(device, plan).held, 0);
        assert_settled(device);
    }
}

/// Whoever sets up a new phone as a copy of the old one and goes on using both: each would undo what
/// the other wrote, or one of them would never sync again.
#[tokio::test(flavor = "multi_thread")]
async fn a_clone_becomes_a_device_of_its_own_and_the_first_is_not_disturbed() {
    let relay = TestRelay::start().await;
    let (mut phone, tablet, plan, walk) = stage(&relay).await;
    let created = phone.client().texts().create(plan, None, Some("note"));
    let text = created.unwrap().text;
    write(&phone, plan, text, 0, 0, "middle");
    settle(&[&phone, &tablet]).await;
    let clone = phone.copy();
    let (heard, of_clone) = (Heard::from(&phone), Heard::from(&clone));
    for round in 0..3 {
        log(&phone, plan, walk, &format!("first {round}"));
        log(&clone, plan, walk, &format!("clone {round}"));
        write(&phone, plan, text, 0, 0, &format!("f{round} "));
        let end = length(&clone, plan, text);
        write(&clone, plan, text, end, 0, &format!(" c{round}"));
        let at_once = tokio::join!(sync(&phone), sync(&clone));
        // Whoever comes second is told so, and has it the next time.
        let _ = at_once;
    }
    settle(&[&phone, &clone, &tablet]).await;
    let devices = [&phone, &clone, &tablet];
    assert_same(plan, &devices);
    assert_eq!(own_numbers(plan, &devices).len(), 3);
    for device in devices {
        assert_eq!(notes(device, plan).len(), 7);
        assert_settled(device);
        let words = read(device, plan, text);
        for part in ["f0", "f1", "f2", "middle", "c0", "c1", "c2"] {
            assert_eq!(words.matches(part).count(), 1, "{part}: {words}");
        }
    }
    let told = [&heard, &of_clone].map(|heard| was_restored(heard, plan));
    assert_eq!(told.iter().filter(|told| **told).count(), 1, "{told:?}");
    assert_eq!(readers(&tablet, plan).len(), 3);
}

/// The same with both connected all the time.
#[tokio::test(flavor = "multi_thread")]
async fn a_clone_that_is_connected_notices_at_once() {
    let relay = TestRelay::start().await;
    let (mut phone, tablet, plan, walk) = stage(&relay).await;
    let clone = phone.copy();
    settle(&[&phone, &clone]).await;
    let heard = Heard::from(&clone);
    let live = [phone.client().sync(), clone.client().sync()].map(|sync| sync.live());
    log(&phone, plan, walk, "1");
    until("the clone is told", || was_restored(&heard, plan)).await;
    log(&clone, plan, walk, "2");
    log(&phone, plan, walk, "3");
    until("both have all of it", || {
        notes(&phone, plan).len() == 4 && notes(&clone, plan).len() == 4
    })
    .await;
    drop(live);
    settle(&[&phone, &clone, &tablet]).await;
    assert_same(plan, &[&phone, &clone, &tablet]);
    assert_eq!(own_numbers(plan, &[&phone, &clone, &tablet]).len(), 3);
}

/// The restored phone could otherwise not be removed as one device, and what was begun since the
/// backup would be missing on it.
#[tokio::test(flavor = "multi_thread")]
async fn home_is_entered_anew_with_every_other_space() {
    let relay = TestRelay::start().await;
    let (mut phone, tablet, plan, walk) = stage(&relay).await;
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    let restored = phone.copy();
    let later = phone.client().people().create_plan().unwrap();
    let swim = goal(&phone, later, "swim");
    log(&phone, later, swim, "later");
    log(&phone, plan, walk, "1");
    settle(&[&phone, &second, &tablet]).await;

    let all = [&phone, &restored, &second];
    log(&restored, plan, walk, "2");
    settle(&[&restored, &second, &phone, &tablet]).await;
    assert_eq!(restored.client().people().plans().len(), 2);
    assert_eq!(notes(&restored, later), ["later"]);
    log(&restored, later, swim, "from the restored phone");
    settle(&[&restored, &second, &phone, &tablet]).await;
    for plan in [plan, later] {
        assert_same(plan, &all);
        assert_eq!(own_numbers(plan, &all).len(), 3);
    }
    for device in all {
        assert_settled(device);
        assert_eq!(device.client().people().devices().unwrap().len(), 3);
    }
    // Removed as one device, it is gone from every plan, and the other two are not.
    let devices = restored.client().people().devices().unwrap();
    let number = devices.iter().find(|d| d.this_device).unwrap().number;
    second.client().people().remove_device(number).unwrap();
    settle(&[&second, &phone, &tablet]).await;
    for plan in [plan, later] {
        assert!(!readers(&second, plan).is_empty());
        assert_eq!(own_numbers(plan, &[&phone, &second]).len(), 2);
        let own = readers(&phone, plan);
        let kims = own
            .iter()
            .filter(|member| member.name.as_deref() == Some("Kim"));
        assert_eq!(kims.count(), 2);
    }
}

/// What was sealed and on its way when the backup was made is in the log or it is not: it would be
/// lost or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn sealed_entries_that_the_other_device_sent_or_did_not_send_are_there_once() {
    for sent_first in [true, false] {
        let mut relay = TestRelay::start().await;
        let (mut phone, tablet, plan, walk) = stage(&relay).await;
        let created = phone.client().texts().create(plan, None, Some("note"));
        let text = created.unwrap().text;
        settle(&[&phone, &tablet]).await;
        let mut copy = phone.copy();
        settle(&[&phone, &copy]).await;
        if sent_first {
            drop(copy);
            copy = seal_without_relay(&mut relay, &mut phone, plan, walk, text, "sealed").await;
        } else {
            // Both seal, each under the same counter, and the phone is heard first.
            let _ = seal_without_relay(&mut relay, &mut copy, plan, walk, text, "sealed").await;
            settle_one_by_one(&phone, plan, walk).await;
        }
        assert!(status(&copy, plan).on_the_way > 0, "nothing is sealed");
        log(&phone, plan, walk, "and more");
        settle(&[&phone, &tablet]).await;
        log(&copy, plan, walk, "since");
        settle(&[&copy, &phone, &tablet]).await;
        let devices = [&copy, &phone, &tablet];
        assert_same(plan, &devices);
        for device in devices {
            let all = notes(device, plan);
            for note in ["sealed", "and more", "since"] {
                let count = all.iter().filter(|known| *known == note).count();
                assert_eq!(count, 1, "{note}: {all:?}");
            }
            assert_eq!(read(device, plan, text), "sealed");
            assert_settled(device);
        }
    }
}

/// Writes and seals with nobody to send it to; a copy of the device as it is then.
async fn seal_without_relay(
    relay: &mut TestRelay,
    device: &mut Device,
    plan: PlanId,
    goal: GoalId,
    text: TextId,
    note: &str,
) -> Device {
    relay.stop().await;
    log(device, plan, goal, note);
    write(device, plan, text, 0, 0, note);
    sync(device).await.unwrap_err();
    relay.restart().await;
    device.copy()
}

async fn settle_one_by_one(device: &Device, plan: PlanId, goal: GoalId) {
    for note in ["a", "b"] {
        log(device, plan, goal, note);
        sync(device).await.unwrap();
    }
}

/// Between noticing and being a member anew a network may be gone for days: what was not sent would be
/// out of sight all the while, and nothing could be written.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_phone_shows_its_edits_and_takes_more_before_it_is_a_member_anew() {
    let relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let (mut phone, plan) = begin_at(&liar.url());
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "0");
    settle(&[&phone]).await;
    let mut restored = phone.copy();
    log(&phone, plan, walk, "1");
    settle(&[&phone]).await;
    phone.close();
    log(&restored, plan, walk, "2");
    liar.answer(APPEND_PATH, Reply::Nothing);
    sync(&restored).await.unwrap_err();
    assert_eq!(notes(&restored, plan), ["0", "1", "2"]);
    log(&restored, plan, walk, "3");
    restored.reopen();
    log(&restored, plan, walk, "4");
    assert_eq!(notes(&restored, plan).len(), 5);
    sync(&restored).await.unwrap_err();
    liar.be_honest();
    settle(&[&restored]).await;
    let second = link_phone(&restored).await;
    settle(&[&second, &restored]).await;
    assert_eq!(notes(&second, plan), ["0", "1", "2", "3", "4"]);
    assert_same(plan, &[&restored, &second]);
    assert_settled(&restored);
    assert_eq!(readers(&second, plan).len(), 3);
}

/// A relay that says of entries that they are this phone's could have it give up its membership again
/// and again, until the space is full.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_signature_makes_a_phone_believe_that_it_is_a_copy() {
    let relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let (phone, plan) = begin_at(&liar.url());
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "0");
    sync(&phone).await.unwrap();
    let heard = Heard::from(&phone);
    let space = waymark_wire::ids::SpaceId(plan.0);
    // Its own last entry once more, and the same with another signature.
    for alter in [0, 1] {
        liar.show(space, move |mut log| {
            let mut again = log.last().unwrap().clone();
            let end = again.len() - 1;
            again[end] ^= alter;
            log.push(again);
            log
        });
        let refused = sync(&phone).await.unwrap_err();
        assert_eq!(refused.code(), "relay_untrusted", "{refused}");
    }
    liar.be_honest();
    settle(&[&phone]).await;
    assert!(!was_restored(&heard, plan));
    assert_eq!(readers(&phone, plan).len(), 1);
    assert_settled(&phone);
}

/// A phone restored from before its first sync would ask its relay without end, as fast as that answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_phone_restored_from_before_its_first_sync_comes_to_rest() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let restored = phone.copy();
    sync(&phone).await.unwrap();
    phone.client().people().close(plan).unwrap();
    sync(&phone).await.unwrap();
    phone.close();
    let _ = goal(&restored, plan, "walk");
    for _ in 0..3 {
        // Whatever it says, it says it in time.
        let _ = sync(&restored).await;
    }
    assert!(status(&restored, plan).closed);
}
