//! What a relay, or somebody who has the link, can put into a mailbox.

use waymark_core::crypto::SeededEntropy;
use waymark_core::pairing::{
    Ending, Event, Failure, Link, LinkSecret, Pairing, PairingError, Purpose, Refusal, Side, Stage,
};

use super::refusals::stages;
use super::support::{
    Chosen, Mailbox, NOW, Person, Run, card, copy, invitation, sealed, shown as seen,
};

fn failed(failure: Failure) -> Vec<Event> {
    vec![Event::Ended(Ending::Failed(failure))]
}

/// Somebody else who has the link: an inviter with the same secret.
fn impostor(secret: &LinkSecret, purpose: Purpose, name: &str, seed: u8) -> Person {
    let mut entropy = Chosen {
        first: secret.expose().to_vec(),
        rest: SeededEntropy::new([seed; 32]),
    };
    let mut person = Person::inviting_with(purpose, name, &mut entropy);
    let (keys, card) = card(name, seed);
    let mut entropy = Chosen {
        first: secret.expose().to_vec(),
        rest: SeededEntropy::new([seed; 32]),
    };
    person.pairing = Pairing::invite(invitation(purpose, card.clone()), NOW, &mut entropy).unwrap();
    assert_eq!(person.pairing.link().secret, *secret);
    (person.keys, person.card) = (keys, card);
    person
}

/// The bytes that a run has put into a slot.
fn slot(run: &Run, slot: u8) -> Vec<u8> {
    run.mailbox.0[&slot].clone()
}

/// The commitment holds: who shows another card than it was bound to is found out before any code
/// is compared.
#[test]
fn a_swapped_card_does_not_fit_the_commitment() {
    let mut run = Run::answered(Purpose::Plan);
    let secret = &run.inviter.pairing.link().secret;
    let mut other = Run::answered(Purpose::Plan);
    other.inviter = impostor(secret, Purpose::Plan, "Mila", 55);
    other.mailbox = Mailbox::default();
    other.inviter.visit(&mut other.mailbox, NOW);
    other.mailbox.0.insert(1, slot(&run, 1));
    other.inviter.visit(&mut other.mailbox, NOW);
    run.mailbox.0.insert(2, slot(&other, 2));

    let events = run.invited.visit(&mut run.mailbox, NOW);
    assert_eq!(events, failed(Failure::Commitment));
    assert_eq!(run.invited.pairing.code(), None);
    // The true inviter finds a reveal that it did not write.
    assert_eq!(
        run.inviter.visit(&mut run.mailbox, NOW),
        failed(Failure::Taken(2))
    );
}

/// Who swaps the commitment as well has another transcript, so the codes differ.
#[test]
fn a_swapped_commitment_shows_in_the_code() {
    let mut run = Run::begun(Purpose::Plan);
    let secret = &run.inviter.pairing.link().secret;
    let mut middle = impostor(secret, Purpose::Plan, "Mila", 55);
    let mut shown = Mailbox::default();
    middle.visit(&mut shown, NOW);
    run.invited.visit(&mut shown, NOW);
    run.invited.accept();
    run.invited.visit(&mut shown, NOW);
    // The invited person's answer is passed on as it is, the commitment is not.
    run.mailbox.0.insert(1, shown.0[&1].clone());
    run.inviter.visit(&mut run.mailbox, NOW);
    middle.visit(&mut shown, NOW);
    run.invited.visit(&mut shown, NOW);
    assert_ne!(run.inviter.code(), run.invited.code());
    // With the inviter's own reveal under the swapped commitment it does not get that far.
    let mut run = Run::begun(Purpose::Plan);
    let mut shown = Mailbox::default();
    middle = impostor(
        &run.inviter.pairing.link().secret,
        Purpose::Plan,
        "Mila",
        55,
    );
    middle.visit(&mut shown, NOW);
    run.invited.visit(&mut shown, NOW);
    run.invited.accept();
    run.invited.visit(&mut shown, NOW);
    run.mailbox.0.insert(1, shown.0[&1].clone());
    run.inviter.visit(&mut run.mailbox, NOW);
    shown.0.insert(2, slot(&run, 2));
    assert_eq!(
        run.invited.visit(&mut shown, NOW),
        failed(Failure::Commitment)
    );
}

