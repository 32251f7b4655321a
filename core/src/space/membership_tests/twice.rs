//! A member's device that writes two changes under one number: the second is held back, and what
//! proves it is kept.

use waymark_wire::ids::DeviceNumber;
use waymark_wire::membership::Rights;

use super::fleet::Fleet;
use super::held::{held, sections, write};
use crate::equivocation::{Equivocation, EquivocationError};
use crate::space::keys;
use crate::store::{Store, Table, Transaction};

fn proofs(fleet: &Fleet) -> Vec<(u16, Vec<u8>)> {
    let reader = &fleet.devices[0];
    let kept = reader.space.equivocations(reader.store()).unwrap();
    kept.into_iter()
        .map(|(device, proof)| (device.0, proof.to_bytes()))
        .collect()
}

/// Nobody could show who split a plan in two, and every device would go on trusting it.
#[test]
fn two_changes_under_one_number_are_kept_as_proof_with_both_signed_entries() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE), (3, Rights::WRITE)]);
    let first = sections(&fleet, 1, &["one", "then"]);
    let other = sections(&fleet, 1, &["other"]).remove(0);
    let honest = sections(&fleet, 2, &["mine"]).remove(0);
    write(&mut fleet, 1, &first[0]);
    write(&mut fleet, 2, &honest);
    write(&mut fleet, 1, &first[1]);
    fleet.sync(0);
    assert_eq!(proofs(&fleet), []);
    let forked = write(&mut fleet, 1, &other);
    fleet.sync(0);
    assert_eq!(held(&fleet), [(forked, Some(0), "forked".into())]);
    let (device, proof) = proofs(&fleet).remove(0);
    assert_eq!(device, fleet.number(1).0);
    let read = Equivocation::from_bytes(&proof).unwrap();
    let said = read.verify().unwrap();
    assert_eq!((said.document, said.change), (super::device::PLAN, 1));
    let signer = fleet.membership().member(fleet.number(1)).unwrap();
    assert_eq!(read.signer, signer.signing_key);

    // It outlives the entries, what is held, and whatever more of it comes.
    let third = sections(&fleet, 1, &["a third"]).remove(0);
    write(&mut fleet, 1, &third);
    fleet.sync(0);
    let discarded =
        fleet.devices[0].step(|space, store, _| space.discard(store, (forked, Some(0))));
    assert_eq!(discarded, Ok(true));
    fleet.devices[0].crash();
    assert_eq!(proofs(&fleet), [(device, proof)]);
}

/// Whoever alters a bit of it would accuse somebody with what they never signed.
#[test]
fn no_flipped_bit_leaves_a_proof_and_two_honest_batches_are_none() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let first = sections(&fleet, 1, &["one", "two"]);
    let other = sections(&fleet, 1, &["other"]).remove(0);
    write(&mut fleet, 1, &first[0]);
    write(&mut fleet, 1, &first[1]);
    write(&mut fleet, 1, &other);
    fleet.sync(0);
    let proof = proofs(&fleet).remove(0).1;
    for at in 0..proof.len() {
        let mut altered = proof.clone();
        altered[at] ^= 1;
        let checked = Equivocation::from_bytes(&altered);
        let checked = checked.and_then(|read| read.verify());
        assert!(checked.is_err(), "byte {at}");
    }
    // The same entry twice, and two that go well together.
    let read = |bytes: &[u8]| Equivocation::from_bytes(bytes).unwrap();
    let (a, b) = (read(&proof), read(&proof));
    assert!(Equivocation::of(a.space, a.signer, a.one, b.one).is_none());
    let (swapped, other) = (read(&proof), read(&proof));
    let swapped = Equivocation {
        one: other.other,
        other: other.one,
        ..swapped
    };
    assert_eq!(swapped.verify(), Err(EquivocationError::NoBatches));
    let entries = fleet.devices[0].store().scan(Table::Entry, &[], None, 99);
    assert!(entries.unwrap().len() > 4, "the log is as it was");
}

/// A device that was killed in between would never know.
#[test]
fn what_was_held_before_it_was_looked_into_is_looked_into_later_and_once() {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE)]);
    let first = sections(&fleet, 1, &["one"]).remove(0);
    let other = sections(&fleet, 1, &["other"]).remove(0);
    let known = write(&mut fleet, 1, &first);
    write(&mut fleet, 1, &other);
    fleet.sync(0);
    let kept = proofs(&fleet);
    let reader = &mut fleet.devices[0];
    let key = keys::twice(0, DeviceNumber(1));
    let store = reader.store.as_mut().unwrap();
    let mut lost = Transaction::new();
    lost.delete(Table::Evidence, key.clone());
    store.commit(lost.into()).unwrap();
    assert!(reader.space.equivocations(store).unwrap().is_empty());
    reader.space.prove_forks(store).unwrap();
    assert_eq!(proofs(&fleet), kept);

    // Where the other entry is gone nothing is proven, and nobody looks twice.
    let reader = &mut fleet.devices[0];
    let store = reader.store.as_mut().unwrap();
    let mut lost = Transaction::new();
    let entry = [0_u32.to_be_bytes().as_slice(), &known.to_be_bytes()].concat();
    lost.delete(Table::Evidence, key.clone());
    lost.delete(Table::Entry, entry);
    store.commit(lost.into()).unwrap();
    reader.space.prove_forks(store).unwrap();
    assert_eq!(store.get(Table::Evidence, &key), Ok(Some(Vec::new())));
    assert_eq!(proofs(&fleet), []);
}
