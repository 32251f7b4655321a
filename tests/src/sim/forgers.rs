//! A member that turned bad: from some time on whoever has a device signs with its keys what no app of
//! ours would, and sends it to the relay. The others know nothing of it. In the end they have lost
//! nothing, show the same, and hold back what cannot be read, with its signer's number.

use std::sync::OnceLock;

use minicbor::Encode;
use waymark_core::gate::{ActorId, Document, DocumentName, Section, encode_batch};
use waymark_core::membership::Book;
use waymark_core::space::{Space, actor};
use waymark_wire::ack::Ack;
use waymark_wire::codec::{self, Bytes};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::membership::{Core, Membership, Op, Rights};
use waymark_wire::message::{APPEND_PATH, AppendRequest};
use waymark_wire::padding;
use waymark_wire::signature::VerifyingKey;

use super::report::Group;
use super::world::World;
use crate::{forge, hostile};

/// In how many of a thousand acts a device turns bad, until one has.
const TURNS: u64 = 12;

/// What a member may put on the log.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    /// A batch that nobody can read.
    Noise,
    /// What ends processes or fills their memory, where nothing stands before it.
    Hostile,
    /// A rightly made change, with a record that is not this member's to write, or says nothing. The
    /// second one stands under a number of the first.
    Record,
    /// The same, with one bit of it another.
    Bent,
    /// A change that stands on one that nobody will ever have.
    Bottomless,
    /// Somebody else's batch, carried as it was.
    Carried,
    /// A change of somebody else's, by this member's word alone.
    InOthersName,
    /// A batch under a key that nobody has.
    WrongKey,
    /// A batch of an epoch that is over.
    OldEpoch,
    /// An entry under a number that this member's last one has.
    Twice,
    /// An entry that another member is said to have signed.
    AsAnother,
    /// Somebody is let in with every right.
    LetsIn,
    /// It says that it lacks a key.
    AsksForKey,
    /// A checkpoint of nothing.
    Checkpoint,
    /// Something of a later version.
    Unknown,
}

const ALL: [Forgery; 15] = [
    Forgery::Noise,
    Forgery::Hostile,
    Forgery::Record,
    Forgery::Bent,
    Forgery::Bottomless,
    Forgery::Carried,
    Forgery::InOthersName,
    Forgery::WrongKey,
    Forgery::OldEpoch,
    Forgery::Twice,
    Forgery::AsAnother,
    Forgery::LetsIn,
    Forgery::AsksForKey,
    Forgery::Checkpoint,
    Forgery::Unknown,
];

/// What a void of everything that an actor wrote says, as a record.
#[derive(Encode)]
#[cbor(map)]
struct Void {
    #[n(0)]
    kind: u16,
    #[n(1)]
    at: i64,
    #[n(2)]
    actor: Bytes,
    #[n(3)]
    undoing: u8,
}

/// The text of a carry.
#[derive(Encode)]
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

impl World {
    /// A device may turn bad now: not one of which there are two, nor one of the client's, who may do
    /// anything.
    pub(super) fn may_turn(&mut self, number: usize) {
        let has_one = self.devices.iter().any(|device| device.is_bad);
        if has_one || !self.chance.is(TURNS) {
            return;
        }
        let device = &self.devices[number];
        let is_sole = device.copied_at.is_none() && device.person != 0;
        if !is_sole || device.plans().is_empty() {
            return;
        }
        self.devices[number].stop();
        self.devices[number].is_bad = true;
        // What it had not sent is no word of its person's any more.
        self.oracle.lost_since(number, 0);
        self.tally.count(Group::Fault, "members that turn bad");
        self.say(&format!("{number} turns bad"));
    }

    /// A device that has turned bad sends something.
    pub(super) fn forge(&mut self, number: usize) {
        let Some(forgery) = self.chance.pick(&ALL).copied() else {
            return;
        };
        let spaces = self.devices[number].spaces();
        let Some((space, key)) = self.chance.pick(&spaces).copied() else {
            return;
        };
        let Some((entry, relay)) = self.forged(number, (space, key), forgery) else {
            return;
        };
        let request = AppendRequest {
            space,
            attachments: Vec::new(),
            entries: vec![Bytes(entry.into_bytes())],
            admission: None,
            heals: false,
        };
        let (now, body) = (self.time(), codec::encode(&request));
        let asked = (number, APPEND_PATH, body.as_slice());
        let (status, _) = self.relays[relay].answer(now, asked, &mut self.ledger);
        let is_taken = status == 200;
        let what = if is_taken { "taken" } else { "refused" };
        let name = format!("forgeries {what}: {forgery:?}");
        self.tally.count(Group::Fault, &name);
        self.say(&format!("{number} forges {forgery:?} in {space}: {what}"));
    }

