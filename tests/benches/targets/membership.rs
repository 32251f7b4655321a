//! The membership of a space: a new key for a whole team, a chain that is verified from its start,
//! and a phone that joins many spaces or opens them again.

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use tokio::runtime::Runtime;
use waymark_core::client::PlanId;
use waymark_core::crypto::{
    AgreementPublicKey, EpochInfo, EpochKey, MembershipKeys, SeededEntropy, seal_epoch_key,
};
use waymark_core::membership::{
    Book, Draft, KeySet, NewMember, RelayAddress, Signer, SpaceKind, Steps, found,
};
use waymark_core::role::Role;
use waymark_core::space::Space;
use waymark_tests::story::meet;
use waymark_tests::{Device, TestRelay, begin, link_phone};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::entry::Entry;
use waymark_wire::ids::{AttachmentHash, DeviceNumber, Height, PersonTag, SpaceId};
use waymark_wire::membership::{Membership, Rights};

use crate::Effort;
use crate::report::{Row, time};
use crate::rounds::{in_turn, median, timed};

/// People in the team, and devices that each has.
const PEOPLE: u8 = 10;
const DEVICES: u8 = 4;
/// Entries in the chain that is verified.
const CHAIN: usize = 1_000;
/// Spaces of somebody who is in many.
const SPACES: usize = 200;
/// Spaces with a long life behind them, and membership entries that each has.
const OLD_SPACES: usize = 20;
const OLD: usize = 100;

const SEEN: Position = Position {
    seq: 1,
    chain: ChainTag([0; 16]),
};

pub(crate) fn rotation(effort: Effort) -> Vec<Row> {
    let team = Team::found();
    let fresh = KeySet::of(&MembershipKeys::generate(&mut SeededEntropy::new([8; 32])));
    let steps = Steps {
        rotate: Some(fresh.expect("keys")),
        ..Steps::default()
    };
    let entropy = RefCell::new(SeededEntropy::new([9; 32]));
    let draft = || {
        let mut entropy = entropy.borrow_mut();
        let key_of = |hash: &AttachmentHash| team.agreement_key(hash);
        let draft = team
            .book
            .draft(&steps, team.signer(1), &key_of, &mut *entropy);
        draft.expect("a draft")
    };
    let recipients: Vec<AgreementPublicKey> = team
        .keys
        .iter()
        .map(|keys| keys.agreement_public().expect("a key"))
        .collect();
    let key = EpochKey::generate(&mut SeededEntropy::new([7; 32]));
    let seals = || {
        let mut entropy = entropy.borrow_mut();
        for (device, recipient) in (0..).zip(&recipients) {
            let info = EpochInfo::new(&[1; 32], &[2; 32], None, device);
            black_box(seal_epoch_key(recipient, &info, &key, &mut *entropy)).expect("sealed");
        }
    };
    let pair = in_turn(
        effort.of(21, 3),
        || timed(|| drop(black_box(draft()))).0,
        || timed(seals).0,
    );
    let sent = draft();
    let attached: usize = sent.attachments.iter().map(Vec::len).sum();
    let bytes = u64::try_from(sent.entry.bytes().len() + attached).unwrap_or(u64::MAX);
    let devices = usize::from(PEOPLE) * usize::from(DEVICES);
    let measure = format!("a new key for {PEOPLE} people with {devices} devices");
    vec![
        Row::at_most_times(&measure, pair.ours, pair.baseline, 1.5),
        Row::bytes("  bytes, with what it names by hash", bytes, None, 60_000),
    ]
}

