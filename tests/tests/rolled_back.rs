//! A relay that was put back to an older state, by mistake, after a crash or with intent: its clients
//! give it back what it lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{Change, KeyHolder, MemberView, PlanId};
use waymark_core::model::GoalId;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, notes, readers, settle, status, sync,
};
use waymark_tests::{Device, Heard, TestRelay, begin, hand_over, link_phone, link_therapist};
use waymark_wire::ids::EntryId;

/// A client's phone, the therapist's tablet, and a check-in "0" that both have.
async fn stage(relay: &TestRelay) -> (Device, Device, PlanId, GoalId) {
    let (phone, plan) = begin(relay);
    let tablet = link_therapist(&phone, plan).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "0");
    settle(&[&phone, &tablet]).await;
    (phone, tablet, plan, walk)
}

fn was_healed(heard: &Heard) -> bool {
    let healed = |change: &Change| {
        matches!(
            change,
            Change::Healed {
                restored: false,
                ..
            }
        )
    };
    heard.all().iter().any(healed)
}

/// The log of a plan as the relay has it: places and ids.
fn entries(relay: &TestRelay, plan: PlanId) -> Vec<(u64, EntryId)> {
    let all = waymark_server::inspect::entries(relay.directory()).unwrap();
    let of_it = all.into_iter().filter(|entry| entry.space.0 == plan.0);
    of_it.map(|entry| (entry.seq, entry.id)).collect()
}

/// A relay answers members alone, so what somebody signed who has gone cannot be given to it once more: its
/// log has to be found to end where it does, however far back that is.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lost_all_but_the_beginning_is_healed_although_who_signed_that_has_gone() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    log(&second, plan, walk, "by the one that goes");
    settle(&[&phone, &second, &tablet]).await;
    let people = phone.client().people();
    let devices = people.devices().unwrap();
    let gone = devices.iter().find(|device| !device.this_device);
    people.remove_device(gone.unwrap().number).unwrap();
    settle(&[&phone, &tablet]).await;
    let backup = relay.backup().await;
    for note in 0..64 {
        log(&phone, plan, walk, &note.to_string());
        sync(&phone).await.unwrap();
    }
    settle(&[&phone, &tablet]).await;
    let before = entries(&relay, plan);
    relay.put_back(backup).await;
    settle(&[&tablet]).await;
    assert_settled(&tablet);
    assert_eq!(
        entries(&relay, plan).get(..before.len()),
        Some(before.as_slice())
    );
}

/// A relay loses all keys that were sealed to somebody.
async fn lose_keys(relay: &mut TestRelay) {
    relay.stop().await;
    let db = rusqlite::Connection::open(relay.directory().join("relay.db")).unwrap();
    assert!(db.execute("DELETE FROM attachment", []).unwrap() > 0);
    drop(db);
    relay.restart().await;
}

/// The therapist would read nothing until the key is replaced the next time, which may be in a month, where
/// a relay has lost the key that was sealed to them and the one with which they were helped.
#[tokio::test(flavor = "multi_thread")]
async fn whose_key_a_relay_has_lost_twice_is_handed_it_once_more() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    phone.client().people().rotate(plan).unwrap();
    sync(&phone).await.unwrap();
    log(&phone, plan, walk, "1");
    sync(&phone).await.unwrap();
    lose_keys(&mut relay).await;
    // It says that the key is missing, and asks for it.
    assert!(sync(&tablet).await.is_err());
    sync(&phone).await.unwrap();
    lose_keys(&mut relay).await;
    for _ in 0..4 {
        // The relay is asked first, and says each time that it has none.
        assert!(sync(&tablet).await.is_err());
        assert_eq!(notes(&tablet, plan), ["0"]);
    }
    settle(&[&phone, &tablet]).await;
    assert_settled(&tablet);
    assert_eq!(notes(&tablet, plan), ["0", "1"]);
}

/// What was acknowledged would be gone for everybody who comes later, and everybody's place in the log
/// with it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_lost_is_given_back_in_the_old_order() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let backup = relay.backup().await;
    for note in ["1", "2", "3"] {
        log(&phone, plan, walk, note);
        let _ = goal(&tablet, plan, &format!("{note} by the therapist"));
        settle(&[&phone, &tablet]).await;
        // An entry of the membership between those of two people.
        phone.client().people().rotate(plan).unwrap();
        settle(&[&phone, &tablet]).await;
    }
    let all = notes(&phone, plan);
    let before = entries(&relay, plan);
    relay.put_back(backup).await;

    // The one who comes first gives back what both wrote; the other finds everything as it was.
    let heard = Heard::from(&phone);
    settle(&[&phone]).await;
    assert!(was_healed(&heard), "{:?}", heard.all());
    assert_settled(&phone);
    let after = entries(&relay, plan);
    assert_eq!(after.get(..before.len()), Some(before.as_slice()));
    let heard = Heard::from(&tablet);
    settle(&[&tablet]).await;
    assert!(!was_healed(&heard));
    assert_settled(&tablet);

    // It is the relay that has it again: a device that comes new reads everything.
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    assert_eq!(notes(&second, plan), all);
    assert_same(plan, &[&phone, &tablet, &second]);
}

