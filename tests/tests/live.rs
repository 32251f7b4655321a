//! Live: what one person writes stands on the other's screen at once, and nothing is missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::time::Duration;

use tokio::time::timeout;
use waymark_core::client::{Change, LiveSync, PlanId};
use waymark_core::model::{GoalId, RecordId};
use waymark_tests::story::{assert_same, assert_settled, goal, log, meet, notes, status};
use waymark_tests::{
    Device, Heard, TestRelay, begin, hand_over, link_phone, link_therapist, until,
};

/// A client's phone and second phone, linked, with a goal.
async fn two(relay: &TestRelay) -> (Device, Device, PlanId, GoalId) {
    let (phone, plan) = begin(relay);
    let goal = goal(&phone, plan, "walk");
    let second = link_phone(&phone).await;
    (phone, second, plan, goal)
}

/// Ends a connection, and waits until nothing of it is left.
async fn end(live: LiveSync) {
    let ended = timeout(Duration::from_secs(10), live.stop()).await;
    assert!(ended.is_ok(), "the connection does not end");
}

/// Ids that came, without the order.
fn sorted(mut ids: Vec<RecordId>) -> Vec<RecordId> {
    ids.sort();
    ids
}

/// A therapist would look at yesterday's diary during the session.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_logged_on_one_device_is_told_to_the_other_in_order_and_once() {
    let relay = TestRelay::start().await;
    let (phone, second, plan, goal) = two(&relay).await;
    let live = (phone.client().sync().live(), second.client().sync().live());
    let (at_phone, at_second) = (Heard::from(&phone), Heard::from(&second));

    let mut logged = Vec::new();
    for day in 0..20 {
        phone.clock().advance(60_000);
        let id = log(&phone, plan, goal, &format!("day {day}"));
        logged.push(RecordId::from(id));
        if day % 5 == 0 {
            // Alone on its way.
            until("it arrives", || at_second.records().len() > day).await;
        }
    }
    until("all arrive", || at_second.records().len() >= 20).await;
    let heard = at_second.records();
    assert_eq!(sorted(heard.clone()), sorted(logged.clone()));
    // Those that came in one batch are one report; the reports are in order.
    let alone: Vec<_> = [0, 5, 10, 15].iter().map(|n| logged[*n]).collect();
    let order: Vec<_> = heard.into_iter().filter(|id| alone.contains(id)).collect();
    assert_eq!(order, alone);

    second.clock().advance(3_600_000);
    let back = RecordId::from(log(&second, plan, goal, "the other way"));
    until("it comes back", || at_phone.records().contains(&back)).await;
    assert_same(plan, &[&phone, &second]);
    end(live.0).await;
    end(live.1).await;
    assert_eq!(at_phone.records(), [back], "own records are no news");
}

/// A plan that is begun during a session would be on one device only.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_is_created_while_live_is_stored_at_the_relay() {
    let relay = TestRelay::start().await;
    let (phone, _second, plan, _) = two(&relay).await;
    let live = phone.client().sync().live();
    until("it is connected", || settled(&phone)).await;
    let new = phone.client().people().create_plan().unwrap();
    let goal = goal(&phone, new, "sleep");
    log(&phone, new, goal, "at eleven");
    until("it is sent", || settled(&phone)).await;
    assert_ne!(new, plan);
    let tablet = link_therapist(&phone, new).await;
    assert_eq!(notes(&tablet, new), ["at eleven"]);
    end(live).await;
}

fn settled(device: &Device) -> bool {
    device.client().status().unwrap().iter().all(|status| {
        status.unsent == 0
            && status.on_the_way == 0
            && status.synced.is_some()
            && status.problem.is_none()
    })
}

/// After an operator's update nobody would see anything new until the app is opened again.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_restarts_is_found_again() {
    let mut relay = TestRelay::start().await;
    let (phone, second, plan, goal) = two(&relay).await;
    let live = (phone.client().sync().live(), second.client().sync().live());
    log(&phone, plan, goal, "before");
    until("it arrives", || notes(&second, plan).len() == 1).await;

    relay.stop().await;
    log(&phone, plan, goal, "meanwhile");
    until("the status says so", || {
        let status = phone.client().status().unwrap();
        status
            .iter()
            .any(|status| status.problem.as_deref() == Some("offline"))
    })
    .await;
    relay.restart().await;
    until("it arrives", || notes(&second, plan).len() == 2).await;
    log(&second, plan, goal, "after");
    until("it arrives", || notes(&phone, plan).len() == 3).await;
    until("all is well again", || settled(&phone) && settled(&second)).await;
    end(live.0).await;
    end(live.1).await;
}

