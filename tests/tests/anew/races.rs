//! What happens at the same time elsewhere, or is cut off.

use waymark_core::client::{Keep, PlanId};
use waymark_core::crypto::MembershipKeys;
use waymark_core::membership::{NewMember, RelayAddress, SpaceKind};
use waymark_core::role::Role;
use waymark_core::space::{Founding, Space, member_keys};
use waymark_core::store::{Table, Transaction};
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, notes, readers, settle, status,
};
use waymark_tests::{Device, TestRelay, begin, hand_over, link_phone, link_therapist};
use waymark_wire::ids::{PersonTag, SpaceId};
use waymark_wire::membership::Rights;

use super::{keep, may, three};

fn begin_anew(device: &Device, old: PlanId, keep: &Keep) -> PlanId {
    device.client().people().begin_anew(old, keep).unwrap()
}

/// What somebody typed on the train would be in no plan.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_edited_offline_is_edited_in_the_new_plan() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, old, walk) = three(&relay).await;
    let texts = phone.client().texts();
    let note = texts.create(old, Some(walk.record()), None).unwrap().text;
    texts.splice(old, note, 0, 0, "We met.").unwrap();
    settle(&[&phone, &second, &tablet]).await;
    second
        .client()
        .texts()
        .splice(old, note, 7, 0, " It rained.")
        .unwrap();
    let late = second.client().texts();
    let other = late
        .create(old, Some(walk.record()), Some("late"))
        .unwrap()
        .text;
    late.splice(old, other, 0, 0, "Typed offline.").unwrap();

    let new = begin_anew(&phone, old, &keep(&[walk], None));
    settle(&[&phone, &tablet]).await;
    settle(&[&second, &phone, &tablet]).await;
    for device in [&phone, &second, &tablet] {
        let texts = device.client().texts();
        assert_eq!(texts.read(new, note).unwrap(), "We met. It rained.");
        assert_eq!(texts.read(new, other).unwrap(), "Typed offline.");
        assert_settled(device);
    }
}

/// The new therapist would read what was never to be taken along, because the phone had been offline.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_to_be_sent_and_was_not_chosen_stays_in_the_old_plan() {
    let relay = TestRelay::start().await;
    let (phone, old) = begin(&relay);
    let second = link_phone(&phone).await;
    let walk = goal(&phone, old, "walk");
    let secret = goal(&phone, old, "secret");
    settle(&[&phone, &second]).await;
    log(&phone, old, secret, "sent late");
    log(&second, old, secret, "never sent");
    let alone = second.client().texts();
    let note = alone.create(old, None, Some("to myself")).unwrap().text;
    alone.splice(old, note, 0, 0, "Not for others.").unwrap();
    let new = begin_anew(&phone, old, &keep(&[walk], Some(may(1))));
    settle(&[&phone]).await;
    settle(&[&second, &phone]).await;
    let newcomer = link_therapist(&phone, new).await;
    settle(&[&second, &phone, &newcomer]).await;
    assert!(notes(&newcomer, new).is_empty());
    assert_eq!(newcomer.client().texts().list(new).unwrap(), []);
    assert_same(new, &[&phone, &second, &newcomer]);
    // The first was sent before the close; the second phone says what never went.
    assert_eq!(notes(&second, old), ["never sent", "sent late"]);
    assert_eq!(notes(&phone, old), ["sent late"]);
    let stands = status(&second, old);
    assert!(stands.closed && stands.followed_by == Some(new));
    assert!(stands.unsent + stands.on_the_way > 0, "{stands:?}");
    assert_eq!(
        second.client().texts().read(old, note).unwrap(),
        "Not for others."
    );
}

/// Who is removed by one phone in the moment in which the other one closes would come along.
#[tokio::test(flavor = "multi_thread")]
async fn a_removal_that_comes_after_the_close_counts_in_the_new_plan() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, old, walk) = three(&relay).await;
    let members = readers(&second, old);
    let therapist = members.iter().find(|m| m.rights == "write").unwrap();
    second
        .client()
        .people()
        .revoke(old, therapist.person)
        .unwrap();
    let new = begin_anew(&phone, old, &keep(&[walk], None));
    settle(&[&phone, &tablet]).await;
    assert_eq!(readers(&phone, new).len(), 2, "second has not come yet");
    settle(&[&second, &phone]).await;
    assert_eq!(readers(&phone, new).len(), 2, "the two phones");
    log(&phone, new, walk, "unseen");
    settle(&[&phone, &second]).await;
    let refused = tablet.client().sync().now().await.unwrap_err();
    assert_eq!(refused.code(), "offline");
    assert!(notes(&tablet, new).is_empty());
}

