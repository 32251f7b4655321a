//! Either side refuses, time runs out, or a call has no place.

use waymark_core::pairing::{Ending, Event, Pairing, PairingError, Purpose, Refusal, Side, Stage};

use super::support::{DAY, Mailbox, NOW, Run, card};

const DECLINED: Event = Event::Ended(Ending::Refused(Refusal::Declined));
const END: i64 = NOW + 7 * DAY;

/// Every stage at which each side can be, with how to get there.
pub(crate) fn stages() -> Vec<(&'static str, Run)> {
    let mut one_yes = Run::comparing(Purpose::Plan);
    one_yes.invited.confirm(true);
    one_yes.invited.visit(&mut one_yes.mailbox, NOW);
    let mut offered = Run::begun(Purpose::Plan);
    offered.invited.visit(&mut offered.mailbox, NOW);
    let mut revealed = Run::answered(Purpose::Plan);
    revealed.inviter.visit(&mut revealed.mailbox, NOW);
    vec![
        ("begun", Run::begun(Purpose::Plan)),
        ("offered", offered),
        ("answered", Run::answered(Purpose::Plan)),
        ("revealed", revealed),
        ("comparing", Run::comparing(Purpose::Plan)),
        ("one yes", one_yes),
        ("agreed, inviter owns", Run::agreed(Purpose::Plan)),
        ("agreed, invited owns", Run::agreed(Purpose::Client)),
    ]
}

/// A person who changes their mind has to be able to say so, and the other must not go on waiting.
#[test]
fn either_may_refuse_at_every_stage() {
    for side in [Side::Inviter, Side::Invited] {
        for (name, mut run) in stages() {
            let (refuses, other, mailbox) = run.both(side);
            refuses.pairing.refuse(NOW, &mut refuses.entropy).unwrap();
            assert_eq!(refuses.stage(), Stage::Ended(Ending::Withdrawn), "{name}");
            assert_eq!(refuses.visit(mailbox, NOW), [], "{name}");
            assert_eq!(refuses.pairing.poll(NOW), None, "{name}");
            let told = other.visit(mailbox, NOW).pop();
            assert_eq!(told, Some(DECLINED), "{side:?}, {name}");
            assert_eq!(other.pairing.poll(NOW), None, "{name}");
            assert_eq!(other.pairing.received_welcome(), None);
            let again = refuses.pairing.refuse(NOW, &mut refuses.entropy);
            assert_eq!(again, Err(PairingError::Ended(Ending::Withdrawn)));
        }
    }
}

#[test]
fn an_invitation_can_be_taken_back_before_anybody_saw_it() {
    let mut run = Run::begun(Purpose::Plan);
    run.mailbox = Mailbox::default();
    run.inviter.reads(&Mailbox::default());
    run.inviter
        .pairing
        .refuse(NOW, &mut run.inviter.entropy)
        .unwrap();
    run.inviter.visit(&mut run.mailbox, NOW);
    let events = run.invited.visit(&mut run.mailbox, NOW);
    assert!(matches!(&events[..], [Event::Offered(_), ended] if *ended == DECLINED));
}

/// The only defence against somebody in the middle: it has to end there, on both sides.
#[test]
fn a_code_that_differs_ends_it() {
    for side in [Side::Inviter, Side::Invited] {
        let mut run = Run::comparing(Purpose::Plan);
        let (refuses, other, mailbox) = run.both(side);
        refuses.confirm(false);
        assert_eq!(refuses.stage(), Stage::Ended(Ending::Withdrawn));
        refuses.visit(mailbox, NOW);
        other.confirm(true);
        let ended = Event::Ended(Ending::Refused(Refusal::CodesDiffer));
        assert_eq!(other.visit(mailbox, NOW), [ended]);
        assert_eq!(other.pairing.other_card(), None);
        assert_eq!(refuses.pairing.other_card(), None);
    }
}

