//! A device that has been away until the relay let go of what it would read next.

use waymark_wire::entry::Kind;
use waymark_wire::membership::Rights;

use super::bench::{MONTHS, OTHER, entry_at, forge, parts_of, published, why};
use super::newcomer::written;
use crate::membership::Wish;
use crate::space::membership_tests::device::{Device, PLAN, Pushed};
use crate::space::membership_tests::fleet::Fleet;
use crate::space::membership_tests::relay::Relay;
use crate::space::{SpaceError, StartFault};

const WRITE: Rights = Rights::WRITE;

/// Everybody but the device at an index.
fn without(fleet: &mut Fleet, away: usize, f: impl FnOnce(&mut Fleet)) {
    let device = fleet.devices.remove(away);
    f(fleet);
    fleet.devices.insert(away, device);
}

/// A fleet whose second own phone goes away, and a checkpoint that others publish meanwhile.
fn gone(before: impl FnOnce(&mut Fleet, usize)) -> (Fleet, usize, u64) {
    let mut fleet = written();
    let away = fleet.add(0, 1, WRITE);
    fleet.settle();
    fleet.devices[away].note("sent before");
    fleet.settle();
    before(&mut fleet, away);
    let mut seq = 0;
    without(&mut fleet, away, |fleet| {
        fleet.devices[0].note("meanwhile");
        fleet.devices[1].note_in(MONTHS[0], "meanwhile, by the therapist");
        fleet.settle();
        fleet.wish(0, Wish::Rotate);
        fleet.settle();
        fleet.devices[0].note("in the next epoch");
        fleet.settle();
        seq = published(fleet, 0);
        fleet.devices[1].note("behind the checkpoint");
        fleet.settle();
    });
    (fleet, away, seq)
}

/// It comes back, starts, and everybody has the same.
fn comes_back(mut fleet: Fleet, away: usize, seq: u64) -> Fleet {
    let Fleet { relay, devices } = &mut fleet;
    devices[away].start_and_fetch(relay, seq).unwrap();
    fleet.settle();
    fleet.assert_agree();
    fleet
}

/// What was written on a phone that lay in a drawer for a year is the one thing nobody else has.
#[test]
fn unsent_edits_are_kept_and_sent_under_the_key_in_force() {
    for is_rough in [false, true] {
        let (mut fleet, away, seq) = gone(|fleet, away| {
            fleet.devices[away].note("sealed, never sent");
            fleet.devices[away].prepare();
            fleet.devices[away].note("never sealed");
            fleet.devices[away].note_in(MONTHS[0], "in a month");
            fleet.devices[away].note_in(OTHER, "in one of its own");
        });
        fleet.devices[away].is_rough = is_rough;
        let mut fleet = comes_back(fleet, away, seq);
        let own = fleet.number(away);
        let sent = fleet.relay.log.iter().skip(usize::try_from(seq).unwrap());
        let mut sent = sent.filter(|s| s.entry.header().device == own);
        let start = fleet.membership().epoch_start();
        assert!(sent.clone().count() >= 2);
        assert!(sent.all(|s| s.entry.header().height >= start));
        for text in ["sealed, never sent", "never sealed", "sent before"] {
            assert!(
                fleet.devices[1].records().contains(text.as_bytes()),
                "{text}"
            );
        }
        assert_eq!(fleet.devices[1].records_in(OTHER), ["in one of its own"]);
        assert!(
            fleet.devices[1]
                .records_in(MONTHS[0])
                .contains(&"in a month".to_owned())
        );
    }
}

/// The phone would say its words twice, or believe that it is a copy of another one.
#[test]
fn what_the_relay_took_and_never_showed_is_known_by_its_counter() {
    let (fleet, away, seq) = gone(|fleet, away| {
        let Fleet { relay, devices } = fleet;
        devices[away].note("taken, and never shown");
        devices[away].note_in(MONTHS[0], "the same");
        devices[away].prepare();
        // The answer is lost.
        devices[away].send(relay, false);
        devices[away].note("after it");
        devices[away].prepare();
    });
    let own = fleet.number(away);
    let count = |fleet: &Fleet| {
        let log = fleet.relay.log.iter();
        log.filter(|s| s.entry.header().device == own).count()
    };
    let before = count(&fleet);
    let fleet = comes_back(fleet, away, seq);
    assert_eq!(count(&fleet), before + 1, "only what was not taken is sent");
}

