//! Entries that no device of ours would make, with or without a member's keys.

use waymark_core::client::PlanId;
use waymark_core::crypto::{MembershipKeys, seal};
use waymark_core::driver::SystemEntropy;
use waymark_core::gate::DocumentName;
use waymark_core::membership::{KeySet, NewMember, Signer, Steps};
use waymark_core::model::DocumentKey;
use waymark_core::space::Space;
use waymark_core::store::{Store, Table, Transaction};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{DeviceNumber, SpaceId};
use waymark_wire::membership::{Core, MembershipBody};
use waymark_wire::padding;
use waymark_wire::signature::SigningKey;

use crate::Device;

/// Puts a record into a document of a plan below the facade, as no app of today could.
///
/// # Panics
/// Where the device has no such plan.
pub fn put_record(device: &mut Device, plan: PlanId, key: DocumentKey, bytes: &[u8]) {
    let name = DocumentName {
        kind: u16::from(key.kind.code()),
        part: key.part,
    };
    device.inside(|engine| {
        let plan = engine.space_mut(&SpaceId(plan.0));
        let (space, store, _) = plan.expect("the plan");
        let edited = space.edit(store, name, |document| {
            Ok(document.put_record(bytes)?.into_iter().collect())
        });
        assert!(edited.expect("an edit"), "it is there already");
    });
}

/// A batch of `text`, sealed under the space's key, that `signer` signs as `device`.
#[must_use]
pub fn batch(
    space: &Space,
    device: DeviceNumber,
    counter: u32,
    signer: &SigningKey,
    text: &[u8],
) -> Entry {
    entry(space, (Kind::Batch, device, counter), signer, |sealed| {
        sealed(text)
    })
}

/// An entry of any kind; `body` makes it of what seals a text under the space's key.
#[must_use]
pub fn entry(
    space: &Space,
    (kind, device, counter): (Kind, DeviceNumber, u32),
    signer: &SigningKey,
    body: impl FnOnce(&dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8>,
) -> Entry {
    let membership = space.book().expect("a member").membership();
    let (height, head) = (membership.height(), membership.head());
    let header = Header {
        kind,
        device,
        counter,
        height,
        seen: Position {
            seq: 0,
            chain: ChainTag([0; 16]),
        },
        salt: [counter.to_be_bytes()[3]; 16],
    };
    let id = space.id();
    let key = space.book().and_then(|book| book.key_at(height));
    let key = key.expect("the epoch key");
    let sealed = |text: &[u8]| {
        let mut text = text.to_vec();
        padding::pad(&mut text);
        seal(key, &id.0, &head.0, &header.to_bytes(), text).expect("sealed")
    };
    let body = body(&sealed);
    Entry::assemble(header, &body, &id, &head, |text| signer.sign(text))
}

/// The membership entry by which a space's own device adds somebody after the newest one, with its core
/// changed by `change`. Apart from that it is as it should be, to the last signature.
#[must_use]
pub fn addition(space: &Space, store: &dyn Store, change: impl FnOnce(&mut Core)) -> Entry {
    let book = space.book().expect("a member");
    let own = space.device().expect("a member");
    let entropy = &mut SystemEntropy::default();
    let keys = MembershipKeys::generate(entropy);
    let known = book.roster(own).expect("its name");
    let (person, rights) = space.own_member().expect("a member");
    let steps = Steps {
        add: vec![NewMember {
            person,
            keys: KeySet::of(&keys).expect("keys"),
            rights,
            role: known.role,
            name: known.name.clone(),
            device_name: "nobody's".into(),
            level: known.level,
            since: known.since,
            used_as: None,
        }],
        ..Steps::default()
    };
    let log = space.entries(store).expect("the log");
    let by_own = log.iter().filter(|entry| entry.header().device == own);
    let signer = Signer {
        device: own,
        keys: &keys,
        counter: u32::try_from(by_own.count()).expect("a short log"),
        seen: space.cursor().position(),
    };
    let draft = book.draft(&steps, signer, &|_| None, entropy);
    let draft = draft.expect("a draft").entry;
    let mut body = MembershipBody::parse(draft.body()).expect("a body");
    change(&mut body.core);
    let body = MembershipBody::assemble(&body.core, body.private).expect("a body");
    let (id, head) = (space.id(), book.membership().head());
    let sign = |text: &[u8]| space.signing_key().sign(text);
    Entry::assemble(*draft.header(), &body, &id, &head, sign)
}

/// Puts a batch of `text`, properly sealed and signed by the space's own device, in the place of the
/// newest batch that waits to be sent.
pub fn replace_newest(space: &Space, store: &mut dyn Store, text: &[u8]) {
    let newest = space.outbox(store).expect("an outbox").pop();
    let newest = newest.expect("something that waits to be sent");
    let device = space.device().expect("a member");
    let forged = batch(space, device, newest.counter, space.signing_key(), text);
    let number = space.number().to_be_bytes();
    let place = [&number[..], &[1], &newest.counter.to_be_bytes()].concat();
    let mut transaction = Transaction::new();
    transaction.put(Table::Outbox, place, outbox_row(&forged));
    store.commit(transaction.take()).expect("a commit");
}

/// An entry as the outbox keeps it.
fn outbox_row(entry: &Entry) -> Vec<u8> {
    #[derive(minicbor::Encode)]
    #[cbor(map)]
    struct Row {
        #[n(0)]
        entry: Bytes,
        #[n(1)]
        attachments: Vec<Bytes>,
    }
    codec::encode(&Row {
        entry: Bytes(entry.bytes().to_vec()),
        attachments: Vec::new(),
    })
}
