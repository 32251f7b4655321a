//! Who founds a space and who may bring whom, which signatures and batches count. Each test is a way
//! into a space, or a way to write there, that would be open without its rule.

use waymark_wire::entry::{Entry, Header, Kind, TAG};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::limits;
use waymark_wire::membership::{
    BodyError, Core, KeyRefusal, Membership, MembershipError, Op, Refusal, Rights,
};
use waymark_wire::signature::{KeyError, VerifyingKey};

use crate::support::{
    ROTATE, act, add, batch, body, change, core, founding, header, key, remove, sealed, signed,
    space,
};

/// Refuses a change by `device`, and shows that it left no trace.
fn refused(device: u16, change_of: impl FnOnce(&mut Core)) -> MembershipError {
    let mut space = space();
    let before = space.clone();
    let mut core = core(space.head(), &[add(4, 0, Rights::WRITE)]);
    change_of(&mut core);
    let entry = change(&space, device, &core);
    let error = space.apply(&entry).unwrap_err();
    assert_eq!(space, before);
    error
}

#[test]
fn a_space_grows_by_entries_that_follow_each_other() {
    let mut space = space();
    let founded = space.head();
    assert_eq!(EntryId::from(*space.space()), founded);
    for device in 4..8u16 {
        let before = space.height();
        let core = core(space.head(), &[add(device, 9, Rights::WRITE)]);
        let entry = change(&space, 0, &core);
        space.apply(&entry).unwrap();
        assert_eq!(space.height(), Height(before.0 + 1));
        assert_eq!(space.head(), entry.id(space.space()));
        let member = space.member(DeviceNumber(device)).unwrap();
        assert_eq!(
            (member.since, member.rights),
            (space.height(), Rights::WRITE)
        );
    }
    assert_eq!(space.id_at(Height(0)), Some(founded));
    assert_eq!(space.id_at(Height(5)), None);
    assert_eq!(space.next_device(), DeviceNumber(8));
}

#[test]
fn a_first_entry_is_signed_by_the_admin_whom_it_adds_first() {
    let admin = [add(0, 0, Rights::ADMIN)];
    let found = |core: &Core, by| Membership::found(&founding(core, by)).unwrap_err();
    assert_eq!(
        found(&core(EntryId::ZERO, &admin), 5),
        Refusal::Signer(DeviceNumber(0)).into()
    );
    assert_eq!(
        found(&core(EntryId::ZERO, &[add(0, 0, Rights::WRITE)]), 0),
        MembershipError::Rights(DeviceNumber(0))
    );
    assert_eq!(
        found(&core(EntryId([1; 32]), &admin), 0),
        MembershipError::Moved
    );
    assert_eq!(found(&core(EntryId::ZERO, &[]), 0), MembershipError::Empty);
    let mut reserved = core(EntryId::ZERO, &admin);
    reserved.ops.insert(0, ROTATE);
    assert_eq!(found(&reserved, 0), MembershipError::Unsupported("rotate"));
    let core = core(EntryId::ZERO, &admin);
    for wrong in [
        Header {
            counter: 1,
            ..header(Kind::Membership, 0, 0)
        },
        header(Kind::Membership, 0, 1),
        header(Kind::Membership, 1, 0),
        header(Kind::Batch, 0, 0),
    ] {
        let sign = |text: &[u8]| key(0).sign(text);
        let body = body(&core);
        let entry = Entry::assemble(wrong, &body, &SpaceId::ZERO, &EntryId::ZERO, sign);
        assert!(Membership::found(&entry).is_err(), "{wrong:?}");
    }
}

/// The relay's rule and the devices' are one: nobody counts who signed with another's key.
#[test]
fn a_bad_signature_counts_nowhere() {
    let mut space = space();
    let core = core(space.head(), &[add(4, 0, Rights::WRITE)]);
    let header = header(Kind::Membership, 0, 0);
    let entry = signed(&space, header, &body(&core), 2);
    let refusal = Refusal::Signer(DeviceNumber(0));
    assert_eq!(space.apply(&entry), Err(refusal.into()));
    let header = Header {
        kind: Kind::Batch,
        ..header
    };
    let entry = signed(&space, header, &[5; 256 + TAG], 2);
    assert_eq!(space.admit(&entry), Err(refusal));
    // A number that nobody has.
    let nobody = Header {
        device: DeviceNumber(77),
        ..header
    };
    let entry = signed(&space, nobody, &[5; 256 + TAG], 0);
    assert_eq!(space.admit(&entry), Err(Refusal::Signer(DeviceNumber(77))));
}

#[test]
fn numbers_are_given_in_order_and_once() {
    for wrong in [0, 3, 5, u16::MAX] {
        let error = refused(0, |core| {
            *core = self::core(core.previous, &[add(wrong, 0, Rights::WRITE)]);
        });
        let given = DeviceNumber(wrong);
        let next = DeviceNumber(4);
        assert_eq!(error, MembershipError::DeviceNumber { given, next });
    }
    // Nor twice in one entry.
    let twice = [add(4, 0, Rights::WRITE), add(4, 0, Rights::WRITE)];
    let error = refused(0, |core| *core = self::core(core.previous, &twice));
    assert!(matches!(error, MembershipError::DeviceNumber { .. }));
}

