//! What a relay has lost of a device that turns out to be a copy of another, or that has another number
//! in what the log became.

use std::collections::BTreeSet;

use waymark_wire::membership::Rights;

use super::device::{Device, new_member};
use super::fleet::{Fleet, keys_of};
use super::relay::Relay;
use crate::membership::{WelcomeSpace, Wish};
use crate::space::{Space, SpaceError};
use crate::store::Transaction;

/// Reads everything, each entry whole: who signed its own ones is not known any more.
fn read(device: &mut Device, relay: &Relay) -> Result<(), SpaceError> {
    let (items, receipt, at_end) = relay.whole(device.space.cursor().seq, usize::MAX);
    device.step(|space, store, _| space.receive(store, items.clone(), &receipt, at_end, 0))?;
    device.caught_up = at_end;
    Ok(())
}

fn renounce(device: &mut Device) {
    let renounced = device.step(|space, store, entropy| {
        let mut transaction = Transaction::new();
        space.renounce(store, &mut transaction, entropy)?;
        store.commit(transaction.into())?;
        *space = Space::load(store, 0)?;
        Ok(())
    });
    renounced.unwrap();
}

/// A phone and its copy, each of which has said something under the same number, the copy in a log that
/// the relay has lost since; and how far both agree.
fn stage() -> (Fleet, Device) {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let mut copy = fleet.devices[0].copy();
    let agreed = copy.space.cursor().seq;
    copy.pull_all(&fleet.relay);
    copy.note("the copy's");
    copy.sync(&mut fleet.relay);
    fleet.relay.lose_after(agreed);
    fleet.devices[0].note("the phone's");
    fleet.settle();
    copy.step(|space, store, _| space.rewind(store, agreed))
        .unwrap();
    (fleet, copy)
}

/// Everybody would hold back for ever what one of both phones wrote, and no two would show the same.
#[test]
fn what_was_lost_of_a_copy_is_written_again_under_its_new_name() {
    for is_rough in [false, true] {
        let (mut fleet, mut copy) = stage();
        copy.is_rough = is_rough;
        let refused = read(&mut copy, &fleet.relay);
        let refused = refused.unwrap_err();
        assert!(matches!(refused, SpaceError::Restored { .. }), "{refused}");
        renounce(&mut copy);
        for _ in 0..4 {
            read(&mut copy, &fleet.relay).unwrap();
            copy.push(&mut fleet.relay);
        }
        copy.is_rough = false;
        fleet.devices.push(copy);
        fleet.settle();
        fleet.assert_agree();
        assert_eq!(fleet.devices[1].records().len(), 2);
    }
}

/// What somebody said who is not there any more would be gone with the name of the one who was to carry
/// it.
#[test]
fn what_a_copy_was_to_carry_is_carried_under_its_new_name() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let mut copy = fleet.devices[0].copy();
    copy.pull_all(&fleet.relay);
    let agreed = copy.space.cursor().seq;
    fleet.devices[1].note("the therapist's");
    fleet.sync(1);
    copy.pull_all(&fleet.relay);
    fleet.relay.lose_after(agreed);
    fleet.devices.pop();
    copy.step(|space, store, _| space.rewind(store, agreed))
        .unwrap();
    copy.step(|space, store, entropy| space.take_up_lost(store, entropy))
        .unwrap();
    assert_eq!(copy.space.outbox(copy.store()).unwrap().len(), 1);

    fleet.devices[0].note("the phone's");
    fleet.sync(0);
    let refused = read(&mut copy, &fleet.relay).unwrap_err();
    assert!(matches!(refused, SpaceError::Restored { .. }), "{refused}");
    renounce(&mut copy);
    for _ in 0..4 {
        read(&mut copy, &fleet.relay).unwrap();
        copy.push(&mut fleet.relay);
        copy.step(|space, store, entropy| space.take_up_lost(store, entropy))
            .unwrap();
        copy.step(|space, store, entropy| space.take_up_stranded(store, entropy))
            .unwrap();
    }
    fleet.devices.push(copy);
    fleet.settle();
    let both = ["the phone's", "the therapist's"].map(|text| text.as_bytes().to_vec());
    assert!(fleet.devices[0].records().into_iter().eq(both));
}

