//! Pairing: links, typed codes, whole runs with every slot in clear, and mailboxes that are refused.

use std::collections::BTreeMap;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use waymark_core::crypto::{Entropy, MembershipKeys, SeededEntropy};
use waymark_core::membership::{ContactCard, RelayAddress};
use waymark_core::pairing::{
    Ending, Event, Failure, Invitation, Link, LinkSecret, Pairing, Purpose, Refusal, Request,
    ShortCodeError, Side, Stage,
};
use waymark_wire::codec::Bytes;
use waymark_wire::message::MailboxSlot;
use waymark_wire::padding;

use super::support::{counting, entropy, hex, hkdf, keys, public};

/// 2026-05-01T00:00:00Z.
const NOW: i64 = 1_777_593_600_000;
const WEEK: i64 = 7 * 86_400_000;
const WELCOME: &[u8] = b"where the space is";

type Mailbox = BTreeMap<u8, Vec<u8>>;

pub(super) fn vectors() -> Value {
    let runs = [Purpose::Plan, Purpose::Client].map(|purpose| Run::of(purpose).vector());
    json!({
        "links": Purpose::ALL.map(link),
        "codes": Purpose::ALL.map(typed),
        "codes_as_typed": as_typed(),
        "codes_refused": mistyped(),
        "runs": runs,
        "refused": refused(),
    })
}

fn link(purpose: Purpose) -> Value {
    let with_key = purpose != Purpose::Supporter;
    let link = Link {
        purpose,
        relay: RelayAddress {
            url: "https://relay.example:8447".into(),
            key: with_key.then(|| public(&keys("relay"))),
        },
        secret: LinkSecret::from_slice(&counting::<16>(purpose.number() * 16)).unwrap(),
        expires_ms: Some(NOW),
    };
    assert_eq!(Link::parse(&link.to_text()).as_ref(), Ok(&link));
    json!({
        "text": *link.to_text(),
        "purpose": purpose.number(),
        "relay_url": link.relay.url,
        "relay_key": link.relay.key.map(|key| hex(key.0)),
        "secret": hex(link.secret.expose()),
        "expires": NOW / 1_000,
        "mailbox": hex(link.secret.mailbox().0),
    })
}

fn short(purpose: Purpose) -> Link {
    let mut secret = [0; 16];
    entropy(&format!("typed {}", purpose.number())).fill(&mut secret);
    Link {
        purpose,
        relay: relay(),
        secret: LinkSecret::from_slice(&secret).unwrap(),
        expires_ms: None,
    }
}

fn typed(purpose: Purpose) -> Value {
    let link = short(purpose);
    let text = link.to_short_text();
    assert_eq!(Link::parse_short(&text, relay()).as_ref(), Ok(&link));
    json!({
        "text": *text,
        "purpose": purpose.number(),
        "secret": hex(link.secret.expose()),
    })
}

/// The first code, as people type it.
fn as_typed() -> Vec<String> {
    let link = short(Purpose::Plan);
    let text = link.to_short_text();
    let forms = vec![
        text.to_lowercase(),
        text.replace('-', " "),
        text.replace('-', ""),
        text.replace('-', " – "),
        text.replace('0', "O").replace('1', "I"),
        text.replace('0', "o").replace('1', "l"),
    ];
    for form in &forms {
        assert_eq!(Link::parse_short(form, relay()).as_ref(), Ok(&link));
    }
    forms
}

