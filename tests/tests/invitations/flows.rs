//! What invitations are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use waymark_core::client::{Change, InvitationEnd, InvitationStage, PlanId};
use waymark_core::membership::SpaceKind;
use waymark_core::pairing::{Purpose, Side};
use waymark_core::role::Role;
use waymark_tests::story::{assert_same, assert_settled, goal, log, notes, sync};
use waymark_tests::{Heard, Liar, Reply, TestRelay, until};

use super::support::{Two, names};

/// A support space or circle that both are in.
fn shared(two: &Two, kind: SpaceKind) -> PlanId {
    let space = two.inviter.client().people().spaces(kind);
    assert_eq!(space, two.invited.client().people().spaces(kind));
    space[0]
}

/// What has come of it, seen from both sides.
async fn assert_done(two: &mut Two) {
    let own = |name: &str, role| (name.to_owned(), role);
    let kim = own("Kim", Role::Client);
    match two.purpose {
        Purpose::Plan => {
            let plan = two.space.unwrap();
            let therapist = own("Dr. Ada", Role::Therapist);
            assert_eq!(two.invited.client().people().plans(), [plan]);
            assert_eq!(names(&two.invited, plan), [therapist, kim]);
            let walk = goal(&two.inviter, plan, "walk");
            log(&two.inviter, plan, walk, "first");
            two.settle().await;
            assert_eq!(notes(&two.invited, plan), ["first"]);
            assert_same(plan, &[&two.inviter, &two.invited]);
        }
        Purpose::Client => {
            // The client has the say in it, and the therapist none over who reads.
            let plan = two.inviter.client().people().plans()[0];
            assert_eq!(two.invited.client().people().plans().len(), 2);
            assert_eq!(two.at_invited().space, Some(plan));
            let therapist = own("Dr. Ada", Role::Therapist);
            assert_eq!(names(&two.inviter, plan), [therapist, kim]);
            let members = two.inviter.client().people().members(plan).unwrap();
            let own = members.iter().find(|member| member.this_device).unwrap();
            assert_eq!(own.rights, "write");
            let walk = goal(&two.invited, plan, "walk");
            log(&two.invited, plan, walk, "first");
            two.settle().await;
            assert_eq!(notes(&two.inviter, plan), ["first"]);
        }
        Purpose::Supporter => {
            let space = shared(two, SpaceKind::Support);
            let guardian = own("Dr. Ada", Role::Guardian);
            assert_eq!(names(&two.invited, space), [guardian, kim]);
            assert_eq!(two.invited.client().people().plans(), []);
        }
        Purpose::Circle => {
            let space = shared(two, SpaceKind::Circle);
            assert_eq!(names(&two.invited, space).len(), 2);
        }
        _ => {
            // In home and, with nobody else online, in the plan.
            let plan = two.inviter.client().people().plans();
            assert_eq!(two.invited.client().people().plans(), plan);
            assert_eq!(names(&two.inviter, plan[0]), [kim.clone(), kim]);
            let devices = two.invited.client().people().devices().unwrap();
            assert_eq!(devices.len(), 2);
        }
    }
    two.dies = false;
    two.settle().await;
    assert_settled(&two.inviter);
    assert_settled(&two.invited);
}

