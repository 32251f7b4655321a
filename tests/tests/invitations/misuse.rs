//! What is refused before anything is sent.

use waymark_core::client::{InvitationId, InvitationPurpose, WaymarkError};
use waymark_core::membership::SpaceKind;
use waymark_core::pairing::Purpose;
use waymark_core::role::Role;
use waymark_tests::{Device, TestRelay, begin, link_therapist};

use super::support::Two;

fn code<T: std::fmt::Debug>(result: Result<T, WaymarkError>) -> &'static str {
    result.unwrap_err().code()
}

/// A person would send a link that nobody can ever follow.
#[tokio::test(flavor = "multi_thread")]
async fn only_who_decides_invites() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let stranger = Device::new(&relay);
    let to_plan = || InvitationPurpose::Plan { plan };
    let invite = |device: &Device, purpose| device.client().invitations().invite(purpose, 7);
    assert_eq!(
        code(invite(&stranger, InvitationPurpose::Client)),
        "not_allowed"
    );
    assert_eq!(
        code(invite(&stranger, InvitationPurpose::Device)),
        "not_allowed"
    );
    assert_eq!(code(invite(&tablet, to_plan())), "not_allowed");
    invite(&tablet, InvitationPurpose::Client).unwrap();
    let invitations = phone.client().invitations();
    for days in [0, 31] {
        assert_eq!(code(invitations.invite(to_plan(), days)), "invalid_input");
    }
    // A plan is no circle.
    let circle = InvitationPurpose::Circle { space: plan };
    assert_eq!(code(invite(&phone, circle)), "not_found");
    let people = phone.client().people();
    let space = people.create_space(SpaceKind::Support).unwrap();
    let support = |role| InvitationPurpose::Supporter { space, role };
    assert_eq!(code(invite(&phone, support(Role::Client))), "invalid_input");
    let first = invite(&phone, support(Role::Supporter)).unwrap();
    assert_eq!(code(invite(&phone, support(Role::Guardian))), "not_allowed");
    invitations.refuse(first.id).unwrap();
    invite(&phone, support(Role::Guardian)).unwrap();
}

/// A finger that slips on the keyboard.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_invitation_is_refused_by_name() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Plan);
    let id = two.invite().await;
    let made = two.inviter.client().invitations().show(id).unwrap();
    assert!(!format!("{made:?}").contains(&made.link));
    let invitations = two.invited.client().invitations();
    let mut mistyped = made.code.clone().into_bytes();
    mistyped[7] = if mistyped[7] == b'A' { b'B' } else { b'A' };
    let mistyped = String::from_utf8(mistyped).unwrap();
    let refused = invitations
        .accept(&mistyped, "Dr. Ada", "tablet")
        .unwrap_err();
    assert_eq!(refused.code(), "invalid_input");
    assert!(refused.to_string().contains("group 2"), "{refused}");
    for text in ["", "hello", "waymark:", "waymark:pAAAA", &made.link[..60]] {
        assert_eq!(code(invitations.open(text)), "invalid_input", "{text}");
    }
    let nameless = invitations.accept(&made.link, "", "tablet");
    assert_eq!(code(nameless), "invalid_input");
    assert_eq!(invitations.list(), []);
    let own = two.inviter.client().invitations();
    assert_eq!(
        code(own.accept(&made.link, "Kim", "phone")),
        "invalid_input"
    );
}

/// An app would show buttons that do something else than they say.
#[tokio::test(flavor = "multi_thread")]
async fn everything_has_its_time() {
    let relay = TestRelay::start().await;
    let mut two = Two::new(&relay, Purpose::Device);
    let id = two.invite().await;
    let invitations = two.inviter.client().invitations();
    let nothing = InvitationId([9; 32]);
    assert_eq!(code(invitations.get(nothing)), "not_found");
    assert_eq!(code(invitations.confirm(nothing, true)), "not_found");
    assert_eq!(code(invitations.forget(nothing)), "not_found");
    assert_eq!(code(invitations.confirm(id, true)), "not_allowed");
    assert_eq!(code(invitations.forget(id)), "not_allowed");
    assert_eq!(
        code(invitations.accept_opened(id, "Kim", "phone")),
        "not_allowed"
    );
    // Who has begun is nobody's new device.
    let other = begin(&relay).0;
    let refused = other.client().invitations().accept(&two.link, "Kim", "x");
    assert_eq!(code(refused), "not_allowed");
    let text = id.to_string();
    assert_eq!(text.parse::<InvitationId>().unwrap(), id);
    assert_eq!(code(text[1..].parse::<InvitationId>()), "invalid_input");
}

/// A runaway script would make a relay's mailboxes without end.
#[tokio::test(flavor = "multi_thread")]
async fn there_is_room_for_so_many_at_a_time() {
    let relay = TestRelay::start().await;
    let two = Two::new(&relay, Purpose::Plan);
    let invitations = two.inviter.client().invitations();
    let made: Vec<_> = (0..32)
        .map(|_| invitations.invite(two.what(), 7).unwrap())
        .collect();
    assert_eq!(code(invitations.invite(two.what(), 7)), "not_allowed");
    waymark_tests::story::sync(&two.inviter).await.unwrap();
    invitations.refuse(made[0].id).unwrap();
    invitations.invite(two.what(), 7).unwrap();
}
