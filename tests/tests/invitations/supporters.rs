//! A support space is for one, also where a person's devices invite apart from each other.

use waymark_core::client::{InvitationEnd, InvitationStage, PlanId, Status, Wanted};
use waymark_core::membership::SpaceKind;
use waymark_core::pairing::Purpose;
use waymark_core::role::Role;
use waymark_tests::story::{settle, sync};
use waymark_tests::{Device, Liar, Reply, TestRelay, begin_at, link_phone};
use waymark_wire::message::APPEND_PATH;

use super::support::{Two, names};

fn supporter(inviter: Device, url: &str, space: PlanId) -> Two {
    Two {
        purpose: Purpose::Supporter,
        inviter,
        invited: Device::with_relay(url),
        space: Some(space),
        dies: false,
        id: None,
        link: String::new(),
    }
}

/// Kim's two phones, each with a guest who has said yes to the same support space; neither phone knows of
/// the other's.
async fn two_guests(url: &str) -> (Two, Two, PlanId) {
    let (phone, _) = begin_at(url);
    let people = phone.client().people();
    let space = people.create_space(SpaceKind::Support).unwrap();
    let second = link_phone(&phone).await;
    settle(&[&phone, &second]).await;
    let mut both = [phone, second].map(|inviter| supporter(inviter, url, space));
    for two in &mut both {
        two.until_comparing().await;
        two.both_confirm();
        two.invited_turn().await;
    }
    let [first, late] = both;
    (first, late, space)
}

/// The first one's guest is in, and the second one is told that there is no room.
async fn assert_one_is_in(first: &mut Two, late: &mut Two, space: PlanId) {
    for _ in 0..2 {
        first.settle().await;
        late.settle().await;
    }
    assert_eq!(first.stages(), [InvitationStage::Done; 2]);
    assert_eq!(late.stages(), [InvitationStage::Ended; 2]);
    let ended = late.at_inviter();
    assert_eq!(ended.end, Some(InvitationEnd::Taken));
    assert_eq!(ended.problem.as_deref(), Some("not_allowed"));
    assert_eq!(late.at_invited().end, Some(InvitationEnd::Declined));
    for device in [&first.inviter, &late.inviter, &first.invited] {
        assert_eq!(names(device, space), one_guest());
    }
    let spaces = late.invited.client().people().spaces(SpaceKind::Support);
    assert_eq!(spaces, []);
}

fn one_guest() -> [(String, Role); 3] {
    let client = ("Kim", Role::Client);
    [("Dr. Ada", Role::Guardian), client, client].map(|(name, role)| (name.to_owned(), role))
}

/// How the support space stands on a device.
fn stands(device: &Device, space: PlanId) -> Status {
    let all = device.client().status().unwrap();
    let mut of = all.into_iter().filter(|status| status.space == Some(space));
    of.next().unwrap()
}

/// What is published for one supporter would be read by two, who know nothing of each other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_phones_that_each_invite_a_supporter_one_lets_hers_in() {
    let relay = TestRelay::start().await;
    let (mut first, mut late, space) = two_guests(&relay.url()).await;
    sync(&first.inviter).await.unwrap();
    sync(&late.inviter).await.unwrap();
    assert_one_is_in(&mut first, &mut late, space).await;

    // Once the one has gone there is room again.
    let members = first.inviter.client().people().members(space).unwrap();
    let guest = members.iter().find(|m| m.role == Some(Role::Guardian));
    let people = first.inviter.client().people();
    people.revoke(space, guest.unwrap().person).unwrap();
    settle(&[&first.inviter, &late.inviter]).await;
    let mut again = supporter(late.inviter, &relay.url(), space);
    again.until_comparing().await;
    again.both_confirm();
    again.settle().await;
    assert_eq!(again.stages(), [InvitationStage::Done; 2]);
    assert_eq!(names(&again.inviter, space), one_guest());
}

/// The same where the second phone was about to let its guest in, and lost its network.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_about_to_let_a_second_supporter_in_does_not() {
    let relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let (mut first, mut late, space) = two_guests(&liar.url()).await;
    liar.answer(APPEND_PATH, Reply::Whole(503, Vec::new()));
    sync(&late.inviter).await.unwrap_err();
    assert!(stands(&late.inviter, space).on_the_way > 0);
    liar.be_honest();
    sync(&first.inviter).await.unwrap();
    assert_one_is_in(&mut first, &mut late, space).await;

    let told = stands(&late.inviter, space);
    assert_eq!((told.kind, told.plan), (Some(SpaceKind::Support), None));
    let wanted = Wanted::Add {
        name: "Dr. Ada".into(),
        device_name: "tablet".into(),
    };
    let told: Vec<_> = told
        .not_done
        .iter()
        .map(|not_done| &not_done.wanted)
        .collect();
    assert_eq!(told, [&wanted]);
    assert_eq!(stands(&first.inviter, space).not_done, []);
}