/// The phone would say that all is sent, and be thrown away with what nobody else has.
#[test]
fn what_a_relay_has_lost_is_not_said_to_be_sent() {
    let (_, mut copy) = stage();
    let waits = |copy: &Device| {
        let unsent = copy.space.unsent(copy.store()).unwrap();
        (copy.space.own_words_lost(), unsent)
    };
    assert_eq!(waits(&copy), (1, 0));
    renounce(&mut copy);
    assert_eq!(waits(&copy), (0, 1));
}

/// A therapist whom the client had to add once more, because the relay had lost that it did, would be
/// asked for under the old number for ever.
#[test]
fn who_was_added_under_another_number_since_reads_on_with_it_and_loses_nothing() {
    let mut fleet = Fleet::of(&[]);
    let mut client = fleet.devices[0].copy();
    let therapist = fleet.add(0, 2, Rights::WRITE);
    fleet.devices[therapist].note("the therapist's");
    fleet.settle();
    fleet.devices[therapist].note("never sent");

    // The relay has lost all of it, and somebody else comes first.
    let mut relay = add_anew(&fleet.relay, &mut client, [(3, 9), (2, 2)]);
    let key = fleet.devices[therapist].space.signing_key().verifying_key();
    let welcome = client.space.welcome(&key).unwrap();
    let old = fleet.number(therapist);
    assert_ne!(welcome.device, old);

    let device = &mut fleet.devices[therapist];
    assert!(take_welcome(device, &welcome));
    assert!(!take_welcome(device, &welcome), "it is known");
    assert_ne!(
        device.number(),
        welcome.device,
        "the relay has to say so first"
    );
    let before = device.space.parted_before(device.store()).unwrap();
    device
        .step(|space, store, _| space.rewind(store, before.unwrap()))
        .unwrap();
    // An old welcome would have led astray: it asks as one and as the other until it is known.
    for asks_as in [welcome.device, old] {
        assert_eq!(device.number(), asks_as);
        device
            .step(|space, store, _| space.ask_as_other(store))
            .unwrap();
    }
    assert_eq!(device.number(), welcome.device);
    say_again(device, &mut relay);
    client.sync(&mut relay);
    let both = ["never sent", "the therapist's"].map(|text| text.as_bytes().to_vec());
    assert!(client.records().into_iter().eq(both));
}

/// The words of one therapist would stand under the name of another, and what that one wrote be held back
/// for them.
#[test]
fn who_has_the_number_now_that_somebody_else_had_says_only_their_own() {
    for asks_own_first in [false, true] {
        let mut fleet = Fleet::of(&[]);
        let mut client = fleet.devices[0].copy();
        let one = fleet.add(0, 2, Rights::WRITE);
        let other = fleet.add(0, 3, Rights::WRITE);
        for (device, text) in [(one, "one's"), (other, "the other's"), (one, "one's again")] {
            fleet.devices[device].note(text);
            fleet.sync(device);
        }
        fleet.settle();
        let mut relay = add_anew(&fleet.relay, &mut client, [(3, 3), (2, 2)]);
        let mut both = [one, other];
        if !asks_own_first {
            both.reverse();
        }
        for index in both {
            let before = fleet.number(index);
            let device = &mut fleet.devices[index];
            let key = device.space.signing_key().verifying_key();
            assert!(take_welcome(device, &client.space.welcome(&key).unwrap()));
            // All that both logs have is the founding.
            device
                .step(|space, store, _| space.rewind(store, 1))
                .unwrap();
            say_again(device, &mut relay);
            assert_ne!(device.number(), before);
        }
        for index in [one, other] {
            fleet.devices[index].sync(&mut relay);
        }
        client.sync(&mut relay);
        let texts = ["one's", "one's again", "the other's"];
        let all: BTreeSet<_> = texts.map(|text| text.as_bytes().to_vec()).into();
        for device in [&mut client].into_iter().chain(&mut fleet.devices[1..]) {
            assert_eq!(device.records(), all);
            assert_eq!(device.space.quarantined(device.store()).unwrap(), []);
        }
    }
}

