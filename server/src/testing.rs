//! Spaces and devices for tests: entries that are well-formed in everything a relay can see, with
//! noise where devices put sealed text.

use waymark_wire::chain::{Cursor, Position};
use waymark_wire::checkpoint::Checkpoint;
use waymark_wire::entry::{Entry, Header, Kind, TAG};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{
    AGREEMENT_KEY, Add, COMMITMENT, Core, Membership, MembershipBody, NewAgreementKey, Op, Rights,
    SEALED_KEY, SUITE_XWING, SealedKey,
};
use waymark_wire::signature::{SigningKey, VerifyingKey};

/// A device's place in a test's space.
pub(crate) struct Device {
    pub(crate) number: DeviceNumber,
    pub(crate) key: SigningKey,
    /// The counter of its next entry.
    pub(crate) counter: u32,
}

/// A membership entry and what has to come with it.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) entry: Vec<u8>,
    pub(crate) attachments: Vec<Vec<u8>>,
}

/// A space as a device knows it that is told everything at once.
pub(crate) struct Space {
    pub(crate) id: SpaceId,
    pub(crate) membership: Membership,
    pub(crate) devices: Vec<Device>,
    pub(crate) founding: Change,
    noise: u64,
}

impl Space {
    /// A space with one admin; every seed makes another.
    pub(crate) fn found(seed: u64) -> Self {
        let mut noise = seed.wrapping_mul(0x1_0000_0001) ^ 0xabcd;
        let key = SigningKey::from_seed(&bytes(&mut noise)).unwrap();
        let (ops, keys, attachments) = addition(
            &mut noise,
            DeviceNumber(0),
            PersonTag([0; 16]),
            key.verifying_key(),
            Rights::ADMIN,
        );
        let core = Core {
            previous: EntryId::ZERO,
            ops,
            keys,
        };
        let entry = membership_entry(
            &mut noise,
            &core,
            &Device {
                number: DeviceNumber(0),
                key,
                counter: 0,
            },
            Height(0),
            &SpaceId::ZERO,
            &EntryId::ZERO,
        );
        let membership = Membership::found(&entry).unwrap();
        let mut seed = seed.wrapping_mul(0x1_0000_0001) ^ 0xabcd;
        let device = Device {
            number: DeviceNumber(0),
            key: SigningKey::from_seed(&bytes(&mut seed)).unwrap(),
            counter: 1,
        };
        Self {
            id: *membership.space(),
            membership,
            devices: vec![device],
            founding: Change {
                entry: entry.into_bytes(),
                attachments,
            },
            noise,
        }
    }

    /// An entry by `by` that adds a device; [`Space::accept`] makes it part of the space.
    pub(crate) fn add(&mut self, by: usize, person: u8, rights: Rights) -> (Change, SigningKey) {
        let key = SigningKey::from_seed(&bytes(&mut self.noise)).unwrap();
        let (ops, keys, attachments) = addition(
            &mut self.noise,
            self.membership.next_device(),
            PersonTag([person; 16]),
            key.verifying_key(),
            rights,
        );
        let core = Core {
            previous: self.membership.head(),
            ops,
            keys,
        };
        let entry = self.change(by, &core);
        (Change { entry, attachments }, key)
    }

    /// A membership entry by `by` with this core.
    pub(crate) fn change(&mut self, by: usize, core: &Core) -> Vec<u8> {
        let (height, head) = (self.membership.height(), self.membership.head());
        let device = &self.devices[by];
        membership_entry(&mut self.noise, core, device, height, &self.id, &head).into_bytes()
    }

    /// An entry by `by` that does these, with noise for the sealed keys that they call for beside
    /// the agreement keys that they name; [`Space::take`] makes it part of the space.
    pub(crate) fn act(&mut self, by: usize, ops: Vec<Op>, keys: Vec<Vec<u8>>) -> Change {
        let rotates = ops.iter().any(|op| matches!(op, Op::Rotate(_)));
        let ends = |device| ops.contains(&Op::Remove(device));
        let members = self.membership.members().map(|member| member.device);
        let mut devices: Vec<_> = members.filter(|d| rotates && !ends(*d)).collect();
        devices.extend(ops.iter().filter_map(|op| match op {
            Op::Add(add) => Some(add.device),
            Op::Seal(device) => Some(*device),
            _ => None,
        }));
        let sealed: Vec<Vec<u8>> = devices
            .iter()
            .map(|_| (0..SEALED_KEY).map(|_| next(&mut self.noise)).collect())
            .collect();
        let named = devices.into_iter().zip(&sealed);
        let named = named.map(|(device, sealed)| SealedKey {
            device,
            sealed: AttachmentHash::of(sealed),
        });
        let core = Core {
            previous: self.membership.head(),
            keys: named.collect(),
            ops,
        };
        Change {
            entry: self.change(by, &core),
            attachments: keys.into_iter().chain(sealed).collect(),
        }
    }

