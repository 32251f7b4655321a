//! A space that grows to five memberships, what its rules refuse, and how a device comes in: card
//! and welcome.

use serde_json::{Value, json};
use waymark_core::crypto::{Entropy, EpochKey, MembershipKeys};
use waymark_core::membership::{
    Book, ContactCard, Draft, KeySet, NewMember, RelayAddress, Roster, RosterMember, Signer,
    SpaceKind, Steps, Welcome, WelcomeSpace, found,
};
use waymark_core::role::Role;
use waymark_core::space::actor;
use waymark_wire::chain::Cursor;
use waymark_wire::codec;
use waymark_wire::ids::{DeviceNumber, PersonTag, SpaceId};
use waymark_wire::membership::{Membership, MembershipBody, Rights};
use waymark_wire::signature::{Signature, SigningKey};

use super::rules;
use super::support::{counting, entropy, hex, keys, public};

pub(super) const CLIENT: PersonTag = PersonTag([0xc1; 16]);
pub(super) const THERAPIST: PersonTag = PersonTag([0x7e; 16]);

pub(super) fn vectors() -> Value {
    let space = Space::make();
    json!({
        "space": hex(space.id().0),
        "epoch_key": hex(space.epoch_key.expose()),
        "relay": { "url": relay().url, "key": relay().key.map(|key| hex(key.0)) },
        "entries": space.entries,
        "members": members(space.book.membership()),
        "refused": rules::refused(&space),
        "refused_first": rules::refused_first(),
        "batches": rules::batches(&space),
        "card": card(),
        "welcome": welcome(&space),
    })
}

pub(super) fn relay() -> RelayAddress {
    let key = SigningKey::from_seed(&counting(0xc0))
        .unwrap()
        .verifying_key();
    RelayAddress {
        url: "http://127.0.0.1:8447".into(),
        key: Some(key),
    }
}

/// The space, and how it came about.
pub(super) struct Space {
    pub(super) book: Book,
    pub(super) epoch_key: EpochKey,
    pub(super) cursor: Cursor,
    /// Every entry with its attachments.
    pub(super) drafts: Vec<Draft>,
    entries: Vec<Value>,
}

impl Space {
    pub(super) fn make() -> Self {
        let mut random = entropy("the space's entries");
        let phone = keys("client's phone");
        let founder = member(CLIENT, "client's phone", Rights::ADMIN, Role::Client);
        let (draft, epoch_key) = found(
            std::slice::from_ref(&founder),
            SpaceKind::Care,
            Some(&relay()),
            None,
            &phone,
            &mut random,
        )
        .unwrap();
        let book = Book::found(&draft.entry).unwrap();
        let cursor = Cursor::start(book.membership().space());
        let mut space = Self {
            book,
            epoch_key,
            cursor,
            drafts: Vec::new(),
            entries: Vec::new(),
        };
        space.note(draft, &["client's phone"], "client's phone");

        space.add(
            &[member(THERAPIST, "tablet", Rights::WRITE, Role::Therapist)],
            ("client's phone", 0, 1),
            &mut random,
        );
        // Its own further devices, with rights up to its own.
        space.add(
            &[
                member(THERAPIST, "desk", Rights::WRITE, Role::Therapist),
                member(THERAPIST, "screen", Rights::READ, Role::Therapist),
            ],
            ("tablet", 1, 0),
            &mut random,
        );
        space.add(
            &[member(CLIENT, "second phone", Rights::ADMIN, Role::Client)],
            ("client's phone", 0, 2),
            &mut random,
        );
        space
    }

    pub(super) fn id(&self) -> SpaceId {
        *self.book.membership().space()
    }

    fn add(
        &mut self,
        members: &[NewMember],
        (signer, device, counter): (&str, u16, u32),
        random: &mut dyn Entropy,
    ) {
        let keys = keys(signer);
        let signed_by = Signer {
            device: DeviceNumber(device),
            keys: &keys,
            counter,
            seen: self.cursor.position(),
        };
        let steps = Steps {
            add: members.to_vec(),
            ..Steps::default()
        };
        let draft = self
            .book
            .draft(&steps, signed_by, &|_| None, random)
            .unwrap();
        self.book.apply(&draft.entry).unwrap();
        let names: Vec<_> = members
            .iter()
            .map(|member| member.device_name.as_str())
            .collect();
        self.note(draft, &names, signer);
    }

