//! A space through the whole life of its membership: reserve, removal, new keys, a key handed out
//! once more, somebody who leaves, a recovery phrase and the one after it, something that is forgotten,
//! and the end.

use minicbor::Encoder;
use ring::digest::{SHA512, digest};
use serde_json::{Value, json};
use waymark_core::client::{Client, Config};
use waymark_core::crypto::{MembershipKeys, SeededEntropy, open, open_roster, seal};
use waymark_core::forgotten::Forgotten;
use waymark_core::home::Listed;
use waymark_core::ids::{RecordId, TextId};
use waymark_core::membership::{
    Book, BookError, Draft, Entrance, KeySet, NewMember, Roster, Signer, SpaceKind, Steps,
    Succession, Use, found,
};
use waymark_core::role::Role;
use waymark_wire::chain::{ChainTag, Cursor, Position};
use waymark_wire::codec;
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{Core, Membership, MembershipBody, Rights};
use waymark_wire::padding;

use super::membership::{CLIENT, THERAPIST, relay};
use super::rules::{Attempt, name_of, refusal_name, sealed};
use super::support::{counting, entropy, hex, keys, public, sign};
use super::tried::tried;

const SUPPORTER: PersonTag = PersonTag([0x5a; 16]);
/// The memberships, by number.
pub(super) const NAMES: [&str; 8] = [
    "client's phone",
    "reserve",
    "tablet",
    "desk",
    "supporter's phone",
    "second desk",
    "first phrase",
    "second phrase",
];

pub(super) fn vectors() -> Value {
    let life = Life::whole();
    let members = NAMES.iter().zip(&life.first_keys).map(|(name, keys)| {
        json!({
            "name": name,
            "signing_seed": hex(&keys.to_bytes()[..32]),
            "agreement_seed": hex(keys.agreement().seed().expose()),
        })
    });
    json!({
        "space": hex(life.space().0),
        "follows": hex(predecessor().0),
        "members": members.collect::<Vec<_>>(),
        "entries": life.entries,
        "epochs": life.epochs(),
        "tried": life.tried(),
        "batches": life.batches(),
        "safety_numbers": life.safety_numbers(),
        "listed": life.listed(),
    })
}

const fn predecessor() -> SpaceId {
    SpaceId([0x0f; 32])
}

const fn successor() -> SpaceId {
    SpaceId([0xf0; 32])
}

/// How a member enters it.
const fn entrance() -> Entrance {
    Entrance {
        device: DeviceNumber(5),
        number: DeviceNumber(1),
        added_by: EntryId([0xf1; 32]),
        reaches: Position {
            seq: 2,
            chain: ChainTag([0xf2; 16]),
        },
    }
}

/// What is forgotten.
fn forgotten() -> Forgotten {
    Forgotten {
        records: [RecordId(counting(0x20)), RecordId(counting(0x10))].into(),
        texts: [TextId(counting(0xd0))].into(),
    }
}

struct Life {
    book: Book,
    /// As they were when each membership began, by number.
    first_keys: Vec<MembershipKeys>,
    /// As they are now.
    keys: Vec<MembershipKeys>,
    counters: Vec<u32>,
    kept: Vec<Vec<u8>>,
    cursor: Cursor,
    /// The membership after each entry.
    after: Vec<Membership>,
    entries: Vec<Value>,
    random: SeededEntropy,
}

impl Life {
    fn whole() -> Self {
        let mut random = entropy("the life of a membership");
        let phone = keys(NAMES[0]);
        let founders = [
            member(0, CLIENT, Rights::ADMIN),
            member(1, CLIENT, Rights::ADMIN),
        ];
        let (kind, relay) = (SpaceKind::Care, relay());
        let follows = Some(predecessor());
        let (draft, _) =
            found(&founders, kind, Some(&relay), follows, &phone, &mut random).unwrap();
        let book = Book::found(&draft.entry).unwrap();
        let cursor = Cursor::start(book.membership().space());
        let mut life = Self {
            book,
            first_keys: Vec::new(),
            keys: Vec::new(),
            counters: Vec::new(),
            kept: Vec::new(),
            cursor,
            after: Vec::new(),
            entries: Vec::new(),
            random,
        };
        life.note("a space is founded, with a reserve", 0, draft, None);
        life.live();
        life
    }

