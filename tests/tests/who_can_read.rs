//! The screen that says who can read, held against what the keys really open.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where its own set-up fails"
)]

use std::collections::BTreeSet;

use waymark_core::client::{Keep, KeyHolder, MemberView, PlanId};
use waymark_core::crypto::MembershipKeys;
use waymark_core::home::{self, HomeList};
use waymark_core::recovery::{Phrase, RecoveryKeys};
use waymark_tests::keys::{batches, epoch_keys, opened, opened_by};
use waymark_tests::story::{goal, log, phrase, readers, settle};
use waymark_tests::{Device, TestRelay, begin, link_phone, link_therapist};
use waymark_wire::ids::{DeviceNumber, SpaceId};

/// Numbers of memberships in a space.
type Numbers = BTreeSet<u16>;

fn numbers(members: &[MemberView], holder: KeyHolder) -> Numbers {
    let of = members.iter().filter(|member| member.holder == holder);
    of.map(|member| member.number).collect()
}

/// Whether a device opens the newest batch of a space that another one has.
fn opens_newest(device: &mut Device, known: &mut Device, id: SpaceId) -> bool {
    let newest = known.inside(|engine| batches(engine, id)).pop().unwrap();
    let mut keys = Vec::new();
    device.with_store(|store| keys = epoch_keys(store));
    opened(&[newest], id, &keys) == 1
}

/// Whether a membership's keys open it with nothing but the relay's database.
fn keys_open_newest(
    relay: &TestRelay,
    known: &mut Device,
    id: SpaceId,
    (keys, number): (&MembershipKeys, DeviceNumber),
) -> bool {
    let newest = known.inside(|engine| batches(engine, id)).pop().unwrap();
    let keys = opened_by(relay.directory(), id, keys, number);
    opened(&[newest], id, &keys) == 1
}

/// Every reserve for a plan that a device's home ever listed.
fn reserves(device: &mut Device, plan: PlanId) -> Vec<(MembershipKeys, DeviceNumber)> {
    device.inside(|engine| {
        let home = home::home_of(engine).unwrap().id();
        let (home, store, _) = engine.space_mut(&home).unwrap();
        let list = HomeList::read(home, store).unwrap();
        let listed = list.reserves.get(&SpaceId(plan.0)).into_iter().flatten();
        let keys = listed.map(|reserve| {
            let keys = MembershipKeys::from_bytes(&reserve.keys.0).unwrap();
            (keys, reserve.device)
        });
        keys.collect()
    })
}

