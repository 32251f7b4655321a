//! Twenty-four words and an empty device: everything comes back, for whoever it is and whatever they
//! had.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeSet;

use waymark_core::client::{InvitationPurpose, InvitationStage, MemberView, PlanId};
use waymark_core::gate::DocumentName;
use waymark_core::membership::SpaceKind;
use waymark_core::role::Role;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, notes, phrase, readers, settle, sync,
};
use waymark_tests::{Device, TestRelay, begin, link_therapist};
use waymark_wire::ids::SpaceId;

/// The document of what was published to somebody.
const SHARED: DocumentName = DocumentName { kind: 6, part: 0 };

/// Publishes something, below the facade, which has no call for it yet.
fn publish(device: &mut Device, space: PlanId, words: &str) {
    device.inside(|engine| {
        let (space, store, _) = engine.space_mut(&SpaceId(space.0)).unwrap();
        let put = space.edit(store, SHARED, |document| {
            Ok(document.put_record(words.as_bytes())?.into_iter().collect())
        });
        assert!(put.unwrap());
    });
}

fn published(device: &mut Device, space: PlanId) -> BTreeSet<String> {
    device.inside(|engine| {
        let (space, store, _) = engine.space_mut(&SpaceId(space.0)).unwrap();
        let document = space.document(store, SHARED).unwrap();
        let records = document.records();
        let words = records.map(|record| String::from_utf8(record.bytes.into_owned()).unwrap());
        words.collect()
    })
}

/// Lets somebody support this device's person, through an invitation.
async fn befriend(phone: &Device, relay: &TestRelay) -> (Device, PlanId) {
    let people = phone.client().people();
    let space = people.create_space(SpaceKind::Support).unwrap();
    let role = Role::Supporter;
    let purpose = InvitationPurpose::Supporter { space, role };
    let link = phone.client().invitations().invite(purpose, 7).unwrap();
    sync(phone).await.unwrap();
    let bob = Device::new(relay);
    let invitations = bob.client().invitations();
    let id = invitations.accept(&link.link, "Bob", "phone").unwrap();
    settle(&[&bob, phone]).await;
    for device in [phone, &bob] {
        device.client().invitations().confirm(id, true).unwrap();
    }
    settle(&[phone, &bob]).await;
    assert_eq!(invitations.get(id).unwrap().stage, InvitationStage::Done);
    (bob, space)
}

fn names(members: &[MemberView]) -> BTreeSet<(Option<String>, Option<Role>)> {
    members.iter().map(|m| (m.name.clone(), m.role)).collect()
}

async fn restored(relay: &TestRelay, words: &str, name: &str) -> Device {
    let found = Device::new(relay);
    found.client().people().restore(words, name, "new").unwrap();
    settle(&[&found]).await;
    found
}

