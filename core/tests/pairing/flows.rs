//! Every purpose from the link to the welcome, with nobody ever online at the same time.

use waymark_core::crypto::SeededEntropy;
use waymark_core::pairing::{
    Event, Invitation, Link, Pairing, PairingError, Purpose, Request, Side, Stage,
};

use super::support::{DAY, Mailbox, NOW, Person, Run, card, copy, invitation, relay};

/// Each visit ends before the other's begins, and every process dies between any two steps.
#[test]
fn every_purpose_ends_in_the_owners_welcome() {
    for purpose in Purpose::ALL {
        let mut mailbox = Mailbox::default();
        let mut inviter = Person::inviting(purpose);
        let mut invited = Person::invited(copy(inviter.pairing.link()));

        assert_eq!(invited.stage(), Stage::Opening);
        assert_eq!(inviter.visit(&mut mailbox, NOW), []);
        assert_eq!(inviter.stage(), Stage::Inviting);

        let [Event::Offered(offer)] = &invited.visit(&mut mailbox, NOW)[..] else {
            panic!("an offer");
        };
        assert_eq!((offer.name.as_str(), offer.purpose), ("Mila", purpose));
        assert_eq!(offer.expires_ms, NOW + 7 * DAY);
        assert_eq!(
            mailbox.0.len(),
            1,
            "nothing is sent before the person accepts"
        );
        invited.accept();
        assert_eq!(invited.visit(&mut mailbox, NOW), []);
        assert_eq!(invited.stage(), Stage::Answered);

        let code = Event::Compare(inviter_code(&mut inviter, &mut mailbox));
        assert_eq!(invited.visit(&mut mailbox, NOW), [code]);
        assert_eq!(inviter.code(), invited.code());
        assert_eq!(inviter.pairing.other_name(), Some("Dr. Ada"));

        invited.confirm(true);
        assert_eq!(invited.visit(&mut mailbox, NOW), []);
        assert_eq!(invited.stage(), Stage::Confirmed);
        assert_eq!(invited.pairing.other_card(), None, "one yes is not enough");
        assert_eq!(inviter.visit(&mut mailbox, NOW), [Event::OtherConfirmed]);
        assert_eq!(inviter.pairing.other_card(), None, "one yes is not enough");
        inviter.confirm(true);
        assert_eq!(inviter.stage(), Stage::Agreed);
        inviter.visit(&mut mailbox, NOW);
        assert_eq!(inviter.pairing.other_card_bytes(), Some(&invited.card[..]));

        let (owner, other) = match purpose.owner() {
            Side::Inviter => (&mut inviter, &mut invited),
            Side::Invited => {
                assert_eq!(invited.visit(&mut mailbox, NOW), [Event::Agreed]);
                (&mut invited, &mut inviter)
            }
        };
        owner.welcome(b"a space");
        assert_eq!(owner.stage(), Stage::Agreed);
        assert_eq!(owner.visit(&mut mailbox, NOW), [Event::Delivered]);
        assert_eq!(owner.stage(), Stage::Done);
        let last = other.visit(&mut mailbox, NOW).pop();
        assert_eq!(last, Some(Event::Welcomed(b"a space".to_vec())));
        assert_eq!(other.stage(), Stage::Done);
        assert_eq!(other.pairing.received_welcome(), Some(&b"a space"[..]));
        assert_eq!(invited.pairing.other_card_bytes(), Some(&inviter.card[..]));
        for done in [&mut inviter, &mut invited] {
            assert_eq!(done.pairing.poll(NOW), None);
            assert_eq!(done.visit(&mut mailbox, NOW), []);
            assert_eq!(done.stage(), Stage::Done);
        }
    }
}

fn inviter_code(inviter: &mut Person, mailbox: &mut Mailbox) -> waymark_core::pairing::Code {
    let events = inviter.visit(mailbox, NOW);
    assert_eq!(events, [Event::Compare(inviter.code())]);
    inviter.code()
}

/// People say yes in either order, and the inviter may do so first.
#[test]
fn either_may_say_yes_first() {
    let mut run = Run::comparing(Purpose::Client);
    run.inviter.confirm(true);
    run.inviter.visit(&mut run.mailbox, NOW);
    assert_eq!(
        run.invited.visit(&mut run.mailbox, NOW),
        [Event::OtherConfirmed]
    );
    run.invited.confirm(true);
    assert_eq!(run.invited.stage(), Stage::Agreed);
    run.invited.welcome(b"a space");
    run.invited.visit(&mut run.mailbox, NOW);
    let events = run.inviter.visit(&mut run.mailbox, NOW);
    assert_eq!(
        events,
        [Event::Agreed, Event::Welcomed(b"a space".to_vec())]
    );
}

