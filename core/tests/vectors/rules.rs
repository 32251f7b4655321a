//! What the rules of the membership refuse, and which rule is named.

use serde_json::{Value, json};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{
    Add, Core, KeyRefusal, Membership, MembershipBody, MembershipError, Op, Refusal, Rights,
    SUITE_XWING, SealedKey,
};
use waymark_wire::signature::{KeyError, VerifyingKey};

use super::membership::{CLIENT, Space, THERAPIST};
use super::support::{counting, hex, keys, public, sign};

pub(super) fn name_of(error: &MembershipError) -> &'static str {
    match error {
        MembershipError::Body(_) => "body",
        MembershipError::Closed => "closed",
        MembershipError::DeviceNumber { .. } => "device_number",
        MembershipError::Empty => "empty",
        MembershipError::Key {
            why: KeyRefusal::Used,
            ..
        } => "key_used",
        MembershipError::Key {
            why: KeyRefusal::Form(KeyError::NotCanonical),
            ..
        } => "key_not_canonical",
        MembershipError::Key {
            why: KeyRefusal::Form(KeyError::SmallOrder),
            ..
        } => "key_small_order",
        MembershipError::Keys => "keys",
        MembershipError::LastAdmin => "last_admin",
        MembershipError::Moved => "moved",
        MembershipError::NotMember(_) => "not_member",
        MembershipError::Rights(_) => "rights",
        MembershipError::Rotation => "rotation",
        MembershipError::RotationDue => "rotation_due",
        MembershipError::Together(_) => "together",
        MembershipError::TooMany => "too_many",
        MembershipError::Unsupported(_) => "unsupported",
        MembershipError::Refused(refusal) => refusal_name(refusal),
        other => panic!("{other}"),
    }
}

pub(super) fn refusal_name(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Closed => "closed",
        Refusal::Kind(_) => "kind",
        Refusal::Rights(_) => "rights",
        Refusal::Signer(_) => "signer",
        Refusal::Stale(_) => "stale",
    }
}

/// What an entry that breaks one rule, or several, is made of.
pub(super) struct Attempt {
    pub(super) header: Header,
    pub(super) signer: &'static str,
    pub(super) core: Core,
}

impl Attempt {
    pub(super) fn entry(&self, space: &SpaceId, membership: &EntryId) -> Entry {
        // Nobody opens it: only its length matters to the rules.
        let private = vec![0x55; 32 + 256 + 16];
        let body = MembershipBody::assemble(&self.core, &private).unwrap();
        let keys = keys(self.signer);
        Entry::assemble(self.header, &body, space, membership, sign(&keys))
    }
}

pub(super) fn add(device: u16, name: &str, person: PersonTag, rights: Rights) -> Op {
    Op::Add(Add {
        device: DeviceNumber(device),
        person,
        signing_key: public(&keys(name)),
        suite: SUITE_XWING,
        agreement_key: AttachmentHash(counting(1)),
        rights,
    })
}

pub(super) fn sealed(devices: &[u16]) -> Vec<SealedKey> {
    let sealed = AttachmentHash(counting(2));
    devices
        .iter()
        .map(|device| SealedKey {
            device: DeviceNumber(*device),
            sealed,
        })
        .collect()
}

/// Rights of a number; the constants are the only ones that the code can make.
fn rights(number: u8) -> Rights {
    codec::decode(&[number], 1).unwrap()
}