/// A new key that this phone made and sealed to everybody is in force, though it was never told so.
#[test]
fn a_change_of_the_membership_that_the_relay_took_is_known() {
    let (fleet, away, seq) = gone(|fleet, away| {
        fleet.wish(away, Wish::Rotate);
        let Fleet { relay, devices } = fleet;
        devices[away].prepare();
        devices[away].send(relay, false);
        devices[away].note("behind it");
    });
    let fleet = comes_back(fleet, away, seq);
    let device = &fleet.devices[away];
    assert!(device.space.is_sent(device.store()).unwrap());
}

/// A copy of the phone goes on with its keys while it is away: it must leave them to the copy, and lose
/// nothing.
fn copied(divide: impl Fn(&mut Device, &mut Device, &mut Relay)) {
    let mut divided = None;
    let (mut fleet, away, seq) = gone(|fleet, away| {
        let mut copy = fleet.devices[away].copy();
        copy.pull_all(&fleet.relay);
        divide(&mut fleet.devices[away], &mut copy, &mut fleet.relay);
        divided = Some(copy);
    });
    drop(divided);
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[away];
    let mut refused = device.start(&relay.offer(seq));
    if refused.is_ok() {
        refused = device.read_on(relay);
    }
    while refused.is_ok() {
        refused = match device.fetch(relay) {
            Ok(true) => Ok(()),
            Ok(false) => panic!("it does not find out"),
            Err(error) => Err(error),
        };
    }
    assert!(
        matches!(refused, Err(SpaceError::Restored { .. })),
        "{refused:?}"
    );
    device
        .step(|space, store, _| space.undo_start(store))
        .unwrap();
    device
        .step(|space, store, entropy| {
            let mut transaction = crate::store::Transaction::new();
            space.renounce(store, &mut transaction, entropy)?;
            store.commit(transaction.into())?;
            *space = crate::space::Space::load(store, 0)?;
            Ok(())
        })
        .unwrap();
    if device.space.still_wanted() == 0 {
        device.start(&relay.offer(seq)).unwrap();
        device.read_on(relay).unwrap();
    }
    while device.fetch(relay).unwrap() {}
    device.read_on(relay).unwrap();
    for _ in 0..4 {
        device.caught_up = true;
        device.prepare();
        device.send(relay, true);
        device.read_on(relay).unwrap();
    }
    fleet.settle();
    let shown = fleet.devices[0].records();
    let notes = fleet.devices[away].notes.clone();
    assert!(notes.is_subset(&shown), "{notes:?} {shown:?}");
    assert_eq!(fleet.devices[away].records(), shown);
}

/// Two phones with one number: what each of them says after that would be refused, or be the other's.
#[test]
fn somebody_else_with_the_same_keys_is_noticed() {
    // The copy has said more than this phone ever did.
    copied(|_, copy, relay| {
        copy.note("by the copy");
        copy.push(relay);
        copy.pull_all(relay);
    });
    // It has said something else under the same number.
    copied(|phone, copy, relay| {
        phone.note("by the phone, never sent");
        phone.prepare();
        copy.note("by the copy");
        copy.push(relay);
        copy.pull_all(relay);
    });
    // The same, in another document.
    copied(|phone, copy, relay| {
        phone.note("by the phone, never sent");
        phone.note_in(MONTHS[0], "and here");
        phone.prepare();
        copy.note_in(MONTHS[1], "by the copy");
        copy.push(relay);
        copy.pull_all(relay);
    });
}

