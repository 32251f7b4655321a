//! How memberships end. Each test is somebody who would keep reading or writing, or be put out by
//! whom it is no business of.

use waymark_wire::entry::Kind;
use waymark_wire::ids::{DeviceNumber, Height};
use waymark_wire::limits;
use waymark_wire::membership::{
    KeyRefusal, Membership, MembershipError as Error, Op, Refusal, Rights,
};

use crate::support::{
    ROTATE, act, add, batch, body, core, core_of, header, key, offer, remove, sealed, signed,
    space, space_with_phrase,
};

/// Otherwise a therapist could put another one out, or the client, or a lost tablet could take the
/// phone's place.
#[test]
fn an_admin_removes_everybody_and_the_others_their_own_devices() {
    let attempt = |by: u16, whom: u16| {
        let mut space = space();
        // A second device of the therapist's, which only reads, and another admin of the client's.
        let more = [
            Op::Add(add(4, 2, Rights::READ)),
            Op::Add(add(5, 0, Rights::ADMIN)),
        ];
        act(&mut space, 0, &more).unwrap();
        act(&mut space, by, &[remove(whom), ROTATE])
    };
    for whom in [1, 2, 3, 4, 5] {
        assert_eq!(attempt(0, whom), Ok(()), "{whom}");
    }
    assert_eq!(attempt(2, 4), Ok(()));
    for (by, whom) in [(2, 0), (2, 1), (2, 3), (1, 0), (1, 2), (1, 5)] {
        let refused = Err(Error::Rights(DeviceNumber(by)));
        assert_eq!(attempt(by, whom), refused, "{by} {whom}");
    }
    // Who only reads cannot start an epoch, and so removes nobody.
    assert_eq!(attempt(4, 2), Err(Error::Rights(DeviceNumber(4))));
    assert_eq!(attempt(3, 4), Err(Error::Rights(DeviceNumber(3))));
}

/// Otherwise a phone that was stolen would go on writing into the plan.
#[test]
fn a_removed_device_signs_nothing_more() {
    let mut space = space();
    let late = batch(&space, 2, 0);
    act(&mut space, 0, &[remove(2), ROTATE]).unwrap();
    assert_eq!(space.member(DeviceNumber(2)), None);
    assert_eq!(space.member_with_key(&key(2).verifying_key()), None);
    let gone = space.member_ever(DeviceNumber(2)).unwrap();
    assert_eq!((gone.since, gone.until), (Height(0), Some(Height(1))));
    assert!(gone.signs_at(Height(0)) && !gone.signs_at(Height(1)) && !gone.is_current());
    assert_eq!(
        space.members().map(|m| m.device.0).collect::<Vec<_>>(),
        [0, 1, 3]
    );
    assert_eq!(space.everybody().len(), 4);
    // What it wrote in time is still known as its own; arriving now, it does not count.
    assert_eq!(
        space.signer(&late, &late.id(space.space())).unwrap().device,
        gone.device
    );
    assert_eq!(space.admit(&late), Err(Refusal::Stale(Height(0))));
    let after = batch(&space, 2, 1);
    assert_eq!(space.admit(&after), Err(Refusal::Signer(DeviceNumber(2))));
    let add = core_of(&space, &[Op::Add(add(4, 2, Rights::READ))]);
    let unsigned = Refusal::Signer(DeviceNumber(2)).into();
    assert_eq!(offer(&mut space, 2, &add), Err(unsigned));
    // Nor at the height at which it was a member.
    let old = signed(&space, header(Kind::Membership, 2, 0), &body(&add), 2);
    assert_eq!(space.apply(&old), Err(Error::Moved));
}

/// Otherwise who was removed would go on reading with the key that it knows.
#[test]
fn removing_others_starts_an_epoch_in_the_same_entry() {
    let mut space = space();
    assert_eq!(act(&mut space, 0, &[remove(2)]), Err(Error::Rotation));
    assert_eq!(act(&mut space, 0, &[remove(2), ROTATE, remove(3)]), Ok(()));
    assert_eq!(
        (space.epoch_start(), space.epoch()),
        (Height(1), space.head())
    );
}