pub(super) fn refused(space: &Space) -> Value {
    let membership = space.book.membership();
    let good = || Attempt {
        header: Header {
            kind: Kind::Membership,
            device: DeviceNumber(0),
            counter: 3,
            height: membership.height(),
            seen: space.cursor.position(),
            salt: counting(0x10),
        },
        signer: "client's phone",
        core: Core {
            previous: membership.head(),
            ops: vec![add(5, "new", CLIENT, Rights::WRITE)],
            keys: sealed(&[5]),
        },
    };
    let alter = |f: &dyn Fn(&mut Attempt)| {
        let mut attempt = good();
        f(&mut attempt);
        attempt
    };
    let key = |bytes: [u8; 32]| {
        move |attempt: &mut Attempt| {
            if let Some(Op::Add(add)) = attempt.core.ops.first_mut() {
                add.signing_key = VerifyingKey(bytes);
            }
        }
    };
    let attempts = [
        ("nothing is wrong", good()),
        (
            "another kind of entry",
            alter(&|a| a.header.kind = Kind::Unknown(9)),
        ),
        ("no op", alter(&|a| a.core.ops.clear())),
        (
            "a height that is not there yet",
            alter(&|a| a.header.height = Height(4)),
        ),
        (
            "a number that nobody has",
            alter(&|a| a.header.device = DeviceNumber(5)),
        ),
        (
            "the number is of a membership added later",
            alter(&|a| {
                (a.header.device, a.header.height, a.signer) =
                    (DeviceNumber(4), Height(2), "second phone");
            }),
        ),
        ("somebody else's signature", alter(&|a| a.signer = "tablet")),
        ("an older height", alter(&|a| a.header.height = Height(1))),
        (
            "another predecessor",
            alter(&|a| a.core.previous = EntryId(counting(3))),
        ),
        (
            "a wrong signature is named before a wrong predecessor",
            alter(&|a| {
                a.signer = "tablet";
                a.core.previous = EntryId(counting(3));
            }),
        ),
        (
            "a wrong predecessor is named before what the ops say",
            alter(&|a| {
                a.core.previous = EntryId(counting(3));
                a.core.ops = vec![Op::Reserved(99)];
            }),
        ),
        (
            "forgetting without a new key",
            alter(&|a| a.core.ops = vec![Op::Forget]),
        ),
        (
            "an op of a later version",
            alter(&|a| a.core.ops = vec![Op::Reserved(99)]),
        ),
        (
            "a number given twice",
            alter(&|a| a.core.ops = vec![add(4, "new", CLIENT, Rights::READ)]),
        ),
        (
            "a number left out",
            alter(&|a| a.core.ops = vec![add(6, "new", CLIENT, Rights::READ)]),
        ),
        ("a key of small order", alter(&key(counting_small_order()))),
        ("a key with a second name", alter(&key([0xff; 32]))),
        (
            "a member's key",
            alter(&|a| a.core.ops = vec![add(5, "tablet", CLIENT, Rights::READ)]),
        ),
        (
            "the same key twice",
            alter(&|a| {
                a.core.ops.push(add(6, "new", CLIENT, Rights::READ));
                a.core.keys = sealed(&[5, 6]);
            }),
        ),
        (
            "write without read",
            alter(&|a| a.core.ops = vec![add(5, "new", CLIENT, rights(2))]),
        ),
        (
            "a right of a later version",
            alter(&|a| a.core.ops = vec![add(5, "new", CLIENT, rights(9))]),
        ),
        (
            "another suite",
            alter(&|a| {
                if let Some(Op::Add(add)) = a.core.ops.first_mut() {
                    add.suite = 2;
                }
            }),
        ),
        (
            "a writer adds another person",
            alter(&|a| by_tablet(a, CLIENT, Rights::READ)),
        ),
        (
            "a writer adds an own admin",
            alter(&|a| by_tablet(a, THERAPIST, Rights::ADMIN)),
        ),
        (
            "a writer adds an own writer",
            alter(&|a| by_tablet(a, THERAPIST, Rights::WRITE)),
        ),
        ("no key for the new one", alter(&|a| a.core.keys.clear())),
        (
            "a key for somebody else too",
            alter(&|a| a.core.keys = sealed(&[4, 5])),
        ),
        (
            "keys out of order",
            alter(&|a| {
                a.core.ops.push(add(6, "newer", CLIENT, Rights::READ));
                a.core.keys = sealed(&[6, 5]);
            }),
        ),
    ];
    let told = attempts.map(|(what, attempt)| {
        let at = membership
            .id_at(attempt.header.height)
            .unwrap_or(EntryId::ZERO);
        let entry = attempt.entry(membership.space(), &at);
        let mut after = membership.clone();
        let outcome = after
            .apply(&entry)
            .map_or_else(|error| name_of(&error), |()| "ok");
        json!({ "what": what, "entry": hex(entry.bytes()), "outcome": outcome })
    });
    told.into_iter()
        .chain([unpadded(membership, &good())])
        .collect()
}

fn by_tablet(attempt: &mut Attempt, person: PersonTag, rights: Rights) {
    (attempt.header.device, attempt.signer) = (DeviceNumber(1), "tablet");
    attempt.core.ops = vec![add(5, "new", person, rights)];
}

fn counting_small_order() -> [u8; 32] {
    let mut key = [0; 32];
    key[0] = 1;
    key
}