/// Two who heal at once would otherwise undo each other's work.
#[tokio::test(flavor = "multi_thread")]
async fn several_heal_at_once() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    let backup = relay.backup().await;
    for day in 1..=60 {
        log(&phone, plan, walk, &format!("{day}"));
        sync(&phone).await.unwrap();
    }
    settle(&[&phone, &second, &tablet]).await;
    relay.put_back(backup).await;
    log(&second, plan, walk, "written since");
    let (first, third, fourth) = tokio::join!(sync(&phone), sync(&tablet), sync(&second));
    for synced in [first, third, fourth] {
        synced.unwrap();
    }
    settle(&[&phone, &second, &tablet]).await;
    for device in [&phone, &second, &tablet] {
        assert_eq!(notes(device, plan).len(), 62);
        assert_settled(device);
    }
    assert_same(plan, &[&phone, &tablet, &second]);
}

/// Somebody wrote before anybody noticed: the log goes on otherwise, and what it had lost follows.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_meanwhile_stays_and_the_lost_branch_follows() {
    let mut relay = TestRelay::start().await;
    let (phone, mut tablet, plan, walk) = stage(&relay).await;
    let backup = relay.backup().await;
    // The tablet has not seen what the relay loses.
    for note in ["1", "2"] {
        log(&phone, plan, walk, note);
        settle(&[&phone]).await;
    }
    relay.put_back(backup).await;
    let meanwhile = goal(&tablet, plan, "meanwhile");
    settle(&[&tablet]).await;
    assert_settled(&tablet);

    log(&phone, plan, walk, "not sent");
    settle(&[&phone, &tablet]).await;
    for device in [&phone, &tablet] {
        assert_eq!(notes(device, plan), ["0", "1", "2", "not sent"]);
        assert!(device.client().goals().get(plan, meanwhile).is_ok());
        assert_settled(device);
    }
    tablet.reopen();
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    assert_same(plan, &[&phone, &tablet, &second]);
}

/// Words under a key that only the lost branch knows would be closed to everybody else for ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_sealed_under_a_lost_key_is_read_by_everybody() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    let backup = relay.backup().await;
    // On the branch that is lost the phone renews the key and writes.
    phone.client().people().rotate(plan).unwrap();
    settle(&[&phone]).await;
    log(&phone, plan, walk, "under the lost key");
    settle(&[&phone]).await;
    relay.put_back(backup).await;
    // Meanwhile the second phone renews it too.
    second.client().people().rotate(plan).unwrap();
    settle(&[&second]).await;
    log(&second, plan, walk, "meanwhile");
    settle(&[&second]).await;

    settle(&[&phone, &tablet, &second]).await;
    for device in [&phone, &tablet, &second] {
        assert_eq!(
            notes(device, plan),
            ["0", "meanwhile", "under the lost key"]
        );
        assert_settled(device);
    }
    assert_same(plan, &[&phone, &tablet, &second]);
}

/// Whoever was removed would be back, and read on.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_removal_is_made_again() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let therapist = tablet.client().people().members(plan).unwrap();
    let therapist = therapist.into_iter().find(|m| m.this_device).unwrap();
    let backup = relay.backup().await;
    phone
        .client()
        .people()
        .revoke(plan, therapist.person)
        .unwrap();
    settle(&[&phone]).await;
    log(&phone, plan, walk, "not for the therapist");
    settle(&[&phone]).await;
    relay.put_back(backup).await;
    // The tablet does not know yet, and goes on.
    let meanwhile = goal(&tablet, plan, "meanwhile");
    settle(&[&tablet]).await;

    settle(&[&phone]).await;
    let _ = sync(&tablet).await;
    assert_eq!(readers(&phone, plan).len(), 1);
    assert_settled(&phone);
    assert!(phone.client().goals().get(plan, meanwhile).is_ok());
    assert_eq!(notes(&phone, plan), ["0", "not for the therapist"]);
    assert_eq!(notes(&tablet, plan), ["0"]);
}