/// Somebody would read along whom nobody sees, or be named who cannot.
#[tokio::test(flavor = "multi_thread")]
async fn who_can_read_a_plan_is_exactly_whose_keys_open_its_newest_word() {
    let relay = TestRelay::start().await;
    let (phone, old) = begin(&relay);
    let tablet = link_therapist(&phone, old).await;
    let walk = goal(&phone, old, "walk");
    let second = link_phone(&phone).await;
    let lost = link_phone(&phone).await;
    settle(&[&phone, &second, &tablet, &lost]).await;
    // A phone goes, and with it the reserve that it knew; the plan goes on with another therapist.
    let devices = phone.client().people().devices().unwrap();
    let gone = devices.last().unwrap().number;
    phone.client().people().remove_device(gone).unwrap();
    settle(&[&phone, &second, &tablet]).await;
    log(&phone, old, walk, "without the lost phone");
    settle(&[&phone, &second, &tablet]).await;
    let people = phone.client().people();
    let keep = Keep {
        goals: vec![walk],
        check_ins_from: None,
    };
    let new = people.begin_anew(old, &keep).unwrap();
    settle(&[&phone, &second, &tablet]).await;
    let newcomer = link_therapist(&phone, new).await;
    let members = readers(&phone, new);
    let is_first = |m: &&MemberView| m.device_name.as_deref() == Some("tablet");
    let first = members.iter().find(is_first).unwrap();
    let last = members.iter().max_by_key(|m| m.number).unwrap();
    assert_ne!(first.person, last.person);
    people.revoke(new, first.person).unwrap();
    settle(&[&phone, &second, &newcomer]).await;
    log(&phone, new, walk, "after it");
    settle(&[&phone, &second, &newcomer]).await;

    let told = phone.client().people().who_can_read(walk.record()).unwrap();
    let plans: Vec<PlanId> = told.iter().map(|told| told.plan).collect();
    assert_eq!(plans, [old, new]);
    let first_in_new = first.number;
    let mut known = phone;
    let mut others = [second, tablet, newcomer, lost];
    for told in told {
        let (plan, id) = (told.plan, SpaceId(told.plan.0));
        let own = |device: &Device| {
            let readers = device.client().people().members(plan).unwrap_or_default();
            readers.iter().find(|m| m.this_device).map(|m| m.number)
        };
        let mut opening: Numbers = own(&known).into_iter().collect();
        let mut closed = 0;
        for device in &mut others {
            let number = own(device);
            if opens_newest(device, &mut known, id) {
                assert!(opening.insert(number.unwrap()), "one number, one device");
            } else {
                closed += 1;
            }
        }
        // The lost phone in both, and the therapist who is not, or no longer, there.
        assert_eq!(closed, 2, "{told:?}");
        assert_eq!(
            numbers(&told.readers, KeyHolder::Device),
            opening,
            "{told:?}"
        );

        let mut opening = Numbers::new();
        let mut tried = 0;
        let mut homes = vec![reserves(&mut known, plan)];
        homes.extend(others[1..3].iter_mut().map(|device| reserves(device, plan)));
        for (keys, number) in homes.iter().flatten() {
            tried += 1;
            if keys_open_newest(&relay, &mut known, id, (keys, *number)) {
                opening.insert(number.0);
            }
        }
        assert!(!opening.is_empty() && (plan != old || tried > opening.len()));
        assert_eq!(
            numbers(&told.readers, KeyHolder::Reserve),
            opening,
            "{told:?}"
        );
        assert_eq!(numbers(&told.readers, KeyHolder::Phrase), Numbers::new());
    }
    assert!(
        !readers(&known, new)
            .iter()
            .any(|m| m.number == first_in_new)
    );
}

/// The list of one's own devices would leave out the paper, or name words that are worth nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_devices_of_home_are_exactly_those_whose_keys_open_it_and_the_words_that_do() {
    let relay = TestRelay::start().await;
    let (mut phone, _) = begin(&relay);
    let mut second = link_phone(&phone).await;
    let mut lost = link_phone(&phone).await;
    settle(&[&phone, &second, &lost]).await;
    let old = phrase(&phone, None);
    settle(&[&phone, &second, &lost]).await;
    let is_phrase = |m: &&MemberView| m.holder == KeyHolder::Phrase;
    let devices = phone.client().people().devices().unwrap();
    let old_number = devices.iter().find(is_phrase).unwrap().number;
    let words = phrase(&phone, Some(&old));
    settle(&[&phone, &second, &lost]).await;
    let gone = devices.iter().filter(|m| m.holder == KeyHolder::Device);
    let gone = gone.max_by_key(|m| m.number).unwrap().number;
    phone.client().people().remove_device(gone).unwrap();
    settle(&[&phone, &second]).await;
    // Something is said in home under the newest key.
    let _ = phone.client().people().create_plan().unwrap();
    settle(&[&phone, &second]).await;

    let told = phone.client().people().devices().unwrap();
    let id = phone.inside(|engine| home::home_of(engine).unwrap().id());
    let mut opening = Numbers::new();
    let own = told.iter().find(|m| m.this_device).unwrap().number;
    opening.insert(own);
    let number = second.client().people().devices().unwrap();
    let number = number.iter().find(|m| m.this_device).unwrap().number;
    assert!(opens_newest(&mut second, &mut phone, id));
    opening.insert(number);
    assert!(!opens_newest(&mut lost, &mut phone, id));
    assert_eq!(numbers(&told, KeyHolder::Device), opening);

    let new_number = told.iter().find(is_phrase).unwrap().number;
    assert_eq!(
        numbers(&told, KeyHolder::Phrase),
        Numbers::from([new_number])
    );
    for (words, number, opens) in [(&words, new_number, true), (&old, old_number, false)] {
        let keys = RecoveryKeys::of(&Phrase::parse(words).unwrap())
            .unwrap()
            .home;
        let number = DeviceNumber(number);
        let opened = keys_open_newest(&relay, &mut phone, id, (&keys, number));
        assert_eq!(opened, opens, "{number}");
    }
}
