//! Offers that are not what the log is, and checkpoints that people have not agreed on: nothing of them
//! stays on the device.

use waymark_wire::ack::Ack;
use waymark_wire::chain::{Chain, ChainTag};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::Height;
use waymark_wire::membership::Rights;

use super::bench::{bad, entry_at, forge, parts_of, published, say, why};
use super::newcomer::written;
use crate::membership::Wish;
use crate::space::membership_tests::fleet::Fleet;
use crate::space::membership_tests::relay::Relay;
use crate::space::{Item, Offer, SpaceError, StartFault};

const WRITE: Rights = Rights::WRITE;

/// A newcomer that has read nothing, in a space with a checkpoint.
fn fleet() -> (Fleet, u64, usize) {
    let mut fleet = written();
    let seq = published(&mut fleet, 0);
    let newcomer = fleet.add(0, 1, WRITE);
    (fleet, seq, newcomer)
}

/// The same offer with another public part, for which the checkpoint is signed anew by nobody.
fn with_public(relay: &Relay, seq: u64, alter: impl Fn(&mut Checkpoint)) -> Offer {
    let entry = entry_at(relay, seq);
    let body = CheckpointBody::parse(entry.body()).unwrap();
    let mut public = body.public;
    alter(&mut public);
    let altered = CheckpointBody::assemble(&public, body.private).unwrap();
    let bytes = entry.bytes();
    let (head, rest) = (&bytes[..52], &bytes[52 + entry.body().len()..]);
    Offer {
        checkpoint: [head, &altered, rest].concat(),
        receipts: vec![relay.sign(public.cursor().position())],
        ..relay.offer(seq)
    }
}

/// Membership entries of an offer without the one at an index among them.
fn without(offer: &Offer, index: usize) -> Vec<Item> {
    let mut at = 0;
    let keeps = |item: &&Item| {
        let is_entry = matches!(item, Item::Entry { .. });
        at += usize::from(is_entry);
        !is_entry || at != index + 1
    };
    offer.members.iter().filter(keeps).cloned().collect()
}

/// A relay, or a writer with its help, could give a newcomer another past than there was.
#[test]
fn an_offer_that_does_not_fit_is_refused_and_leaves_nothing() {
    let (mut fleet, seq, newcomer) = fleet();
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[newcomer];
    let before = device.everything();
    let offer = relay.offer(seq);
    let public = |alter: &dyn Fn(&mut Checkpoint)| with_public(relay, seq, alter);
    let mut swapped = offer.clone();
    swapped.members.reverse();
    let mut foreign = offer.clone();
    let first = foreign.members.iter_mut().find_map(|item| match item {
        Item::Entry { bytes, .. } => Some(bytes),
        _ => None,
    });
    first.unwrap()[100] ^= 1;
    let mut behind = offer.clone();
    if let Some(Item::Entry { seq, .. }) = behind.members.last_mut() {
        *seq = 10_000;
    }
    let batch = entry_at(relay, 4).clone();
    assert_eq!(batch.header().kind, Kind::Batch);
    let mut no_member = offer.clone();
    no_member.members.push(Item::Entry {
        seq: 4,
        bytes: batch.bytes().to_vec(),
    });
    let end = offer.receipts[0].position;
    let mut unsigned = offer.clone();
    unsigned.receipts[0].signature.0[5] ^= 1;
    let elsewhere = |chain| Offer {
        receipts: vec![relay.sign(waymark_wire::chain::Position { chain, ..end })],
        ..offer.clone()
    };
    let mut own = offer.clone();
    own.members.push(Item::Own {
        seq: 5,
        id: relay.log[4].id,
    });
    use StartFault::{Body, Counters, Membership, Place};
    let cases = [
        (public(&|c| c.counters[1] += 1), Counters),
        (public(&|c| c.counters.swap(0, 1)), Counters),
        (public(&|c| c.counters.push(0)), Counters),
        (public(&|c| c.counters[0] -= 1), Counters),
        (public(&|c| c.height = Height(0)), Membership),
        (public(&|c| c.seq -= 1), Counters),
        (public(&|c| c.seq = u64::from(u32::MAX)), Place),
        (elsewhere(ChainTag([9; 16])), Place),
        (
            Offer {
                receipts: Vec::new(),
                ..offer.clone()
            },
            Place,
        ),
        (
            Offer {
                seq: 3,
                ..offer.clone()
            },
            Place,
        ),
        (
            Offer {
                checkpoint: batch.bytes().to_vec(),
                ..offer.clone()
            },
            Body,
        ),
        (
            Offer {
                checkpoint: vec![1; 200],
                ..offer.clone()
            },
            Body,
        ),
        (
            Offer {
                members: without(&offer, 2),
                ..offer.clone()
            },
            Membership,
        ),
        (
            Offer {
                members: Vec::new(),
                ..offer.clone()
            },
            Membership,
        ),
        (no_member, Membership),
        (behind, Membership),
        (swapped, Membership),
        (own, Membership),
    ];
    for (at, (offer, fault)) in cases.into_iter().enumerate() {
        assert_eq!(why(device.start(&offer)), fault, "case {at}");
        assert!(device.everything() == before, "case {at}");
    }
    for offer in [
        foreign,
        unsigned,
        Offer {
            members: without(&offer, 0),
            ..offer.clone()
        },
    ] {
        let refused = device.start(&offer).unwrap_err();
        assert!(!matches!(refused, SpaceError::Store(_)), "{refused}");
        assert!(device.everything() == before);
    }
    device.start_and_fetch(relay, seq).unwrap();
    fleet.settle();
    fleet.assert_agree();
}