/// With a key of small order, one signature fits many entries; with one key for two memberships, it
/// is not known whose an entry is.
#[test]
fn keys_that_no_honest_device_brings_are_refused() {
    let with = |signing_key: VerifyingKey| {
        refused(0, |core| {
            if let Op::Add(add) = &mut core.ops[0] {
                add.signing_key = signing_key;
            }
        })
    };
    let refusal = |why| MembershipError::Key {
        device: DeviceNumber(4),
        why,
    };
    let mut one = [0; 32];
    one[0] = 1;
    assert_eq!(
        with(VerifyingKey(one)),
        refusal(KeyRefusal::Form(KeyError::SmallOrder))
    );
    assert_eq!(
        with(VerifyingKey([0xff; 32])),
        refusal(KeyRefusal::Form(KeyError::NotCanonical))
    );
    assert_eq!(with(key(2).verifying_key()), refusal(KeyRefusal::Used));
}

#[test]
fn what_this_version_does_not_know_is_refused_by_name() {
    for number in [8, 99] {
        let error = refused(0, |core| core.ops.push(Op::Reserved(number)));
        assert_eq!(error, MembershipError::Unsupported("unknown"));
    }
    let suite = refused(0, |core| {
        if let Op::Add(add) = &mut core.ops[0] {
            add.suite = 2;
        }
    });
    assert!(matches!(suite, MembershipError::Unsupported(_)));
}

#[test]
fn an_entry_follows_the_newest_or_not_at_all() {
    let wrong = refused(0, |core| core.previous = EntryId([8; 32]));
    assert_eq!(wrong, MembershipError::Moved);
    // Two entries on one predecessor: the second comes too late.
    let mut space = space();
    let one = change(&space, 0, &core(space.head(), &[add(4, 1, Rights::WRITE)]));
    let two = change(&space, 0, &core(space.head(), &[add(4, 2, Rights::WRITE)]));
    space.apply(&one).unwrap();
    assert_eq!(space.apply(&two), Err(MembershipError::Moved));
    assert_eq!(space.apply(&one), Err(MembershipError::Moved));
    // At a height that is not known yet, nothing can be said of the signer.
    let ahead = header(Kind::Membership, 0, 2);
    let core = core(space.head(), &[add(5, 1, Rights::WRITE)]);
    let ahead = signed(&space, ahead, &body(&core), 0);
    assert_eq!(space.apply(&ahead), Err(Refusal::Stale(Height(2)).into()));
    assert_eq!(refused(0, |core| core.ops.clear()), MembershipError::Empty);
}

/// Who may bring whom: an admin everybody, the others their own devices and no more than they may
/// themselves.
#[test]
fn nobody_gives_rights_that_they_do_not_have() {
    let attempt = |by: u16, person: u8, rights: Rights| {
        let mut space = space();
        let core = core(space.head(), &[add(4, person, rights)]);
        let entry = change(&space, by, &core);
        space.apply(&entry)
    };
    let refused = |by| Err(MembershipError::Rights(DeviceNumber(by)));
    assert_eq!(attempt(0, 9, Rights::ADMIN), Ok(()));
    assert_eq!(attempt(2, 2, Rights::WRITE), Ok(()));
    assert_eq!(attempt(2, 2, Rights::READ), Ok(()));
    assert_eq!(attempt(3, 3, Rights::READ), Ok(()));
    assert_eq!(attempt(2, 2, Rights::ADMIN), refused(2));
    assert_eq!(attempt(2, 9, Rights::READ), refused(2));
    assert_eq!(attempt(2, 0, Rights::READ), refused(2));
    assert_eq!(attempt(3, 3, Rights::WRITE), refused(3));
    // The admin's second device writes, and is no admin.
    assert_eq!(attempt(1, 9, Rights::READ), refused(1));
}

#[test]
fn every_new_member_gets_the_key_and_nobody_else() {
    for keys in [&[][..], &[3], &[4, 4], &[4, 5]] {
        let error = refused(0, |core| core.keys = sealed(keys));
        assert_eq!(error, MembershipError::Keys);
    }
    let both = [add(4, 0, Rights::WRITE), add(5, 0, Rights::WRITE)];
    let error = refused(0, |core| {
        *core = self::core(core.previous, &both);
        core.keys.reverse();
    });
    assert_eq!(error, MembershipError::Keys);
}

