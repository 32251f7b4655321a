//! How invitations end without anybody coming in.

use waymark_core::client::{InvitationEnd, InvitationStage};
use waymark_core::pairing::Purpose;
use waymark_tests::TestRelay;
use waymark_tests::story::{assert_settled, goal, log, notes, readers, sync};
use waymark_wire::message::APPEND_PATH;

use super::support::Two;
use waymark_tests::{Liar, Reply};

const DAY: i64 = 24 * 60 * 60 * 1_000;

/// How far it is before somebody refuses.
#[derive(Clone, Copy, Debug)]
enum At {
    Opened,
    Answered,
    Comparing,
    InviterConfirmed,
    InvitedConfirmed,
}

async fn up_to(two: &mut Two, at: At) {
    match at {
        At::Opened => {
            two.invite().await;
            two.inviter_turn().await;
            two.invited.client().invitations().open(&two.link).unwrap();
            two.invited_turn().await;
        }
        At::Answered => {
            two.invite().await;
            two.inviter_turn().await;
            two.accept();
            two.invited_turn().await;
        }
        At::Comparing | At::InviterConfirmed | At::InvitedConfirmed => {
            two.until_comparing().await;
            let device = match at {
                At::InviterConfirmed => Some(&two.inviter),
                At::InvitedConfirmed => Some(&two.invited),
                _ => None,
            };
            if let Some(device) = device {
                let invitations = device.client().invitations();
                invitations.confirm(two.id(), true).unwrap();
                sync(device).await.unwrap();
            }
        }
    }
}

/// Somebody who has changed their mind would be let in, or wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn either_may_refuse_at_any_time_and_the_other_is_told() {
    for at in [
        At::Opened,
        At::Answered,
        At::Comparing,
        At::InviterConfirmed,
        At::InvitedConfirmed,
    ] {
        for by_inviter in [true, false] {
            let relay = TestRelay::start().await;
            let mut two = Two::new(&relay, Purpose::Plan);
            two.dies = by_inviter;
            up_to(&mut two, at).await;
            let refuses = if by_inviter {
                &two.inviter
            } else {
                &two.invited
            };
            let invitations = refuses.client().invitations();
            invitations.refuse(two.id()).unwrap();
            let again = invitations.refuse(two.id()).unwrap_err();
            assert_eq!(again.code(), "not_allowed");
            two.settle().await;
            let ends = [two.at_inviter().end, two.at_invited().end];
            let declined = Some(InvitationEnd::Declined);
            let withdrawn = Some(InvitationEnd::Withdrawn);
            let expected = match by_inviter {
                true => [withdrawn, declined],
                false => [declined, withdrawn],
            };
            assert_eq!(ends, expected, "{at:?}, by the inviter: {by_inviter}");
            two.assert_nobody_came();
            two.dies = false;
            two.settle().await;
            assert_settled(&two.inviter);
        }
    }
}

/// Somebody in the middle would be let in.
#[tokio::test(flavor = "multi_thread")]
async fn a_no_at_the_comparison_ends_it_for_both() {
    for purpose in Purpose::ALL {
        let relay = TestRelay::start().await;
        let mut two = Two::new(&relay, purpose);
        two.until_comparing().await;
        let yes = two.inviter.client().invitations();
        yes.confirm(two.id(), true).unwrap();
        let no = two.invited.client().invitations();
        no.confirm(two.id(), false).unwrap();
        two.settle().await;
        assert_eq!(two.stages(), [InvitationStage::Ended; 2]);
        assert_eq!(two.at_inviter().end, Some(InvitationEnd::CodesDiffer));
        assert_eq!(two.at_invited().end, Some(InvitationEnd::Withdrawn));
        two.assert_nobody_came();
        let late = two.inviter.client().invitations().confirm(two.id(), true);
        assert_eq!(late.unwrap_err().code(), "not_allowed");
        two.inviter.client().invitations().forget(two.id()).unwrap();
    }
}