/// Whoever pulls the screen down to refresh would look at a wheel that turns for ever.
#[tokio::test(flavor = "multi_thread")]
async fn sync_now_returns_while_live() {
    let relay = TestRelay::start().await;
    let (phone, second, plan, goal) = two(&relay).await;
    let live = phone.client().sync().live();
    until("it is connected", || settled(&phone)).await;
    for round in 1..=5 {
        log(&phone, plan, goal, &format!("phone {round}"));
        log(&second, plan, goal, &format!("second {round}"));
        second.client().sync().now().await.unwrap();
        let now = timeout(Duration::from_secs(20), phone.client().sync().now()).await;
        now.expect("it returns").unwrap();
        // It is a promise: what was there when it was called is here.
        assert_eq!(notes(&phone, plan).len(), 2 * round);
        assert_settled(&phone);
    }
    end(live).await;
}

/// A phone in the pocket would go on spending battery and data.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_handle_ends_the_traffic_and_a_new_one_goes_on() {
    let relay = TestRelay::start().await;
    let (phone, second, plan, goal) = two(&relay).await;
    let live = phone.client().sync().live();
    until("it is connected", || settled(&phone)).await;
    end(live).await;
    let heard = Heard::from(&phone);
    log(&phone, plan, goal, "unsent");
    log(&second, plan, goal, "unread");
    second.client().sync().now().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!settled(&phone), "somebody went on");
    assert_eq!(heard.all(), []);

    let again = phone.client().sync().live();
    until("it goes on", || settled(&phone)).await;
    assert_eq!(notes(&phone, plan), ["unread", "unsent"]);
    drop(again);
    meet(&[&phone, &second]).await;
    assert_same(plan, &[&phone, &second]);
}

/// An app that is closed in the middle of a sync would never sync again until it is restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_given_up_at_any_point_can_be_begun_again() {
    let relay = TestRelay::start().await;
    let (phone, second, plan, goal) = two(&relay).await;
    for round in 0..30 {
        log(&phone, plan, goal, &format!("phone {round}"));
        let brief = Duration::from_micros(150 * round);
        if round % 2 == 0 {
            let _ = timeout(brief, phone.client().sync().now()).await;
        } else {
            let live = phone.client().sync().live();
            tokio::time::sleep(brief).await;
            drop(live);
        }
    }
    let now = timeout(Duration::from_secs(20), phone.client().sync().now()).await;
    now.expect("it returns").unwrap();
    assert_settled(&phone);
    meet(&[&second]).await;
    assert_eq!(notes(&second, plan).len(), 30);
    assert_same(plan, &[&phone, &second]);
}

/// The first thing after a therapist is added: both look at the same screen.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_added_while_others_are_live_reads_and_is_read() {
    let relay = TestRelay::start().await;
    let (phone, second, plan, goal) = two(&relay).await;
    let live = (phone.client().sync().live(), second.client().sync().live());
    let heard = Heard::from(&second);
    log(&phone, plan, goal, "before");
    let tablet = Device::new(&relay);
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    phone.client().people().add_therapist(plan, &card).unwrap();
    hand_over(&phone, &tablet, &card).await;
    assert_eq!(notes(&tablet, plan), ["before"]);

    let third = tablet.client().sync().live();
    let note = tablet.client().texts().create(plan, None, Some("session"));
    let text = note.unwrap().text;
    let texts = tablet.client().texts();
    texts.splice(plan, text, 0, 0, "breathe").unwrap();
    until("the second phone reads it", || {
        second.client().texts().read(plan, text).ok().as_deref() == Some("breathe")
    })
    .await;
    assert!(heard.all().contains(&Change::Members { plan }));
    log(&phone, plan, goal, "after");
    until("the tablet reads it", || notes(&tablet, plan).len() == 2).await;
    until("all is sent", || settled(&tablet) && settled(&phone)).await;
    assert_same(plan, &[&phone, &second, &tablet]);
    end(live.0).await;
    end(live.1).await;
    end(third).await;
}

/// A desk tool, which is another process each time, would say "never" of what was read a minute ago.
#[tokio::test(flavor = "multi_thread")]
async fn when_it_was_last_in_sync_is_known_after_the_app_was_closed() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    assert_eq!(status(&phone, plan).synced, None);
    phone.client().sync().now().await.unwrap();
    let synced = status(&phone, plan).synced;
    assert!(synced.is_some());
    phone.reopen();
    assert_eq!(status(&phone, plan).synced, synced);
}
