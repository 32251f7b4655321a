//! A mailbox as an honest relay keeps it, and two people with a device each.

use std::collections::BTreeMap;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use waymark_core::crypto::{Entropy, MembershipKeys, SeededEntropy};
use waymark_core::membership::{ContactCard, RelayAddress};
use waymark_core::pairing::{
    Code, Event, Invitation, Link, Pairing, Purpose, Request, Side, Stage,
};
use waymark_wire::codec::Bytes;
use waymark_wire::message::{MailboxId, MailboxSlot};
use waymark_wire::padding;

/// 2026-05-01T00:00:00Z.
pub(crate) const NOW: i64 = 1_777_593_600_000;
pub(crate) const DAY: i64 = 86_400_000;

/// The slots of one mailbox: each is written once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mailbox(pub(crate) BTreeMap<u8, Vec<u8>>);

impl Mailbox {
    pub(crate) fn slots(&self) -> Vec<MailboxSlot> {
        let slots = self.0.iter();
        slots.map(|(slot, bytes)| shown(*slot, bytes)).collect()
    }

    pub(crate) fn put(&mut self, MailboxSlot { slot, bytes }: MailboxSlot) {
        assert!(slot <= 7);
        self.0.entry(slot).or_insert(bytes.0);
        let sum: usize = self.0.values().map(Vec::len).sum();
        assert!(sum <= 64 * 1024, "a mailbox holds 64 KiB");
    }
}

/// A slot as the mailbox shows it.
pub(crate) fn shown(slot: u8, bytes: &[u8]) -> MailboxSlot {
    let bytes = Bytes(bytes.to_vec());
    MailboxSlot { slot, bytes }
}

pub(crate) struct Person {
    pub(crate) pairing: Pairing,
    pub(crate) keys: MembershipKeys,
    pub(crate) entropy: SeededEntropy,
    pub(crate) card: Vec<u8>,
}

impl Person {
    pub(crate) fn inviting(purpose: Purpose) -> Self {
        Self::inviting_with(purpose, "Mila", &mut SeededEntropy::new([1; 32]))
    }

    /// Draws the link's secret from `secret` first of all.
    pub(crate) fn inviting_with(purpose: Purpose, name: &str, secret: &mut dyn Entropy) -> Self {
        let (keys, card) = card(name, 11);
        let invitation = invitation(purpose, card.clone());
        Self {
            pairing: Pairing::invite(invitation, NOW, secret).unwrap(),
            keys,
            entropy: SeededEntropy::new([12; 32]),
            card,
        }
    }

    pub(crate) fn invited(link: Link) -> Self {
        let (keys, card) = card("Dr. Ada", 21);
        Self {
            pairing: Pairing::open(link),
            keys,
            entropy: SeededEntropy::new([22; 32]),
            card,
        }
    }

    /// What a device does when it has a network for a moment: everything that it can do now, with
    /// its process ended and started again before and after every step.
    pub(crate) fn visit(&mut self, mailbox: &mut Mailbox, now: i64) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            self.restart();
            let request = self.pairing.poll(now);
            let Some(request) = request else { break };
            let reads = request == Request::Read;
            if let Request::Put { slot, .. } = request {
                self.restart();
                mailbox.put(slot);
            }
            events.extend(
                self.pairing
                    .handle(&mailbox.slots(), now, &mut self.entropy),
            );
            if reads && !matches!(self.pairing.poll(now), Some(Request::Put { .. })) {
                break;
            }
        }
        self.restart();
        events
    }

    /// Reads the mailbox without putting anything.
    pub(crate) fn reads(&mut self, mailbox: &Mailbox) -> Vec<Event> {
        self.pairing
            .handle(&mailbox.slots(), NOW, &mut self.entropy)
    }

    pub(crate) fn accept(&mut self) {
        let card = self.card.clone();
        self.pairing.accept(card, NOW, &mut self.entropy).unwrap();
    }

    pub(crate) fn confirm(&mut self, equal: bool) {
        let (keys, entropy) = (&self.keys, &mut self.entropy);
        self.pairing.confirm(equal, keys, NOW, entropy).unwrap();
    }

    pub(crate) fn welcome(&mut self, welcome: &[u8]) {
        let (keys, entropy) = (&self.keys, &mut self.entropy);
        self.pairing.welcome(welcome, keys, NOW, entropy).unwrap();
    }

    /// The slot that is to be put, and for how many days it makes the mailbox.
    pub(crate) fn puts(&self) -> Option<(u8, Option<u8>)> {
        match self.pairing.poll(NOW)? {
            Request::Put { slot, days } => Some((slot.slot, days)),
            Request::Read => None,
        }
    }

    pub(crate) fn code(&self) -> Code {
        self.pairing.code().unwrap()
    }

    pub(crate) fn stage(&self) -> Stage {
        self.pairing.stage()
    }

    /// The process dies, and begins with what it had stored.
    pub(crate) fn restart(&mut self) {
        let stored = self.pairing.to_bytes();
        self.pairing = Pairing::from_bytes(&stored).unwrap();
        assert_eq!(self.pairing.to_bytes(), stored);
    }
}