/// An earlier run's messages, or another slot's, are worth nothing here.
#[test]
fn replayed_and_foreign_messages_do_not_open() {
    let mut entropy = SeededEntropy::new([77; 32]);
    let mut foreign = Run::begun(Purpose::Plan);
    foreign.inviter = Person::inviting_with(Purpose::Plan, "Mila", &mut entropy);
    foreign.invited = Person::invited(copy(foreign.inviter.pairing.link()));
    foreign.mailbox = Mailbox::default();
    foreign.inviter.visit(&mut foreign.mailbox, NOW);
    foreign.invited.visit(&mut foreign.mailbox, NOW);
    foreign.invited.accept();
    foreign.invited.visit(&mut foreign.mailbox, NOW);
    foreign.inviter.visit(&mut foreign.mailbox, NOW);

    let mut run = Run::begun(Purpose::Plan);
    let shown = Mailbox([(0, slot(&foreign, 0))].into());
    assert_eq!(run.invited.reads(&shown), failed(Failure::NotOpened(0)));

    let mut run = Run::begun(Purpose::Plan);
    run.mailbox.0.insert(1, slot(&foreign, 1));
    assert_eq!(
        run.inviter.reads(&run.mailbox),
        failed(Failure::NotOpened(1))
    );

    let mut run = Run::answered(Purpose::Plan);
    run.mailbox.0.insert(2, slot(&foreign, 2));
    assert_eq!(
        run.invited.reads(&run.mailbox),
        failed(Failure::NotOpened(2))
    );

    // Slots of the same run, moved.
    let mut run = Run::answered(Purpose::Plan);
    for (to, from) in [(2, 0), (2, 1)] {
        let mut moved = run.mailbox.clone();
        moved.0.insert(to, slot(&run, from));
        let mut invited = Pairing::from_bytes(&run.invited.pairing.to_bytes()).unwrap();
        let events = invited.handle(&moved.slots(), NOW, &mut run.invited.entropy);
        assert_eq!(events, failed(Failure::NotOpened(to)));
    }
    let mut run = Run::comparing(Purpose::Plan);
    run.invited.confirm(true);
    run.invited.visit(&mut run.mailbox, NOW);
    run.inviter.confirm(true);
    run.mailbox.0.insert(4, slot(&run, 3));
    assert_eq!(
        run.invited.reads(&run.mailbox),
        failed(Failure::NotOpened(4))
    );
}

#[test]
fn altered_and_truncated_messages_do_not_open() {
    let stages = [
        (0, Side::Invited, Run::begun(Purpose::Plan)),
        (1, Side::Inviter, Run::answered(Purpose::Plan)),
    ];
    for (number, side, mut run) in stages {
        let whole = slot(&run, number);
        let (person, _, mailbox) = run.both(side);
        let stored = person.pairing.to_bytes();
        let mut tries: Vec<_> = (0..whole.len())
            .step_by(31)
            .map(|end| whole[..end].to_vec())
            .collect();
        tries.extend((0..whole.len()).step_by(31).map(|at| {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            altered
        }));
        tries.push([whole.as_slice(), &[0]].concat());
        for bytes in tries {
            mailbox.0.insert(number, bytes);
            let mut pairing = Pairing::from_bytes(&stored).unwrap();
            let events = pairing.handle(&mailbox.slots(), NOW, &mut person.entropy);
            assert_eq!(events, failed(Failure::NotOpened(number)));
        }
        // A flood is refused unopened.
        mailbox.0.insert(number, vec![0; 50_000]);
        let events = person
            .pairing
            .handle(&mailbox.slots(), NOW, &mut person.entropy);
        assert_eq!(events, failed(Failure::Malformed(number)));
    }
}