/// What a newcomer says of a checkpoint for which the log is read to its end; then it has nothing of it
/// any more, and reads the log from its first entry on.
fn judged(fleet: &mut Fleet, newcomer: usize, seq: u64) -> Result<(), SpaceError> {
    let Fleet { relay, devices } = fleet;
    let device = &mut devices[newcomer];
    let before = device.everything();
    device.start(&relay.offer(seq)).unwrap();
    let read = device.read_on(relay);
    if read.is_err() {
        device
            .step(|space, store, _| space.undo_start(store))
            .unwrap();
        assert!(device.everything() == before, "something stayed");
        assert!(device.space.is_newcomer() && !device.space.is_on_trial());
    }
    read
}

/// One person's word would be enough to give another past to everybody who comes later.
#[test]
fn only_what_another_person_has_confirmed_is_started_at() {
    let mut fleet = written();
    let (public, private) = {
        let seq = published(&mut fleet, 0);
        parts_of(&fleet, 0, seq)
    };
    let private = private.to_text();
    let second = fleet.add(0, 1, Rights::ADMIN);
    fleet.settle();
    let newcomer = fleet.add(0, 1, WRITE);
    fleet.sync(1);
    // Nobody, only the publisher's person, somebody who calls it bad, also too late.
    let alone = forge(&mut fleet, (1, None), &public, &private);
    let own = forge(&mut fleet, (0, Some(second)), &public, &private);
    let disputed = forge(&mut fleet, (0, Some(1)), &public, &private);
    let id = fleet.relay.log[usize::try_from(disputed - 1).unwrap()].id;
    say(&mut fleet, 1, bad(id));
    let good = forge(&mut fleet, (0, Some(1)), &public, &private);
    let by = fleet.number(1);
    for (seq, fault) in [
        (alone, StartFault::Quorum),
        (own, StartFault::Quorum),
        (disputed, StartFault::CalledBad(by)),
    ] {
        assert_eq!(why(judged(&mut fleet, newcomer, seq)), fault, "{seq}");
    }
    judged(&mut fleet, newcomer, good).unwrap();
}

/// A person who comes back with 24 words, long after the last device went silent, would have nothing.
#[test]
fn where_nothing_else_is_left_the_leaders_word_is_taken_and_said_to_be_one() {
    for (by, is_taken) in [(0, true), (1, false)] {
        let mut fleet = written();
        let seq = published(&mut fleet, 0);
        let (public, private) = parts_of(&fleet, 0, seq);
        let newcomer = fleet.add(0, 3, WRITE);
        fleet.sync(1);
        let alone = forge(&mut fleet, (by, None), &public, &private.to_text());
        let Fleet { relay, devices } = &mut fleet;
        let device = &mut devices[newcomer];
        let offer = Offer {
            is_dropped: true,
            ..relay.offer(alone)
        };
        device.start(&offer).unwrap();
        let read = device.read_on(relay);
        if !is_taken {
            assert_eq!(why(read), StartFault::Quorum);
            device
                .step(|space, store, _| space.undo_start(store))
                .unwrap();
            // Unless a person decides.
            device
                .step(|space, store, _| space.accept_unconfirmed(store))
                .unwrap();
            device.start(&offer).unwrap();
            device.read_on(relay).unwrap();
        }
        while device.fetch(relay).unwrap() {}
        assert!(device.space.rests_on_one());
        fleet.settle();
        fleet.assert_agree();
    }
}