fn mistyped() -> Vec<Value> {
    let text = short(Purpose::Plan).to_short_text();
    let mut forms = vec![text[1..].to_owned(), format!("{}0", *text), String::new()];
    for group in 0..7 {
        // One character replaced by the next of the alphabet, one by a letter that is never used,
        // two exchanged.
        let start = group * 6;
        let mut symbols: Vec<char> = text.chars().collect();
        let place = start + group % 5;
        symbols[place] = if symbols[place] == 'M' { 'N' } else { 'M' };
        forms.push(symbols.iter().collect());
        let mut symbols: Vec<char> = text.chars().collect();
        symbols[place] = 'U';
        forms.push(symbols.iter().collect());
        let mut symbols: Vec<char> = text.chars().collect();
        symbols.swap(start + 1, start + 2);
        forms.push(symbols.iter().collect());
    }
    let described = forms.iter().map(|form| {
        let (outcome, group) = match Link::parse_short(form, relay()) {
            Ok(_) => ("ok", None),
            Err(ShortCodeError::Character { group, .. }) => ("character", Some(group)),
            Err(ShortCodeError::Length(_)) => ("length", None),
            Err(ShortCodeError::Mistyped { group }) => ("mistyped", Some(group)),
            Err(other) => panic!("{other}"),
        };
        json!({ "text": form, "outcome": outcome, "group": group })
    });
    described.collect()
}

/// Both sides, after everything went well.
struct Run {
    purpose: Purpose,
    inviter: Pairing,
    mailbox: Mailbox,
    code: String,
    /// The invited side before it read slots 0, 2, 4 and 5.
    stages: BTreeMap<u8, Vec<u8>>,
}

impl Run {
    fn of(purpose: Purpose) -> Self {
        Self::with(purpose, "pairing", "Mila")
    }

    fn with(purpose: Purpose, seed: &str, name: &str) -> Self {
        let mut random = entropy(&format!("{seed} {}", purpose.number()));
        let invitation = Invitation {
            purpose,
            relay: relay(),
            card: card(name, "inviter"),
            expires_ms: NOW + WEEK,
        };
        let mut inviter = Pairing::invite(invitation, NOW, &mut random).unwrap();
        let mut invited = Pairing::open(Link::parse(&inviter.link().to_text()).unwrap());
        let (mut mailbox, mut stages) = (Mailbox::new(), BTreeMap::new());
        visit(&mut inviter, &mut mailbox, &mut random);
        stages.insert(0, invited.to_bytes().to_vec());
        visit(&mut invited, &mut mailbox, &mut random);
        let card = card("Dr. Ada Öztürk", "invited");
        invited.accept(card, NOW, &mut random).unwrap();
        visit(&mut invited, &mut mailbox, &mut random);
        stages.insert(2, invited.to_bytes().to_vec());
        visit(&mut inviter, &mut mailbox, &mut random);
        visit(&mut invited, &mut mailbox, &mut random);
        let code = invited.code().unwrap().to_string();
        assert_eq!(inviter.code(), invited.code());
        invited
            .confirm(true, &keys("invited"), NOW, &mut random)
            .unwrap();
        visit(&mut invited, &mut mailbox, &mut random);
        stages.insert(4, invited.to_bytes().to_vec());
        inviter
            .confirm(true, &keys("inviter"), NOW, &mut random)
            .unwrap();
        visit(&mut inviter, &mut mailbox, &mut random);
        visit(&mut invited, &mut mailbox, &mut random);
        stages.insert(5, invited.to_bytes().to_vec());
        let (owner, other, name) = match purpose.owner() {
            Side::Inviter => (&mut inviter, &mut invited, "inviter"),
            Side::Invited => (&mut invited, &mut inviter, "invited"),
        };
        owner
            .welcome(WELCOME, &keys(name), NOW, &mut random)
            .unwrap();
        visit(owner, &mut mailbox, &mut random);
        visit(other, &mut mailbox, &mut random);
        assert_eq!((owner.stage(), other.stage()), (Stage::Done, Stage::Done));
        assert_eq!(other.received_welcome(), Some(WELCOME));
        Self {
            purpose,
            inviter,
            mailbox,
            code,
            stages,
        }
    }

    fn vector(&self) -> Value {
        let secret = &self.inviter.link().secret;
        let slots = self.mailbox.iter().map(|(slot, sealed)| {
            json!({
                "slot": slot,
                "key": hex(slot_key(secret, *slot)),
                "text": hex(opened(secret, *slot, sealed)),
                "sealed": hex(sealed),
            })
        });
        let hashes: Vec<u8> = (0..3)
            .flat_map(|slot| sha256(&opened(secret, slot, &self.mailbox[&slot])))
            .collect();
        let label = b"waymark/1 pairing transcript".as_slice();
        let transcript = sha256(&[label, &secret.mailbox().0, &hashes].concat());
        json!({
            "purpose": self.purpose.number(),
            "link": *self.inviter.link().to_text(),
            "mailbox": hex(secret.mailbox().0),
            "inviter_seed": hex(&keys("inviter").to_bytes()[..32]),
            "invited_seed": hex(&keys("invited").to_bytes()[..32]),
            "slots": slots.collect::<Vec<_>>(),
            "transcript": hex(transcript),
            "code": self.code,
            "welcome": hex(WELCOME),
        })
    }