/// Both, up to a stage of the run at which nothing has gone wrong.
pub(crate) struct Run {
    pub(crate) inviter: Person,
    pub(crate) invited: Person,
    pub(crate) mailbox: Mailbox,
}

impl Run {
    /// The offer is in the mailbox, the invited device has the link.
    pub(crate) fn begun(purpose: Purpose) -> Self {
        let mut inviter = Person::inviting(purpose);
        let mut mailbox = Mailbox::default();
        let invited = Person::invited(copy(inviter.pairing.link()));
        assert_eq!(inviter.visit(&mut mailbox, NOW), []);
        Self {
            inviter,
            invited,
            mailbox,
        }
    }

    /// The invited person has accepted.
    pub(crate) fn answered(purpose: Purpose) -> Self {
        let mut run = Self::begun(purpose);
        run.invited.visit(&mut run.mailbox, NOW);
        run.invited.accept();
        run.invited.visit(&mut run.mailbox, NOW);
        assert_eq!(run.invited.stage(), Stage::Answered);
        run
    }

    /// Both see the code.
    pub(crate) fn comparing(purpose: Purpose) -> Self {
        let mut run = Self::answered(purpose);
        run.inviter.visit(&mut run.mailbox, NOW);
        run.invited.visit(&mut run.mailbox, NOW);
        assert_eq!(run.inviter.stage(), Stage::Comparing);
        assert_eq!(run.invited.stage(), Stage::Comparing);
        run
    }

    /// Both said yes and know it.
    pub(crate) fn agreed(purpose: Purpose) -> Self {
        let mut run = Self::comparing(purpose);
        run.invited.confirm(true);
        run.invited.visit(&mut run.mailbox, NOW);
        run.inviter.confirm(true);
        run.inviter.visit(&mut run.mailbox, NOW);
        run.invited.visit(&mut run.mailbox, NOW);
        assert_eq!(run.inviter.stage(), Stage::Agreed);
        assert_eq!(run.invited.stage(), Stage::Agreed);
        run
    }

    pub(crate) fn both(&mut self, owner: Side) -> (&mut Person, &mut Person, &mut Mailbox) {
        match owner {
            Side::Invited => (&mut self.invited, &mut self.inviter, &mut self.mailbox),
            Side::Inviter => (&mut self.inviter, &mut self.invited, &mut self.mailbox),
        }
    }
}

pub(crate) fn card(name: &str, seed: u8) -> (MembershipKeys, Vec<u8>) {
    let keys = [MembershipKeys::generate(&mut SeededEntropy::new(
        [seed; 32],
    ))];
    let card = ContactCard::issue(name, "phone", 1, &keys).unwrap();
    let [keys] = keys;
    (keys, card)
}

pub(crate) fn invitation(purpose: Purpose, card: Vec<u8>) -> Invitation {
    Invitation {
        purpose,
        relay: relay(),
        card,
        expires_ms: NOW + 7 * DAY,
    }
}

pub(crate) fn relay() -> RelayAddress {
    RelayAddress {
        url: "https://relay.example".into(),
        key: None,
    }
}

/// The link as it travels.
pub(crate) fn copy(link: &Link) -> Link {
    Link::parse(&link.to_text()).unwrap()
}

/// Bytes that are chosen, then random ones.
pub(crate) struct Chosen {
    pub(crate) first: Vec<u8>,
    pub(crate) rest: SeededEntropy,
}

impl Entropy for Chosen {
    fn fill(&mut self, bytes: &mut [u8]) {
        if self.first.is_empty() {
            self.rest.fill(bytes);
        } else {
            bytes.copy_from_slice(&self.first.split_off(0));
        }
    }
}

/// A slot in clear, for whoever has the link: by the documents, not by the code under test.
pub(crate) fn opened(secret: &[u8; 16], mailbox: &MailboxId, slot: u8, sealed: &[u8]) -> Vec<u8> {
    let (key, place) = cipher(secret, mailbox, slot);
    let (nonce, text) = sealed.split_first_chunk().unwrap();
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    key.open_in_place(nonce, place, &mut text).unwrap().to_vec()
}

/// Seals as whoever has the link can.
pub(crate) fn sealed(secret: &[u8; 16], mailbox: &MailboxId, slot: u8, text: &[u8]) -> Vec<u8> {
    let (key, place) = cipher(secret, mailbox, slot);
    let mut padded = text.to_vec();
    padding::pad(&mut padded);
    let nonce = Nonce::assume_unique_for_key([7; 12]);
    key.seal_in_place_append_tag(nonce, place, &mut padded)
        .unwrap();
    [[7; 12].as_slice(), &padded].concat()
}

fn cipher(secret: &[u8; 16], mailbox: &MailboxId, slot: u8) -> (LessSafeKey, Aad<Vec<u8>>) {
    let info = [b"waymark/1 pairing slot".as_slice(), &[slot]].concat();
    let prk = Salt::new(HKDF_SHA256, &[]).extract(secret);
    let info = [info.as_slice()];
    let key: UnboundKey = prk.expand(&info, &CHACHA20_POLY1305).unwrap().into();
    let place = [mailbox.0.as_slice(), &[slot]].concat();
    (LessSafeKey::new(key), Aad::from(place))
}