    fn live(&mut self) {
        let people = [
            member(2, THERAPIST, Rights::WRITE),
            member(3, THERAPIST, Rights::WRITE),
            member(4, SUPPORTER, Rights::READ),
        ];
        let add = |members: &[NewMember]| Steps {
            add: members.to_vec(),
            ..Steps::default()
        };
        self.make_steps("people are added", 0, add(&people), false);
        self.make_steps("the key is replaced", 0, Steps::default(), true);
        let replaced = Steps {
            remove: vec![DeviceNumber(3)],
            ..add(&[member(5, THERAPIST, Rights::WRITE)])
        };
        self.make_steps("a device is removed and another added", 0, replaced, true);
        let once_more = Steps {
            seal: vec![DeviceNumber(4)],
            ..Steps::default()
        };
        self.make_steps("the key is handed out once more", 2, once_more, false);
        self.make("somebody leaves", 4, None, |book, signer, random| {
            book.draft_leave(signer, random)
        });
        self.make_steps("the next one replaces the key", 2, Steps::default(), true);
        let phrase = [member(6, CLIENT, Rights::RECOVERY)];
        self.make_steps("a recovery phrase", 0, add(&phrase), false);
        let next_phrase = Steps {
            remove: vec![DeviceNumber(6)],
            ..add(&[member(7, CLIENT, Rights::RECOVERY)])
        };
        self.make_steps("it makes room for another", 6, next_phrase, false);
        self.make_steps("and the key is replaced", 0, Steps::default(), true);
        let forgets = Steps {
            forget: Some(forgotten()),
            ..Steps::default()
        };
        self.make_steps("something is forgotten", 0, forgets, true);
        self.make("the space is closed", 7, None, |book, signer, random| {
            let height = book.membership().height();
            let succession = Succession {
                space: successor(),
                entrances: vec![entrance()],
                height,
            };
            book.draft_close(Some(&succession), signer, random)
        });
    }

    fn space(&self) -> SpaceId {
        *self.book.membership().space()
    }

    fn make_steps(&mut self, what: &str, by: usize, mut steps: Steps, rotates: bool) {
        let mut renewed = None;
        if rotates {
            let mut fresh = copy(&self.keys[by]);
            fresh.renew_agreement(&mut self.random);
            steps.rotate = Some(KeySet::of(&fresh).unwrap());
            renewed = Some(fresh);
        }
        let kept = self.kept.clone();
        let agreement_key = move |hash: &AttachmentHash| {
            let mut kept = kept.iter();
            kept.find(|bytes| AttachmentHash::of(bytes) == *hash)
                .cloned()
        };
        self.make(what, by, renewed, |book, signer, random| {
            book.draft(&steps, signer, &agreement_key, random)
        });
    }

