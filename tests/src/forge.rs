//! Entries that no device of ours would make, with or without a member's keys.

use waymark_core::crypto::seal;
use waymark_core::space::Space;
use waymark_core::store::{Store, Table, Transaction};
use waymark_wire::chain::{ChainTag, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::DeviceNumber;
use waymark_wire::padding;
use waymark_wire::signature::SigningKey;

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
