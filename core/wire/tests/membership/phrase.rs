//! The recovery phrase's membership. Each test is a way in which somebody who has an unlocked phone
//! of yours could take your spaces for good.

use waymark_wire::codec;
use waymark_wire::ids::{DeviceNumber, EntryId};
use waymark_wire::membership::{Membership, MembershipError as Error, Op, Rights};

use crate::support::{ROTATE, act, add, core, founding, remove, space, space_with_phrase};

const RECOVERY: Rights = Rights::RECOVERY;

fn phrase(device: u16, person: u8) -> Op {
    Op::Add(add(device, person, RECOVERY))
}

#[test]
fn nobody_else_ends_the_phrases_membership() {
    let refused = |by| Err(Error::Rights(DeviceNumber(by)));
    let mut space = space_with_phrase();
    act(&mut space, 0, &[Op::Add(add(5, 9, Rights::ADMIN))]).unwrap();
    for thief in [0, 1, 2, 5] {
        let removed = act(&mut space, thief, &[remove(4), ROTATE]);
        assert_eq!(removed, refused(thief));
    }
    // Nor by leaving, which ends all memberships of a person.
    assert_eq!(act(&mut space, 0, &[Op::Leave]), refused(0));
    assert_eq!(act(&mut space, 1, &[Op::Leave]), refused(1));
    // Nor by closing the space that it would bring back.
    assert_eq!(act(&mut space, 0, &[Op::Close(None)]), refused(0));
    assert_eq!(act(&mut space, 5, &[Op::Close(None)]), refused(5));
    assert!(space.member(DeviceNumber(4)).is_some());
    // It goes by its own word; other people go as they like.
    act(&mut space, 2, &[Op::Leave]).unwrap();
    act(&mut space, 4, &[Op::Leave]).unwrap();
    assert_eq!(
        space.members().map(|m| m.device.0).collect::<Vec<_>>(),
        [3, 5]
    );
}

/// A thief's phrase beside the own one would come back after every clean-up.
#[test]
fn there_is_one_phrase_at_a_time() {
    let mut space = space_with_phrase();
    for by in [0, 4] {
        let refused = Err(Error::Rights(DeviceNumber(by)));
        assert_eq!(act(&mut space, by, &[phrase(5, 0)]), refused);
    }
    let two = [phrase(4, 0), phrase(5, 0)];
    let mut none = self::space();
    assert_eq!(act(&mut none, 0, &two), Err(Error::Rights(DeviceNumber(0))));
    // A new one takes the old one's place with the old one's signature.
    act(&mut space, 4, &[remove(4), phrase(5, 0)]).unwrap();
    assert!(space.is_rotation_due());
    act(&mut space, 5, &[ROTATE]).unwrap();
    assert!(space.member(DeviceNumber(5)).unwrap().rights.is_lasting());
    // Where the old one has gone, an admin makes a new one.
    act(&mut space, 5, &[remove(5)]).unwrap();
    act(&mut space, 0, &[ROTATE, phrase(6, 0)]).unwrap();
}

/// It is an admin's to make, and for the admin alone: it outlasts what others decide.
#[test]
fn only_an_admin_makes_a_phrase_and_only_its_own() {
    let refused = |by| Err(Error::Rights(DeviceNumber(by)));
    let attempt = |by, person| act(&mut space(), by, &[phrase(4, person)]);
    assert_eq!(attempt(0, 0), Ok(()));
    assert_eq!(attempt(0, 2), refused(0));
    assert_eq!(attempt(1, 0), refused(1));
    assert_eq!(attempt(2, 2), refused(2));
    assert_eq!(attempt(3, 3), refused(3));
}

/// An empty phone and 24 words have to be enough for everything that an admin does.
#[test]
fn a_phrase_does_what_an_admin_does() {
    let mut space = space_with_phrase();
    act(
        &mut space,
        4,
        &[remove(0), Op::Add(add(5, 0, Rights::ADMIN)), ROTATE],
    )
    .unwrap();
    act(&mut space, 4, &[Op::Add(add(6, 9, Rights::WRITE))]).unwrap();
    act(&mut space, 4, &[Op::Close(None)]).unwrap();
    assert!(space.is_closed());
}

/// A home may begin with its phrase, and a beacon is nothing else.
#[test]
fn a_space_may_begin_with_a_phrase() {
    let found = |adds: &[_]| Membership::found(&founding(&core(EntryId::ZERO, adds), 0));
    assert!(found(&[add(0, 0, RECOVERY)]).is_ok());
    assert!(found(&[add(0, 0, Rights::ADMIN), add(1, 0, RECOVERY)]).is_ok());
    for refused in [
        vec![add(0, 0, Rights::ADMIN), add(1, 1, RECOVERY)],
        vec![add(0, 0, RECOVERY), add(1, 0, RECOVERY)],
        vec![add(0, 0, Rights::WRITE), add(1, 0, RECOVERY)],
    ] {
        let refused = found(&refused).unwrap_err();
        assert_eq!(refused, Error::Rights(DeviceNumber(0)));
    }
}

/// `lasting` alone, or on a reader, is of no version: nobody could remove such a reader.
#[test]
fn rights_of_other_versions_are_not_given() {
    for number in (0..=u8::MAX).filter(|number| ![1, 3, 7, 15].contains(number)) {
        let mut new = add(4, 0, Rights::READ);
        new.rights = codec::decode(&codec::encode(&number), 2).unwrap();
        let refused = act(&mut space(), 0, &[Op::Add(new)]);
        assert!(matches!(refused, Err(Error::Unsupported(_))), "{number}");
    }
    let names = [Rights::READ, Rights::WRITE, Rights::ADMIN, RECOVERY].map(|r| r.to_string());
    assert_eq!(names, ["read", "write", "admin", "recovery"]);
}