/// The other side is told of a fault, so that it does not wait for days.
#[test]
fn a_fault_is_told_to_the_other_side() {
    let mut run = Run::answered(Purpose::Plan);
    let mut broken = run.mailbox.clone();
    broken.0.insert(2, vec![0; 300]);
    assert_eq!(
        run.invited.visit(&mut broken, NOW),
        failed(Failure::NotOpened(2))
    );
    run.mailbox.0.insert(3, broken.0[&3].clone());
    let events = run.inviter.visit(&mut run.mailbox, NOW);
    let told = Event::Ended(Ending::Refused(Refusal::Fault));
    assert_eq!(events, [Event::Compare(run.inviter.code()), told]);
}

/// A relay that shows one thing first and another later has shown a lie.
#[test]
fn a_slot_that_changes_is_noticed() {
    let mut run = Run::answered(Purpose::Plan);
    run.inviter.visit(&mut run.mailbox, NOW);
    run.mailbox.0.insert(1, vec![1; 300]);
    assert_eq!(
        run.inviter.visit(&mut run.mailbox, NOW),
        failed(Failure::Altered(1))
    );

    // The same, within one answer.
    let mut run = Run::answered(Purpose::Plan);
    let mut slots = run.mailbox.slots();
    slots.push(seen(1, &[1; 300]));
    let events = run
        .inviter
        .pairing
        .handle(&slots, NOW, &mut run.inviter.entropy);
    assert_eq!(events.last(), failed(Failure::Altered(1)).last());
    assert_eq!(run.inviter.pairing.other_card(), None);
}

/// Withholding cannot be prevented; it must not be mistaken for anything else, nor break what comes
/// when the slot is shown at last.
#[test]
fn a_withheld_slot_is_waited_for() {
    let run = Run::agreed(Purpose::Plan);
    let whole = run.mailbox;
    for withheld in [0_u8, 1, 2, 3, 4] {
        let mut fresh = Run::comparing(Purpose::Plan);
        for (side, own_yes) in [(Side::Inviter, 4), (Side::Invited, 3)] {
            let (person, _, _) = fresh.both(side);
            person.confirm(true);
            assert_eq!(person.stage(), Stage::Confirmed);
            let mut part = whole.clone();
            part.0.remove(&withheld);
            // This device's own yes has other bytes than in the other run.
            part.0.remove(&own_yes);
            let events = person.reads(&part);
            let other_yes = if side == Side::Inviter { 3 } else { 4 };
            if withheld == other_yes {
                assert_eq!((events, person.stage()), (vec![], Stage::Confirmed));
            } else {
                assert_eq!(
                    (events, person.stage()),
                    (vec![Event::Agreed], Stage::Agreed)
                );
            }
            part = whole.clone();
            part.0.remove(&own_yes);
            person.reads(&part);
            assert_eq!(person.stage(), Stage::Agreed);
        }
    }
    // A successor without its predecessor waits too.
    let mut late = Run::begun(Purpose::Plan);
    let mut part = whole.clone();
    part.0.retain(|slot, _| [0, 3].contains(slot));
    assert_eq!(late.inviter.reads(&part), []);
    assert_eq!(late.inviter.stage(), Stage::Inviting);
}

/// One attempt: who comes second finds the slot taken, before or after accepting.
#[test]
fn a_link_is_used_once() {
    let mut run = Run::answered(Purpose::Plan);
    let link = || copy(run.inviter.pairing.link());
    let mut late = Person::invited(link());
    assert_eq!(late.reads(&run.mailbox), failed(Failure::Taken(1)));
    assert_eq!(
        late.pairing.poll(NOW),
        None,
        "nothing is written into another's turn"
    );

    let mut slow = Person::invited(link());
    slow.entropy = SeededEntropy::new([88; 32]);
    let mut before = run.mailbox.clone();
    before.0.remove(&1);
    slow.reads(&before);
    slow.accept();
    assert_eq!(slow.visit(&mut run.mailbox, NOW), failed(Failure::Taken(1)));
    assert_eq!(slow.pairing.poll(NOW), None);

    // The one who was first is not disturbed.
    run.inviter.visit(&mut run.mailbox, NOW);
    run.invited.visit(&mut run.mailbox, NOW);
    assert_eq!(run.inviter.code(), run.invited.code());
}