#[test]
fn a_space_is_full_at_its_limit() {
    let mut space = space();
    let most = u16::try_from(limits::MEMBERSHIPS).unwrap();
    let adds: Vec<_> = (4..most)
        .map(|device| add(device, 9, Rights::READ))
        .collect();
    let entry = change(&space, 0, &core(space.head(), &adds));
    space.apply(&entry).unwrap();
    let entry = change(
        &space,
        0,
        &core(space.head(), &[add(most, 9, Rights::READ)]),
    );
    assert_eq!(space.apply(&entry), Err(MembershipError::TooMany));
    assert_eq!(space.members().count(), limits::MEMBERSHIPS);
}

#[test]
fn batches_count_by_writers_at_known_heights() {
    let mut space = space();
    for writer in [0, 1, 2] {
        let entry = batch(&space, writer, 0);
        assert_eq!(space.admit(&entry), Ok(entry.id(space.space())));
    }
    let entry = batch(&space, 3, 0);
    assert_eq!(space.admit(&entry), Err(Refusal::Rights(DeviceNumber(3))));
    let entry = batch(&space, 0, 1);
    assert_eq!(space.admit(&entry), Err(Refusal::Stale(Height(1))));
    let change = change(&space, 0, &core(space.head(), &[add(4, 9, Rights::WRITE)]));
    let early = batch(&space, 0, 0);
    space.apply(&change).unwrap();
    // Nobody was removed, the epoch is the same: what was written before the change still counts.
    assert_eq!(space.admit(&early), Ok(early.id(space.space())));
    // Who was not there yet cannot have written.
    let before = batch(&space, 4, 0);
    assert_eq!(space.admit(&before), Err(Refusal::Signer(DeviceNumber(4))));
    let since = batch(&space, 4, 1);
    assert!(space.admit(&since).is_ok());
    for kind in [Kind::Carry, Kind::Checkpoint, Kind::Snapshot] {
        let entry = signed(&space, header(kind, 0, 1), &[5; 256 + TAG], 0);
        assert_eq!(space.admit(&entry), Ok(entry.id(space.space())));
        let by_reader = signed(&space, header(kind, 3, 1), &[5; 256 + TAG], 3);
        let refused = Err(Refusal::Rights(DeviceNumber(3)));
        assert_eq!(space.admit(&by_reader), refused);
    }
    for kind in [Kind::Membership, Kind::Unknown(77)] {
        let entry = signed(&space, header(kind, 0, 1), &[5; 256 + TAG], 0);
        assert_eq!(space.admit(&entry), Err(Refusal::Kind(kind.number())));
    }
}

/// Whoever lacks a key, also one who may only look, says so under the same rules.
#[test]
fn acks_count_by_members_in_the_epoch_in_force() {
    let mut space = space();
    let ack = |space: &Membership, device, height| {
        let header = header(Kind::Ack, device, height);
        signed(space, header, &[5; 256], device)
    };
    for member in 0..4 {
        let entry = ack(&space, member, 0);
        assert_eq!(space.admit(&entry), Ok(entry.id(space.space())));
    }
    let early = ack(&space, 3, 1);
    assert_eq!(space.admit(&early), Err(Refusal::Stale(Height(1))));
    let old = ack(&space, 3, 0);
    act(&mut space, 0, &[ROTATE]).unwrap();
    assert_eq!(space.admit(&old), Err(Refusal::Stale(Height(0))));
    let now = ack(&space, 3, 1);
    assert!(space.admit(&now).is_ok());
    act(&mut space, 0, &[remove(3), ROTATE]).unwrap();
    let gone = ack(&space, 3, 1);
    assert_eq!(space.admit(&gone), Err(Refusal::Stale(Height(1))));
    let gone = ack(&space, 3, 2);
    assert_eq!(space.admit(&gone), Err(Refusal::Signer(DeviceNumber(3))));
}

/// A relay checks signatures before an entry's turn, against a membership that may have grown
/// since: both ways have to agree.
#[test]
fn a_signer_once_found_stays_found() {
    let old = space();
    let mut new = old.clone();
    let change = change(&new, 0, &core(new.head(), &[add(4, 9, Rights::WRITE)]));
    new.apply(&change).unwrap();
    for device in 0..5 {
        let entry = batch(&old, device, 0);
        let id = entry.id(old.space());
        assert_eq!(
            old.signer(&entry, &id).map(|member| member.device),
            new.signer(&entry, &id).map(|member| member.device)
        );
        if old.signer(&entry, &id).is_ok() {
            let parts = new.admit_signed(entry.header()).map(|()| id);
            assert_eq!(new.admit(&entry), parts);
        }
    }
    assert_eq!(
        new.admit_signed(&header(Kind::Batch, 0, 2)),
        Err(Refusal::Stale(Height(2)))
    );
}

#[test]
fn a_body_that_cannot_be_read_is_named() {
    let mut space = space();
    let header = header(Kind::Membership, 0, 0);
    let entry = signed(&space, header, &[1; 300], 0);
    let error = space.apply(&entry).unwrap_err();
    assert!(matches!(
        error,
        MembershipError::Body(BodyError::Length(300))
    ));
}
