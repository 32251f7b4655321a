//! A person's devices: one joins home and is everywhere, a lost one is nowhere any more, and 24
//! words suffice where all are lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{KeyHolder, MembershipChange, PlanId, RecoveryState};
use waymark_tests::story::{assert_same, goal, log, notes, phrase, settle};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

fn people(device: &Device, plan: PlanId, holder: KeyHolder) -> usize {
    let members = device.client().people().members(plan).unwrap();
    members.iter().filter(|m| m.holder == holder).count()
}

/// A second phone would show one plan, and another one made later never.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_joins_home_is_in_every_space_also_in_later_ones() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "before");
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    assert_eq!(second.client().people().plans(), [plan]);
    assert_eq!(notes(&second, plan), ["before"]);

    let later = phone.client().people().create_plan().unwrap();
    let read = goal(&phone, later, "read");
    log(&phone, later, read, "first");
    settle(&[&phone, &second]).await;
    assert_eq!(second.client().people().plans(), [plan, later]);
    log(&second, later, read, "from the second");
    settle(&[&phone, &second]).await;
    assert_same(plan, &[&phone, &second]);
    assert_same(later, &[&phone, &second]);
    assert_eq!(people(&phone, later, KeyHolder::Device), 2);
    assert_eq!(people(&phone, later, KeyHolder::Reserve), 1);
}

/// With nobody else online: the other phone may be at the bottom of a lake.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_enrols_while_the_others_are_offline() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    settle(&[&phone, &tablet]).await;
    let second = link_phone(&phone).await;
    // From here on the first phone is silent.
    settle(&[&second, &tablet]).await;
    let walk = goal(&second, plan, "walk");
    log(&second, plan, walk, "alone");
    settle(&[&second, &tablet]).await;
    assert_eq!(notes(&tablet, plan), ["alone"]);
}

/// A thief would go on reading.
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_reads_nothing_that_comes_later_and_is_told_nothing() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let lost = link_phone(&phone).await;
    settle(&[&phone, &lost, &tablet]).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "seen");
    settle(&[&phone, &lost, &tablet]).await;
    assert_eq!(notes(&lost, plan), ["seen"]);

    let devices = phone.client().people().devices().unwrap();
    let number = devices.iter().find(|d| !d.this_device).unwrap().number;
    phone.client().people().remove_device(number).unwrap();
    settle(&[&phone, &tablet]).await;
    log(&phone, plan, walk, "unseen");
    let late = log(&lost, plan, walk, "written by the thief");
    let _ = lost.client().sync().now().await;
    settle(&[&phone, &tablet]).await;
    assert_same(plan, &[&phone, &tablet]);
    assert_eq!(notes(&tablet, plan).len(), 2);
    let refused = lost.client().sync().now().await.unwrap_err();
    assert_eq!(refused.code(), "offline", "{refused}");
    // What it had stays, and its own words too.
    let mut kept = notes(&lost, plan);
    kept.sort();
    assert_eq!(kept, ["seen", "written by the thief"]);
    let _ = late;
    assert_eq!(people(&phone, plan, KeyHolder::Device), 2);
    // The reserve that it knew is gone too: there is another one, and the therapist's.
    assert_eq!(people(&phone, plan, KeyHolder::Reserve), 2);
    let next = link_phone(&phone).await;
    settle(&[&next, &phone, &tablet]).await;
    assert_same(plan, &[&phone, &tablet, &next]);
}

/// Everything would be lost with the only phone.
#[tokio::test(flavor = "multi_thread")]
async fn words_bring_everything_back_also_what_came_after_them() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    assert_eq!(
        phone.client().people().recovery().unwrap(),
        RecoveryState::None
    );
    let words = phrase(&phone, None);
    assert_eq!(
        phone.client().people().recovery().unwrap(),
        RecoveryState::Pending
    );
    settle(&[&phone]).await;
    assert_eq!(
        phone.client().people().recovery().unwrap(),
        RecoveryState::Ready
    );
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "one");
    let tablet = link_therapist(&phone, plan).await;
    let later = phone.client().people().create_plan().unwrap();
    let read = goal(&phone, later, "read");
    log(&phone, later, read, "two");
    settle(&[&phone, &tablet]).await;
    phone.close();

    let found = Device::new(&relay);
    found
        .client()
        .people()
        .restore(&words, "Kim", "new phone")
        .unwrap();
    settle(&[&found]).await;
    assert_eq!(found.client().people().plans().len(), 2);
    assert_eq!(notes(&found, plan), ["one"]);
    assert_eq!(notes(&found, later), ["two"]);
    log(&found, plan, walk, "three");
    settle(&[&found, &tablet]).await;
    assert_same(plan, &[&found, &tablet]);

    // The lost phone is removed, and the words still hold.
    let devices = found.client().people().devices().unwrap();
    let is_lost = |d: &&_| {
        matches!(
            d,
            waymark_core::client::MemberView {
                this_device: false,
                holder: KeyHolder::Device,
                ..
            }
        )
    };
    let lost = devices.iter().find(is_lost).unwrap().number;
    found.client().people().remove_device(lost).unwrap();
    settle(&[&found, &tablet]).await;
    phone.reopen();
    assert_eq!(
        phone.client().sync().now().await.unwrap_err().code(),
        "offline"
    );
    log(&found, plan, walk, "four");
    settle(&[&found, &tablet]).await;
    assert_eq!(notes(&phone, plan).len(), 1);
    let again = Device::new(&relay);
    again
        .client()
        .people()
        .restore(&words, "Kim", "third phone")
        .unwrap();
    settle(&[&again, &found, &tablet]).await;
    assert_same(plan, &[&again, &found, &tablet]);
}