/// Otherwise who goes would know the key of what follows: it is the one who makes it.
#[test]
fn who_goes_makes_no_key_for_the_others() {
    let mut space = space();
    for ops in [
        &[remove(2), ROTATE][..],
        &[ROTATE, remove(2)],
        &[remove(2), Op::Add(add(4, 2, Rights::WRITE)), ROTATE],
    ] {
        assert_eq!(act(&mut space, 2, ops), Err(Error::Rotation));
    }
    // Both at once can never be: one of the two needs what the other rules out.
    for ops in [&[remove(0), remove(1)][..], &[remove(0), remove(1), ROTATE]] {
        assert_eq!(act(&mut space, 0, ops), Err(Error::Rotation));
    }
}

/// Otherwise what is written after somebody left would be readable to who left.
#[test]
fn after_somebody_left_nothing_counts_before_a_new_key() {
    let leave = |space: &mut Membership| act(space, 2, &[Op::Leave]);
    let remove_itself = |space: &mut Membership| act(space, 3, &[remove(3)]);
    for go in [leave as fn(&mut Membership) -> _, remove_itself] {
        let mut space = space();
        go(&mut space).unwrap();
        assert!(space.is_rotation_due());
        assert_eq!(space.epoch_starts(), [Height(0)]);
        for (writer, height) in [(0, 0), (0, 1), (1, 1)] {
            let entry = batch(&space, writer, height);
            assert_eq!(space.admit(&entry), Err(Refusal::Stale(Height(height))));
        }
        let next = space.next_device().0;
        for ops in [
            vec![Op::Add(add(next, 0, Rights::WRITE))],
            vec![Op::Seal(DeviceNumber(1))],
            vec![remove(0)],
            vec![remove(1)],
            vec![Op::Forget],
        ] {
            assert_eq!(act(&mut space, 0, &ops), Err(Error::RotationDue), "{ops:?}");
        }
        // Any device that writes brings the key, in an entry that may do more.
        act(
            &mut space,
            1,
            &[Op::Add(add(next, 0, Rights::WRITE)), ROTATE],
        )
        .unwrap();
        assert!(!space.is_rotation_due());
        assert_eq!(space.epoch_start(), space.height());
        assert!(space.admit(&batch(&space, 0, 2)).is_ok());
        let early = batch(&space, 0, 1);
        assert_eq!(space.admit(&early), Err(Refusal::Stale(Height(1))));
    }
}

/// Otherwise who has left on one device would still read on another.
#[test]
fn leaving_ends_all_memberships_of_a_person_and_no_other() {
    let mut space = space();
    act(&mut space, 2, &[Op::Add(add(4, 2, Rights::READ))]).unwrap();
    for ops in [
        &[Op::Leave, Op::Leave][..],
        &[Op::Leave, Op::Add(add(5, 2, Rights::READ))],
        &[Op::Add(add(5, 2, Rights::READ)), Op::Leave],
        &[Op::Leave, remove(4), ROTATE],
    ] {
        assert_eq!(act(&mut space, 2, ops), Err(Error::Together("leave")));
    }
    let mut core = core_of(&space, &[Op::Leave]);
    core.keys = sealed(&[0]);
    assert_eq!(offer(&mut space, 2, &core), Err(Error::Keys));
    // From any of them, also one that only reads.
    act(&mut space, 4, &[Op::Leave]).unwrap();
    assert_eq!(
        space.members().map(|m| m.device.0).collect::<Vec<_>>(),
        [0, 1, 3]
    );
    // Others may leave before the key is new.
    act(&mut space, 3, &[Op::Leave]).unwrap();
    assert!(space.is_rotation_due());
    assert_eq!(
        space.members().map(|m| m.device.0).collect::<Vec<_>>(),
        [0, 1]
    );
}

