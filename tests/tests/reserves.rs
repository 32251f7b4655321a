//! Reserves: keys in home that let a person's devices into every space, and that whoever stole one of
//! these devices has too.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeSet;

use waymark_core::client::{KeyHolder, PlanId};
use waymark_core::crypto::MembershipKeys;
use waymark_core::driver::SystemEntropy;
use waymark_core::home::{self, HomeList, Reserve};
use waymark_core::membership::{Newcomer, SpaceKind};
use waymark_core::space::Space;
use waymark_core::store::Transaction;
use waymark_tests::story::{
    assert_same, assert_settled, goal, log, notes, readers, settle, status, sync,
};
use waymark_tests::{Device, Liar, Reply, TestRelay, begin, begin_at, link_phone, link_therapist};
use waymark_wire::ids::SpaceId;
use waymark_wire::message::APPEND_PATH;

/// The numbers of a person's reserves in a space.
fn reserves(device: &Device, plan: PlanId, name: &str) -> BTreeSet<u16> {
    let members = device.client().people().members(plan).unwrap();
    let is_it = |m: &&_| {
        let member: &waymark_core::client::MemberView = m;
        member.holder == KeyHolder::Reserve && member.name.as_deref() == Some(name)
    };
    members.iter().filter(is_it).map(|m| m.number).collect()
}

/// The newest reserve for a plan that a device's home lists.
fn listed(device: &mut Device, plan: PlanId) -> Reserve {
    device.inside(|engine| {
        let home = home::home_of(engine).unwrap().id();
        let (home, store, _) = engine.space_mut(&home).unwrap();
        let list = HomeList::read(home, store).unwrap();
        list.reserves[&SpaceId(plan.0)].last().unwrap().clone()
    })
}

/// Has a device enter a plan with a reserve, as if it had never been there, below the facade.
fn enter(thief: &mut Device, reserve: &Reserve) {
    thief.inside(|engine| {
        let known = engine.space(&reserve.space).unwrap();
        let number = known.number();
        let borrowed = MembershipKeys::from_bytes(&reserve.keys.0).unwrap();
        let own = MembershipKeys::generate(&mut SystemEntropy::default());
        let newcomer = Newcomer {
            name: "Kim".into(),
            device_name: "a thief's".into(),
            level: 1,
            since: 0,
        };
        let mut transaction = Transaction::new();
        Space::erase(&mut transaction, number);
        Space::join_with(
            &mut transaction,
            number,
            &reserve.as_welcome(),
            &borrowed,
            &own,
        );
        Space::wish_to_enrol(&mut transaction, number, newcomer);
        engine.adopt(transaction, &[number]).unwrap();
    });
}

fn has_entered(device: &Device, plan: PlanId) -> bool {
    let readers = readers(device, plan);
    readers
        .iter()
        .any(|m| m.device_name.as_deref() == Some("a thief's"))
}

/// A phone in a stranger's hands, with everything that it had, and the two that are left.
struct Lost {
    phone: Device,
    tablet: Device,
    thief: Device,
    plan: PlanId,
    other: PlanId,
    _relay: TestRelay,
}

impl Lost {
    async fn new() -> Self {
        let relay = TestRelay::start().await;
        let (phone, plan) = begin(&relay);
        let people = phone.client().people();
        let other = people.create_space(SpaceKind::Circle).unwrap();
        let tablet = link_therapist(&phone, plan).await;
        let mut lost = link_phone(&phone).await;
        settle(&[&phone, &lost, &tablet]).await;
        let walk = goal(&phone, plan, "walk");
        log(&phone, plan, walk, "seen");
        settle(&[&phone, &lost, &tablet]).await;
        let thief = lost.copy();
        lost.close();
        Self {
            phone,
            tablet,
            thief,
            plan,
            other,
            _relay: relay,
        }
    }

    async fn settle(&self) {
        settle(&[&self.phone, &self.tablet]).await;
    }
}