#[test]
fn its_time_ends_it_at_every_stage() {
    for (name, mut run) in stages() {
        for side in [Side::Inviter, Side::Invited] {
            let (person, _, mailbox) = run.both(side);
            assert!(person.pairing.poll(END - 1).is_some(), "{name}");
            assert_eq!(person.pairing.poll(END), None, "{name}");
            let refused = person.pairing.refuse(END, &mut person.entropy);
            assert_eq!(refused, Err(PairingError::Ended(Ending::Expired)));
            let events = person
                .pairing
                .handle(&mailbox.slots(), END, &mut person.entropy);
            assert_eq!(events, [Event::Ended(Ending::Expired)], "{name}");
            assert_eq!(person.stage(), Stage::Ended(Ending::Expired), "{name}");
            // Not even a clock that is set back opens it again.
            assert_eq!(person.pairing.poll(NOW), None, "{name}");
        }
    }
}

#[test]
fn what_is_done_does_not_run_out() {
    let mut run = Run::agreed(Purpose::Plan);
    run.inviter.welcome(b"a space");
    run.inviter.visit(&mut run.mailbox, NOW);
    run.invited.visit(&mut run.mailbox, NOW);
    for person in [&mut run.inviter, &mut run.invited] {
        assert_eq!(person.visit(&mut run.mailbox, END), []);
        assert_eq!(person.stage(), Stage::Done);
        assert!(person.pairing.other_card().is_some());
    }
}

/// A call out of place would leave a slot written that cannot be taken back.
#[test]
fn a_call_out_of_place_changes_nothing() {
    for (name, mut run) in stages() {
        for side in [Side::Inviter, Side::Invited] {
            let (person, _, _) = run.both(side);
            let stage = person.stage();
            let owner = person.pairing.is_owner();
            let before = person.pairing.to_bytes();
            let (keys, entropy) = (&person.keys, &mut person.entropy);
            let pairing = &mut person.pairing;
            let out_of_place = Err(PairingError::Stage(stage));
            if stage != Stage::Offered {
                assert_eq!(
                    pairing.accept(person.card.clone(), NOW, entropy),
                    out_of_place
                );
            }
            if stage != Stage::Comparing {
                assert_eq!(pairing.confirm(true, keys, NOW, entropy), out_of_place);
                assert_eq!(pairing.confirm(false, keys, NOW, entropy), out_of_place);
            }
            if stage != Stage::Agreed || !owner {
                assert_eq!(pairing.welcome(b"x", keys, NOW, entropy), out_of_place);
            }
            assert_eq!(pairing.to_bytes(), before, "{side:?}, {name}");
        }
    }
}

#[test]
fn a_welcome_is_written_once() {
    let mut run = Run::agreed(Purpose::Plan);
    run.inviter.welcome(b"a space");
    let (keys, entropy) = (&run.inviter.keys, &mut run.inviter.entropy);
    let pairing = &mut run.inviter.pairing;
    let stage = PairingError::Stage(Stage::Agreed);
    assert_eq!(
        pairing.welcome(b"x", keys, NOW, entropy),
        Err(stage.clone())
    );
    assert_eq!(pairing.refuse(NOW, entropy), Err(stage));
    assert_eq!(run.inviter.puts(), Some((5, None)));
}

/// A yes under other keys would be refused by the other side, without a way back.
#[test]
fn only_the_cards_own_keys_sign() {
    let mut run = Run::comparing(Purpose::Plan);
    let (strange, _) = card("Mila", 99);
    let (pairing, entropy) = (&mut run.inviter.pairing, &mut run.inviter.entropy);
    let refused = pairing.confirm(true, &strange, NOW, entropy);
    assert_eq!(refused, Err(PairingError::NotCardKeys));
    assert_eq!(run.inviter.stage(), Stage::Comparing);
}

#[test]
fn stored_bytes_that_are_damaged_are_refused() {
    let run = Run::agreed(Purpose::Plan);
    let stored = run.inviter.pairing.to_bytes();
    assert!(Pairing::from_bytes(&[]).is_err());
    for end in (0..stored.len()).step_by(97) {
        let cut = Pairing::from_bytes(&stored[..end]);
        assert!(matches!(cut, Err(PairingError::Stored)), "cut at {end}");
    }
    // Some bytes change a name or a hash and no form; none of them may panic, then or later.
    for at in (0..stored.len()).step_by(13) {
        let mut altered = stored.to_vec();
        altered[at] ^= 0xff;
        if let Ok(pairing) = Pairing::from_bytes(&altered) {
            let _ = (pairing.stage(), pairing.code(), pairing.poll(NOW));
        }
    }
}