pub(crate) fn chain(effort: Effort) -> Vec<Row> {
    let length = effort.of(CHAIN, 100);
    let entries = chain_of(length);
    let verify = || {
        let mut membership = Membership::found(&entries[0]).expect("founded");
        for entry in &entries[1..] {
            membership.apply(entry).expect("applied");
        }
        black_box(membership.height());
    };
    let pair_of_keys = Ed25519KeyPair::from_seed_unchecked(&[3; 32]).expect("a key");
    let public = UnparsedPublicKey::new(&ED25519, pair_of_keys.public_key().as_ref().to_vec());
    let text = [7; 79];
    let signature = pair_of_keys.sign(&text);
    let checks = || {
        for _ in 0..length {
            public.verify(&text, signature.as_ref()).expect("signed");
        }
    };
    let pair = in_turn(effort.of(11, 3), || timed(verify).0, || timed(checks).0);
    let measure = format!("verify a chain of {length} membership entries");
    vec![Row::at_most_times(&measure, pair.ours, pair.baseline, 1.2)]
}

pub(crate) fn many_spaces(effort: Effort) -> Vec<Row> {
    let runtime = Runtime::new().expect("a runtime");
    let most = Duration::from_secs(10);
    let mut rows = Vec::new();
    for spaces in [1, effort.of(SPACES, 10)] {
        let relay = runtime.block_on(TestRelay::start());
        let (phone, _) = begin(&relay);
        for _ in 1..spaces {
            phone.client().people().create_plan().expect("a plan");
        }
        runtime.block_on(settle(&[&phone]));
        let mut times = Vec::new();
        for _ in 0..effort.of(if spaces == 1 { 11 } else { 3 }, 1) {
            times.push(timed(|| runtime.block_on(joins(&phone, spaces))).0);
        }
        let measure = format!("a new phone into {spaces} spaces, until it is a member of all");
        rows.push(if spaces == 1 {
            Row::note(&measure, time(median(times)), "–".into())
        } else {
            Row::at_most(&measure, median(times), None, most)
        });
        let measure = format!("  open a phone that is in {spaces} spaces");
        rows.push(open_again(phone, &measure, effort));
    }
    rows.push(old_spaces(&runtime, effort));
    rows
}

/// A phone in spaces whose keys were renewed over and over.
fn old_spaces(runtime: &Runtime, effort: Effort) -> Row {
    let (spaces, length) = (effort.of(OLD_SPACES, 2), effort.of(OLD, 4));
    let relay = runtime.block_on(TestRelay::start());
    let (phone, _) = begin(&relay);
    for _ in 1..spaces {
        phone.client().people().create_plan().expect("a plan");
    }
    runtime.block_on(settle(&[&phone]));
    let people = phone.client().people();
    let is_young = |plan: &PlanId| people.history(*plan).expect("a history").len() < length;
    let mut young = people.plans();
    while !young.is_empty() {
        for plan in &young {
            people.rotate(*plan).expect("a wish");
        }
        runtime.block_on(meet(&[&phone]));
        young.retain(is_young);
    }
    let measure =
        format!("  open one that is in {spaces} spaces with {length} membership entries each");
    open_again(phone, &measure, effort)
}

/// Opening beside opening with every signature of every membership checked anew.
fn open_again(phone: Device, measure: &str, effort: Effort) -> Row {
    let phone = RefCell::new(phone);
    let open = |relies| {
        let mut phone = phone.borrow_mut();
        rely_on_verified(&mut phone, relies);
        phone.close();
        timed(|| phone.reopen()).0
    };
    let pair = in_turn(effort.of(11, 2), || open(true), || open(false));
    Row::compared(measure, pair.ours, pair.baseline)
}

/// Says whether the next opening may rely on what was verified in any space.
fn rely_on_verified(phone: &mut Device, relies: bool) {
    phone.inside(|engine| {
        let ids: Vec<SpaceId> = engine.spaces().iter().map(Space::id).collect();
        for id in ids {
            let (space, store, _) = engine.space_mut(&id).expect("a space");
            space.rely_on_verified(store, relies).expect("it is kept");
        }
    });
}

/// Joins home by card, and syncs until home has taken the phone everywhere.
async fn joins(phone: &Device, spaces: usize) {
    let second = link_phone(phone).await;
    let is_everywhere = || {
        let plans = second.client().people().plans();
        let is_member = |plan| {
            let members = second.client().people().members(plan);
            members.is_ok_and(|members| members.iter().any(|member| member.this_device))
        };
        plans.len() == spaces && plans.into_iter().all(is_member)
    };
    while !is_everywhere() {
        second.client().sync().now().await.expect("it syncs");
    }
}

