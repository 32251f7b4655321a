//! What was wanted of a space's members and cannot be any more, because somebody else's change came
//! first.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{Change, NotDone, PlanId, Wanted};
use waymark_tests::story::{assert_settled, readers, settle, status, sync};
use waymark_tests::{Device, Heard, TestRelay, begin, link_phone, link_therapist, until};

fn not_done(device: &Device, plan: PlanId) -> Vec<NotDone> {
    status(device, plan).not_done
}

/// Kim's two phones and a plan with a therapist.
async fn stage(relay: &TestRelay) -> (Device, Device, Device, PlanId) {
    let (phone, plan) = begin(relay);
    let tablet = link_therapist(&phone, plan).await;
    let second = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet]).await;
    (phone, second, tablet, plan)
}

/// Somebody who took the therapist's access back would believe that it happened, or wait for it for
/// ever, although the plan was closed and the therapist reads it still.
#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_a_close_came_before_is_told_and_kept_until_it_is_seen() {
    let relay = TestRelay::start().await;
    let (phone, mut second, _tablet, plan) = stage(&relay).await;
    let therapist = readers(&second, plan);
    let therapist = therapist.iter().find(|m| m.rights == "write").unwrap();
    let person = therapist.person;
    // Offline.
    let people = second.client().people();
    people.revoke(plan, person).unwrap();
    people.rotate(plan).unwrap();
    phone.client().people().close(plan).unwrap();
    sync(&phone).await.unwrap();

    let heard = Heard::from(&second);
    sync(&second).await.unwrap();
    let wanted = Wanted::RemovePerson {
        person,
        name: Some("Dr. Ada".into()),
    };
    let reason = "the space is closed".to_owned();
    let told = Change::NotDone {
        plan,
        wanted: wanted.clone(),
        reason: reason.clone(),
    };
    let is_it = |change: &&Change| matches!(change, Change::NotDone { .. });
    let told_of = || heard.all().iter().filter(is_it).count();
    until("both are told", || told_of() >= 2).await;
    let all = heard.all();
    let mut all: Vec<_> = all.iter().filter(is_it).collect();
    assert_eq!(all.len(), 2, "each once");
    all.retain(|change| **change == told);
    assert_eq!(all.len(), 1, "with what was wanted");

    // Also for an app that was not there when it was told.
    second.reopen();
    settle(&[&second]).await;
    let kept = not_done(&second, plan);
    assert_eq!(kept.len(), 2);
    assert!(kept.contains(&NotDone { wanted, reason }), "{kept:?}");
    assert!(kept.iter().any(|kept| kept.wanted == Wanted::NewKey));
    assert_eq!(not_done(&phone, plan), [], "whose close it was");
    second.client().people().forget_not_done(plan).unwrap();
    second.reopen();
    assert_eq!(not_done(&second, plan), []);
    assert_settled(&second);
    let nowhere = second.client().people().forget_not_done(PlanId([9; 32]));
    assert_eq!(nowhere.unwrap_err().code(), "not_found");
}

/// What a device wants by itself would be told as if a person had asked for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_device_wanted_by_itself_is_not_told() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, plan) = stage(&relay).await;
    // A key that is thirty days old is renewed by whoever syncs first; the plan is closed before.
    for device in [&second, &tablet] {
        device.clock().advance(31 * 24 * 60 * 60 * 1_000);
    }
    phone.client().people().close(plan).unwrap();
    sync(&phone).await.unwrap();
    let heard = Heard::from(&tablet);
    settle(&[&second, &tablet]).await;
    for device in [&second, &tablet] {
        assert_eq!(not_done(device, plan), []);
    }
    let is_it = |change: &Change| matches!(change, Change::NotDone { .. });
    assert!(!heard.all().iter().any(is_it));
}
