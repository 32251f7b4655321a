//! Target `wire`: bytes from a relay, a link or a card. Nothing panics, and what has one form keeps it.

use minicbor::decode::Decoder;
use minicbor::{Decode, Encode};
use waymark_core::membership::{ContactCard, RelayAddress, Roster, Welcome};
use waymark_core::pairing::{Link, Pairing};
use waymark_core::recovery::{BeaconContent, Phrase};
use waymark_wire::ack::Ack;
use waymark_wire::codec::{self, CodecError, SequenceReader};
use waymark_wire::entry::{Entry, HEADER, SIGNATURE};
use waymark_wire::evidence::Evidence;
use waymark_wire::ids::SpaceId;
use waymark_wire::limits;
use waymark_wire::membership::MembershipBody;
use waymark_wire::message::{
    AppendAnswer, AppendRequest, Frame, MailboxAnswer, MailboxRequest, PullRequest, RefusalAnswer,
    StatusAnswer, StatusRequest,
};
use waymark_wire::padding;
use waymark_wire::strict::is_strict_map;

pub fn check(data: &[u8]) {
    entry(data);
    membership(data);
    padded(data);
    strict(data);
    messages(data);
    sequence(data);
    kept(data);
    if let Ok(text) = std::str::from_utf8(data) {
        typed(text);
    }
}

fn entry(data: &[u8]) {
    let Ok(entry) = Entry::parse(data.to_vec()) else {
        return;
    };
    assert_eq!(entry.bytes(), data);
    let header = *entry.header();
    assert_eq!(header.to_bytes(), data[..HEADER]);
    assert_eq!(entry.body(), &data[HEADER..data.len() - SIGNATURE]);
    let id = entry.id(&SpaceId::ZERO);
    let again = Entry::assemble(header, entry.body(), &SpaceId::ZERO, &id, |_| {
        entry.signature()
    });
    assert_eq!(again, entry);
    membership(entry.body());
    said(entry.body());
}

fn membership(body: &[u8]) {
    let Ok(read) = MembershipBody::parse(body) else {
        return;
    };
    // Keys of a later version are passed over, so only what is written is sure to be the same.
    let again = MembershipBody::assemble(&read.core, read.private).expect("it was not too long");
    assert!(again.len() <= body.len(), "a longer form of the same");
    if again.len() == body.len() {
        assert_eq!(again, body, "two forms of the same");
    }
    let second = MembershipBody::parse(&again).expect("what was written is read");
    assert_eq!((second.core, second.private), (read.core, read.private));
}

fn said(body: &[u8]) {
    if let Some(ack) = Ack::parse(body) {
        assert_eq!(Ack::parse(&ack.to_body()), Some(ack));
    }
}

fn padded(data: &[u8]) {
    said(data);
    let Some(text) = padding::unpad(data) else {
        return;
    };
    assert!(data.starts_with(text));
    let mut again = text.to_vec();
    padding::pad(&mut again);
    assert_eq!(padding::unpad(&again), Some(text));
    if padding::is_padded(data.len()) {
        assert!(again.len() <= data.len(), "padded to less than there was");
        assert_eq!(again, data[..again.len()]);
    }
}

/// The strict form against a decoder that knows nothing of it.
fn strict(data: &[u8]) {
    if is_strict_map(data) {
        let mut decoder = Decoder::new(data);
        let pairs = decoder.map().expect("a map");
        assert!(pairs.is_some(), "an indefinite length");
        decoder = Decoder::new(data);
        decoder.skip().expect("an item");
        assert_eq!(decoder.position(), data.len(), "more behind the item");
    }
}

fn messages(data: &[u8]) {
    message::<AppendRequest>(data);
    message::<AppendAnswer>(data);
    message::<Frame>(data);
    message::<MailboxAnswer>(data);
    message::<MailboxRequest>(data);
    message::<PullRequest>(data);
    message::<RefusalAnswer>(data);
    message::<StatusAnswer>(data);
    message::<StatusRequest>(data);
}

fn message<T>(data: &[u8])
where
    T: for<'b> Decode<'b, ()> + Encode<()> + PartialEq + std::fmt::Debug,
{
    if let Ok(read) = codec::decode::<T>(data, limits::APPEND_BODY) {
        let written = codec::encode(&read);
        let again = codec::decode::<T>(&written, limits::APPEND_BODY);
        assert_eq!(again.as_ref(), Ok(&read));
    }
}

/// A sequence is the same however the network cuts it.
fn sequence(data: &[u8]) {
    let piece = 1 + usize::from(data.first().copied().unwrap_or(0) % 16);
    let whole = items(data, data.len().max(1));
    let cut = items(data, piece);
    assert_eq!(whole.0, cut.0);
    assert_eq!(whole.1.is_err(), cut.1.is_err());
}

fn items(data: &[u8], piece: usize) -> (Vec<Frame>, Result<(), CodecError>) {
    let mut reader = SequenceReader::new(limits::FRAME);
    let mut seen = Vec::new();
    for part in data.chunks(piece) {
        reader.push(part);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => seen.push(item),
                Ok(None) => break,
                Err(error) => return (seen, Err(error)),
            }
        }
    }
    (seen, Ok(()))
}

/// What is handed from device to device, or kept.
fn kept(data: &[u8]) {
    if let Ok(card) = ContactCard::parse(data) {
        assert!(!card.keys.is_empty());
    }
    if let Ok(evidence) = Evidence::from_bytes(data) {
        assert_eq!(evidence.to_bytes(), data);
        if let Ok(said) = evidence.verify() {
            assert_ne!(said.one, said.other);
        }
    }
    if let Ok(welcome) = Welcome::parse(data) {
        assert_eq!(Welcome::parse(&welcome.to_bytes()), Ok(welcome));
    }
    if let Ok(content) = BeaconContent::parse(data) {
        assert_eq!(BeaconContent::parse(&content.to_bytes()), Ok(content));
    }
    if let Ok(pairing) = Pairing::from_bytes(data) {
        let again = Pairing::from_bytes(&pairing.to_bytes()).expect("what was written is read");
        assert_eq!(*again.to_bytes(), *pairing.to_bytes());
    }
    let _ = codec::decode::<Roster>(data, limits::MEMBERSHIP_CORE);
}

fn typed(text: &str) {
    if let Ok(link) = Link::parse(text) {
        assert_eq!(Link::parse(&link.to_text()), Ok(link));
    }
    let relay = RelayAddress {
        url: "https://relay.example".to_owned(),
        key: None,
    };
    if let Ok(link) = Link::parse_short(text, relay.clone()) {
        assert_eq!(Link::parse_short(&link.to_short_text(), relay), Ok(link));
    }
    if let Ok(phrase) = Phrase::parse(text) {
        let words: Vec<_> = phrase.words().collect();
        let again = Phrase::parse(&words.join(" ")).expect("its own words");
        assert!(again.words().eq(words));
    }
    let plain = RelayAddress {
        url: text.to_owned(),
        key: None,
    };
    assert!(!plain.is_plain() || text.starts_with("http"));
}