/// A link that was tampered with could ask for less than the offer is for.
#[test]
fn an_offer_for_another_purpose_ends_it() {
    let mut run = Run::begun(Purpose::Plan);
    let link = Link {
        purpose: Purpose::Supporter,
        ..copy(run.inviter.pairing.link())
    };
    run.invited = Person::invited(link);
    assert_eq!(run.invited.reads(&run.mailbox), failed(Failure::Purpose));
    let accepted =
        run.invited
            .pairing
            .accept(run.invited.card.clone(), NOW, &mut run.invited.entropy);
    let ended = Ending::Failed(Failure::Purpose);
    assert_eq!(accepted, Err(PairingError::Ended(ended)));
}

/// A card sent back to its owner would make a device add itself.
#[test]
fn ones_own_card_is_not_anothers() {
    let mut run = Run::begun(Purpose::Plan);
    run.invited.visit(&mut run.mailbox, NOW);
    run.invited.card = run.inviter.card.clone();
    run.invited.accept();
    run.invited.visit(&mut run.mailbox, NOW);
    assert_eq!(
        run.inviter.visit(&mut run.mailbox, NOW),
        failed(Failure::SameKeys)
    );
}

/// Who has the link can seal what they like, and still can neither say yes for the other nor slip in
/// another space.
#[test]
fn yes_and_welcome_are_signed_by_the_card() {
    // Somebody with the link ran the same slots with their own card, and signs with it.
    let mut forged = Run::agreed(Purpose::Plan);
    forged.invited = Run::agreed(Purpose::Plan).invited;
    let secret = LinkSecret::from_slice(forged.inviter.pairing.link().secret.expose()).unwrap();
    let mut middle = Run::begun(Purpose::Plan);
    middle.inviter = impostor(&secret, Purpose::Plan, "Mila", 55);
    middle.mailbox = Mailbox::default();
    middle.inviter.visit(&mut middle.mailbox, NOW);
    middle.invited.visit(&mut middle.mailbox, NOW);
    middle.invited.accept();
    for _ in 0..2 {
        middle.invited.visit(&mut middle.mailbox, NOW);
        middle.inviter.visit(&mut middle.mailbox, NOW);
    }
    middle.invited.visit(&mut middle.mailbox, NOW);
    middle.invited.confirm(true);
    middle.inviter.confirm(true);
    middle.invited.visit(&mut middle.mailbox, NOW);
    middle.inviter.visit(&mut middle.mailbox, NOW);
    middle.inviter.welcome(b"another space");
    middle.inviter.visit(&mut middle.mailbox, NOW);

    let mut run = Run::comparing(Purpose::Plan);
    run.invited.confirm(true);
    run.mailbox.0.insert(4, slot(&middle, 4));
    assert_eq!(
        run.invited.reads(&run.mailbox),
        failed(Failure::Signature(4))
    );

    let mut run = Run::agreed(Purpose::Plan);
    run.mailbox.0.insert(5, slot(&middle, 5));
    assert_eq!(
        run.invited.reads(&run.mailbox),
        failed(Failure::Signature(5))
    );
    assert_eq!(run.invited.pairing.received_welcome(), None);
}

