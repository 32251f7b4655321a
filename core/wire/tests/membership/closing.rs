//! The end of a space.

use waymark_wire::entry::Kind;
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::{MembershipError as Error, Op, Refusal, Rights};

use crate::support::{ROTATE, act, add, batch, core_of, header, offer, remove, sealed, space};

const CLOSE: Op = Op::Close(None);

/// Otherwise a therapist could end a client's plan, or an entry hide something else behind the end.
#[test]
fn only_an_admin_closes_a_space_and_does_nothing_else_with_it() {
    let mut space = space();
    for by in [1, 2, 3] {
        let refused = Err(Error::Rights(DeviceNumber(by)));
        assert_eq!(act(&mut space, by, &[CLOSE]), refused);
    }
    for ops in [
        &[CLOSE, CLOSE][..],
        &[CLOSE, ROTATE],
        &[ROTATE, CLOSE],
        &[remove(2), CLOSE],
        &[Op::Add(add(4, 0, Rights::ADMIN)), CLOSE],
    ] {
        assert_eq!(act(&mut space, 0, ops), Err(Error::Together("close")));
    }
    let mut core = core_of(&space, &[CLOSE]);
    core.keys = sealed(&[0]);
    assert_eq!(offer(&mut space, 0, &core), Err(Error::Keys));
    act(&mut space, 0, &[CLOSE]).unwrap();
    assert_eq!((space.is_closed(), space.successor()), (true, None));
}

/// Otherwise "from now on" would not hold: what is written in the old space would reach nobody, or
/// those who were left behind.
#[test]
fn nothing_follows_the_end() {
    let mut space = space();
    let before = batch(&space, 0, 0);
    let successor = SpaceId([8; 32]);
    act(&mut space, 0, &[Op::Close(Some(successor))]).unwrap();
    assert_eq!(space.successor(), Some(successor));
    // They all stay members, so that they can go on reading.
    assert_eq!(space.members().count(), 4);
    for batch in [before, batch(&space, 0, 1), batch(&space, 2, 1)] {
        assert_eq!(space.admit(&batch), Err(Refusal::Closed));
    }
    assert_eq!(Refusal::Closed.reason(), "closed");
    let late = header(Kind::Batch, 3, 0);
    assert_eq!(space.admit_signed(&late), Err(Refusal::Closed));
    for ops in [
        &[CLOSE][..],
        &[ROTATE],
        &[Op::Leave],
        &[remove(2), ROTATE],
        &[Op::Add(add(4, 0, Rights::ADMIN))],
        &[Op::Seal(DeviceNumber(0))],
        &[Op::Forget, ROTATE],
        &[Op::Reserved(8)],
    ] {
        assert_eq!(act(&mut space, 0, ops), Err(Error::Closed), "{ops:?}");
    }
    assert_eq!(act(&mut space, 2, &[Op::Leave]), Err(Error::Closed));
}

/// Otherwise a client whose therapist has just left could not end the space without a detour.
#[test]
fn a_space_may_end_while_its_key_is_to_be_replaced() {
    let mut space = space();
    act(&mut space, 2, &[Op::Leave]).unwrap();
    act(&mut space, 0, &[CLOSE]).unwrap();
    assert!(space.is_closed());
    // There is nothing more to seal, so nobody need be asked for a key.
    assert!(!space.is_rotation_due());
}