    fn note(&mut self, draft: Draft, added: &[&str], signer: &str) {
        let founding = self.drafts.is_empty();
        let height = self.book.membership().height();
        let own = keys("client's phone");
        let taken = self
            .book
            .take_key(&draft.entry, &own, DeviceNumber(0), &draft.attachments);
        assert_eq!(taken.unwrap().is_some(), founding);
        self.book.read_roster(&draft.entry, height).unwrap();

        let id = draft.entry.id(if founding {
            &SpaceId::ZERO
        } else {
            self.book.membership().space()
        });
        self.cursor = self.cursor.after(&id);
        let body = MembershipBody::parse(draft.entry.body()).unwrap();
        let core_len = draft.entry.body().len() - body.private.len() - 4;
        let added: Vec<_> = added
            .iter()
            .map(|name| {
                let member = keys(name);
                json!({
                    "signing_seed": hex(&member.to_bytes()[..32]),
                    "agreement_seed": hex(member.agreement().seed().expose()),
                    "agreement_key": hex(member.agreement_public().unwrap().to_bytes()),
                })
            })
            .collect();
        self.entries.push(json!({
            "signer_seed": hex(&keys(signer).to_bytes()[..32]),
            "entry": hex(draft.entry.bytes()),
            "id": hex(id.0),
            "height": height.0,
            "core": hex(&draft.entry.body()[4..4 + core_len]),
            "roster": hex(self.roster_of(&draft, founding)),
            "added": added,
            "attachments": draft.attachments.iter().map(hex).collect::<Vec<_>>(),
            "seq": self.cursor.seq,
            "chain": hex(self.cursor.chain.0),
        }));
        self.drafts.push(draft);
    }

    /// The private part in clear, from what the book has read of it.
    fn roster_of(&self, draft: &Draft, founding: bool) -> Vec<u8> {
        let body = MembershipBody::parse(draft.entry.body()).unwrap();
        let members: Vec<RosterMember> = body
            .core
            .keys
            .iter()
            .map(|key| self.book.roster(key.device).unwrap().clone())
            .collect();
        codec::encode(&Roster {
            members,
            kind: founding.then_some(SpaceKind::Care),
            relay: founding.then(relay),
            ..Roster::default()
        })
    }
}

fn member(person: PersonTag, device: &str, rights: Rights, role: Role) -> NewMember {
    NewMember {
        person,
        keys: KeySet::of(&keys(device)).unwrap(),
        rights,
        role,
        name: if person == CLIENT {
            "Mila".into()
        } else {
            "Dr. Ada Öztürk".into()
        },
        device_name: device.into(),
        level: 1,
        // 2026-05-01.
        since: 20_574,
        used_as: None,
    }
}

fn members(membership: &Membership) -> Value {
    let members = membership.members().map(|member| {
        json!({
            "device": member.device.0,
            "person": hex(member.person.0),
            "signing_key": hex(member.signing_key.0),
            "agreement_key": hex(member.agreement_key.0),
            "rights": member.rights.to_string(),
            "since": member.since.0,
            "actor": hex(actor(membership.space(), &member.signing_key).0),
        })
    });
    members.collect()
}

fn card() -> Value {
    let sets: [MembershipKeys; 2] = [keys("tablet"), keys("desk")];
    let bytes = ContactCard::issue("Dr. Ada Öztürk", "tablet", 1, &sets).unwrap();
    let card = ContactCard::parse(&bytes).unwrap();
    let signatures = sets
        .iter()
        .map(|keys| public(keys).0)
        .map(hex)
        .collect::<Vec<_>>();
    json!({
        "card": hex(&bytes),
        "name": card.name,
        "device_name": card.device_name,
        "level": card.level,
        "signing_keys": signatures,
        "agreement_keys": card.keys.iter().map(|set| hex(&set.agreement_key.0)).collect::<Vec<_>>(),
    })
}

fn welcome(space: &Space) -> Value {
    let membership = space.book.membership();
    let device = DeviceNumber(1);
    let member = membership.member(device).unwrap();
    let welcome = Welcome {
        spaces: vec![WelcomeSpace {
            space: space.id(),
            kind: SpaceKind::Care,
            relay: relay(),
            signing_key: member.signing_key,
            device,
            added_by: membership.id_at(member.since).unwrap(),
            reaches: space.cursor.position(),
        }],
    };
    let bytes = welcome.to_bytes();
    assert_eq!(Welcome::parse(&bytes).as_ref(), Ok(&welcome));
    json!({
        "welcome": hex(bytes),
        "space": hex(space.id().0),
        "kind": 2,
        "relay_url": relay().url,
        "relay_key": relay().key.map(|key| hex(key.0)),
        "signing_key": hex(member.signing_key.0),
        "device": device.0,
        "added_by": hex(membership.id_at(member.since).unwrap().0),
        "reaches_seq": space.cursor.seq,
        "reaches_chain": hex(space.cursor.position().chain.0),
    })
}

/// Signs as a device of the space.
pub(super) fn signed_by(name: &str) -> impl Fn(&[u8]) -> Signature {
    let keys = keys(name);
    move |text| Signature(keys.sign(text).unwrap())
}