/// A yes of an earlier comparison between the same cards does not count for this one.
#[test]
fn a_yes_counts_for_its_own_comparison_only() {
    let earlier = Run::agreed(Purpose::Plan);
    let mut run = Run::begun(Purpose::Plan);
    run.invited.entropy = SeededEntropy::new([123; 32]);
    run.invited.visit(&mut run.mailbox, NOW);
    run.invited.accept();
    run.invited.visit(&mut run.mailbox, NOW);
    run.inviter.visit(&mut run.mailbox, NOW);
    run.mailbox.0.insert(3, slot(&earlier, 3));
    assert_ne!(run.inviter.code(), earlier.inviter.code());
    assert_eq!(
        run.inviter.reads(&run.mailbox),
        failed(Failure::Signature(3))
    );
}

/// A welcome is believed from the owner only, and after both said yes.
#[test]
fn a_welcome_before_its_time_is_not_believed() {
    let mut done = Run::agreed(Purpose::Plan);
    done.inviter.welcome(b"a space");
    done.inviter.visit(&mut done.mailbox, NOW);
    let mut run = Run::comparing(Purpose::Plan);
    for number in [4, 5] {
        run.mailbox.0.insert(number, slot(&done, number));
    }
    let events = run.invited.reads(&run.mailbox);
    let refused = Event::Ended(Ending::Failed(Failure::OutOfTurn(5)));
    assert_eq!(events, [Event::OtherConfirmed, refused]);
    assert_eq!(run.invited.pairing.received_welcome(), None);
}

/// Slots of a later version are none of this one's business.
#[test]
fn an_unknown_slot_is_skipped() {
    let mut run = Run::begun(Purpose::Plan);
    run.mailbox.0.insert(7, vec![1; 300]);
    assert!(matches!(
        run.invited.visit(&mut run.mailbox, NOW)[..],
        [Event::Offered(_)]
    ));
    let mut slots = run.mailbox.slots();
    slots.push(seen(255, &[]));
    assert_eq!(
        run.inviter
            .pairing
            .handle(&slots, NOW, &mut run.inviter.entropy),
        []
    );
}

/// Whoever has the link can seal anything into any slot, at any time.
#[test]
fn whatever_is_sealed_nothing_panics_and_nobody_is_believed() {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    let stages: Vec<_> = stages()
        .into_iter()
        .flat_map(|(_, run)| {
            let mailbox = run.mailbox.slots();
            [run.inviter.pairing, run.invited.pairing]
                .map(|side| (side.to_bytes(), mailbox.clone()))
        })
        .collect();
    // The head of a message of each kind, with whatever fields, or anything at all.
    let text = prop_oneof![
        (0..7_u8, vec(any::<u8>(), 0..80))
            .prop_map(|(kind, rest)| [&[0x82, kind][..], &rest].concat()),
        (0..6_u8, 0..4_u8, vec(any::<u8>(), 64)).prop_map(|(kind, key, bytes)| {
            [&[0x82, kind, 0xa1, key, 0x58, 64][..], &bytes].concat()
        }),
        vec(any::<u8>(), 0..80),
    ];
    let strategy = (vec((0..8_u8, text), 1..4), 0..stages.len(), any::<bool>());
    TestRunner::deterministic()
        .run(&strategy, |(slots, stage, keeps)| {
            let (stored, mailbox) = &stages[stage];
            let mut pairing = Pairing::from_bytes(stored).unwrap();
            let agreed = pairing.stage() == Stage::Agreed;
            let secret = LinkSecret::from_slice(pairing.link().secret.expose()).unwrap();
            let mut shown = if keeps { mailbox.clone() } else { Vec::new() };
            for (slot, text) in slots {
                let bytes = sealed(secret.expose(), secret.mailbox(), slot, &text);
                shown.push(seen(slot, &bytes));
            }
            pairing.handle(&shown, NOW, &mut SeededEntropy::new([3; 32]));
            prop_assert!(pairing.other_card().is_none() || agreed);
            prop_assert!(pairing.received_welcome().is_none());
            let _ = (pairing.poll(NOW), pairing.code());
            prop_assert!(Pairing::from_bytes(&pairing.to_bytes()).is_ok());
            Ok(())
        })
        .unwrap();
}
