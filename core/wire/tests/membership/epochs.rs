//! Which key is in force, and who gets it.

use waymark_wire::entry::Kind;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height};
use waymark_wire::membership::{
    MembershipError as Error, NewAgreementKey, Op, Refusal, Rights, SUITE_XWING,
};

use crate::support::core as adding;
use crate::support::{
    ROTATE, act, add, batch, core_of, founding, header, offer, remove, sealed, space,
};

fn seal(device: u16) -> Op {
    Op::Seal(DeviceNumber(device))
}

/// Otherwise a supporter who may look could cut the others off from what is written next.
#[test]
fn who_writes_starts_an_epoch_and_who_reads_does_not() {
    for writer in [0, 1, 2] {
        let mut space = space();
        act(&mut space, writer, &[ROTATE]).unwrap();
        assert_eq!((space.epoch(), space.epoch_number()), (space.head(), 1));
    }
    let refused = Err(Error::Rights(DeviceNumber(3)));
    assert_eq!(act(&mut space(), 3, &[ROTATE]), refused);
    assert_eq!(act(&mut space(), 3, &[seal(3)]), refused);
    assert_eq!(
        act(&mut space(), 0, &[ROTATE, ROTATE]),
        Err(Error::Together("rotate"))
    );
}

/// Otherwise a member could be left without the key, and nobody would notice.
#[test]
fn a_new_key_is_for_exactly_those_who_are_there() {
    let mut space = space();
    let ops = [remove(2), Op::Add(add(4, 9, Rights::READ)), ROTATE];
    let mut core = core_of(&space, &ops);
    assert_eq!(core.keys, sealed(&[0, 1, 3, 4]));
    for wrong in [
        &[][..],
        &[4],
        &[0, 1, 3],
        &[1, 3, 4],
        &[0, 1, 2, 3, 4],
        &[0, 1, 4, 3],
        &[0, 1, 3, 3, 4],
        &[0, 1, 3, 4, 5],
    ] {
        core.keys = sealed(wrong);
        assert_eq!(offer(&mut space, 0, &core), Err(Error::Keys), "{wrong:?}");
    }
    core.keys = sealed(&[0, 1, 3, 4]);
    assert_eq!(offer(&mut space, 0, &core), Ok(()));
}

/// A team of ten with forty devices, of whom one lost a phone.
#[test]
fn a_large_team_rotates_in_one_entry() {
    let adds: Vec<_> = (0..40u16)
        .map(|device| {
            let person = u8::try_from(device / 4).unwrap();
            let rights = [Rights::ADMIN, Rights::WRITE][usize::from(device % 4 > 0)];
            add(device, person, rights)
        })
        .collect();
    let founded = founding(&adding(EntryId::ZERO, &adds), 0);
    let mut space = waymark_wire::membership::Membership::found(&founded).unwrap();
    act(
        &mut space,
        4,
        &[remove(7), Op::Add(add(40, 1, Rights::WRITE)), ROTATE],
    )
    .unwrap();
    assert_eq!(space.members().count(), 40);
    assert_eq!(space.epoch(), space.head());
}

/// A device whose secret may be known renews it; a right key under an unknown suite is none.
#[test]
fn a_rotation_may_renew_its_signers_key_and_no_other() {
    let mut space = space();
    let renewed = |suite| {
        let agreement_key = AttachmentHash([9; 32]);
        Op::Rotate(Some(NewAgreementKey {
            suite,
            agreement_key,
        }))
    };
    let unknown = act(&mut space, 2, &[renewed(SUITE_XWING + 1)]);
    assert!(matches!(unknown, Err(Error::Unsupported(_))));
    act(&mut space, 2, &[renewed(SUITE_XWING)]).unwrap();
    let keys: Vec<_> = space
        .members()
        .map(|member| member.agreement_key.0[0])
        .collect();
    assert_eq!(keys, [1, 1, 9, 1]);
    act(&mut space, 2, &[ROTATE]).unwrap();
    assert_eq!(space.member(DeviceNumber(2)).unwrap().agreement_key.0[0], 9);
}

/// Otherwise a device that could not open its key would stay shut out, or somebody be handed the
/// key who is not named.
#[test]
fn a_key_is_sealed_once_more_to_members_that_are_named() {
    let mut space = space();
    let ops = [seal(3), Op::Add(add(4, 9, Rights::READ)), seal(1)];
    let mut core = core_of(&space, &ops);
    for wrong in [&[][..], &[1, 3], &[4], &[3, 4, 1], &[0, 1, 3, 4]] {
        core.keys = sealed(wrong);
        assert_eq!(offer(&mut space, 0, &core), Err(Error::Keys), "{wrong:?}");
    }
    act(&mut space, 0, &ops).unwrap();
    // Any writer, to anybody, itself too; the epoch stays.
    act(&mut space, 2, &[seal(2), seal(0)]).unwrap();
    assert_eq!(space.epoch_starts(), [Height(0)]);
    assert_eq!(
        act(&mut space, 2, &[seal(0), seal(0)]),
        Err(Error::Together("seal"))
    );
    for ops in [&[seal(0), ROTATE][..], &[ROTATE, seal(0)]] {
        assert_eq!(act(&mut space, 2, ops), Err(Error::Together("seal")));
    }
}

/// Otherwise a device would look for the key of an entry in the wrong epoch, and not open it.
#[test]
fn each_entry_belongs_to_the_epoch_that_its_height_is_in() {
    let mut space = space();
    assert_eq!(
        (space.epoch_number(), space.epoch_starts()),
        (0, &[Height(0)][..])
    );
    for ops in [&[seal(0)][..], &[ROTATE], &[ROTATE], &[seal(0)], &[ROTATE]] {
        act(&mut space, 0, ops).unwrap();
    }
    assert_eq!(space.height(), Height(5));
    assert_eq!(space.epoch_starts(), [0, 2, 3, 5].map(Height));
    assert_eq!(space.epoch_number(), 3);
    let starts: Vec<_> = (0..8).map(|h| space.epoch_start_at(Height(h)).0).collect();
    assert_eq!(starts, [0, 0, 2, 3, 3, 5, 5, 5]);
    assert_eq!(space.id_at(Height(5)), Some(space.epoch()));
}

/// Otherwise a device that was away would write with a key that somebody removed still knows.
#[test]
fn batches_of_an_epoch_that_is_over_do_not_count() {
    let mut space = space();
    let late = batch(&space, 1, 0);
    act(&mut space, 2, &[ROTATE]).unwrap();
    assert_eq!(space.admit(&late), Err(Refusal::Stale(Height(0))));
    assert!(space.admit(&batch(&space, 1, 1)).is_ok());
    let ahead = space.admit_signed(&header(Kind::Batch, 1, 2));
    assert_eq!(ahead, Err(Refusal::Stale(Height(2))));
}
