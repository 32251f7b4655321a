//! Sealing and opening an entry, beside ring's primitives on the same bytes: HKDF, AEAD, SHA-256,
//! signature.

use std::hint::black_box;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{Context, SHA256};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use waymark_core::crypto::{EpochKey, open, seal};
use waymark_core::gate::{ActorId, Document, DocumentName, Section, decode_batch, encode_batch};
use waymark_wire::chain::Cursor;
use waymark_wire::entry::{Entry, HEADER, Header, Kind, SIGNATURE};
use waymark_wire::ids::{DeviceNumber, EntryId, Height, SpaceId};
use waymark_wire::padding;
use waymark_wire::signature::SigningKey;

use crate::Effort;
use crate::phone::{Phone, records};
use crate::report::Row;
use crate::rounds::{each, in_turn, timed};

const SPACE: SpaceId = SpaceId([3; 32]);
const MEMBERSHIP: EntryId = EntryId([4; 32]);
const SEED: [u8; 32] = [5; 32];
const EPOCH: [u8; 32] = [6; 32];
const AUTHOR: ActorId = ActorId([7; 16]);
const LABEL: &[u8] = b"waymark/1 seal";

pub(crate) fn seal_and_open(effort: Effort) -> Vec<Row> {
    let mut phone = Phone::begin("http://127.0.0.1:9");
    phone.log(1_000);
    let (directory, plan) = (phone.directory, phone.plan);
    drop(phone.client);
    let records: Vec<Vec<u8>> = records(directory.path(), plan)
        .into_iter()
        .flat_map(|(_, records)| records)
        .collect();

    let mut rows = Vec::new();
    for changes in [1, 100, 1_000] {
        let stored = stored(&records[..changes]);
        let text = packed(&stored);
        let times = (20_000 / (changes + 20)).min(200);
        let rounds = effort.of(31, 5);
        let (ours, rings) = (Ours::new(), Rings::new());
        let pair = in_turn(
            rounds,
            || repeat(times, || ours.seal_and_open(&text)),
            || repeat(times, || rings.seal_and_open(&text)),
        );
        let measure = format!("seal and open a batch of {changes} ({} bytes)", text.len());
        rows.push(Row::at_most_times(&measure, pair.ours, pair.baseline, 1.3));
        let whole = repeat(times.min(20), || {
            let entry = ours.seal(&packed(&stored));
            decode_batch(AUTHOR, &ours.open(entry))
                .expect("it decodes")
                .len()
        });
        let measure = "  with the codec and DEFLATE on both sides";
        rows.push(Row::note(measure, crate::report::time(whole), "–".into()));
    }
    rows
}

fn repeat(times: usize, work: impl Fn() -> usize) -> std::time::Duration {
    let all = || {
        for _ in 0..times {
            black_box(work());
        }
    };
    each(timed(all).0, times)
}

/// Changes of one document, one record each.
fn stored(records: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut document = Document::new(AUTHOR);
    let changes = records.iter().map(|record| {
        let change = document.put_record(record).expect("put");
        change.expect("a new record").stored
    });
    changes.collect()
}

fn packed(stored: &[Vec<u8>]) -> Vec<u8> {
    let name = DocumentName { kind: 2, part: 1 };
    let section = Section::build(name, stored).expect("a section");
    encode_batch(&[section]).expect("a batch")
}

fn header() -> Header {
    Header {
        kind: Kind::Batch,
        device: DeviceNumber(1),
        counter: 9,
        height: Height(2),
        seen: Cursor::start(&SPACE).position(),
        salt: [8; 16],
    }
}

struct Ours {
    key: SigningKey,
    epoch: EpochKey,
}

impl Ours {
    fn new() -> Self {
        Self {
            key: SigningKey::from_seed(&SEED).expect("a key"),
            epoch: EpochKey::from_slice(&EPOCH).expect("a key"),
        }
    }

