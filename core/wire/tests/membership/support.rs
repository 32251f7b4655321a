//! Spaces, and entries as their members' devices make them.

use waymark_wire::chain::Cursor;
use waymark_wire::entry::{Entry, Header, Kind, TAG};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{
    Add, COMMITMENT, Core, Membership, MembershipBody, MembershipError, Op, Rights, SUITE_XWING,
    SealedKey,
};
use waymark_wire::signature::SigningKey;

/// The signing key of a test's member.
pub(crate) fn key(seed: u16) -> SigningKey {
    let mut bytes = [7; 32];
    bytes[..2].copy_from_slice(&seed.to_be_bytes());
    SigningKey::from_seed(&bytes).unwrap()
}

/// An addition as number `device`, with the key of that seed.
pub(crate) fn add(device: u16, person: u8, rights: Rights) -> Add {
    Add {
        device: DeviceNumber(device),
        person: PersonTag([person; 16]),
        signing_key: key(device).verifying_key(),
        suite: SUITE_XWING,
        agreement_key: AttachmentHash([1; 32]),
        rights,
    }
}

/// A core that adds these, with a sealed key for each.
pub(crate) fn core(previous: EntryId, adds: &[Add]) -> Core {
    let sealed = |add: &Add| SealedKey {
        device: add.device,
        sealed: AttachmentHash([2; 32]),
    };
    Core {
        previous,
        ops: adds.iter().cloned().map(Op::Add).collect(),
        keys: adds.iter().map(sealed).collect(),
    }
}

/// What an entry says of itself, by member `device` at `height`.
pub(crate) fn header(kind: Kind, device: u16, height: u32) -> Header {
    Header {
        kind,
        device: DeviceNumber(device),
        counter: 0,
        height: Height(height),
        seen: Cursor::start(&SpaceId::ZERO).position(),
        salt: [3; 16],
    }
}

pub(crate) fn body(core: &Core) -> Vec<u8> {
    MembershipBody::assemble(core, &[4; COMMITMENT + 256 + TAG]).unwrap()
}

/// A first entry, signed by the member of seed `by`.
pub(crate) fn founding(core: &Core, by: u16) -> Entry {
    let header = header(Kind::Membership, 0, 0);
    let sign = |text: &[u8]| key(by).sign(text);
    Entry::assemble(header, &body(core), &SpaceId::ZERO, &EntryId::ZERO, sign)
}

/// A space with an admin (0, person 0), that admin's second device (1, `write`), a therapist (2,
/// person 2, `write`) and somebody who may read (3, person 3).
pub(crate) fn space() -> Membership {
    let adds = [
        add(0, 0, Rights::ADMIN),
        add(1, 0, Rights::WRITE),
        add(2, 2, Rights::WRITE),
        add(3, 3, Rights::READ),
    ];
    Membership::found(&founding(&core(EntryId::ZERO, &adds), 0)).unwrap()
}

/// An entry by `device`, signed with the key of seed `by` over the newest membership entry.
pub(crate) fn signed(space: &Membership, header: Header, body: &[u8], by: u16) -> Entry {
    let sign = |text: &[u8]| key(by).sign(text);
    let at = space.id_at(header.height).unwrap_or(EntryId([9; 32]));
    Entry::assemble(header, body, space.space(), &at, sign)
}

pub(crate) fn change(space: &Membership, device: u16, core: &Core) -> Entry {
    let header = header(Kind::Membership, device, space.height().0);
    signed(space, header, &body(core), device)
}

pub(crate) fn batch(space: &Membership, device: u16, height: u32) -> Entry {
    let header = header(Kind::Batch, device, height);
    signed(space, header, &[5; 256 + TAG], device)
}

/// The same space, with the client's recovery phrase (4, person 0).
pub(crate) fn space_with_phrase() -> Membership {
    let mut space = space();
    act(&mut space, 0, &[Op::Add(add(4, 0, Rights::RECOVERY))]).unwrap();
    space
}

/// Keys sealed to these.
pub(crate) fn sealed(devices: &[u16]) -> Vec<SealedKey> {
    let sealed = |device: &u16| SealedKey {
        device: DeviceNumber(*device),
        sealed: AttachmentHash([2; 32]),
    };
    devices.iter().map(sealed).collect()
}

/// For whom an entry of these ops needs sealed keys.
pub(crate) fn needed(space: &Membership, ops: &[Op]) -> Vec<u16> {
    let rotates = ops.iter().any(|op| matches!(op, Op::Rotate(_)));
    let mut devices: Vec<u16> = Vec::new();
    if rotates {
        let stays = |device| !ops.contains(&Op::Remove(device));
        let current = space.members().map(|member| member.device);
        devices.extend(
            current
                .filter(|device| stays(*device))
                .map(|device| device.0),
        );
    }
    for op in ops {
        match op {
            Op::Add(add) => devices.push(add.device.0),
            Op::Seal(device) => devices.push(device.0),
            _ => {}
        }
    }
    devices.sort_unstable();
    devices
}

/// The core of these ops on the newest entry, with sealed keys for those who need one.
pub(crate) fn core_of(space: &Membership, ops: &[Op]) -> Core {
    Core {
        previous: space.head(),
        ops: ops.to_vec(),
        keys: sealed(&needed(space, ops)),
    }
}

/// Offers an entry by `device`; where it is refused, shows that it left no trace.
pub(crate) fn offer(
    space: &mut Membership,
    device: u16,
    core: &Core,
) -> Result<(), MembershipError> {
    let entry = change(space, device, core);
    let before = space.clone();
    let outcome = space.apply(&entry);
    if outcome.is_err() {
        assert_eq!(*space, before);
    }
    outcome
}

/// Offers an entry of these ops by `device`, with the right sealed keys.
pub(crate) fn act(space: &mut Membership, device: u16, ops: &[Op]) -> Result<(), MembershipError> {
    let core = core_of(space, ops);
    offer(space, device, &core)
}

/// An op that removes `device`.
pub(crate) fn remove(device: u16) -> Op {
    Op::Remove(DeviceNumber(device))
}

/// An op that starts an epoch.
pub(crate) const ROTATE: Op = Op::Rotate(None);
