//! A member's device that writes two changes under one number, so that others' plans would part: the
//! second is held back with its signer's name, and what proves it can be handed to anybody.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use waymark_core::client::{HeldOutcome, MemberEvidence, PlanId};
use waymark_core::gate::{Document, DocumentName, Section, encode_batch};
use waymark_core::model::DocumentKind;
use waymark_tests::story::{assert_same, goal, meet, settle, status};
use waymark_tests::{Device, TestRelay, begin, forge, link_phone, link_therapist};
use waymark_wire::ids::SpaceId;

/// The tablet's newest entry leaves it as another first change in the plan than its first one.
async fn fork(tablet: &mut Device, plan: PlanId) {
    let _ = goal(tablet, plan, "what leaves it instead of this");
    tablet.inside(|engine| {
        let (space, store, entropy) = engine.space_mut(&SpaceId(plan.0)).unwrap();
        let mut other = Document::new(space.actor());
        let change = other.put_record(&[0xa2, 0, 2, 1, 9]).unwrap().unwrap();
        let name = DocumentName { kind: 1, part: 0 };
        let section = Section::build(name, [change.stored]).unwrap();
        let text = encode_batch(&[section]).unwrap();
        assert!(space.seal(store, entropy).unwrap());
        forge::replace_newest(space, store, &text);
    });
    meet(&[tablet]).await;
}

fn evidence(device: &Device) -> Vec<MemberEvidence> {
    device.client().held().evidence().unwrap()
}

/// Two people would see two plans, and nobody could say whose doing it was.
#[tokio::test(flavor = "multi_thread")]
async fn two_changes_under_one_number_are_shown_with_their_signer_and_proven_to_anybody() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let second = link_phone(&phone).await;
    let mut tablet = link_therapist(&phone, plan).await;
    let _ = goal(&tablet, plan, "breathe");
    settle(&[&tablet, &phone, &second]).await;
    assert_eq!(evidence(&phone), []);
    fork(&mut tablet, plan).await;
    meet(&[&phone, &second]).await;
    for device in [&phone, &second] {
        assert_eq!(status(device, plan).held, 1);
        let held = device.client().held().list().unwrap().remove(0);
        assert_eq!(
            (held.reason.as_str(), held.name.as_deref()),
            ("forked", Some("Dr. Ada"))
        );
        let [told] = evidence(device).try_into().unwrap();
        assert_eq!(told.name.as_deref(), Some("Dr. Ada"));
        assert_eq!(told.device_name.as_deref(), Some("tablet"));
        assert_eq!((told.plan, told.number), (Some(plan), Some(held.number)));
        assert_eq!((told.document, told.change), (Some(DocumentKind::Plan), 1));
    }
    assert_same(plan, &[&phone, &second]);
    assert_eq!(evidence(&phone), evidence(&second));

    // Whoever gets it knows what it says, and nobody's name.
    let told = evidence(&phone).remove(0);
    let checked = MemberEvidence::check(&told.proof).unwrap();
    let unnamed = MemberEvidence {
        plan: None,
        number: None,
        name: None,
        device_name: None,
        ..told.clone()
    };
    assert_eq!(checked, unnamed);
    let mut altered = told.proof.clone();
    altered[200] ^= 1;
    for none in [&altered[..], &told.proof[1..], b""] {
        let refused = MemberEvidence::check(none).unwrap_err();
        assert_eq!(refused.code(), "invalid_input");
    }

    // It stays when the person has the held one judged again, gives it up, and starts anew.
    let held = phone.client().held();
    let place = held.list().unwrap().remove(0).place;
    assert_eq!(held.release(place).unwrap(), HeldOutcome::Held);
    held.discard(place).unwrap();
    phone.reopen();
    assert_eq!(phone.client().held().list().unwrap(), []);
    assert_eq!(evidence(&phone), [told]);
}