/// Old words on a slip of paper that somebody found would open everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_phrase_ends_the_old_one_and_only_with_its_words() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let old = phrase(&phone, None);
    settle(&[&phone]).await;
    let refused = phone.client().people().make_phrase(None).unwrap_err();
    assert_eq!(refused.code(), "not_allowed");
    let devices = phone.client().people().devices().unwrap();
    let member = devices
        .iter()
        .find(|d| d.holder == KeyHolder::Phrase)
        .unwrap();
    let refused = phone
        .client()
        .people()
        .remove_device(member.number)
        .unwrap_err();
    assert_eq!(refused.code(), "not_allowed");
    let new = phrase(&phone, Some(&old));
    settle(&[&phone]).await;
    assert_eq!(
        phone.client().people().recovery().unwrap(),
        RecoveryState::Ready
    );

    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "one");
    settle(&[&phone]).await;
    let thief = Device::new(&relay);
    thief
        .client()
        .people()
        .restore(&old, "Kim", "thief")
        .unwrap();
    for _ in 0..3 {
        let _ = thief.client().sync().now().await;
    }
    assert_eq!(thief.client().people().plans(), []);
    let found = Device::new(&relay);
    found
        .client()
        .people()
        .restore(&new, "Kim", "new phone")
        .unwrap();
    settle(&[&found]).await;
    assert_same(plan, &[&found, &phone]);
}

/// The person would type for an hour and never learn which word is wrong.
#[tokio::test(flavor = "multi_thread")]
async fn a_misspelt_word_is_named() {
    let relay = TestRelay::start().await;
    let (phone, _) = begin(&relay);
    let words = phone.client().people().make_phrase(None).unwrap();
    let mut wrong: Vec<String> = words.split(' ').map(Into::into).collect();
    wrong[6] = "zzebra".into();
    let device = Device::new(&relay);
    let refused = device
        .client()
        .people()
        .restore(&wrong.join(" "), "Kim", "x");
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "invalid_input");
    assert!(refused.to_string().contains("word 7"), "{refused}");
    assert!(refused.to_string().contains("zebra"), "{refused}");
}

/// A therapist who left would go on reading, or the client could never end it.
#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_or_is_removed_reads_nothing_later() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let leaves = link_therapist(&phone, plan).await;
    let removed = link_therapist(&phone, plan).await;
    settle(&[&phone, &leaves, &removed]).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "seen");
    settle(&[&phone, &leaves, &removed]).await;

    leaves.client().people().leave(plan).unwrap();
    settle(&[&leaves]).await;
    // Written before the phone knows that somebody left.
    log(&phone, plan, walk, "meanwhile");
    settle(&[&phone, &removed]).await;
    assert_eq!(notes(&removed, plan).len(), 2);
    assert_eq!(notes(&leaves, plan), ["seen"]);

    let members = phone.client().people().members(plan).unwrap();
    let other = members.iter().find(|m| m.rights == "write").unwrap();
    phone.client().people().revoke(plan, other.person).unwrap();
    settle(&[&phone]).await;
    log(&phone, plan, walk, "alone");
    settle(&[&phone]).await;
    let _ = removed.client().sync().now().await;
    assert_eq!(notes(&removed, plan).len(), 2);
    assert_eq!(people(&phone, plan, KeyHolder::Device), 1);
    let history = phone.client().people().history(plan).unwrap();
    assert!(history.len() >= 6, "{history:#?}");
}

/// A key that somebody copied without anybody noticing would open everything for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_replaced_after_thirty_days_and_nobody_is_left_behind() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    settle(&[&phone, &tablet]).await;
    let new_keys = |device: &Device| {
        let history = device.client().people().history(plan).unwrap();
        let changes = history.into_iter().flat_map(|step| step.changes);
        changes.filter(|c| *c == MembershipChange::NewKey).count()
    };
    let day = 24 * 60 * 60 * 1_000;
    phone.clock().advance(29 * day);
    settle(&[&phone, &tablet]).await;
    assert_eq!(new_keys(&phone), 0);
    phone.clock().advance(2 * day);
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "under the old key or the new one");
    settle(&[&phone, &tablet]).await;
    assert_eq!(new_keys(&phone), 1);
    assert_eq!(new_keys(&tablet), 1);
    log(&phone, plan, walk, "under the new one");
    settle(&[&phone, &tablet]).await;
    assert_same(plan, &[&phone, &tablet]);
    let numbers = [&phone, &tablet].map(|d| d.client().people().safety_number(plan).unwrap());
    assert_eq!(numbers[0], numbers[1]);
    // A device that comes now reads what was written under both.
    let second = link_phone(&phone).await;
    settle(&[&second, &phone]).await;
    assert_same(plan, &[&phone, &second]);
}