    /// An entry by `by` that removes another device.
    pub(crate) fn remove(&mut self, by: usize, other: usize) -> Change {
        let other = self.devices[other].number;
        self.act(by, vec![Op::Remove(other), Op::Rotate(None)], Vec::new())
    }

    /// An entry by `by` that hands these bytes to another device, as a sealed key.
    pub(crate) fn seal_as(&mut self, by: usize, other: usize, sealed: Vec<u8>) -> Change {
        let device = self.devices[other].number;
        let core = Core {
            previous: self.membership.head(),
            ops: vec![Op::Seal(device)],
            keys: vec![SealedKey {
                device,
                sealed: AttachmentHash::of(&sealed),
            }],
        };
        Change {
            entry: self.change(by, &core),
            attachments: vec![sealed],
        }
    }

    /// A rotation that renews its signer's agreement key, and the key.
    pub(crate) fn renewal(&mut self) -> (Op, Vec<u8>) {
        let key: Vec<u8> = (0..AGREEMENT_KEY).map(|_| next(&mut self.noise)).collect();
        let op = Op::Rotate(Some(NewAgreementKey {
            suite: SUITE_XWING,
            agreement_key: AttachmentHash::of(&key),
        }));
        (op, key)
    }

    /// Takes a membership entry by `by` into the space.
    pub(crate) fn take(&mut self, by: usize, change: &Change) {
        let entry = Entry::parse(change.entry.clone()).unwrap();
        self.membership.apply(&entry).unwrap();
        self.devices[by].counter += 1;
    }

    /// Takes a membership entry by `by` into the space, with the key of the device that it adds.
    pub(crate) fn accept(&mut self, by: usize, change: &Change, key: SigningKey) -> usize {
        let number = self.membership.next_device();
        self.take(by, change);
        self.devices.push(Device {
            number,
            key,
            counter: 0,
        });
        self.devices.len() - 1
    }

    /// The next batch of a device, with `padded` bytes of text.
    pub(crate) fn batch_of(&mut self, by: usize, padded: usize) -> Vec<u8> {
        let counter = self.devices[by].counter;
        self.devices[by].counter += 1;
        self.entry(by, Kind::Batch, counter, self.membership.height(), padded)
    }

    /// The next batch of a device.
    pub(crate) fn batch(&mut self, by: usize) -> Vec<u8> {
        self.batch_of(by, 256)
    }

    /// Any entry of sealed text; counters are left alone.
    pub(crate) fn entry(
        &mut self,
        by: usize,
        kind: Kind,
        counter: u32,
        height: Height,
        padded: usize,
    ) -> Vec<u8> {
        let header = Header {
            kind,
            device: self.devices[by].number,
            counter,
            height,
            seen: start(&self.id),
            salt: bytes(&mut self.noise),
        };
        // An ack is not sealed.
        let tag = if kind == Kind::Ack { 0 } else { TAG };
        let body: Vec<u8> = (0..padded + tag).map(|_| next(&mut self.noise)).collect();
        let at = self.membership.id_at(height).unwrap_or(EntryId([9; 32]));
        let key = &self.devices[by].key;
        Entry::assemble(header, &body, &self.id, &at, |text| key.sign(text)).into_bytes()
    }

    /// The next entry of a device, with this body.
    pub(crate) fn with_body(&mut self, by: usize, kind: Kind, body: &[u8]) -> Vec<u8> {
        let (height, at) = (self.membership.height(), self.membership.head());
        let device = &mut self.devices[by];
        let header = Header {
            kind,
            device: device.number,
            counter: device.counter,
            height,
            seen: start(&self.id),
            salt: bytes(&mut self.noise),
        };
        device.counter += 1;
        let key = &device.key;
        Entry::assemble(header, body, &self.id, &at, |text| key.sign(text)).into_bytes()
    }