/// Nobody could read what a therapist wrote after they had read somebody whom the relay has lost, nor
/// anything that they wrote later, and their device would say that it is sent.
#[test]
fn what_stands_on_the_words_of_somebody_who_was_lost_is_said_again_without_them() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    fleet.settle();
    let mut client = fleet.devices[0].copy();
    let agreed = client.space.cursor().seq;
    let newcomer = fleet.add(0, 3, Rights::WRITE);
    fleet.devices[newcomer].note("the newcomer's");
    fleet.settle();
    let therapist = &mut fleet.devices[1];
    therapist.note("the therapist's");
    // The relay has lost all of it, and the client's phone is as it was before, too.
    let mut relay = Relay::new();
    let kept = fleet.relay.log[..usize::try_from(agreed).unwrap()].iter();
    let kept: Vec<_> = kept.map(|stored| stored.entry.clone()).collect();
    relay.append(&kept, &fleet.relay.ever).unwrap();
    client.note("meanwhile");
    client.sync(&mut relay);
    therapist
        .step(|space, store, _| space.rewind(store, agreed))
        .unwrap();
    therapist.pull_all(&relay);
    let stands =
        |therapist: &mut Device| therapist.step(|space, store, _| space.stands_on_strangers(store));
    assert!(!stands(therapist).unwrap(), "they may still come back");
    while therapist.space.has_lost() {
        therapist
            .step(|space, store, entropy| space.take_up_lost(store, entropy))
            .unwrap();
    }
    assert!(stands(therapist).unwrap());
    renounce(therapist);
    for _ in 0..8 {
        read(therapist, &relay).unwrap();
        therapist.push(&mut relay);
    }
    client.sync(&mut relay);
    let words = |device: &mut Device| -> Vec<String> {
        let all = device.records().into_iter();
        all.map(|text| String::from_utf8(text).unwrap()).collect()
    };
    for device in [&mut client, therapist] {
        assert_eq!(words(device), ["meanwhile", "the therapist's"]);
        assert_eq!(device.space.waiting(), 0);
    }

    // Their words are kept, and are there again when they are.
    let member = new_member(3, &keys_of(3), Rights::WRITE);
    client.wish(&Wish::Add(member)).unwrap();
    client.sync(&mut relay);
    therapist.pull_all(&relay);
    therapist
        .step(|space, store, entropy| space.take_up_stranded(store, entropy))
        .unwrap();
    therapist.sync(&mut relay);
    client.sync(&mut relay);
    for device in [&mut client, therapist] {
        assert_eq!(
            words(device),
            ["meanwhile", "the newcomer's", "the therapist's"]
        );
    }
}

/// A relay that has lost all but the founding, at which a client adds these in this order.
fn add_anew(lost: &Relay, client: &mut Device, people: [(u8, u8); 2]) -> Relay {
    let mut relay = Relay::new();
    let founding = lost.log[0].entry.clone();
    relay.append(&[founding], &lost.ever).unwrap();
    for (person, seed) in people {
        let member = new_member(person, &keys_of(seed), Rights::WRITE);
        client.wish(&Wish::Add(member)).unwrap();
        client.sync(&mut relay);
    }
    relay
}

/// Says whether the welcome was news.
fn take_welcome(device: &mut Device, welcome: &WelcomeSpace) -> bool {
    let taken = device.step(|space, store, _| {
        let mut transaction = Transaction::new();
        let is_taken = space.welcome_again(&mut transaction, welcome);
        store.commit(transaction.into())?;
        *space = Space::load(store, 0)?;
        Ok(is_taken)
    });
    taken.unwrap()
}

/// Reads the log as it is now, and says again in it what it has lost.
fn say_again(device: &mut Device, relay: &mut Relay) {
    device.pull_all(relay);
    while device.space.has_lost() {
        device
            .step(|space, store, entropy| space.take_up_lost(store, entropy))
            .unwrap();
    }
    device.sync(relay);
}