    /// What the invited side says of a mailbox in which one slot is another.
    fn outcome(&self, slot: u8, sealed: &[u8]) -> &'static str {
        let mut invited = Pairing::from_bytes(&self.stages[&slot]).unwrap();
        let mut mailbox = self.mailbox.clone();
        mailbox.insert(slot, sealed.to_vec());
        mailbox.retain(|number, _| *number <= slot && (slot > 0 || *number == 0));
        let events = invited.handle(&slots(&mailbox), NOW, &mut entropy("outcome"));
        match events.last() {
            Some(Event::Ended(Ending::Failed(failure))) => match failure {
                Failure::Card(_) => "card",
                Failure::Commitment => "commitment",
                Failure::Malformed(_) => "malformed",
                Failure::Name => "name",
                Failure::NotOpened(_) => "not_opened",
                Failure::OutOfTurn(_) => "out_of_turn",
                Failure::Purpose => "purpose",
                Failure::Signature(_) => "signature",
                other => panic!("{other}"),
            },
            Some(Event::Ended(Ending::Refused(Refusal::Declined))) => "declined",
            Some(Event::Ended(Ending::Refused(Refusal::CodesDiffer))) => "codes_differ",
            other => panic!("{other:?}"),
        }
    }
}

/// Mailboxes that are those of the first run but for one slot.
fn refused() -> Vec<Value> {
    let run = Run::of(Purpose::Plan);
    let secret = &run.inviter.link().secret;
    let text = |slot: u8| opened(secret, slot, &run.mailbox[&slot]);
    let other = Run::with(Purpose::Plan, "another pairing", "Mila");
    let others = |slot: u8| {
        let secret = &other.inviter.link().secret;
        opened(secret, slot, &other.mailbox[&slot])
    };
    // The same length, so that the CBOR around it stays as it is.
    let renamed = replaced(&text(0), b"dMila", b"dMina");
    let for_supporter = replaced(
        &text(0),
        &[0x82, 0x00, 0xa4, 0x00, 1],
        &[0x82, 0, 0xa4, 0, 4],
    );
    let refusal = |why: u8| vec![0x82, 0x05, 0xa1, 0x00, why];
    let moved = run.mailbox[&1].clone();
    let mut cut = run.mailbox[&2].clone();
    cut.pop();
    let seal_in = |slot: u8, text: &[u8]| sealed(secret, slot, text);
    let cases = [
        (
            "an offer for another purpose",
            0,
            seal_in(0, &for_supporter),
        ),
        ("an offer that is an answer", 0, seal_in(0, &text(1))),
        (
            "an offer of another pairing, as it was sealed",
            0,
            other.mailbox[&0].clone(),
        ),
        (
            "a reveal of another card and nonce",
            2,
            seal_in(2, &others(2)),
        ),
        ("the reveal, cut", 2, cut),
        ("the answer in the place of the reveal", 2, moved),
        ("a reveal that is no message", 2, seal_in(2, b"reveal")),
        ("a refusal", 2, seal_in(2, &refusal(0))),
        ("a yes of another pairing", 4, seal_in(4, &others(4))),
        ("the invited one's yes", 4, seal_in(4, &text(3))),
        ("a no", 4, seal_in(4, &refusal(1))),
        ("a welcome of another pairing", 5, seal_in(5, &others(5))),
        ("another welcome under the same signature", 5, {
            seal_in(5, &replaced(&text(5), WELCOME, b"where ELSE it is.."))
        }),
        ("a yes in the place of the welcome", 5, seal_in(5, &text(4))),
    ];
    let mut described: Vec<_> = cases
        .into_iter()
        .map(|(what, slot, sealed)| {
            let outcome = run.outcome(slot, &sealed);
            json!({ "what": what, "slot": slot, "sealed": hex(sealed), "outcome": outcome })
        })
        .collect();

    // A name in the offer that the card does not have: found at the reveal, which fits.
    let slot_0 = sealed(secret, 0, &renamed);
    let mut invited = Pairing::from_bytes(&run.stages[&0]).unwrap();
    let mut random = entropy("renamed");
    let mut mailbox = Mailbox::from([(0, slot_0.clone())]);
    visit(&mut invited, &mut mailbox, &mut random);
    invited
        .accept(card("Dr. Ada Öztürk", "invited"), NOW, &mut random)
        .unwrap();
    visit(&mut invited, &mut mailbox, &mut random);
    mailbox.insert(2, run.mailbox[&2].clone());
    let events = invited.handle(&slots(&mailbox), NOW, &mut random);
    assert_eq!(events, [Event::Ended(Ending::Failed(Failure::Name))]);
    described.push(json!({
        "what": "an offer with another name than the card's",
        "slot": 0,
        "sealed": hex(slot_0),
        "outcome": "name",
    }));
    described
}