    /// The next snapshot of a device.
    pub(crate) fn snapshot(&mut self, by: usize) -> Vec<u8> {
        let body: Vec<u8> = (0..256 + TAG).map(|_| next(&mut self.noise)).collect();
        self.with_body(by, Kind::Snapshot, &body)
    }

    /// What a checkpoint at `seq` says of a log that begins with these entries, and names all their
    /// snapshots.
    pub(crate) fn checkpoint(&self, log: &[Vec<u8>], seq: u64) -> Checkpoint {
        let covered = &log[..usize::try_from(seq).unwrap()];
        let head = |bytes: &Vec<u8>| *Entry::parse(bytes.clone()).unwrap().header();
        let changes = covered.iter().map(head);
        let changes = changes.filter(|header| header.kind == Kind::Membership);
        let height = Height(u32::try_from(changes.count()).unwrap() - 1);
        let members = self.membership.everybody().iter();
        let members = members.filter(|member| member.since <= height);
        let signed = |device| {
            let signers = covered.iter().map(|bytes| head(bytes).device);
            u32::try_from(signers.filter(|signer| *signer == device).count()).unwrap()
        };
        let snapshots = log
            .iter()
            .filter(|bytes| head(bytes).kind == Kind::Snapshot);
        let cursor = covered
            .iter()
            .fold(Cursor::start(&self.id), |cursor, bytes| {
                cursor.after(&self.id_of(bytes))
            });
        Checkpoint {
            seq,
            chain: cursor.chain,
            height,
            counters: members.map(|member| signed(member.device)).collect(),
            snapshots: snapshots.map(|bytes| self.id_of(bytes)).collect(),
            kept: Vec::new(),
        }
    }

    /// The id of an entry of this space.
    pub(crate) fn id_of(&self, entry: &[u8]) -> EntryId {
        let entry = Entry::parse(entry.to_vec()).unwrap();
        if entry.id(&SpaceId::ZERO) == EntryId::from(self.id) {
            EntryId::from(self.id)
        } else {
            entry.id(&self.id)
        }
    }
}

/// The place before a space's first entry.
pub(crate) fn start(space: &SpaceId) -> Position {
    Cursor::start(space).position()
}

type Addition = (Vec<Op>, Vec<SealedKey>, Vec<Vec<u8>>);

fn addition(
    noise: &mut u64,
    device: DeviceNumber,
    person: PersonTag,
    signing_key: VerifyingKey,
    rights: Rights,
) -> Addition {
    let agreement_key: Vec<u8> = (0..AGREEMENT_KEY).map(|_| next(noise)).collect();
    let sealed: Vec<u8> = (0..SEALED_KEY).map(|_| next(noise)).collect();
    let add = Add {
        device,
        person,
        signing_key,
        suite: SUITE_XWING,
        agreement_key: AttachmentHash::of(&agreement_key),
        rights,
    };
    let key = SealedKey {
        device,
        sealed: AttachmentHash::of(&sealed),
    };
    (vec![Op::Add(add)], vec![key], vec![agreement_key, sealed])
}

fn membership_entry(
    noise: &mut u64,
    core: &Core,
    by: &Device,
    height: Height,
    space: &SpaceId,
    at: &EntryId,
) -> Entry {
    let private: Vec<u8> = (0..COMMITMENT + 256 + TAG).map(|_| next(noise)).collect();
    let header = Header {
        kind: Kind::Membership,
        device: by.number,
        counter: by.counter,
        height,
        seen: start(space),
        salt: bytes(noise),
    };
    let body = MembershipBody::assemble(core, &private).unwrap();
    Entry::assemble(header, &body, space, at, |text| by.key.sign(text))
}

fn bytes<const N: usize>(noise: &mut u64) -> [u8; N] {
    std::array::from_fn(|_| next(noise))
}

/// The next byte of noise that is the same in every run.
pub(crate) fn noise(state: &mut u64) -> u8 {
    next(state)
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): noise that is the same in every run.
fn next(noise: &mut u64) -> u8 {
    *noise = noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *noise;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)).to_le_bytes()[0]
}