/// A relay, or two who agree, could take back what was said long ago.
#[test]
fn a_checkpoint_that_lacks_what_this_phone_said_does_not_take_it_from_the_others() {
    let (mut fleet, away, seq) = gone(|_, _| {});
    let (public, mut private) = parts_of(&fleet, 0, seq);
    // The plan as it was before this phone wrote in it, which others call right.
    let Device { store, space, .. } = &mut fleet.devices[0];
    let (client, store) = (space.actor(), store.as_ref().unwrap());
    let document = space.document(store, PLAN).unwrap();
    let is_later = |actor, seq| actor != client || seq > 1;
    let before = document.without(&is_later).unwrap();
    let part = before.to_snapshot(PLAN, &|_, _| true).unwrap().remove(0);
    let digest = before.digest(&|_, _| true).unwrap();
    let body = fleet.devices[0].sealed(Kind::Snapshot, &part);
    let id = fleet.devices[0].bring(Kind::Snapshot, &body);
    let Fleet { relay, devices } = &mut fleet;
    assert_eq!(devices[0].send(relay, true), Pushed::Taken);
    let mut public = public;
    let mut documents = private.documents.iter();
    let at = documents.position(|of| of.kind == PLAN.kind).unwrap();
    public.snapshots[at] = id;
    private.documents[at].changes.0 = digest.0;
    let forged = forge(&mut fleet, (0, Some(1)), &public, &private.to_text());
    let sent = fleet.relay.log.len();
    let Fleet { relay, devices } = &mut fleet;
    devices[away].start_and_fetch(relay, forged).unwrap();
    devices[away].push(relay);
    let again = relay.log[sent..].iter();
    let own = devices[away].number();
    let mut again = again.filter(|s| s.entry.header().kind == Kind::Batch);
    assert!(again.any(|s| s.entry.header().device == own));
    fleet.settle();
    assert!(fleet.devices[0].records().contains(&b"sent before"[..]));
    assert_eq!(
        entry_at(&fleet.relay, forged).header().kind,
        Kind::Checkpoint
    );
}

/// A relay that goes back behind what a phone knows could let it count its entries anew.
#[test]
fn a_checkpoint_that_contradicts_what_was_read_is_refused() {
    let (mut fleet, away, seq) = gone(|_, _| {});
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[away];
    let before = device.everything();
    // It has read more of others than the checkpoint counts.
    device.space.state.counters[1] += 40;
    let offer = relay.offer(seq);
    let refused = device.start(&offer);
    assert_eq!(why(refused), StartFault::Counters);
    assert!(device.everything() == before);
    // It has read another membership.
    let mut offer = relay.offer(seq);
    offer.members.clear();
    assert_eq!(why(device.start(&offer)), StartFault::Membership);
    assert!(device.everything() == before);
    // It has read further already.
    device.start_and_fetch(relay, seq).unwrap();
    assert_eq!(why(device.start(&relay.offer(seq))), StartFault::Place);
    fleet.settle();
    fleet.assert_agree();
}

/// What is refused takes nothing of what was here along, and the next one is taken.
#[test]
fn a_trial_that_fails_leaves_everything_as_it_was() {
    let (mut fleet, away, _) = gone(|fleet, away| {
        fleet.devices[away].note("sealed");
        fleet.devices[away].prepare();
        fleet.devices[away].note("not sealed");
    });
    let seq = u64::try_from(fleet.relay.log.len()).unwrap();
    let (public, private) = {
        let good = fleet.relay.log.iter();
        let at = good.enumerate().rev();
        let mut at = at.filter(|(_, s)| s.entry.header().kind == Kind::Checkpoint);
        let (index, _) = at.next().unwrap();
        parts_of(&fleet, 0, index as u64 + 1)
    };
    let alone = forge(&mut fleet, (1, None), &public, &private.to_text());
    assert!(alone > seq);
    let Fleet { relay, devices } = &mut fleet;
    let device = &mut devices[away];
    let before = device.everything();
    device.start(&relay.offer(alone)).unwrap();
    assert_eq!(why(device.read_on(relay)), StartFault::Quorum);
    let shown = device.records();
    device
        .step(|space, store, _| space.undo_start(store))
        .unwrap();
    let after = device.everything();
    let differs = |at: &usize| before.get(*at) != after.get(*at);
    let first = (0..before.len().max(after.len())).find(differs);
    let row = first.map(|at| {
        (
            before.get(at).map(|r| (r.0, &r.1)),
            after.get(at).map(|r| (r.0, &r.1)),
        )
    });
    assert_eq!(row, None);
    assert_eq!(device.records(), shown);
}