/// A relay could otherwise undo a removal together with whoever was removed.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_goes_on_with_somebody_who_was_removed_is_not_followed() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let therapist = tablet.client().people().members(plan).unwrap();
    let therapist = therapist.into_iter().find(|m| m.this_device).unwrap();
    let backup = relay.backup().await;
    phone
        .client()
        .people()
        .revoke(plan, therapist.person)
        .unwrap();
    settle(&[&phone]).await;
    relay.put_back(backup).await;
    tablet.client().people().rotate(plan).unwrap();
    settle(&[&tablet]).await;

    log(&phone, plan, walk, "said under nobody's key");
    let refused = sync(&phone).await.unwrap_err();
    assert!(refused.to_string().contains("was removed"), "{refused}");
    let problem = status(&phone, plan);
    assert_eq!(
        problem.problem.as_deref(),
        Some("relay_untrusted"),
        "{problem:?}"
    );
    let detail = problem.problem_detail.unwrap();
    assert!(detail.contains("was removed"), "{detail}");
    settle(&[&tablet]).await;
    assert_eq!(notes(&tablet, plan), ["0"]);
    assert_eq!(notes(&phone, plan), ["0", "said under nobody's key"]);

    // The person decides to go on there: the removal is made again before anything is said.
    phone.client().people().follow_relay(plan).unwrap();
    settle(&[&phone]).await;
    let _ = sync(&tablet).await;
    assert_settled(&phone);
    assert_eq!(readers(&phone, plan).len(), 1);
    assert_eq!(notes(&tablet, plan), ["0"]);
    assert!(phone.client().people().follow_relay(plan).is_err());
}

/// The words of somebody who never comes back would be lost, because nobody else can sign for them.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_said_on_a_lost_branch_is_carried_by_others() {
    let mut relay = TestRelay::start().await;
    let (mut phone, tablet, plan, walk) = stage(&relay).await;
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    let backup = relay.backup().await;
    phone.client().people().rotate(plan).unwrap();
    settle(&[&phone]).await;
    log(&phone, plan, walk, "the phone's last words");
    // The tablet reads them, and the phone falls into the water.
    settle(&[&phone, &tablet]).await;
    phone.close();
    relay.put_back(backup).await;
    second.client().people().rotate(plan).unwrap();
    settle(&[&second]).await;
    assert_eq!(notes(&second, plan), ["0"]);

    settle(&[&tablet, &second]).await;
    for device in [&tablet, &second] {
        assert_eq!(notes(device, plan), ["0", "the phone's last words"]);
        assert_settled(device);
    }
    // Whoever comes later reads them too, as the phone's.
    let third = link_phone(&second).await;
    settle(&[&second, &third]).await;
    assert_eq!(notes(&third, plan), ["0", "the phone's last words"]);
    assert_same(plan, &[&tablet, &second, &third]);
}

/// What is closed stays closed: nothing is given back to a log that somebody has closed.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_plan_is_not_given_back() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let backup = relay.backup().await;
    log(&phone, plan, walk, "the last word");
    settle(&[&phone, &tablet]).await;
    phone.client().people().close(plan).unwrap();
    settle(&[&phone, &tablet]).await;
    relay.put_back(backup).await;
    let heard = Heard::from(&phone);
    settle(&[&phone, &tablet]).await;
    assert!(!was_healed(&heard));
    for device in [&phone, &tablet] {
        assert!(status(device, plan).closed);
        assert_eq!(status(device, plan).problem, None);
        assert_eq!(notes(device, plan), ["0", "the last word"]);
    }
}

/// Nobody could ever end a plan: a relay that has let go of it would get it back from every device.
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_plan_that_the_relay_has_let_go_of_stays_gone() {
    let mut relay = TestRelay::start().await;
    let empty = relay.backup().await;
    let (phone, tablet, plan, _) = stage(&relay).await;
    phone.client().people().close(plan).unwrap();
    settle(&[&phone, &tablet]).await;
    assert!(!entries(&relay, plan).is_empty());
    relay.put_back(empty).await;
    for device in [&phone, &tablet, &phone] {
        // Whatever is said of the rest.
        let _ = sync(device).await;
    }
    assert_eq!(entries(&relay, plan), []);
    for device in [&phone, &tablet] {
        assert!(status(device, plan).closed);
        assert_eq!(notes(device, plan), ["0"]);
    }
}