    /// An entry for a space, by what somebody who is in it knows, with the relay that has it.
    fn forged(
        &mut self,
        number: usize,
        (space, key): (SpaceId, VerifyingKey),
        forgery: Forgery,
    ) -> Option<(Entry, usize)> {
        let all = 0..self.devices.len();
        let knows = |other: &usize| {
            let device = &self.devices[*other];
            let client = device.client.as_ref().filter(|_| !device.is_bad);
            client.is_some_and(|client| {
                client.drive(|engine, _| engine.space(&space).is_some_and(Space::holds_key))
            })
        };
        let fellows: Vec<usize> = all.filter(knows).collect();
        let fellow = *self.chance.pick(&fellows)?;
        let log = self.ledger.log(&space);
        let drawn: Vec<u8> = (0..300).map(|_| self.chance.byte()).collect();
        let fellow = self.devices[fellow].client.clone()?;
        let own = self.devices[number].client.clone()?;
        let url = fellow.drive(|engine, _| Some(engine.space(&space)?.relay().url.clone()))?;
        let relay = self.relays.iter().position(|relay| relay.url == url)?;
        let entry = fellow.drive(|theirs, _| {
            own.drive(|engine, _| {
                let theirs = theirs.space(&space)?;
                let device = theirs.book()?.membership().member_with_key(&key)?.device;
                let by_own = log.iter().filter(|entry| entry.header().device == device);
                let counter = u32::try_from(by_own.count()).ok()?;
                let (own, store, _) = engine.space_mut(&space)?;
                let made = Making {
                    theirs,
                    device,
                    counter,
                    log: &log,
                    drawn: &drawn,
                };
                match forgery {
                    Forgery::LetsIn => {
                        may_sign(own).then(|| forge::addition(own, store, with_every_right))
                    }
                    _ => {
                        let names: Vec<DocumentName> = own.document_names().collect();
                        let at = usize::from(drawn[0]) % names.len().max(1);
                        let name = *names.get(at)?;
                        let saved = own.document(store, name).ok()?.save().ok()?;
                        made.entry(forgery, own, (name, &saved))
                    }
                }
            })
        });
        Some((entry?, relay))
    }

    /// The numbers that those who turned bad have or had in a space.
    pub(super) fn bad_numbers(&self, space: &SpaceId) -> Vec<u16> {
        let bad = self.devices.iter().filter(|device| device.is_bad);
        let keys = bad.filter_map(|device| device.identities.get(space));
        let keys: Vec<&VerifyingKey> = keys.flatten().collect();
        let standing = self.ledger.standing(space).unwrap_or_default();
        let places = standing.places.iter().zip(0..);
        let own = places.filter(|(place, _)| keys.contains(&&place.key));
        own.map(|(_, number)| number).collect()
    }
}

/// What an entry is made of.
struct Making<'m> {
    /// The space as somebody else knows it.
    theirs: &'m Space,
    device: DeviceNumber,
    counter: u32,
    log: &'m [Entry],
    drawn: &'m [u8],
}