/// A therapist whose tablet had just renewed its key would be locked out.
#[tokio::test(flavor = "multi_thread")]
async fn who_renewed_a_key_that_the_phone_has_not_seen_comes_along() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, old, walk) = three(&relay).await;
    tablet.client().people().rotate(old).unwrap();
    tablet.client().sync().now().await.unwrap();
    let new = begin_anew(&phone, old, &keep(&[walk], None));
    settle(&[&phone, &second, &tablet]).await;
    log(&phone, new, walk, "on");
    settle(&[&phone, &second, &tablet]).await;
    assert_same(new, &[&phone, &second, &tablet]);
    assert_eq!(notes(&tablet, new), ["on"]);
}

/// Half of the year would be in one plan and half in another, and the therapist in one of them.
#[tokio::test(flavor = "multi_thread")]
async fn two_phones_that_begin_anew_at_once_end_in_one_plan() {
    let relay = TestRelay::start().await;
    let (phone, second, tablet, old, walk) = three(&relay).await;
    let by_first = begin_anew(&phone, old, &keep(&[walk], None));
    let by_second = begin_anew(&second, old, &keep(&[walk], None));
    log(&phone, by_first, walk, "in the first");
    log(&second, by_second, walk, "in the second");
    for _ in 0..3 {
        settle(&[&phone, &second, &tablet]).await;
    }
    let next = status(&phone, old).followed_by.unwrap();
    let other = if next == by_first {
        by_second
    } else {
        by_first
    };
    for device in [&phone, &second, &tablet] {
        assert_eq!(status(device, old).followed_by, Some(next));
        assert_eq!(notes(device, next), ["in the first", "in the second"]);
    }
    assert_same(next, &[&phone, &second, &tablet]);
    assert_eq!(status(&phone, other).followed_by, Some(next));
}

/// A phone that died in the middle would close the old plan for an empty one.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_was_only_half_founded_is_gone_at_the_next_start() {
    let relay = TestRelay::start().await;
    let (mut phone, old) = begin(&relay);
    let walk = goal(&phone, old, "walk");
    let half = begin_anew(&phone, old, &keep(&[walk], None));
    // As it is before the copies are in.
    phone.with_store(|store| {
        let mut transaction = Transaction::new();
        let mark = [b"founding ".as_slice(), &half.0].concat();
        transaction.put(Table::Meta, mark, []);
        store.commit(transaction.take()).unwrap();
    });
    assert_eq!(phone.client().people().plans(), [old]);
    let new = begin_anew(&phone, old, &keep(&[walk], None));
    settle(&[&phone]).await;
    assert_eq!(phone.client().people().plans(), [old, new]);
    assert_eq!(status(&phone, old).followed_by, Some(new));
}

/// Somebody who knows a closed plan's id would be sent what its members wrote there last.
#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_plan_that_says_it_follows_gets_nothing() {
    let relay = TestRelay::start().await;
    let (phone, old) = begin(&relay);
    let second = link_phone(&phone).await;
    let walk = goal(&phone, old, "walk");
    settle(&[&phone, &second]).await;
    log(&second, old, walk, "for nobody else");
    phone.client().people().close(old).unwrap();
    settle(&[&phone]).await;

    let mut eve = Device::new(&relay);
    eve.client().people().begin("Eve", "laptop").unwrap();
    let url = relay.url();
    let trap = eve.inside(|engine| found_after(engine, &url, SpaceId(old.0)));
    let card = second
        .client()
        .people()
        .card("Kim", "second phone")
        .unwrap();
    eve.client().people().add_therapist(trap, &card).unwrap();
    hand_over(&eve, &second, &card).await;
    settle(&[&second, &eve]).await;
    assert!(notes(&eve, trap).is_empty());
    assert_eq!(notes(&second, old), ["for nobody else"]);
}

fn found_after(engine: &mut waymark_core::engine::Engine, url: &str, old: SpaceId) -> PlanId {
    let number = engine.next_number().unwrap();
    let home = engine.spaces()[0].id();
    let (_, store, entropy) = engine.space_mut(&home).unwrap();
    let keys = MembershipKeys::generate(entropy);
    let founder = NewMember {
        person: PersonTag([0xee; 16]),
        keys: member_keys(&keys).unwrap(),
        rights: Rights::ADMIN,
        role: Role::Client,
        name: "Eve".into(),
        device_name: "laptop".into(),
        level: 1,
        since: 0,
        used_as: None,
    };
    let founding = Founding {
        kind: SpaceKind::Care,
        relay: RelayAddress {
            url: url.into(),
            key: None,
        },
        follows: Some(old),
    };
    let space = Space::create(store, number, &[founder], keys, founding, entropy).unwrap();
    PlanId(space.id().0)
}