    fn make(
        &mut self,
        what: &str,
        by: usize,
        renewed: Option<MembershipKeys>,
        draft: impl FnOnce(&Book, Signer<'_>, &mut SeededEntropy) -> Result<Draft, BookError>,
    ) {
        let signer = Signer {
            device: number(by),
            keys: &self.keys[by],
            counter: self.counters[by],
            seen: self.cursor.position(),
        };
        let draft = draft(&self.book, signer, &mut self.random).unwrap();
        self.book.apply(&draft.entry).unwrap();
        self.note(what, by, draft, renewed);
    }

    /// What everybody knows after the entry, and what its members open.
    fn note(&mut self, what: &str, by: usize, draft: Draft, renewed: Option<MembershipKeys>) {
        let membership = self.book.membership().clone();
        let height = membership.height();
        let renewed_seed = renewed.map(|fresh| {
            let seed = hex(fresh.agreement().seed().expose());
            self.keys[by] = fresh;
            seed
        });
        for name in NAMES
            .iter()
            .take(membership.everybody().len())
            .skip(self.keys.len())
        {
            self.keys.push(keys(name));
            self.first_keys.push(keys(name));
            self.counters.push(0);
        }
        let Draft { entry, attachments } = draft;
        let (book, phone) = (&mut self.book, &self.keys[0]);
        book.take_key(&entry, phone, number(0), &attachments)
            .unwrap();
        book.read_roster(&entry, height).unwrap();
        self.counters[by] += 1;
        self.kept.extend(attachments.iter().cloned());

        let founding = height == Height(0);
        let space = if founding {
            SpaceId::ZERO
        } else {
            self.space()
        };
        let id = entry.id(&space);
        self.cursor = self.cursor.after(&id);
        let body = MembershipBody::parse(entry.body()).unwrap();
        let core_end = entry.body().len() - body.private.len();
        let previous = &body.core.previous.0;
        let key = self.book.key_at(height).unwrap();
        let header = entry.header().to_bytes();
        let padded = open_roster(key, &space.0, previous, &header, body.private).unwrap();
        let members = membership.members().map(|m| m.device.0);
        let roster = padding::unpad(&padded).unwrap().to_vec();
        let said: Roster = codec::decode(&roster, 64 * 1024).unwrap();
        let forgotten = said.forgotten.map(|sealed| {
            let key = self.book.key_at(Height(height.0 - 1)).unwrap();
            hex(open(key, &space.0, previous, &header, sealed.0).unwrap())
        });
        self.entries.push(json!({
            "what": what,
            "signer": by,
            "entry": hex(entry.bytes()),
            "id": hex(id.0),
            "height": height.0,
            "core": hex(&entry.body()[4..core_end]),
            "roster": hex(roster),
            "forgotten": forgotten,
            "renewed_seed": renewed_seed,
            "attachments": attachments.iter().map(hex).collect::<Vec<_>>(),
            "after": {
                "members": members.collect::<Vec<_>>(),
                "epoch_start": membership.epoch_start().0,
                "epoch_number": membership.epoch_number(),
                "rotation_due": membership.is_rotation_due(),
                "cut": membership.cut().map(|cut| cut.0),
                "closed": membership.is_closed(),
                "successor": membership.successor().map(|space| hex(space.0)),
            },
            "seq": self.cursor.seq,
            "chain": hex(self.cursor.chain.0),
        }));
        self.after.push(membership);
    }

    fn epochs(&self) -> Value {
        let starts = self.book.membership().epoch_starts().iter();
        let epochs = starts.map(|start| {
            let key = self.book.key_at(*start).unwrap();
            json!({ "start": start.0, "key": hex(key.expose()) })
        });
        epochs.collect()
    }

    fn header(&self, kind: Kind, device: usize, height: u32) -> Header {
        Header {
            kind,
            device: number(device),
            counter: 9,
            height: Height(height),
            seen: self.cursor.position(),
            salt: counting(0x10),
        }
    }

    /// What is tried after the entry of a height, by whom, and what becomes of it.
    fn tried(&self) -> Value {
        let told = tried().into_iter().map(|tried| {
            let membership = &self.after[tried.after as usize];
            let core = Core {
                previous: membership.head(),
                ops: tried.ops,
                keys: sealed(&tried.keys),
            };
            let attempt = Attempt {
                header: self.header(Kind::Membership, tried.by, tried.after),
                signer: NAMES[tried.by],
                core,
            };
            let entry = attempt.entry(membership.space(), &membership.head());
            let mut membership = membership.clone();
            let outcome = membership.apply(&entry);
            let outcome = outcome.map_or_else(|error| name_of(&error), |()| "ok");
            json!({
                "what": tried.what,
                "after": tried.after,
                "entry": hex(entry.bytes()),
                "outcome": outcome,
            })
        });
        told.collect()
    }

    /// Which batches count after the entry of a height; those that do are really sealed.
    fn batches(&self) -> Value {
        let cases = [
            ("in the first epoch", 1, 2, 1),
            ("at an older height of the epoch", 1, 0, 0),
            ("of an epoch that is over", 2, 2, 1),
            ("in the second epoch", 2, 2, 2),
            ("by a removed device, of the epoch before", 3, 3, 2),
            ("by a removed device", 3, 3, 3),
            ("in the third epoch", 3, 2, 3),
            ("by the device that came with it", 4, 5, 3),
            ("while the key is to be replaced", 5, 2, 5),
            ("at a height before that", 5, 2, 4),
            ("sealed while the key was to be replaced", 6, 2, 5),
            ("in the fourth epoch", 6, 0, 6),
            ("by who has left", 6, 4, 6),
            ("by a recovery phrase", 7, 6, 7),
            ("before something is forgotten, too late", 10, 2, 9),
            ("after something is forgotten", 10, 2, 10),
            ("after the end", 11, 0, 11),
            ("before the end, too late", 11, 0, 10),
        ];
        let told = cases.map(|(what, after, device, height): (_, usize, usize, u32)| {
            let membership = &self.after[after];
            let at = membership.id_at(Height(height)).unwrap();
            let header = self.header(Kind::Batch, device, height);
            let key = self.book.key_at(Height(height)).unwrap();
            let mut text = what.as_bytes().to_vec();
            padding::pad(&mut text);
            let space = self.space();
            let body = seal(key, &space.0, &at.0, &header.to_bytes(), text).unwrap();
            let signer = keys(NAMES[device]);
            let entry = Entry::assemble(header, &body, &space, &at, sign(&signer));
            let outcome = membership.admit(&entry);
            let outcome = outcome.map_or_else(|error| refusal_name(&error), |_| "ok");
            json!({
                "what": what,
                "after": after,
                "entry": hex(entry.bytes()),
                "outcome": outcome,
            })
        });
        told.into_iter().collect()
    }

    fn safety_numbers(&self) -> Vec<String> {
        let heads = self.after.iter().map(Membership::head);
        heads
            .map(|head| safety_number(&self.space(), &head.0))
            .collect()
    }

    /// What home's list says of this space: its reserve, whose the phone is, and that it is left.
    fn listed(&self) -> Value {
        let space = self.space();
        let reserve = keys(NAMES[1]);
        let relay = relay();
        let founded = Cursor::start(&space)
            .after(&EntryId::from(space))
            .position();
        let mut e = Encoder::new(Vec::new());
        e.array(2).unwrap().u8(1).unwrap().array(1).unwrap();
        e.map(8).unwrap().u8(0).unwrap().bytes(&space.0).unwrap();
        e.u8(1).unwrap().u8(2).unwrap();
        e.u8(2)
            .unwrap()
            .map(2)
            .unwrap()
            .u8(0)
            .unwrap()
            .str(&relay.url)
            .unwrap();
        e.u8(1).unwrap().bytes(&relay.key.unwrap().0).unwrap();
        e.u8(3).unwrap().bytes(&*reserve.to_bytes()).unwrap();
        e.u8(4).unwrap().bytes(&public(&reserve).0).unwrap();
        e.u8(5).unwrap().u8(1).unwrap();
        e.u8(6).unwrap().bytes(&space.0).unwrap();
        e.u8(7).unwrap().array(2).unwrap().u64(founded.seq).unwrap();
        e.bytes(&founded.chain.0).unwrap();
        let reserve = e.into_writer();

        let mut e = Encoder::new(Vec::new());
        e.array(2).unwrap().u8(2).unwrap().array(1).unwrap();
        e.map(3).unwrap().u8(0).unwrap().bytes(&space.0).unwrap();
        e.u8(1).unwrap().bytes(&public(&keys(NAMES[0])).0).unwrap();
        e.u8(2)
            .unwrap()
            .bytes(&public(&keys("phone in home")).0)
            .unwrap();
        let place = e.into_writer();
        let gone = codec::encode(&Listed::Gone(space));

        // What is written here by hand is what the code writes and reads.
        for bytes in [&reserve, &place, &gone] {
            let read: Listed = codec::decode(bytes, 1_000).unwrap();
            assert_eq!(codec::encode(&read), *bytes);
        }
        let Listed::Reserve(read) = codec::decode(&reserve, 1_000).unwrap() else {
            panic!("it is a reserve");
        };
        let welcome = read.as_welcome();
        assert_eq!((welcome.space, welcome.reaches), (space, founded));
        json!({
            "reserve": hex(reserve),
            "place": hex(place),
            "place_home_key": hex(public(&keys("phone in home")).0),
            "gone": hex(gone),
        })
    }
}

fn member(number: usize, person: PersonTag, rights: Rights) -> NewMember {
    let name = NAMES[number];
    NewMember {
        person,
        keys: KeySet::of(&keys(name)).unwrap(),
        rights,
        role: match person {
            CLIENT => Role::Client,
            THERAPIST => Role::Therapist,
            _ => Role::Supporter,
        },
        name: match person {
            CLIENT => "Mila".into(),
            THERAPIST => "Dr. Ada Öztürk".into(),
            _ => "Noor".into(),
        },
        device_name: name.into(),
        level: 1,
        // 2026-05-01.
        since: 20_574,
        used_as: match number {
            1 => Some(Use::Reserve),
            6 | 7 => Some(Use::Phrase),
            _ => None,
        },
    }
}

fn number(device: usize) -> DeviceNumber {
    DeviceNumber(u16::try_from(device).unwrap())
}

fn copy(keys: &MembershipKeys) -> MembershipKeys {
    MembershipKeys::from_bytes(&*keys.to_bytes()).unwrap()
}

fn safety_number(space: &SpaceId, head: &[u8]) -> String {
    let text = [b"waymark/1 safety number".as_slice(), &space.0, head].concat();
    let hash = digest(&SHA512, &text);
    let groups = hash.as_ref().chunks_exact(5).take(12).map(|group| {
        let mut wide = [0; 8];
        wide[3..].copy_from_slice(group);
        format!("{:05}", u64::from_be_bytes(wide) % 100_000)
    });
    groups.collect::<Vec<_>>().join(" ")
}

/// The number that an app shows of a space is the one that these vectors compute.
pub(super) fn check_shown_number() {
    let directory = tempfile::tempdir().unwrap();
    let config = Config::new(directory.path(), "http://127.0.0.1:1");
    let client = Client::open(config, &[7; 32]).unwrap();
    let people = client.people();
    people.begin("Mila", "phone").unwrap();
    let plan = people.create_plan().unwrap();
    let history = people.history(plan).unwrap();
    let head = &history.last().unwrap().id;
    let head: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&head[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let shown = people.safety_number(plan).unwrap();
    assert_eq!(shown, safety_number(&SpaceId(plan.0), &head));
}