impl Making<'_> {
    fn entry(
        &self,
        forgery: Forgery,
        own: &Space,
        (name, saved): (DocumentName, &[u8]),
    ) -> Option<Entry> {
        let signer = own.signing_key();
        let place = |kind| (kind, self.device, self.counter);
        let batch =
            |text: &[u8]| forge::batch(self.theirs, self.device, self.counter, signer, text);
        let by_own = actor(&own.id(), &signer.verifying_key());
        match forgery {
            Forgery::Noise => Some(batch(self.drawn)),
            Forgery::Hostile => {
                let inputs = hostile_inputs();
                let at = usize::from(self.drawn[1]) % inputs.len();
                Some(batch(&inputs[at]))
            }
            Forgery::Record => {
                let section = self.section(name, saved, by_own)?;
                Some(batch(&encode_batch(&[section]).ok()?))
            }
            Forgery::Bent => {
                let section = self.section(name, saved, by_own)?;
                let mut text = encode_batch(&[section]).ok()?;
                let at = usize::from(self.drawn[2]) % text.len();
                text[at] ^= 1 << (self.drawn[3] % 8);
                Some(batch(&text))
            }
            Forgery::Bottomless => {
                let mut document =
                    Document::load(by_own, Some(saved), Vec::<Vec<u8>>::new()).ok()?;
                document.put_record(&self.record()).ok()?;
                let last = document.put_record(&self.drawn[..40]).ok()??;
                let section = Section::build(name, [last.stored]).ok()?;
                Some(batch(&encode_batch(&[section]).ok()?))
            }
            Forgery::Carried => {
                let other = self.somebodys_batch(Some(self.device))?;
                let text = self.carried(other, other.header().device)?;
                Some(self.carry(place(Kind::Carry), own, &text))
            }
            Forgery::InOthersName => {
                let other = self.somebodys_batch(None)?.header().device;
                let section = self.section(name, saved, by_own)?;
                let text = encode_batch(&[section]).ok()?;
                let own_word = forge::batch(self.theirs, other, self.counter, signer, &text);
                let text = self.carried(&own_word, other)?;
                Some(self.carry(place(Kind::Carry), own, &text))
            }
            Forgery::WrongKey => Some(forge::entry(
                self.theirs,
                place(Kind::Batch),
                signer,
                |_| {
                    let mut text = self.drawn.to_vec();
                    padding::pad(&mut text);
                    text.extend([7; 16]);
                    text
                },
            )),
            Forgery::OldEpoch => {
                let before = self
                    .theirs
                    .book()?
                    .membership()
                    .epoch_start()
                    .0
                    .checked_sub(1)?;
                let id = self.theirs.book()?.membership().id_at(Height(before))?;
                let now = batch(self.drawn);
                let header = Header {
                    height: Height(before),
                    ..*now.header()
                };
                let sign = |text: &[u8]| signer.sign(text);
                Some(Entry::assemble(header, now.body(), &own.id(), &id, sign))
            }
            Forgery::Twice => {
                let counter = self.counter.checked_sub(1)?;
                Some(forge::batch(
                    self.theirs,
                    self.device,
                    counter,
                    signer,
                    self.drawn,
                ))
            }
            Forgery::AsAnother => {
                let other = self.somebodys_batch(None)?.header().device;
                let by_them = self
                    .log
                    .iter()
                    .filter(|entry| entry.header().device == other);
                let counter = u32::try_from(by_them.count()).ok()?;
                Some(forge::batch(
                    self.theirs,
                    other,
                    counter,
                    signer,
                    self.drawn,
                ))
            }
            Forgery::LetsIn => None,
            Forgery::AsksForKey => {
                let start = self.theirs.book()?.membership().epoch_start();
                let body = Ack::KeyRefused(start).to_body();
                Some(forge::entry(self.theirs, place(Kind::Ack), signer, |_| {
                    body
                }))
            }
            Forgery::Checkpoint => {
                let kinds = [Kind::Checkpoint, Kind::Snapshot];
                let kind = kinds[usize::from(self.drawn[4] % 2)];
                Some(forge::entry(self.theirs, place(kind), signer, |sealed| {
                    sealed(self.drawn)
                }))
            }
            Forgery::Unknown => {
                let kind = place(Kind::Unknown(200));
                Some(forge::entry(self.theirs, kind, signer, |sealed| {
                    sealed(self.drawn)
                }))
            }
        }
    }

    fn carry(&self, place: (Kind, DeviceNumber, u32), own: &Space, text: &[u8]) -> Entry {
        forge::entry(self.theirs, place, own.signing_key(), |sealed| sealed(text))
    }

    /// The text of a carry of a batch.
    fn carried(&self, batch: &Entry, signer: DeviceNumber) -> Option<Vec<u8>> {
        let book = self.theirs.book()?;
        let height = batch.header().height;
        Some(codec::encode(&Carried {
            entry: Bytes(batch.bytes().to_vec()),
            signer,
            at: book.membership().id_at(height)?,
            key: Bytes(book.key_at(height)?.expose().to_vec()),
        }))
    }

    /// A batch of the log by somebody else, or by whoever it is.
    fn somebodys_batch(&self, but: Option<DeviceNumber>) -> Option<&Entry> {
        let own = but.unwrap_or(self.device);
        let is_it = |entry: &&Entry| {
            let header = entry.header();
            header.kind == Kind::Batch && header.device != own
        };
        let all: Vec<&Entry> = self.log.iter().filter(is_it).collect();
        let at = usize::from(self.drawn[5]) % all.len().max(1);
        all.get(at).copied()
    }

    /// A section with one change behind what this member last knew of a document.
    fn section(&self, name: DocumentName, saved: &[u8], by: ActorId) -> Option<Section> {
        let mut document = Document::load(by, Some(saved), Vec::<Vec<u8>>::new()).ok()?;
        let change = document.put_record(&self.record()).ok()??;
        Section::build(name, [change.stored]).ok()
    }

    /// A record that is not this member's to write, or says nothing.
    fn record(&self) -> Vec<u8> {
        let membership = self.theirs.book().map(Book::membership);
        let everybody = membership.map(Membership::everybody).unwrap_or_default();
        let at = usize::from(self.drawn[6]) % everybody.len().max(1);
        let whose = everybody
            .get(at)
            .filter(|_| self.drawn[7].is_multiple_of(2));
        match whose {
            Some(whose) => codec::encode(&Void {
                kind: 12,
                at: 1_777_636_800_000,
                actor: Bytes(actor(&self.theirs.id(), &whose.signing_key).0.to_vec()),
                undoing: 1,
            }),
            None => self.drawn[8..8 + usize::from(self.drawn[9] / 2) + 1].to_vec(),
        }
    }
}

/// Whether a space knows enough to change who is in it.
fn may_sign(space: &Space) -> bool {
    let known = space.book().zip(space.device());
    let is_named = known.is_some_and(|(book, own)| book.roster(own).is_some());
    let is_open = known.is_some_and(|(book, _)| !book.membership().is_rotation_due());
    is_named && is_open && space.holds_key() && !space.is_closed() && !space.has_ended()
}

fn with_every_right(core: &mut Core) {
    for op in &mut core.ops {
        if let Op::Add(add) = op {
            add.rights = Rights::ADMIN;
        }
    }
}

/// What ends processes that hand it to Automerge as it is.
fn hostile_inputs() -> &'static [Vec<u8>] {
    static INPUTS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    INPUTS.get_or_init(|| {
        let all = hostile::inputs().into_iter().map(|(_, bytes)| bytes);
        all.collect()
    })
}