    /// Padded, sealed, put together and signed, as a push does it.
    fn seal(&self, text: &[u8]) -> Vec<u8> {
        let mut padded = text.to_vec();
        padding::pad(&mut padded);
        let header = header();
        let sealed = seal(
            &self.epoch,
            &SPACE.0,
            &MEMBERSHIP.0,
            &header.to_bytes(),
            padded,
        );
        let sealed = sealed.expect("sealed");
        Entry::assemble(header, &sealed, &SPACE, &MEMBERSHIP, |t| self.key.sign(t)).into_bytes()
    }

    /// Parsed, named, verified, opened and unpadded, as a pull does it.
    fn open(&self, entry: Vec<u8>) -> Vec<u8> {
        let entry = Entry::parse(entry).expect("an entry");
        let id = entry.id(&SPACE);
        assert!(entry.is_signed_by(&self.key.verifying_key(), &MEMBERSHIP, &id));
        let header = entry.header().to_bytes();
        let padded = open(&self.epoch, &SPACE.0, &MEMBERSHIP.0, &header, entry.body());
        let padded = padded.expect("opened");
        padding::unpad(&padded).expect("padded").to_vec()
    }

    fn seal_and_open(&self, text: &[u8]) -> usize {
        self.open(self.seal(text)).len()
    }
}

struct Rings {
    key: Ed25519KeyPair,
}

impl Rings {
    fn new() -> Self {
        Self {
            key: Ed25519KeyPair::from_seed_unchecked(&SEED).expect("a key"),
        }
    }

    /// The one-off key of a header.
    fn one_off(header: &[u8; HEADER]) -> (LessSafeKey, Vec<u8>) {
        let info = [LABEL, &SPACE.0, &MEMBERSHIP.0, header].concat();
        let secret = Salt::new(HKDF_SHA256, &header[36..]).extract(&EPOCH);
        let mut key = [0; 32];
        let parts = [info.as_slice()];
        let derived = secret
            .expand(&parts, HKDF_SHA256)
            .and_then(|okm| okm.fill(&mut key));
        derived.expect("derived");
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("a key");
        (LessSafeKey::new(key), info)
    }

    fn seal_and_open(&self, text: &[u8]) -> usize {
        let header = header().to_bytes();
        let mut entry = Vec::with_capacity(HEADER + text.len() * 9 / 8 + 256 + SIGNATURE);
        entry.extend_from_slice(&header);
        entry.extend_from_slice(text);
        // The same bytes: what padding adds is sealed here too.
        entry.push(0x80);
        let padded = padding::padme((entry.len() - HEADER).max(padding::SMALLEST));
        entry.resize(HEADER + padded, 0);
        let (key, info) = Self::one_off(&header);
        let nonce = || Nonce::assume_unique_for_key([0; 12]);
        let tag = key
            .seal_in_place_separate_tag(nonce(), Aad::from(&info), &mut entry[HEADER..])
            .expect("sealed");
        entry.extend_from_slice(tag.as_ref());
        let signature = self.key.sign(&signed(&entry));
        entry.extend_from_slice(signature.as_ref());

        let (unsigned, signature) = entry.split_at(entry.len() - SIGNATURE);
        UnparsedPublicKey::new(&ED25519, self.key.public_key())
            .verify(&signed(unsigned), signature)
            .expect("signed");
        let (key, info) = Self::one_off(&header);
        let end = entry.len() - SIGNATURE;
        let opened = key.open_in_place(nonce(), Aad::from(&info), &mut entry[HEADER..end]);
        opened.expect("opened").len()
    }
}

fn signed(unsigned: &[u8]) -> Vec<u8> {
    let mut id = Context::new(&SHA256);
    id.update(&SPACE.0);
    id.update(unsigned);
    [
        b"waymark/1 entry".as_slice(),
        &MEMBERSHIP.0,
        id.finish().as_ref(),
    ]
    .concat()
}