/// A private part of a length that no padding makes.
fn unpadded(membership: &Membership, attempt: &Attempt) -> Value {
    let body = MembershipBody::assemble(&attempt.core, &[0x55; 32 + 300 + 16]).unwrap();
    let keys = keys(attempt.signer);
    let space = membership.space();
    let entry = Entry::assemble(
        attempt.header,
        &body,
        space,
        &membership.head(),
        sign(&keys),
    );
    let error = membership.clone().apply(&entry).unwrap_err();
    json!({
        "what": "a private part that is not padded",
        "entry": hex(entry.bytes()),
        "outcome": name_of(&error),
    })
}

pub(super) fn refused_first() -> Value {
    let good = || Attempt {
        header: Header {
            kind: Kind::Membership,
            device: DeviceNumber(0),
            counter: 0,
            height: Height(0),
            seen: Position {
                seq: 0,
                chain: ChainTag([0; 16]),
            },
            salt: counting(0x10),
        },
        signer: "client's phone",
        core: Core {
            previous: EntryId::ZERO,
            ops: vec![add(0, "client's phone", CLIENT, Rights::ADMIN)],
            keys: sealed(&[0]),
        },
    };
    let alter = |f: &dyn Fn(&mut Attempt)| {
        let mut attempt = good();
        f(&mut attempt);
        attempt
    };
    let attempts = [
        ("nothing is wrong", good()),
        (
            "two members at once",
            alter(&|a| {
                a.core.ops.push(add(1, "tablet", THERAPIST, Rights::WRITE));
                a.core.keys = sealed(&[0, 1]);
            }),
        ),
        (
            "a predecessor",
            alter(&|a| a.core.previous = EntryId(counting(3))),
        ),
        ("a height", alter(&|a| a.header.height = Height(1))),
        ("a counter", alter(&|a| a.header.counter = 1)),
        ("something seen", alter(&|a| a.header.seen.seq = 1)),
        (
            "an op that is no add",
            alter(&|a| a.core.ops = vec![Op::Rotate(None)]),
        ),
        (
            "not signed by the one it adds",
            alter(&|a| a.signer = "tablet"),
        ),
        (
            "signed as another number",
            alter(&|a| a.header.device = DeviceNumber(1)),
        ),
        (
            "no admin",
            alter(&|a| {
                a.core.ops = vec![add(0, "client's phone", CLIENT, Rights::WRITE)];
            }),
        ),
    ];
    let told = attempts.map(|(what, attempt)| {
        let entry = attempt.entry(&SpaceId::ZERO, &EntryId::ZERO);
        let outcome = Membership::found(&entry).map_or_else(|error| name_of(&error), |_| "ok");
        json!({ "what": what, "entry": hex(entry.bytes()), "outcome": outcome })
    });
    told.into_iter().collect()
}

/// Which entries that change no membership count at the end of this log.
pub(super) fn batches(space: &Space) -> Value {
    let membership = space.book.membership();
    let cases = [
        ("by the founder", Kind::Batch, 0, 3, "client's phone"),
        (
            "at an older height of the epoch",
            Kind::Batch,
            0,
            0,
            "client's phone",
        ),
        ("by a therapist", Kind::Batch, 1, 2, "tablet"),
        ("before its membership", Kind::Batch, 2, 1, "desk"),
        ("by a reader", Kind::Batch, 3, 3, "screen"),
        (
            "at a height that is not there yet",
            Kind::Batch,
            0,
            4,
            "client's phone",
        ),
        (
            "with somebody else's signature",
            Kind::Batch,
            0,
            3,
            "tablet",
        ),
        ("by nobody", Kind::Batch, 9, 3, "client's phone"),
        ("a reserved kind", Kind::Carry, 0, 3, "client's phone"),
        ("an ack by a reader", Kind::Ack, 3, 3, "screen"),
        ("an ack before its membership", Kind::Ack, 3, 2, "screen"),
        ("an ack of what is to come", Kind::Ack, 3, 4, "screen"),
    ];
    let told = cases.map(|(what, kind, device, height, signer)| {
        let height = Height(height);
        let header = Header {
            kind,
            device: DeviceNumber(device),
            counter: 3,
            height,
            seen: space.cursor.position(),
            salt: counting(0x10),
        };
        let at = membership.id_at(height).unwrap_or(EntryId::ZERO);
        let body = [0x66; 256 + 16];
        let keys = keys(signer);
        let entry = Entry::assemble(header, &body, membership.space(), &at, sign(&keys));
        let outcome = membership
            .admit(&entry)
            .map_or_else(|error| refusal_name(&error), |_| "ok");
        json!({ "what": what, "entry": hex(entry.bytes()), "outcome": outcome })
    });
    told.into_iter().collect()
}
