//! A member who carries what nobody lost: what a carry says is its author's, or nobody's.

use minicbor::Encode;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height};
use waymark_wire::membership::Rights;
use waymark_wire::padding;

use super::fleet::Fleet;
use crate::space::outbox;
use crate::store::Transaction;

/// A carry as its format has it.
#[derive(Clone, Encode)]
#[cbor(map)]
struct Carried {
    #[n(0)]
    entry: Bytes,
    #[n(1)]
    signer: DeviceNumber,
    #[n(2)]
    at: EntryId,
    #[n(3)]
    key: Bytes,
}

/// The device that carries; a therapist's.
const LIAR: usize = 1;
/// The client's other phone, which reads it.
const READER: usize = 2;

/// A client with two phones, a therapist, and a batch of the client's and one of the therapist's.
fn stage() -> Fleet {
    let mut fleet = Fleet::of(&[(2, Rights::WRITE), (1, Rights::ADMIN)]);
    fleet.devices[0].note("the client's");
    fleet.sync(0);
    fleet.devices[LIAR].note("the therapist's");
    fleet.settle();
    fleet
}

/// The newest batch of a device, as an honest carry would hold it.
fn carried(fleet: &Fleet, device: usize) -> Carried {
    let number = fleet.number(device);
    let log = fleet.relay.log.iter().rev();
    let mut batches = log.filter(|stored| {
        let header = stored.entry.header();
        header.kind == Kind::Batch && header.device == number
    });
    let entry = &batches.next().unwrap().entry;
    let height = entry.header().height;
    let book = fleet.devices[LIAR].space.book().unwrap();
    Carried {
        entry: Bytes(entry.bytes().to_vec()),
        signer: number,
        at: book.membership().id_at(height).unwrap(),
        key: Bytes(book.key_at(height).unwrap().expose().to_vec()),
    }
}

/// Has the therapist's device say this as a carry; the others read it.
fn say(fleet: &mut Fleet, text: &[u8]) {
    let mut text = text.to_vec();
    padding::pad(&mut text);
    let put = fleet.devices[LIAR].step(|space, store, entropy| {
        let counter = space.state.counter;
        let entry = space.seal_kind(Kind::Carry, text.clone(), counter, entropy)?;
        let mut transaction = Transaction::new();
        outbox::put_batch(&mut transaction, 0, counter, entry);
        space.state.counter += 1;
        space.save(&mut transaction);
        Ok(store.commit(transaction.into())?)
    });
    put.unwrap();
    fleet.settle();
}

/// Why the reader holds something back, newest last.
fn held(fleet: &Fleet) -> Vec<String> {
    let reader = &fleet.devices[READER];
    let held = reader.space.quarantined(reader.store()).unwrap();
    held.into_iter().map(|held| held.reason).collect()
}

/// A therapist could put words into the client's mouth.
#[test]
fn a_carry_puts_no_words_into_anybodys_mouth() {
    let mut fleet = stage();
    let records = fleet.devices[READER].records();
    let clients = carried(&fleet, 0);
    let own = carried(&fleet, LIAR);
    let mut altered = clients.clone();
    let middle = altered.entry.0.len() / 2;
    altered.entry.0[middle] ^= 1;
    let membership = fleet.membership();
    let founding = membership.id_at(Height(0)).unwrap();
    let founded = fleet.relay.log[0].entry.bytes().to_vec();
    let unknown = membership.next_device();
    let lies: [(Carried, &str); 8] = [
        (altered, "not_signed"),
        // One's own words, as the client's.
        (
            Carried {
                signer: clients.signer,
                ..own.clone()
            },
            "not_signed",
        ),
        // The client's, as one's own.
        (
            Carried {
                signer: own.signer,
                ..clients.clone()
            },
            "not_signed",
        ),
        (
            Carried {
                at: founding,
                ..clients.clone()
            },
            "not_signed",
        ),
        (
            Carried {
                signer: unknown,
                ..clients.clone()
            },
            "no_member",
        ),
        (
            Carried {
                key: Bytes(vec![7; 32]),
                ..clients.clone()
            },
            "not_opened",
        ),
        (
            Carried {
                key: Bytes(vec![7; 3]),
                ..clients.clone()
            },
            "not_opened",
        ),
        (
            Carried {
                entry: Bytes(founded),
                ..clients.clone()
            },
            "no_carry",
        ),
    ];
    let mut expected = Vec::new();
    for (lie, reason) in lies {
        say(&mut fleet, &codec::encode(&lie));
        expected.push(reason);
        assert_eq!(held(&fleet), expected);
        assert_eq!(fleet.devices[READER].records(), records);
    }
    for garbage in [&b""[..], b"\xa0", &[0xff; 300]] {
        say(&mut fleet, garbage);
        expected.push("no_carry");
        assert_eq!(held(&fleet), expected);
    }
    // The space goes on.
    fleet.devices[0].note("afterwards");
    fleet.settle();
    assert_eq!(fleet.devices[READER].records().len(), records.len() + 1);
}

/// What is in the log already would be there twice, as often as somebody carries it.
#[test]
fn what_nobody_lost_is_there_once_however_often_it_is_carried() {
    let mut fleet = stage();
    let records = fleet.devices[READER].records();
    for device in [0, LIAR, 0] {
        let honest = carried(&fleet, device);
        let entry = Entry::parse(honest.entry.0.clone()).unwrap();
        assert_eq!(entry.header().device, honest.signer);
        say(&mut fleet, &codec::encode(&honest));
    }
    assert_eq!(held(&fleet), Vec::<String>::new());
    assert_eq!(fleet.devices[READER].records(), records);
    fleet.assert_agree();
}
