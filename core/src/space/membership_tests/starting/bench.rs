//! What a relay offers, as it is or altered, and how a device takes it.

use waymark_wire::ack::{Ack, CheckpointFault};
use waymark_wire::checkpoint::{Checkpoint, CheckpointBody, CheckpointPrivate};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::EntryId;
use waymark_wire::padding;

use crate::crypto::{Entropy, seal};
use crate::gate::DocumentName;
use crate::space::membership_tests::checkpoints::publish;
use crate::space::membership_tests::device::Device;
use crate::space::membership_tests::fleet::Fleet;
use crate::space::membership_tests::relay::Relay;
use crate::space::{Next, Offer, Space, SpaceError, StartFault, Turn, outbox};
use crate::store::{Store, Table, Transaction};

/// Two months beside the plan.
pub(super) const MONTHS: [DocumentName; 2] = [
    DocumentName { kind: 2, part: 1 },
    DocumentName { kind: 2, part: 2 },
];

/// A month in which nobody has written.
pub(super) const OTHER: DocumentName = DocumentName { kind: 2, part: 9 };

/// A fleet in whose log a checkpoint stands that the device with number `by` published, and that all
/// others have looked at. Its place comes with it.
pub(super) fn published(fleet: &mut Fleet, by: usize) -> u64 {
    let Fleet { relay, devices } = fleet;
    let seq = publish(&mut devices[by], relay);
    fleet.settle();
    seq
}

impl Device {
    /// Writes a record in some document.
    pub(super) fn note_in(&mut self, name: DocumentName, text: &str) {
        self.put(name, &[text.as_bytes()]);
    }

    /// The records of a document, which is here.
    pub(super) fn records_in(&mut self, name: DocumentName) -> Vec<String> {
        let store = self.store.as_ref().unwrap();
        let document = self.space.document(store, name).unwrap();
        let records = document.records();
        let mut all: Vec<_> = records
            .map(|record| String::from_utf8(record.bytes.into_owned()).unwrap())
            .collect();
        all.sort();
        all
    }

    /// Puts an entry of any kind on its way, as the next of this device.
    pub(super) fn bring(&mut self, kind: Kind, body: &[u8]) -> EntryId {
        self.step(|space, store, entropy| {
            let entry = sign(space, entropy, kind, body);
            let id = entry.id(&space.state.id);
            let mut transaction = Transaction::new();
            outbox::put_batch(&mut transaction, space.number, space.state.counter, entry);
            space.state.counter += 1;
            space.save(&mut transaction);
            store.commit(transaction.into())?;
            Ok(id)
        })
        .unwrap()
    }

    /// The sealed body of an entry that this device is to sign next.
    pub(super) fn sealed(&mut self, kind: Kind, text: &[u8]) -> Vec<u8> {
        let header = header(&self.space, &mut self.entropy, kind);
        let book = self.space.book().unwrap();
        let at = book.membership().head();
        let key = book.key_at(header.height).unwrap();
        let mut text = text.to_vec();
        padding::pad(&mut text);
        seal(key, &self.space.id().0, &at.0, &header.to_bytes(), text).unwrap()
    }

    /// Takes what a relay offers.
    pub(super) fn start(&mut self, offer: &Offer) -> Result<(), SpaceError> {
        self.step(|space, store, entropy| space.start_at(store, entropy, offer.clone()))
    }

    /// Reads on to the end with whole entries, as whoever starts does.
    pub(super) fn read_on(&mut self, relay: &Relay) -> Result<(), SpaceError> {
        loop {
            let (items, receipt, at_end) = relay.whole(self.space.cursor().seq, 3);
            self.step(|space, store, _| space.receive(store, items.clone(), &receipt, at_end, 0))?;
            if at_end {
                self.caught_up = true;
                return Ok(());
            }
        }
    }

    /// Does the next thing for the documents that are to come.
    pub(super) fn fetch(&mut self, relay: &Relay) -> Result<bool, SpaceError> {
        let turn = |name: DocumentName| Turn(u8::from(name.kind != 1), name.part);
        let next = self.step(|space, store, _| space.next_documents(store, &turn))?;
        let Next {
            document,
            is_last,
            missing,
        } = next;
        if !missing.is_empty() {
            for id in &missing {
                if let Some(bytes) = relay.by_id(id) {
                    self.step(|space, store, _| space.keep_piece(store, bytes.clone()))?;
                }
            }
            self.space.are_missing(&missing.into_iter().collect());
            return match self.space.start_fault() {
                Some(fault) => Err(fault),
                None => Ok(true),
            };
        }
        if let Some(name) = document {
            self.step(|space, store, _| space.take_document(store, name))?;
        } else if is_last {
            self.step(|space, store, _| space.finish_start(store))?;
        }
        match self.space.start_fault() {
            Some(fault) => Err(fault),
            None => Ok(document.is_some() || is_last),
        }
    }