/// With the reserve that it knew the phone would come in again the minute after it was removed, and read
/// everything under another name.
#[tokio::test(flavor = "multi_thread")]
async fn the_reserve_that_a_removed_device_knew_opens_nothing_any_more() {
    let mut lost = Lost::new().await;
    let (plan, other) = (lost.plan, lost.other);
    let before = [plan, other].map(|space| reserves(&lost.phone, space, "Kim"));
    let of_therapist = reserves(&lost.phone, plan, "Dr. Ada");
    assert!(
        before.iter().all(|numbers| numbers.len() == 1),
        "{before:?}"
    );
    let old = [plan, other].map(|space| listed(&mut lost.thief, space));

    let devices = lost.phone.client().people().devices().unwrap();
    let number = devices.iter().find(|d| !d.this_device).unwrap().number;
    lost.phone.client().people().remove_device(number).unwrap();
    lost.settle().await;
    for (space, before) in [plan, other].into_iter().zip(&before) {
        let after = reserves(&lost.phone, space, "Kim");
        assert_eq!(after.len(), 1);
        assert!(after.is_disjoint(before), "{before:?} {after:?}");
    }
    // Nobody else's is touched.
    assert_eq!(reserves(&lost.phone, plan, "Dr. Ada"), of_therapist);
    let walk = lost.phone.client().goals().list(plan).unwrap()[0].id;
    log(&lost.phone, plan, walk, "unseen");
    lost.settle().await;

    for reserve in &old {
        enter(&mut lost.thief, reserve);
    }
    for _ in 0..3 {
        let refused = sync(&lost.thief).await.unwrap_err();
        assert_eq!(refused.code(), "offline", "{refused}");
    }
    lost.settle().await;
    for space in [plan, other] {
        assert!(!has_entered(&lost.phone, space));
        let known = lost.thief.client().people().members(space).unwrap();
        assert!(known.is_empty(), "it was shown who is there: {known:?}");
    }
    assert!(lost.thief.client().goals().list(plan).unwrap().is_empty());
    // The new one lets an own device in, with nobody else online.
    let next = link_phone(&lost.phone).await;
    settle(&[&next]).await;
    assert_eq!(notes(&next, plan), ["seen", "unseen"]);
    settle(&[&next, &lost.phone, &lost.tablet]).await;
    assert_same(plan, &[&next, &lost.phone, &lost.tablet]);
}

/// The same try before the removal succeeds: what is refused above is refused for the removal alone.
#[tokio::test(flavor = "multi_thread")]
async fn until_then_the_reserve_lets_in_whoever_has_it() {
    let mut lost = Lost::new().await;
    let reserve = listed(&mut lost.thief, lost.plan);
    enter(&mut lost.thief, &reserve);
    settle(&[&lost.thief]).await;
    lost.settle().await;
    assert!(has_entered(&lost.phone, lost.plan));
    assert_eq!(notes(&lost.thief, lost.plan), ["seen"]);
}

/// A new phone that had begun to read a plan, and went into a drawer before it could say so, would be kept
/// out of it for ever where another phone was removed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn who_was_coming_in_with_a_reserve_that_was_replaced_comes_in_with_the_next() {
    let relay = TestRelay::start().await;
    let liar = Liar::before(&relay).await;
    let (phone, plan) = begin_at(&liar.url());
    let tablet = link_therapist(&phone, plan).await;
    let lost = link_phone(&phone).await;
    let walk = goal(&phone, plan, "walk");
    log(&phone, plan, walk, "first");
    settle(&[&phone, &lost, &tablet]).await;

    let next = Device::with_relay(&liar.url());
    let card = next.client().people().card("Kim", "next phone").unwrap();
    phone.client().people().add_own_device(&card).unwrap();
    sync(&phone).await.unwrap();
    liar.answer(APPEND_PATH, Reply::Nothing);
    let welcome = phone.client().people().welcome(&card).unwrap().unwrap();
    next.client().people().accept(&welcome).unwrap();
    for _ in 0..3 {
        let _ = sync(&next).await;
    }
    assert_eq!(notes(&next, plan), ["first"], "it reads with the reserve");
    liar.be_honest();

    let devices = phone.client().people().devices().unwrap();
    let is_lost = |d: &&_| {
        let device: &waymark_core::client::MemberView = d;
        device.device_name.as_deref() == Some("second phone")
    };
    let number = devices.iter().find(is_lost).unwrap().number;
    phone.client().people().remove_device(number).unwrap();
    settle(&[&phone, &tablet]).await;
    log(&phone, plan, walk, "second");
    settle(&[&phone, &tablet]).await;

    for _ in 0..4 {
        let _ = sync(&next).await;
    }
    settle(&[&next, &phone, &tablet]).await;
    assert_eq!(notes(&next, plan), ["first", "second"]);
    assert!(status(&next, plan).ready);
    assert_same(plan, &[&phone, &tablet, &next]);
    assert_settled(&next);
}
