//! Opening a space again: what was verified when it came is not verified a second time, and damage is
//! found all the same.

use waymark_wire::entry::SIGNATURE;
use waymark_wire::ids::{DeviceNumber, EntryId, Height};
use waymark_wire::membership::Rights;

use super::device::Device;
use super::fleet::Fleet;
use crate::membership::Wish;
use crate::space::{Space, SpaceError, SpaceState, keys};
use crate::store::{Store, StoreError, Table, Transaction};

const WRITE: Rights = Rights::WRITE;

/// A space that saw most of what can happen; the second device has read all of it.
fn lived() -> Fleet {
    let mut fleet = Fleet::of(&[(1, Rights::ADMIN), (2, WRITE), (3, WRITE)]);
    fleet.wish(1, Wish::Rotate);
    fleet.settle();
    fleet.wish(0, Wish::Remove(DeviceNumber(2)));
    fleet.settle();
    fleet.wish(3, Wish::Leave);
    fleet.sync(3);
    fleet.settle();
    fleet.add(1, 4, Rights::READ);
    fleet.settle();
    fleet
}

fn put(device: &mut Device, table: Table, key: Vec<u8>, value: Vec<u8>) {
    let mut transaction = Transaction::new();
    transaction.put(table, key, value);
    let store = device.store.as_mut().unwrap();
    store.commit(transaction.into()).unwrap();
}

fn rows(device: &Device) -> Vec<(Vec<u8>, Vec<u8>)> {
    let rows = device
        .store()
        .scan(Table::Membership, &[], None, usize::MAX);
    rows.unwrap()
}

/// The verified head that is stored, with `f` done to it.
fn with_stored(
    device: &mut Device,
    f: impl FnOnce(&mut Option<(Height, EntryId)>),
) -> Option<(Height, EntryId)> {
    let row = device.store().get(Table::Space, &keys::space(0)).unwrap();
    let mut state = SpaceState::from_bytes(&row.unwrap()).unwrap();
    let before = state.verified;
    f(&mut state.verified);
    put(device, Table::Space, keys::space(0), state.to_bytes());
    before
}

fn is_damaged(opened: Result<Space, SpaceError>) -> bool {
    let table = Some(Table::Membership);
    matches!(opened, Err(SpaceError::Store(StoreError::Damaged { table: found, .. })) if found == table)
}

/// Who is in the space, under which names, and which of its keys are held.
fn shown(space: &Space) -> impl PartialEq + std::fmt::Debug + use<> {
    let book = space.book().unwrap();
    let membership = book.membership().clone();
    let roster: Vec<_> = membership
        .everybody()
        .iter()
        .map(|member| book.roster(member.device).cloned())
        .collect();
    let keys: Vec<_> = (0..=membership.height().0)
        .map(|height| book.key_at(Height(height)).map(|key| *key.expose()))
        .collect();
    (membership, roster, keys, book.kind())
}

/// A device would otherwise take others for members after a restart than before it.
#[test]
fn a_space_opens_as_one_whose_signatures_are_all_checked_anew() {
    let mut fleet = lived();
    for device in &mut fleet.devices {
        let head = |space: &Space| {
            let membership = space.book().unwrap().membership();
            (membership.height(), membership.head())
        };
        let before = shown(&device.space);
        // It stands there with the newest entry, whenever that came.
        let stored = with_stored(device, |_| {});
        assert_eq!(stored, Some(head(&device.space)));
        device.crash();
        assert_eq!(shown(&device.space), before);

        let store = device.store.as_mut().unwrap();
        device.space.rely_on_verified(store, false).unwrap();
        assert_eq!(with_stored(device, |_| {}), None);
        device.crash();
        assert_eq!(shown(&device.space), before);
        // What was verified anew is kept again with whatever is stored next.
        let store = device.store.as_mut().unwrap();
        device.space.rely_on_verified(store, true).unwrap();
        assert_eq!(with_stored(device, |_| {}), Some(head(&device.space)));
    }
}

/// A disk that rots must not make somebody a member, or keep somebody one. The signature alone is
/// not covered by what was verified: one that rots changes nothing, and is found where all are
/// checked.
#[test]
fn a_byte_that_changed_is_found_unless_it_is_of_a_signature_that_was_checked_before() {
    let mut fleet = lived();
    let device = &mut fleet.devices[1];
    let before = shown(&device.space);
    for (key, entry) in rows(device) {
        let signed = entry.len() - SIGNATURE;
        let places = (0..52).chain((52..signed).step_by(37));
        for place in places.chain([signed - 1, signed, entry.len() - 1]) {
            let mut changed = entry.clone();
            changed[place] ^= 1;
            put(device, Table::Membership, key.clone(), changed);
            let opened = Space::load(device.store(), 0);
            if place < signed {
                assert!(is_damaged(opened), "byte {place}");
            } else {
                assert_eq!(shown(&opened.unwrap()), before);
                let head = with_stored(device, |head| *head = None);
                assert!(is_damaged(Space::load(device.store(), 0)));
                with_stored(device, |stored| *stored = head);
            }
        }
        put(device, Table::Membership, key, entry);
    }
    assert_eq!(shown(&Space::load(device.store(), 0).unwrap()), before);
}

/// Whatever is kept about it, only what holds is believed.
#[test]
fn where_another_head_is_kept_everything_is_verified_anew() {
    let mut fleet = lived();
    let device = &mut fleet.devices[1];
    let before = shown(&device.space);
    let (height, head) = with_stored(device, |_| {}).unwrap();
    let membership = device.space.book().unwrap().membership();
    let earlier = Height(height.0 - 1);
    let others = [
        (height, EntryId([7; 32])),
        (earlier, head),
        (earlier, membership.id_at(earlier).unwrap()),
    ];
    let (first, entry) = rows(device).swap_remove(0);
    let mut unsigned = entry.clone();
    *unsigned.last_mut().unwrap() ^= 1;
    for other in others {
        with_stored(device, |stored| *stored = Some(other));
        assert_eq!(shown(&Space::load(device.store(), 0).unwrap()), before);
        put(device, Table::Membership, first.clone(), unsigned.clone());
        assert!(is_damaged(Space::load(device.store(), 0)));
        put(device, Table::Membership, first.clone(), entry.clone());
    }
}

/// Somebody who was removed would otherwise be a member again where the newest rows are lost.
#[test]
fn rows_that_are_gone_are_missed() {
    let mut fleet = lived();
    let device = &mut fleet.devices[1];
    for (key, _) in rows(device).into_iter().rev() {
        let mut transaction = Transaction::new();
        transaction.delete(Table::Membership, key);
        let store = device.store.as_mut().unwrap();
        store.commit(transaction.into()).unwrap();
        assert!(is_damaged(Space::load(store, 0)));
    }
}