    /// Starts at a checkpoint, and gets everything.
    pub(super) fn start_and_fetch(&mut self, relay: &Relay, seq: u64) -> Result<(), SpaceError> {
        self.start(&relay.offer(seq))?;
        self.read_on(relay)?;
        while self.fetch(relay)? {}
        assert_eq!(self.space.still_wanted(), 0);
        Ok(())
    }

    /// Everything that is on its disk, but for how many rows there are at least, and keys that are known
    /// by their hashes.
    pub(super) fn everything(&self) -> Vec<(Table, Vec<u8>, Vec<u8>)> {
        let mut all = Vec::new();
        for table in Table::ALL {
            for (key, value) in self.store().scan(table, &[], None, usize::MAX).unwrap() {
                if table != Table::Attachment && (table, key.len()) != (Table::Document, 4) {
                    all.push((table, key, value));
                }
            }
        }
        all
    }
}

fn header(space: &Space, entropy: &mut dyn Entropy, kind: Kind) -> Header {
    let mut salt = [0; 16];
    entropy.fill(&mut salt);
    Header {
        kind,
        device: space.device().unwrap(),
        counter: space.state.counter,
        height: space.book().unwrap().membership().height(),
        seen: space.cursor().position(),
        salt: [u8::try_from(space.state.counter % 251).unwrap(); 16],
    }
}

fn sign(space: &Space, entropy: &mut dyn Entropy, kind: Kind, body: &[u8]) -> Entry {
    let header = header(space, entropy, kind);
    let head = space.book().unwrap().membership().head();
    let key = space.signing_key();
    Entry::assemble(header, body, &space.id(), &head, |text| key.sign(text))
}

/// What stands in the log at a place.
pub(super) fn entry_at(relay: &Relay, seq: u64) -> &Entry {
    &relay.log[usize::try_from(seq - 1).unwrap()].entry
}

/// The parts of the checkpoint at a place.
pub(super) fn parts_of(fleet: &Fleet, by: usize, seq: u64) -> (Checkpoint, CheckpointPrivate) {
    let entry = entry_at(&fleet.relay, seq);
    let body = CheckpointBody::parse(entry.body()).unwrap();
    let text = super::super::checkpoints::text_of(fleet, by, entry, body.private);
    let private = CheckpointPrivate::parse(&text, body.public.snapshots.len()).unwrap();
    (body.public, private)
}

/// Has a device publish a checkpoint that says `public` and `private`, and another one call it right.
pub(super) fn forge(
    fleet: &mut Fleet,
    (by, confirmed_by): (usize, Option<usize>),
    public: &Checkpoint,
    private: &[u8],
) -> u64 {
    let sealed = fleet.devices[by].sealed(Kind::Checkpoint, private);
    let body = CheckpointBody::assemble(public, &sealed).unwrap();
    let id = fleet.devices[by].bring(Kind::Checkpoint, &body);
    let Fleet { relay, devices } = fleet;
    assert!(matches!(
        devices[by].send(relay, true),
        super::super::device::Pushed::Taken
    ));
    let seq = relay.log.len() as u64;
    if let Some(other) = confirmed_by {
        say(fleet, other, Ack::CheckpointOk(id));
    }
    seq
}

/// Has a device say something, whatever it finds itself.
pub(super) fn say(fleet: &mut Fleet, by: usize, ack: Ack) {
    let Fleet { relay, devices } = fleet;
    let device = &mut devices[by];
    device.bring(Kind::Ack, &ack.to_body());
    assert!(matches!(
        device.send(relay, true),
        super::super::device::Pushed::Taken
    ));
}

/// What somebody says who finds a checkpoint wrong.
pub(super) const fn bad(id: EntryId) -> Ack {
    Ack::CheckpointBad(id, CheckpointFault::Missing)
}

/// Why a start was refused.
pub(super) fn why(refused: Result<(), SpaceError>) -> StartFault {
    match refused.unwrap_err() {
        SpaceError::Checkpoint { why, .. } => why,
        other => panic!("{other}"),
    }
}