async fn settle(devices: &[&Device]) {
    for _ in 0..4 {
        meet(devices).await;
    }
}

/// Ten people with four devices each.
struct Team {
    book: Book,
    keys: Vec<MembershipKeys>,
    /// Their public agreement keys, by number.
    stored: Vec<Vec<u8>>,
}

impl Team {
    fn found() -> Self {
        let mut entropy = SeededEntropy::new([1; 32]);
        let count = PEOPLE * DEVICES;
        let keys: Vec<_> = (0..count)
            .map(|_| MembershipKeys::generate(&mut entropy))
            .collect();
        let members: Vec<NewMember> = (0..).zip(&keys).map(|(n, keys)| member(n, keys)).collect();
        let relay = RelayAddress {
            url: "https://relay.example".into(),
            key: None,
        };
        let kind = SpaceKind::Care;
        let founded = found(&members, kind, Some(&relay), None, &keys[0], &mut entropy);
        let (draft, key) = founded.expect("a first entry");
        let mut book = Book::found(&draft.entry).expect("founded");
        book.restore_key(Height(0), key);
        book.read_roster(&draft.entry, Height(0)).expect("a roster");
        let public = |member: &NewMember| member.keys.agreement_key.0.clone();
        let stored = members.iter().map(public).collect();
        Self { book, keys, stored }
    }

    fn signer(&self, counter: u32) -> Signer<'_> {
        Signer {
            device: DeviceNumber(0),
            keys: &self.keys[0],
            counter,
            seen: SEEN,
        }
    }

    fn agreement_key(&self, hash: &AttachmentHash) -> Option<Vec<u8>> {
        // As it is in the database: by hash, to be read there.
        let members = self.book.membership().everybody();
        let place = members.iter().position(|m| m.agreement_key == *hash)?;
        self.stored.get(place).cloned()
    }
}

fn member(number: u8, keys: &MembershipKeys) -> NewMember {
    NewMember {
        person: PersonTag([number / DEVICES; 16]),
        keys: KeySet::of(keys).expect("keys"),
        rights: if number == 0 {
            Rights::ADMIN
        } else {
            Rights::WRITE
        },
        role: if number / DEVICES == 0 {
            Role::Client
        } else {
            Role::Therapist
        },
        name: format!("Somebody with number {}", number / DEVICES),
        device_name: format!("tablet {number}"),
        level: 1,
        since: 20_000,
        used_as: None,
    }
}

/// A chain whose entries each start an epoch, as those of an old space mostly do.
fn chain_of(length: usize) -> Vec<Entry> {
    let mut entropy = SeededEntropy::new([2; 32]);
    let keys = MembershipKeys::generate(&mut entropy);
    let founder = member(0, &keys);
    let founded = found(&[founder], SpaceKind::Home, None, None, &keys, &mut entropy);
    let (first, key) = founded.expect("a first entry");
    let mut book = Book::found(&first.entry).expect("founded");
    book.restore_key(Height(0), key);
    book.read_roster(&first.entry, Height(0)).expect("a roster");
    let mut entries = vec![first.entry];
    for counter in (1..).take(length - 1) {
        let signer = Signer {
            device: DeviceNumber(0),
            keys: &keys,
            counter,
            seen: SEEN,
        };
        let steps = Steps {
            rotate: Some(KeySet::of(&keys).expect("keys")),
            ..Steps::default()
        };
        let Draft { entry, attachments } = book
            .draft(&steps, signer, &|_| None, &mut entropy)
            .expect("a draft");
        book.apply(&entry).expect("applied");
        book.take_key(&entry, &keys, DeviceNumber(0), &attachments)
            .expect("its key");
        entries.push(entry);
    }
    entries
}