async fn from_link_to_plan(purpose: Purpose, dies: bool) {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, purpose);
    two.dies = dies;
    two.until_comparing().await;

    let (left, right) = (two.at_inviter(), two.at_invited());
    assert_eq!((left.side, right.side), (Side::Inviter, Side::Invited));
    assert_eq!(left.code, right.code);
    let digits = left.code.unwrap();
    assert!(
        digits.len() == 7 && digits.as_bytes()[3] == b' ',
        "{digits}"
    );
    let seen = match purpose {
        Purpose::Client => ["Kim", "Dr. Ada"],
        Purpose::Device => ["Kim", "Kim"],
        _ => ["Dr. Ada", "Kim"],
    };
    assert_eq!([left.name.unwrap(), right.name.unwrap()], seen);
    assert!(left.device_name.is_some() && right.device_name.is_some());

    two.both_confirm();
    two.settle().await;
    assert_eq!(two.stages(), [InvitationStage::Done; 2]);
    assert_done(&mut two).await;
    for device in [&two.inviter, &two.invited] {
        let invitations = device.client().invitations();
        invitations.forget(two.id()).unwrap();
        assert_eq!(invitations.list(), []);
    }
    two.settle().await;
    assert_settled(&two.inviter);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_therapist_joins_a_plan() {
    from_link_to_plan(Purpose::Plan, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_therapists_client_makes_the_plan() {
    from_link_to_plan(Purpose::Client, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_of_ones_own_is_everywhere() {
    from_link_to_plan(Purpose::Device, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guardian_joins_a_support_space() {
    from_link_to_plan(Purpose::Supporter, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_joins_a_circle() {
    from_link_to_plan(Purpose::Circle, false).await;
}

/// Phones end apps whenever they like: people would begin again and again.
#[tokio::test(flavor = "multi_thread")]
async fn every_purpose_survives_the_end_of_the_process_at_each_step() {
    for purpose in Purpose::ALL {
        from_link_to_plan(purpose, true).await;
    }
}

/// Goes on with whatever comes, as two apps do that are opened now and then; whose sync fails, its
/// process ends.
async fn go_on(two: &mut Two) {
    for _ in 0..12 {
        for device in [&mut two.inviter, &mut two.invited] {
            if sync(device).await.is_err() {
                device.reopen();
            }
            let invitations = device.client().invitations();
            for one in invitations.list() {
                if one.stage == InvitationStage::Comparing {
                    invitations.confirm(one.id, true).unwrap();
                }
            }
        }
        if two.stages() == [InvitationStage::Done; 2] {
            break;
        }
    }
    assert_eq!(two.stages(), [InvitationStage::Done; 2]);
    for device in [&mut two.inviter, &mut two.invited] {
        device.reopen();
    }
}

/// An answer that never comes would lead to a second plan, a second therapist, or nowhere.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_answer_is_lost_it_comes_to_the_same() {
    for purpose in [Purpose::Plan, Purpose::Client, Purpose::Device] {
        let mut cut = 0;
        loop {
            let relay = TestRelay::start().await;
            let liar = Liar::before(&relay).await;
            let mut two = Two::behind(&liar, purpose);
            two.invite().await;
            two.accept();
            let count = Arc::new(AtomicUsize::new(0));
            let counted = Arc::clone(&count);
            liar.lie(move |_, honest| {
                if counted.fetch_add(1, Ordering::SeqCst) == cut {
                    Reply::Nothing
                } else {
                    honest
                }
            });
            go_on(&mut two).await;
            liar.be_honest();
            two.settle().await;
            assert_done(&mut two).await;
            if count.load(Ordering::SeqCst) <= cut {
                break;
            }
            cut += 3;
        }
        assert!(cut > 20, "{purpose:?} took {cut} requests");
    }
}

/// One says yes days before the other has a network again, in either order.
#[tokio::test(flavor = "multi_thread")]
async fn a_yes_waits_for_the_others() {
    for inviter_first in [true, false] {
        let relay = TestRelay::start().await;
        let mut two = Two::new(&relay, Purpose::Plan);
        two.until_comparing().await;
        let (first, second) = match inviter_first {
            true => (&two.inviter, &two.invited),
            false => (&two.invited, &two.inviter),
        };
        let id = two.id();
        first.client().invitations().confirm(id, true).unwrap();
        sync(first).await.unwrap();
        sync(second).await.unwrap();
        two.assert_nobody_came();
        second.client().invitations().confirm(id, true).unwrap();
        two.settle().await;
        assert_eq!(two.stages(), [InvitationStage::Done; 2]);
        assert_done(&mut two).await;
    }
}

/// The name would be asked for before it is known who asks.
#[tokio::test(flavor = "multi_thread")]
async fn who_invites_is_seen_before_anything_is_sent() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.invite().await;
    let invitations = two.invited.client().invitations();
    assert_eq!(invitations.open(&two.link).unwrap(), two.id());
    // Before the inviter's phone had a network.
    two.invited_turn().await;
    assert_eq!(two.at_invited().stage, InvitationStage::Opening);
    two.settle().await;
    let seen = two.at_invited();
    assert_eq!(seen.stage, InvitationStage::Offered);
    assert_eq!(seen.name.as_deref(), Some("Kim"));
    assert_eq!(two.at_inviter().stage, InvitationStage::Inviting);
    let again = two.invited.client().invitations();
    assert_eq!(again.open(&two.link).unwrap(), two.id());
    again.accept_opened(two.id(), "Dr. Ada", "tablet").unwrap();
    let twice = again.accept_opened(two.id(), "Dr. Ada", "tablet");
    assert_eq!(twice.unwrap_err().code(), "not_allowed");
    two.invited_turn().await;
    two.inviter_turn().await;
    two.invited_turn().await;
    two.both_confirm();
    two.settle().await;
    assert_done(&mut two).await;
}

/// On the telephone nobody can scan anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_typed_code_does_what_the_link_does() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.invite().await;
    let invitation = two.inviter.client().invitations().show(two.id()).unwrap();
    assert_eq!(invitation.link, two.link);
    let typed = invitation.code.to_lowercase().replace('-', " ");
    let invitations = two.invited.client().invitations();
    invitations.accept(&typed, "Dr. Ada", "tablet").unwrap();
    assert_eq!(two.at_invited().expires, None);
    two.settle().await;
    assert_eq!(two.at_invited().expires, Some(invitation.expires));
    two.both_confirm();
    two.settle().await;
    assert_done(&mut two).await;
}

/// Two people who sit together would stare at screens that do nothing.
#[tokio::test(flavor = "multi_thread")]
async fn live_everything_but_the_comparison_happens_by_itself() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    let live = (
        two.inviter.client().sync().live(),
        two.invited.client().sync().live(),
    );
    let heard = Heard::from(&two.inviter);
    let id = two.invite().await;
    two.accept();
    let comparing = |stage| stage == InvitationStage::Comparing;
    until("both compare", || two.stages().into_iter().all(comparing)).await;
    assert!(heard.all().contains(&Change::Invitation { id }));
    two.both_confirm();
    let done = |stage| stage == InvitationStage::Done;
    until("both are done", || two.stages().into_iter().all(done)).await;
    let plan = two.space.unwrap();
    let walk = goal(&two.inviter, plan, "walk");
    log(&two.inviter, plan, walk, "first");
    let first = || notes(&two.invited, plan) == ["first"];
    until("the therapist reads it", first).await;
    live.0.stop().await;
    live.1.stop().await;
}

/// The first of many a day would otherwise be the last: each is an invitation of its own.
#[tokio::test(flavor = "multi_thread")]
async fn several_invitations_stand_side_by_side() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    two.until_comparing().await;
    let invitations = two.inviter.client().invitations();
    let second = invitations.invite(two.what(), 1).unwrap();
    let refused = invitations.invite(two.what(), 30).unwrap();
    invitations.refuse(refused.id).unwrap();
    two.both_confirm();
    two.settle().await;
    assert_done(&mut two).await;
    let invitations = two.inviter.client().invitations();
    let stages: Vec<_> = invitations.list().iter().map(|one| one.stage).collect();
    assert_eq!(stages.len(), 3);
    let view = invitations.get(second.id).unwrap();
    assert_eq!(view.stage, InvitationStage::Inviting);
    let view = invitations.get(refused.id).unwrap();
    assert_eq!(view.end, Some(InvitationEnd::Withdrawn));
}