/// A relay that lost the whole plan gets it whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_lost_the_plan_gets_it_back() {
    let mut relay = TestRelay::start().await;
    let empty = relay.backup().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    log(&phone, plan, walk, "1");
    let _ = goal(&tablet, plan, "rest");
    settle(&[&tablet, &phone]).await;
    relay.put_back(empty).await;
    settle(&[&phone, &tablet]).await;
    assert_settled(&phone);
    assert_settled(&tablet);
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    assert_eq!(notes(&second, plan), ["0", "1"]);
    assert_same(plan, &[&phone, &tablet, &second]);
}

/// The number that the keys which let in a therapist's next device have in a plan.
fn reserve_of(device: &Device, plan: PlanId) -> Option<u16> {
    let members = device.client().people().members(plan).unwrap();
    let is_it =
        |m: &&MemberView| m.holder == KeyHolder::Reserve && m.name.as_deref() == Some("Dr. Ada");
    members.iter().find(is_it).map(|member| member.number)
}

/// Somebody's next phone could never come into a plan where the keys that home keeps for it were added
/// once more under another number.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_comes_in_also_where_its_way_in_has_another_number_since() {
    let mut relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = Device::with_relay(&relay.url());
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    phone.client().people().add_therapist(plan, &card).unwrap();
    settle(&[&phone]).await;
    let backup = relay.backup().await;
    // The tablet adds the keys for others of its person, and home lists them.
    hand_over(&phone, &tablet, &card).await;
    settle(&[&tablet]).await;
    let before = reserve_of(&tablet, plan);
    relay.put_back(backup).await;
    // Their number goes to somebody else.
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    settle(&[&tablet, &phone, &second]).await;
    assert_ne!(reserve_of(&tablet, plan), before);

    let other = Device::with_relay(&relay.url());
    let card = other.client().people().card("Dr. Ada", "second tablet");
    let card = card.unwrap();
    tablet.client().people().add_own_device(&card).unwrap();
    hand_over(&tablet, &other, &card).await;
    settle(&[&tablet, &other, &phone]).await;
    assert_same(plan, &[&phone, &tablet, &other]);
    assert_settled(&other);
}

/// An operator who restores and says so would be taken for one who lies; and a person would wonder for
/// ever whether something is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_says_that_it_was_restored_is_healed_and_that_is_told() {
    let mut relay = TestRelay::start().await;
    let (phone, tablet, plan, walk) = stage(&relay).await;
    let backup = relay.backup().await;
    log(&phone, plan, walk, "1");
    settle(&[&phone, &tablet]).await;
    relay.put_back(backup).await;
    relay.stop().await;
    waymark_server::restore(relay.directory()).unwrap();
    relay.restart().await;

    let heard = Heard::from(&phone);
    settle(&[&phone, &tablet]).await;
    let told = Change::Healed {
        plan,
        restored: true,
    };
    assert!(heard.all().contains(&told), "{:?}", heard.all());
    assert!(!was_healed(&heard), "it is not called a loss");
    let forked = |change: &Change| matches!(change, Change::Forked { .. });
    assert!(!heard.all().iter().any(forked), "nor a lie");
    for device in [&phone, &tablet] {
        assert_eq!(notes(device, plan), ["0", "1"]);
        assert_settled(device);
    }
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    assert_eq!(notes(&second, plan), ["0", "1"]);
}

/// Whoever was removed is told the same as whoever asks a relay that lost everything. A device that gave
/// the log back with every sync would flood both, for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_knows_nothing_of_a_plan_is_given_it_once_a_day_at_most() {
    let mut relay = TestRelay::start().await;
    let mut empty = Vec::new();
    for _ in 0..3 {
        empty.push(relay.backup().await);
    }
    let (mut phone, _tablet, plan, _) = stage(&relay).await;
    let entries = |relay: &TestRelay| entries(relay, plan).len();
    let whole = entries(&relay);
    assert!(whole > 3);
    relay.put_back(empty.pop().unwrap()).await;
    settle(&[&phone]).await;
    assert!(entries(&relay) >= whole, "it has it again");
    assert_settled(&phone);

    // The same day.
    relay.put_back(empty.pop().unwrap()).await;
    phone.clock().advance(23 * 60 * 60 * 1_000);
    phone.reopen();
    for _ in 0..3 {
        let refused = sync(&phone).await.unwrap_err();
        assert_eq!(refused.code(), "offline");
    }
    assert_eq!(entries(&relay), 0);
    assert_eq!(notes(&phone, plan), ["0"]);
    phone.clock().advance(2 * 60 * 60 * 1_000);
    phone.reopen();
    settle(&[&phone]).await;
    assert!(entries(&relay) >= whole, "the next day it has it again");
    assert_settled(&phone);
}