/// A client's whole life here: two plans, one of them with a therapist, notes that both edit, a
/// supporter, and what was written after the words. The lost phone shows what has to be there.
#[tokio::test(flavor = "multi_thread")]
async fn everything_of_a_client_comes_back_plans_notes_and_support() {
    let relay = TestRelay::start().await;
    let (mut phone, plan) = begin(&relay);
    let tablet = link_therapist(&phone, plan).await;
    let (mut bob, support) = befriend(&phone, &relay).await;
    publish(&mut phone, support, "before the words");
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "before the words");
    let words = phrase(&phone, None);
    settle(&[&phone, &tablet, &bob]).await;

    let later = phone.client().people().create_plan().unwrap();
    let read = goal(&phone, later, "read");
    log(&phone, later, read, "after the words");
    let texts = phone.client().texts();
    let text = texts.create(plan, None, Some("crisis plan")).unwrap().text;
    texts.splice(plan, text, 0, 0, "Call Ada. 🌿").unwrap();
    settle(&[&phone, &tablet]).await;
    let by_tablet = tablet.client().texts();
    by_tablet.splice(plan, text, 9, 0, " Breathe.").unwrap();
    publish(&mut phone, support, "after the words");
    settle(&[&tablet, &phone, &bob]).await;
    phone.close();

    let mut found = restored(&relay, &words, "Kim").await;
    phone.reopen();
    let people = found.client().people();
    let kinds = [SpaceKind::Care, SpaceKind::Support, SpaceKind::Circle];
    for kind in kinds {
        let had: BTreeSet<_> = phone.client().people().spaces(kind).into_iter().collect();
        let has: BTreeSet<_> = people.spaces(kind).into_iter().collect();
        assert_eq!(has, had, "{kind:?}");
    }
    for plan in people.plans() {
        assert_same(plan, &[&phone, &found]);
        assert_eq!(notes(&found, plan), notes(&phone, plan));
    }
    assert_same(plan, &[&found, &tablet]);
    let written = found.client().texts().read(plan, text).unwrap();
    assert_eq!(written, "Call Ada. Breathe. 🌿");
    let expected = ["after the words", "before the words"].map(String::from);
    assert_eq!(published(&mut found, support), expected.clone().into());
    assert_settled(&found);

    // It is no copy to look at: with everybody it goes on, and decides.
    let read = |device: &Device| device.client().texts().read(plan, text).unwrap();
    let edits = found.client().texts();
    edits.splice(plan, text, 0, 0, "1. ").unwrap();
    publish(&mut found, support, "from the new phone");
    settle(&[&found, &tablet, &bob]).await;
    assert_eq!(read(&tablet), "1. Call Ada. Breathe. 🌿");
    assert_eq!(published(&mut bob, support).len(), 3);
    let members = found.client().people().members(support).unwrap();
    let is_bob = |m: &&MemberView| m.name.as_deref() == Some("Bob");
    let person = members.iter().find(is_bob).unwrap().person;
    found.client().people().revoke(support, person).unwrap();
    settle(&[&found]).await;
    publish(&mut found, support, "not for Bob");
    settle(&[&found]).await;
    let _ = sync(&bob).await;
    assert_eq!(published(&mut bob, support).len(), 3);
}

/// A therapist who lost the tablet would have to ask every client to be let in again.
#[tokio::test(flavor = "multi_thread")]
async fn a_therapist_is_back_in_every_clients_plan_as_what_they_were() {
    let relay = TestRelay::start().await;
    let (phone, plan) = begin(&relay);
    let mut tablet = link_therapist(&phone, plan).await;
    let other = Device::new(&relay);
    other.client().people().begin("Lee", "phone").unwrap();
    let lees = other.client().people().create_plan().unwrap();
    let words = phrase(&tablet, None);
    settle(&[&tablet]).await;
    // A client who came after the words.
    let card = tablet.client().people().card("Dr. Ada", "tablet").unwrap();
    other.client().people().add_therapist(lees, &card).unwrap();
    waymark_tests::hand_over(&other, &tablet, &card).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "Kim's");
    let sleep = goal(&other, lees, "sleep");
    log(&other, lees, sleep, "Lee's");
    settle(&[&phone, &other, &tablet]).await;
    let seen = [plan, lees].map(|plan| names(&readers(&tablet, plan)));
    tablet.close();

    let found = restored(&relay, &words, "Dr. Ada").await;
    tablet.reopen();
    let plans: BTreeSet<_> = found.client().people().plans().into_iter().collect();
    assert_eq!(plans, BTreeSet::from([plan, lees]));
    for (plan, client) in [(plan, &phone), (lees, &other)] {
        settle(&[client, &found]).await;
        assert_same(plan, &[&found, client, &tablet]);
        let own = readers(&found, plan);
        let own = own.iter().find(|m| m.this_device).unwrap();
        assert_eq!(
            (own.role, own.rights.as_str()),
            (Some(Role::Therapist), "write")
        );
        let proposal = goal(&found, plan, "proposed from the new tablet");
        settle(&[&found, client]).await;
        assert!(client.client().goals().get(plan, proposal).is_ok());
        assert_settled(&found);
    }
    for (plan, before) in [plan, lees].into_iter().zip(seen) {
        assert_eq!(names(&readers(&found, plan)), before, "nobody new");
    }
    // The words give a therapist no more than a therapist has.
    let stranger = Device::new(&relay);
    let card = stranger.client().people().card("Eve", "laptop").unwrap();
    let refused = found.client().people().add_therapist(plan, &card);
    assert_eq!(refused.unwrap_err().code(), "not_allowed");
}
