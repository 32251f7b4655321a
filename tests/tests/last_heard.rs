//! When each device was last heard: what a person looks at who wonders whether a relay keeps something
//! back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use chrono::{DateTime, TimeDelta, Utc};
use waymark_core::client::{MemberView, PlanId};
use waymark_tests::story::{assert_settled, goal, log, readers, settle, sync};
use waymark_tests::{Device, Liar, TestRelay, begin_at, link_therapist};
use waymark_wire::message::Frame;

const DAY: i64 = 24 * 60 * 60 * 1_000;

fn member(device: &Device, plan: PlanId, name: &str) -> MemberView {
    let all = readers(device, plan);
    let mut of = all.into_iter().filter(|m| m.name.as_deref() == Some(name));
    of.next().unwrap()
}

/// When a device last heard the therapist, and where in the log.
fn heard(device: &Device, plan: PlanId) -> (DateTime<Utc>, u64) {
    let therapist = member(device, plan, "Dr. Ada");
    (
        therapist.last_heard.unwrap(),
        therapist.last_heard_seq.unwrap(),
    )
}

/// A day later, in an app that is opened anew.
fn next_day(device: &mut Device) {
    device.clock().advance(DAY);
    device.reopen();
}

/// A relay that keeps back what the therapist says looks like a therapist who says nothing. Where the
/// two talk, the day on which each was last heard tells them apart.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_shows_when_it_last_heard_each_other_one() {
    let mut relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let (mut phone, plan) = begin_at(&liar.url());
    let walk = goal(&phone, plan, "walk");
    let tablet = link_therapist(&phone, plan).await;
    assert_eq!(member(&phone, plan, "Dr. Ada").last_heard, None);
    assert_eq!(
        member(&phone, plan, "Kim").last_heard,
        None,
        "this very device"
    );

    let _ = goal(&tablet, plan, "rest");
    settle(&[&tablet, &phone]).await;
    let (first, seq) = heard(&phone, plan);
    // The tablet has heard the phone; and what the phone wrote itself does not count.
    assert!(member(&tablet, plan, "Kim").last_heard.is_some());
    log(&phone, plan, walk, "one");
    settle(&[&phone]).await;
    assert_eq!(heard(&phone, plan), (first, seq));

    // The relay shows nothing of what the therapist says from here on.
    next_day(&mut phone);
    let withheld = move |frame| match frame {
        Frame::Page { .. } | Frame::Entry { .. } => Frame::Heartbeat {
            nonce: waymark_wire::codec::Bytes(vec![1; 24]),
        },
        other => other,
    };
    let _ = goal(&tablet, plan, "kept back");
    settle(&[&tablet]).await;
    liar.reframe(withheld);
    sync(&phone).await.unwrap_err();
    assert_eq!(heard(&phone, plan), (first, seq));
    liar.be_honest();
    settle(&[&phone]).await;
    let (second, later) = heard(&phone, plan);
    assert!(second - first > TimeDelta::hours(23), "{first} {second}");
    assert!(second - first < TimeDelta::days(2) && later > seq);

    // What the relay loses, and gets back from this phone, is no news of the therapist.
    settle(&[&tablet, &phone]).await;
    let known = heard(&phone, plan);
    let backup = relay.backup().await;
    log(&phone, plan, walk, "two");
    let _ = goal(&tablet, plan, "lost by the relay");
    settle(&[&phone, &tablet, &phone]).await;
    let (third, _) = heard(&phone, plan);
    assert!(third >= known.0);
    next_day(&mut phone);
    relay.put_back(backup).await;
    settle(&[&phone]).await;
    assert_settled(&phone);
    assert_eq!(heard(&phone, plan).0, third);
    phone.reopen();
    assert_eq!(heard(&phone, plan).0, third, "it is kept");
}