/// Somebody who may only read, or was removed, could give everybody another past.
#[test]
fn who_may_not_write_publishes_nothing() {
    let mut fleet = written();
    let seq = published(&mut fleet, 0);
    let (public, private) = parts_of(&fleet, 0, seq);
    let reader = fleet.add(0, 3, Rights::READ);
    fleet.settle();
    let private = private.to_text();
    let sealed = fleet.devices[reader].sealed(Kind::Checkpoint, &private);
    let body = CheckpointBody::assemble(&public, &sealed).unwrap();
    let id = fleet.devices[reader].bring(Kind::Checkpoint, &body);
    let entry = fleet.devices[reader]
        .space
        .outbox(fleet.devices[reader].store());
    let entry = entry.unwrap().pop().unwrap().entry;
    fleet.relay.force(&entry);
    let forged = fleet.relay.log.len() as u64;
    say(&mut fleet, 1, Ack::CheckpointOk(id));
    let newcomer = fleet.add(0, 1, WRITE);
    assert_eq!(
        why(judged(&mut fleet, newcomer, forged)),
        StartFault::Signer
    );
}

/// A log that does not follow from the place of the checkpoint is another log.
#[test]
fn what_follows_has_to_lead_to_the_head_and_show_the_checkpoint() {
    let (mut fleet, seq, newcomer) = fleet();
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[newcomer];
    let before = device.everything();
    // Another chain at its place, which the relay signs.
    let chain = Chain([8; 32]);
    let lie = with_public(relay, seq, |c| c.chain = chain);
    device.start(&lie).unwrap();
    assert!(matches!(device.read_on(relay), Err(SpaceError::Relay(_))));
    device
        .step(|space, store, _| space.undo_start(store))
        .unwrap();
    assert!(device.everything() == before);

    // It says where it stands, and another entry stands there, or none.
    for (place, at_once) in [(seq + 1, true), (10_000, false)] {
        let moved = Offer {
            seq: place,
            ..relay.offer(seq)
        };
        device.start(&moved).unwrap();
        assert_eq!(why(device.read_on(relay)), StartFault::Place, "{at_once}");
        device
            .step(|space, store, _| space.undo_start(store))
            .unwrap();
        assert!(device.everything() == before);
    }

    // Somebody's counters leave room for entries that there never were.
    let lie = with_public(relay, seq, |c| {
        c.counters[0] += 1;
        c.counters[1] -= 1;
    });
    device.start(&lie).unwrap();
    assert!(matches!(device.read_on(relay), Err(SpaceError::Relay(_))));
    device
        .step(|space, store, _| space.undo_start(store))
        .unwrap();
    assert!(device.everything() == before);
    device.start_and_fetch(relay, seq).unwrap();
}

/// A crash between any two pages must neither lose what was read nor believe it too early.
#[test]
fn a_trial_goes_on_where_it_was_and_opens_nothing() {
    let (mut fleet, seq, newcomer) = fleet();
    fleet.devices[0].note("behind it");
    fleet.wish(1, Wish::Rotate);
    fleet.sync(0);
    fleet.sync(1);
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[newcomer];
    device.start(&relay.offer(seq)).unwrap();
    loop {
        device.crash();
        assert!(device.space.is_on_trial());
        assert_eq!(device.space.document_names().count(), 0);
        let (items, receipt, at_end) = relay.whole(device.space.cursor().seq, 1);
        device
            .step(|space, store, _| space.receive(store, items.clone(), &receipt, at_end))
            .unwrap();
        if at_end {
            break;
        }
    }
    assert!(!device.space.is_on_trial());
    let entries: Vec<Entry> = device.space.entries(device.store()).unwrap();
    assert!(entries.len() < relay.log.len());
    device.caught_up = true;
    while device.fetch(relay).unwrap() {
        device.crash();
        device.caught_up = true;
    }
    fleet.settle();
    fleet.assert_agree();
}
