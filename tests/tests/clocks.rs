//! Clocks of phones are wrong by years, and jump.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, readers, settle};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};

const YEAR: i64 = 365 * 24 * 60 * 60 * 1_000;

/// Nobody would be let in, or everything be too old to count.
#[tokio::test(flavor = "multi_thread")]
async fn devices_whose_clocks_are_ten_years_apart_meet_all_the_same() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    phone.clock().advance(10 * YEAR);
    tablet.clock().advance(-10 * YEAR);
    log(&phone, plan, walk, "far ahead");
    settle(&[&phone, &tablet]).await;
    let second = link_phone(&phone).await;
    log(&second, plan, walk, "in between");
    settle(&[&phone, &second, &tablet]).await;
    assert_same(plan, &[&phone, &second, &tablet]);
    for device in [&phone, &second, &tablet] {
        assert_settled(device);
        assert_eq!(notes(device, plan), ["far ahead", "in between"]);
    }
}

/// A phone whose battery was empty begins in 1970, and is set right in the middle.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_loses_and_stops_nothing() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let walk = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    let mut written = Vec::new();
    for (step, jump) in [-40, 80, -45, 3, 7, -5].into_iter().enumerate() {
        phone.clock().advance(jump * YEAR);
        let note = format!("{step}");
        log(&phone, plan, walk, &note);
        written.push(note);
        settle(&[&phone, &tablet]).await;
        assert_eq!(notes(&tablet, plan), written, "after {jump} years");
    }
    assert_same(plan, &[&phone, &tablet]);
    assert_eq!(readers(&phone, plan).len(), 2);
    let stays = |device: &Device| assert_settled(device);
    stays(&phone);
    stays(&tablet);
}