/// Otherwise a client could lock everybody, the client first, out of every further decision.
#[test]
fn the_last_admin_does_not_go() {
    let mut space = space();
    for ops in [&[remove(0)][..], &[Op::Leave]] {
        assert_eq!(act(&mut space, 0, ops), Err(Error::LastAdmin));
    }
    // Not by way of a lesser device of the same person either.
    assert_eq!(act(&mut space, 1, &[Op::Leave]), Err(Error::LastAdmin));
    // Another one in the same entry will do; so will a phrase.
    let mut replaced = space.clone();
    let successor = Op::Add(add(4, 0, Rights::ADMIN));
    act(&mut replaced, 0, &[remove(0), successor]).unwrap();
    let mut space = space_with_phrase();
    act(&mut space, 0, &[remove(0)]).unwrap();
    act(&mut space, 4, &[ROTATE]).unwrap();
    assert_eq!(act(&mut space, 4, &[remove(4)]), Err(Error::LastAdmin));
}

/// Otherwise an entry could read as if it did something to somebody, and do nothing.
#[test]
fn ops_are_about_members_who_are_there() {
    let mut space = space();
    act(&mut space, 0, &[remove(3), ROTATE]).unwrap();
    let new = Op::Add(add(4, 9, Rights::READ));
    let not = |device| Err(Error::NotMember(DeviceNumber(device)));
    assert_eq!(act(&mut space, 0, &[remove(3), ROTATE]), not(3));
    assert_eq!(act(&mut space, 0, &[remove(4), ROTATE]), not(4));
    assert_eq!(
        act(&mut space, 0, &[new.clone(), remove(4), ROTATE]),
        not(4)
    );
    assert_eq!(act(&mut space, 0, &[remove(2), remove(2), ROTATE]), not(2));
    for gone in [3, 4, u16::MAX] {
        assert_eq!(
            act(&mut space, 0, &[Op::Seal(DeviceNumber(gone))]),
            not(gone)
        );
    }
    let ops = [new, Op::Seal(DeviceNumber(4))];
    assert_eq!(act(&mut space, 0, &ops), not(4));
    // A key for somebody who goes with the same entry, in either order.
    let seal = Op::Seal(DeviceNumber(2));
    for ops in [&[seal.clone(), remove(2)][..], &[remove(2), seal]] {
        assert_eq!(act(&mut space, 2, ops), not(2));
    }
}

/// With a number or a key given twice, nobody could say whose an old entry is.
#[test]
fn numbers_and_keys_of_those_who_have_gone_stay_theirs() {
    let mut space = space();
    act(&mut space, 0, &[remove(3), ROTATE]).unwrap();
    let mut again = add(4, 3, Rights::READ);
    again.signing_key = key(3).verifying_key();
    let refused = Error::Key {
        device: DeviceNumber(4),
        why: KeyRefusal::Used,
    };
    let back = [Op::Add(again)];
    assert_eq!(act(&mut space, 0, &back), Err(refused));
    assert!(
        space
            .member_ever_with_key(&key(3).verifying_key())
            .is_some()
    );
    let given = DeviceNumber(3);
    let next = DeviceNumber(4);
    let reused = act(&mut space, 0, &[Op::Add(add(3, 3, Rights::READ))]);
    assert_eq!(reused, Err(Error::DeviceNumber { given, next }));
    assert_eq!(space.next_device(), next);
}

/// Otherwise a space that has lived long could take nobody in any more.
#[test]
fn the_limit_is_on_those_who_are_there() {
    let mut space = space();
    let most = u16::try_from(limits::MEMBERSHIPS).unwrap();
    let adds: Vec<_> = (4..most)
        .map(|device| add(device, 9, Rights::READ))
        .collect();
    let core = core(space.head(), &adds);
    offer(&mut space, 0, &core).unwrap();
    let more = |device| Op::Add(add(device, 9, Rights::READ));
    assert_eq!(act(&mut space, 0, &[more(most)]), Err(Error::TooMany));
    // A full space replaces one in one entry, whichever op comes first, and no more than that.
    act(&mut space, 0, &[more(most), remove(7), ROTATE]).unwrap();
    act(&mut space, 0, &[remove(8), ROTATE, more(most + 1)]).unwrap();
    let one_too_many = [remove(9), more(most + 2), more(most + 3), ROTATE];
    // No list of sealed keys is that long.
    let refused = act(&mut space, 0, &one_too_many);
    assert!(matches!(refused, Err(Error::Body(_))));
    assert_eq!(space.members().count(), limits::MEMBERSHIPS);
    assert_eq!(space.everybody().len(), limits::MEMBERSHIPS + 2);
}