/// The invited person may have typed the code instead, and learns the end from the offer.
#[test]
fn a_typed_code_leads_to_the_same_place() {
    let mut run = Run::begun(Purpose::Supporter);
    let typed = run.inviter.pairing.link().to_short_text().to_lowercase();
    let link = Link::parse_short(&typed, relay()).unwrap();
    let mut invited = Person::invited(link);
    assert_eq!(invited.pairing.expires_ms(), None);
    invited.visit(&mut run.mailbox, NOW);
    assert_eq!(invited.pairing.expires_ms(), Some(NOW + 7 * DAY));
    invited.accept();
    invited.visit(&mut run.mailbox, NOW);
    run.inviter.visit(&mut run.mailbox, NOW);
    invited.visit(&mut run.mailbox, NOW);
    assert_eq!(run.inviter.code(), invited.code());
}

/// The answer to a put may be lost, the app may be killed before it comes, a relay may be restored
/// from a backup: what is not shown is put again, the same bytes.
#[test]
fn what_a_relay_does_not_show_is_put_again() {
    let mut run = Run::comparing(Purpose::Plan);
    run.invited.confirm(true);
    let first = run.invited.pairing.poll(NOW);
    assert_eq!(run.invited.puts(), Some((3, None)));
    run.invited.restart();
    assert_eq!(run.invited.pairing.poll(NOW), first);

    run.invited.visit(&mut run.mailbox, NOW);
    let whole = run.mailbox.clone();
    run.mailbox.0.retain(|slot, _| *slot < 1);
    run.invited.visit(&mut run.mailbox, NOW);
    run.inviter.visit(&mut run.mailbox, NOW);
    assert_eq!(run.mailbox.0, whole.0);
}

#[test]
fn only_the_slot_that_creates_the_mailbox_says_for_how_long() {
    let days = |expires_ms| {
        let invitation = Invitation {
            expires_ms,
            ..invitation(Purpose::Plan, card("Mila", 1).1)
        };
        let made = Pairing::invite(invitation, NOW, &mut SeededEntropy::new([1; 32]));
        made.map(|pairing| match pairing.poll(NOW) {
            Some(Request::Put { days, .. }) => days,
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(days(NOW + 1_000), Ok(Some(1)));
    assert_eq!(days(NOW + DAY), Ok(Some(1)));
    assert_eq!(days(NOW + DAY + 1_000), Ok(Some(2)));
    assert_eq!(days(NOW + 30 * DAY), Ok(Some(30)));
    for wrong in [
        NOW,
        NOW - DAY,
        NOW + 30 * DAY + 1_000,
        -1,
        i64::MIN,
        i64::MAX,
    ] {
        assert_eq!(days(wrong), Err(PairingError::Lifetime), "{wrong}");
    }

    let run = Run::answered(Purpose::Plan);
    let mut invited = run.invited;
    invited.reads(&Mailbox::default());
    assert_eq!(invited.puts(), Some((1, None)));
}

/// A mailbox holds 64 KiB: two cards with as many keys as a card may have, and a large welcome.
#[test]
fn the_largest_cards_and_welcome_fit_a_mailbox() {
    use waymark_core::crypto::MembershipKeys;
    use waymark_core::membership::ContactCard;

    let mut entropy = SeededEntropy::new([5; 32]);
    let mut large = || {
        let keys: [_; 8] = std::array::from_fn(|_| MembershipKeys::generate(&mut entropy));
        let name = "Ä".repeat(100);
        let card = ContactCard::issue(&name, &name, 1, &keys).unwrap();
        let [first, ..] = keys;
        (first, card)
    };
    let mut run = Run::begun(Purpose::Device);
    let (keys, card) = large();
    (run.inviter.keys, run.inviter.card) = (keys, card.clone());
    run.inviter.pairing = Pairing::invite(
        invitation(Purpose::Device, card),
        NOW,
        &mut run.inviter.entropy,
    )
    .unwrap();
    run.invited = Person::invited(copy(run.inviter.pairing.link()));
    (run.invited.keys, run.invited.card) = large();
    run.mailbox = Mailbox::default();
    run.inviter.visit(&mut run.mailbox, NOW);
    run.invited.visit(&mut run.mailbox, NOW);
    run.invited.accept();
    for _ in 0..2 {
        run.invited.visit(&mut run.mailbox, NOW);
        run.inviter.visit(&mut run.mailbox, NOW);
    }
    run.invited.visit(&mut run.mailbox, NOW);
    run.inviter.confirm(true);
    run.invited.confirm(true);
    run.invited.visit(&mut run.mailbox, NOW);
    run.inviter.visit(&mut run.mailbox, NOW);
    let (keys, entropy) = (&run.inviter.keys, &mut run.inviter.entropy);
    let pairing = &mut run.inviter.pairing;
    let too_large = pairing.welcome(&[7; 16_385], keys, NOW, entropy);
    assert_eq!(too_large, Err(PairingError::TooLarge(16_385)));
    pairing.welcome(&[7; 16_384], keys, NOW, entropy).unwrap();
    run.inviter.visit(&mut run.mailbox, NOW);
    run.invited.visit(&mut run.mailbox, NOW);
    assert_eq!(
        run.invited.pairing.received_welcome(),
        Some(&[7; 16_384][..])
    );
}