/// Puts and reads until there is nothing to do for now.
fn visit(pairing: &mut Pairing, mailbox: &mut Mailbox, random: &mut SeededEntropy) {
    while let Some(request) = pairing.poll(NOW) {
        let reads = request == Request::Read;
        if let Request::Put { slot, .. } = request {
            mailbox.entry(slot.slot).or_insert(slot.bytes.0);
        }
        pairing.handle(&slots(mailbox), NOW, random);
        if reads && !matches!(pairing.poll(NOW), Some(Request::Put { .. })) {
            break;
        }
    }
}

fn slots(mailbox: &Mailbox) -> Vec<MailboxSlot> {
    let slots = mailbox.iter().map(|(slot, bytes)| MailboxSlot {
        slot: *slot,
        bytes: Bytes(bytes.clone()),
    });
    slots.collect()
}

fn card(name: &str, device: &str) -> Vec<u8> {
    let keys: [MembershipKeys; 1] = [keys(device)];
    ContactCard::issue(name, device, 1, &keys).unwrap()
}

fn relay() -> RelayAddress {
    RelayAddress {
        url: "https://relay.example".into(),
        key: Some(public(&keys("relay"))),
    }
}

fn slot_key(secret: &LinkSecret, slot: u8) -> Vec<u8> {
    let info = [b"waymark/1 pairing slot".as_slice(), &[slot]].concat();
    hkdf(&[], secret.expose(), &info, 32)
}

fn cipher(secret: &LinkSecret, slot: u8) -> (LessSafeKey, Aad<Vec<u8>>) {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &slot_key(secret, slot)).unwrap();
    let place = [secret.mailbox().0.as_slice(), &[slot]].concat();
    (LessSafeKey::new(key), Aad::from(place))
}

fn opened(secret: &LinkSecret, slot: u8, sealed: &[u8]) -> Vec<u8> {
    let (nonce, text) = sealed.split_first_chunk().unwrap();
    let (key, place) = cipher(secret, slot);
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let padded = key.open_in_place(nonce, place, &mut text).unwrap();
    padding::unpad(padded).unwrap().to_vec()
}

fn sealed(secret: &LinkSecret, slot: u8, text: &[u8]) -> Vec<u8> {
    let nonce = counting::<12>(0xa0);
    let (key, place) = cipher(secret, slot);
    let mut padded = text.to_vec();
    padding::pad(&mut padded);
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), place, &mut padded)
        .unwrap();
    [nonce.as_slice(), &padded].concat()
}

fn replaced(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    assert_eq!(old.len(), new.len());
    let mut places = text.windows(old.len()).enumerate();
    let (at, _) = places.find(|(_, part)| *part == old).unwrap();
    [&text[..at], new, &text[at + old.len()..]].concat()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA256, bytes).as_ref().to_vec()
}
