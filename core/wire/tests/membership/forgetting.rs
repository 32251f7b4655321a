//! An entry by which something is forgotten.

use waymark_wire::entry::Kind;
use waymark_wire::ids::{DeviceNumber, Height};
use waymark_wire::membership::{MembershipError as Error, Op, Refusal, Rights};

use crate::support::{
    ROTATE, act, add, batch, core_of, header, offer, remove, sealed, space, space_with_phrase,
};

/// Otherwise a therapist could have a client's words erased from every device.
#[test]
fn only_who_leads_the_space_forgets() {
    let mut space = space();
    for by in [1, 2, 3] {
        let refused = Err(Error::Rights(DeviceNumber(by)));
        for ops in [&[Op::Forget][..], &[Op::Forget, ROTATE]] {
            assert_eq!(act(&mut space, by, ops), refused);
        }
    }
    // The phrase leads, too, and does not keep the others from it as it does from closing.
    for by in [0, 4] {
        act(&mut space_with_phrase(), by, &[Op::Forget, ROTATE]).unwrap();
    }
}

/// Otherwise what was forgotten could be opened as long as the key of before is in force.
#[test]
fn it_starts_an_epoch_that_everybody_gets_the_key_of() {
    let mut space = space();
    let refused = act(&mut space, 0, &[Op::Forget]);
    assert_eq!(refused, Err(Error::Rotation));
    for ops in [[Op::Forget, ROTATE], [ROTATE, Op::Forget]] {
        let mut space = space.clone();
        let mut core = core_of(&space, &ops);
        core.keys = sealed(&[0, 1, 2]);
        assert_eq!(offer(&mut space, 0, &core), Err(Error::Keys));
        act(&mut space, 0, &ops).unwrap();
        assert_eq!((space.epoch_number(), space.epoch()), (1, space.head()));
        assert_eq!(space.members().count(), 4);
    }
}

/// Otherwise the reason for a refusal would depend on who reads the entry.
#[test]
fn it_stands_once_and_with_what_else_starts_an_epoch() {
    let mut space = space();
    for ops in [
        &[Op::Forget, Op::Forget, ROTATE][..],
        &[Op::Forget, ROTATE, Op::Forget],
    ] {
        let refused = Err(Error::Together("forget"));
        assert_eq!(act(&mut space, 0, ops), refused);
    }
    let alone = [
        (Op::Leave, "leave"),
        (Op::Close(None), "close"),
        (Op::Seal(DeviceNumber(1)), "seal"),
    ];
    for (op, name) in alone {
        let refused = act(&mut space, 0, &[Op::Forget, ROTATE, op]);
        assert_eq!(refused, Err(Error::Together(name)));
    }
    let itself = act(&mut space, 0, &[Op::Forget, ROTATE, remove(0)]);
    assert_eq!(itself, Err(Error::Rotation));
    let newcomer = Op::Add(add(4, 9, Rights::READ));
    act(&mut space, 0, &[Op::Forget, ROTATE, remove(2), newcomer]).unwrap();
    assert_eq!(space.cut(), Some(Height(1)));
}

/// Otherwise a device would look behind the cut for keys that nobody has any more, or take what was
/// written before it for news.
#[test]
fn everybody_knows_where_the_space_was_cut() {
    let mut space = space();
    assert_eq!((space.cut(), space.is_before_cut(Height(0))), (None, false));
    let before = batch(&space, 1, 0);
    act(&mut space, 2, &[ROTATE]).unwrap();
    act(&mut space, 0, &[Op::Forget, ROTATE]).unwrap();
    act(&mut space, 2, &[ROTATE]).unwrap();
    act(&mut space, 2, &[Op::Leave]).unwrap();
    act(&mut space, 0, &[Op::Forget, ROTATE]).unwrap();
    assert_eq!(space.cuts(), [2, 5].map(Height));
    assert_eq!(space.epoch_starts(), [0, 1, 2, 3, 5].map(Height));
    let is_before = |height| space.is_before_cut(Height(height));
    assert!(is_before(0) && is_before(4) && !is_before(5) && !is_before(6));
    assert_eq!(space.admit(&before), Err(Refusal::Stale(Height(0))));
    let carried = space.admit_signed(&header(Kind::Carry, 1, 4));
    assert_eq!(carried, Err(Refusal::Stale(Height(4))));
}