/// A link in an old mail would open the plan years later.
#[tokio::test(flavor = "multi_thread")]
async fn its_time_ends_it_for_both() {
    for at in [
        At::Opened,
        At::Answered,
        At::Comparing,
        At::InvitedConfirmed,
    ] {
        let relay = TestRelay::start().await;
        let mut two = Two::new(&relay, Purpose::Plan);
        up_to(&mut two, at).await;
        for device in [&two.inviter, &two.invited] {
            device.clock().advance(7 * DAY);
        }
        // It is seen before any sync, and stays so.
        for _ in 0..2 {
            assert_eq!(two.at_inviter().end, Some(InvitationEnd::Expired), "{at:?}");
            assert_eq!(two.at_invited().end, Some(InvitationEnd::Expired), "{at:?}");
            two.settle().await;
            two.dies = true;
        }
        let late = two.inviter.client().invitations();
        assert_eq!(
            late.confirm(two.id(), true).unwrap_err().code(),
            "not_allowed"
        );
        assert_eq!(late.show(two.id()).unwrap_err().code(), "not_allowed");
        two.assert_nobody_came();
        let late = two.invited.client().invitations();
        late.forget(two.id()).unwrap();
        assert_eq!(late.open(&two.link).unwrap_err().code(), "not_allowed");
    }
}

/// Who said yes and regrets it at once would have a reader all the same.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_on_the_way_in_when_it_was_taken_back_does_not_get_in() {
    // What was to let the other in was not sent; or it was, and nobody heard of it.
    for was_sent in [false, true] {
        let relay = TestRelay::start().await;
        let liar = Liar::before(&relay).await;
        let mut two = Two::behind(&liar, Purpose::Plan);
        two.until_comparing().await;
        two.both_confirm();
        two.invited_turn().await;
        if was_sent {
            liar.lie(|asked, honest| match asked.path.as_str() {
                APPEND_PATH => Reply::Nothing,
                _ => honest,
            });
        } else {
            liar.answer(APPEND_PATH, Reply::Nothing);
        }
        let offline = sync(&two.inviter).await.unwrap_err();
        assert_eq!(offline.code(), "offline");
        assert_eq!(two.at_inviter().stage, InvitationStage::Agreed);
        two.inviter.client().invitations().refuse(two.id()).unwrap();
        two.inviter.reopen();
        liar.be_honest();
        two.settle().await;
        assert_eq!(two.at_invited().end, Some(InvitationEnd::Declined));
        let plan = two.space.unwrap();
        assert_eq!(readers(&two.inviter, plan).len(), 1, "{was_sent}");
        two.assert_nobody_came();
        assert_settled(&two.inviter);
        two.inviter.client().invitations().forget(two.id()).unwrap();
        let walk = goal(&two.inviter, plan, "walk");
        log(&two.inviter, plan, walk, "alone");
        two.settle().await;
        assert_settled(&two.inviter);
    }
}

/// The person would be in a space that was taken away meanwhile, or wait for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_space_that_is_closed_meanwhile_takes_nobody_in() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.until_comparing().await;
    let plan = two.space.unwrap();
    two.inviter.client().people().close(plan).unwrap();
    two.inviter_turn().await;
    two.both_confirm();
    two.settle().await;
    let seen = two.at_inviter();
    assert_eq!(seen.end, Some(InvitationEnd::NotPossible));
    assert_eq!(seen.problem.as_deref(), Some("not_allowed"));
    assert_eq!(two.at_invited().end, Some(InvitationEnd::Declined));
    assert_eq!(readers(&two.inviter, plan).len(), 1);
    assert_eq!(two.invited.client().people().plans(), []);
}

/// A device that has begun otherwise meanwhile would be two people.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_begins_meanwhile_does_not_become_anothers() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Device);
    two.until_comparing().await;
    two.both_confirm();
    let people = two.invited.client().people();
    people.begin("Lou", "phone").unwrap();
    two.settle().await;
    assert_eq!(two.at_invited().end, Some(InvitationEnd::NotPossible));
    let devices = two.invited.client().people().devices().unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(two.invited.client().people().plans(), []);
    assert_settled(&two.invited);
}

/// Old invitations would pile up with their secrets.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_long_over_is_forgotten_and_what_came_of_it_stays() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.until_comparing().await;
    two.both_confirm();
    two.settle().await;
    let plan = two.space.unwrap();
    for device in [&two.inviter, &two.invited] {
        device.clock().advance(61 * DAY);
    }
    two.settle().await;
    for device in [&mut two.inviter, &mut two.invited] {
        assert_eq!(device.client().invitations().list(), []);
        device.reopen();
        assert_eq!(device.client().invitations().list(), []);
    }
    let walk = goal(&two.inviter, plan, "walk");
    log(&two.inviter, plan, walk, "later");
    two.settle().await;
    assert_eq!(notes(&two.invited, plan), ["later"]);
}
