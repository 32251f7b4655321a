//! The beacon: where a phrase finds home.
//!
//! The first entry is a function of the phrase, byte for byte and for ever: a later version that
//! made another one would look for the beacon in another space and find nothing, and it would seal
//! two texts under one key. So nothing of it is shared with other spaces' first entries, which may
//! change, and `docs/vectors/recovery.json` holds it to the byte.

use minicbor::{Decode, Encode};
use waymark_wire::chain::{ChainTag, Cursor, Position};
use waymark_wire::codec::{self, CodecError};
use waymark_wire::entry::{Entry, Header, Kind};
use waymark_wire::ids::{AttachmentHash, DeviceNumber, EntryId, Height, PersonTag, SpaceId};
use waymark_wire::membership::{Add, Core, MembershipBody, Op, Rights, SUITE_XWING, SealedKey};
use waymark_wire::padding;
use waymark_wire::signature::{Signature, VerifyingKey};
use waymark_wire::strict::is_strict_map;

use super::keys::beacon_seed;
use super::{Phrase, RecoveryKeys};
use crate::crypto::{
    CryptoError, Entropy, EpochInfo, EpochKey, MembershipKeys, SeededEntropy, open, seal,
    seal_epoch_key, seal_roster,
};
use crate::membership::{Draft, RelayAddress};

/// What stands before the content, so that it is no batch of changes.
const MARK: &[u8] = b"beacon";
/// Bytes of a content, at most.
const LIMIT: usize = 4 * 1024;
/// The only member of a beacon.
const FOUNDER: DeviceNumber = DeviceNumber(0);
/// The roster in clear, in the form of every space's: one member without names, its role 0 and
/// level 1, since the day 0; kind 6.
const ROSTER: [u8; 18] = [
    0xa2, 0x00, 0x81, 0xa6, 0x00, 0x00, 0x01, 0x60, 0x02, 0x00, 0x03, 0x60, 0x04, 0x01, 0x05, 0x00,
    0x01, 0x06,
];

/// The space that a phrase leads to, as its first entry starts it.
#[derive(Debug)]
pub struct Beacon {
    /// The space: the id of the entry.
    pub space: SpaceId,
    /// The entry with its attachments. Whoever appends it again appends the same one.
    pub draft: Draft,
    /// The key of the beacon's only epoch.
    pub epoch_key: EpochKey,
}

/// What a beacon says: where home is, and how far it reaches at least.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct BeaconContent {
    /// The home that the phrase is a member of.
    #[n(0)]
    pub home: SpaceId,
    /// The relay that serves home, with its key where it is known.
    #[n(1)]
    pub relay: RelayAddress,
    /// A membership entry that home's log must hold: the one that added the phrase.
    #[n(2)]
    pub membership_head: EntryId,
    /// The phrase's membership in home.
    #[n(3)]
    pub device: DeviceNumber,
    /// How far home's log reaches at least.
    #[n(4)]
    pub reaches: Position,
}

/// Why an entry says nothing of a home.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// Its relay's address is more than scheme, host and port.
    #[error("the beacon's relay has no plain address")]
    Address,
    /// The content cannot be read.
    #[error("the beacon's content is {0}")]
    Codec(#[from] CodecError),
    /// The counter 0 is the first entry's.
    #[error("the counter of a beacon's content is 1 or more")]
    Counter,
    /// It does not open, or a key is unusable.
    #[error("the beacon's content: {0}")]
    Crypto(#[from] CryptoError),
    /// It is no content of a beacon: another kind of entry, or another text.
    #[error("the entry is no content of a beacon")]
    NotContent,
    /// Somebody else than the phrase signed it.
    #[error("the beacon's content is not signed by the phrase")]
    Signature,
}

impl Beacon {
    /// The phrase's beacon: always the same one.
    ///
    /// # Errors
    /// None that a phrase can cause; the key library's signature asks for one.
    pub fn found(phrase: &Phrase) -> Result<Self, CryptoError> {
        found(&RecoveryKeys::of(phrase)?.beacon, phrase)
    }
}

impl BeaconContent {
    /// The content in clear: CBOR in the strict form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Reads a content. Keys of a later version are passed over.
    ///
    /// # Errors
    /// [`BeaconError`] where it is not in the strict form, not a content, or names a relay whose
    /// address is more than scheme, host and port.
    pub fn parse(bytes: &[u8]) -> Result<Self, BeaconError> {
        if !is_strict_map(bytes) {
            let why = "not in the strict form".to_owned();
            return Err(CodecError::Malformed(why).into());
        }
        let content: Self = codec::decode(bytes, LIMIT)?;
        content.check()?;
        Ok(content)
    }

    fn check(&self) -> Result<(), BeaconError> {
        if self.relay.is_plain() {
            Ok(())
        } else {
            Err(BeaconError::Address)
        }
    }
}

/// Seals `content` as the entry of the phrase's beacon with this counter: 1 right after the first
/// entry, then one more each time home moves. The one with the highest counter holds.
///
/// # Errors
/// [`BeaconError::Counter`] for 0, and [`BeaconError::Address`].
pub fn seal_content(
    phrase: &Phrase,
    counter: u32,
    content: &BeaconContent,
    entropy: &mut dyn Entropy,
) -> Result<Entry, BeaconError> {
    if counter == 0 {
        return Err(BeaconError::Counter);
    }
    content.check()?;
    let keys = RecoveryKeys::of(phrase)?.beacon;
    let Beacon {
        space, epoch_key, ..
    } = found(&keys, phrase)?;
    let first = EntryId::from(space);
    let mut salt = [0; 16];
    entropy.fill(&mut salt);
    let header = Header {
        kind: Kind::Batch,
        device: FOUNDER,
        counter,
        height: Height(0),
        // What everybody who made the first entry has seen of the log, however long it is.
        seen: Cursor::start(&space).after(&first).position(),
        salt,
    };
    let mut text = [MARK, &content.to_bytes()].concat();
    padding::pad(&mut text);
    let sealed = seal(&epoch_key, &space.0, &first.0, &header.to_bytes(), text)?;
    Ok(signed(header, &sealed, &space, &first, &keys)?)
}

/// What an entry of the phrase's beacon says.
///
/// # Errors
/// [`BeaconError`] where it is not what [`seal_content`] makes of the same phrase.
pub fn open_content(phrase: &Phrase, entry: &Entry) -> Result<BeaconContent, BeaconError> {
    let header = entry.header();
    let is_content = header.kind == Kind::Batch
        && header.device == FOUNDER
        && header.counter > 0
        && header.height == Height(0);
    if !is_content {
        return Err(BeaconError::NotContent);
    }
    let keys = RecoveryKeys::of(phrase)?.beacon;
    let Beacon {
        space, epoch_key, ..
    } = found(&keys, phrase)?;
    let first = EntryId::from(space);
    let own = VerifyingKey(keys.signing_public()?);
    if !entry.is_signed_by(&own, &first, &entry.id(&space)) {
        return Err(BeaconError::Signature);
    }
    let padded = open(
        &epoch_key,
        &space.0,
        &first.0,
        &header.to_bytes(),
        entry.body(),
    )?;
    let content = padding::unpad(&padded)
        .and_then(|text| text.strip_prefix(MARK))
        .ok_or(BeaconError::NotContent)?;
    BeaconContent::parse(content)
}

/// The order in which the stream is drawn from is part of the format: person tag, epoch key, the
/// encapsulation's 64 bytes, salt.
fn found(keys: &MembershipKeys, phrase: &Phrase) -> Result<Beacon, CryptoError> {
    let mut stream = SeededEntropy::new(*beacon_seed(phrase)?);
    let mut person = [0; 16];
    stream.fill(&mut person);
    let epoch_key = EpochKey::generate(&mut stream);

    let recipient = keys.agreement_public()?;
    let info = EpochInfo::new(&SpaceId::ZERO.0, &EntryId::ZERO.0, None, FOUNDER.0);
    let sealed_key = seal_epoch_key(&recipient, &info, &epoch_key, &mut stream)?;
    let agreement_key = recipient.to_bytes().to_vec();
    let core = Core {
        previous: EntryId::ZERO,
        ops: vec![Op::Add(Add {
            device: FOUNDER,
            person: PersonTag(person),
            signing_key: VerifyingKey(keys.signing_public()?),
            suite: SUITE_XWING,
            agreement_key: AttachmentHash::of(&agreement_key),
            rights: Rights::ADMIN,
        })],
        keys: vec![SealedKey {
            device: FOUNDER,
            sealed: AttachmentHash::of(&sealed_key),
        }],
    };

    let mut salt = [0; 16];
    stream.fill(&mut salt);
    let header = Header {
        kind: Kind::Membership,
        device: FOUNDER,
        counter: 0,
        height: Height(0),
        seen: Position {
            seq: 0,
            chain: ChainTag([0; 16]),
        },
        salt,
    };
    let mut roster = ROSTER.to_vec();
    padding::pad(&mut roster);
    let private = seal_roster(
        &epoch_key,
        &SpaceId::ZERO.0,
        &EntryId::ZERO.0,
        &header.to_bytes(),
        &roster,
    )?;
    let body = MembershipBody::assemble(&core, &private).map_err(|_| CryptoError::TooLong)?;
    let entry = signed(header, &body, &SpaceId::ZERO, &EntryId::ZERO, keys)?;
    Ok(Beacon {
        space: entry.id(&SpaceId::ZERO).into(),
        draft: Draft {
            entry,
            attachments: vec![agreement_key, sealed_key.to_vec()],
        },
        epoch_key,
    })
}

fn signed(
    header: Header,
    body: &[u8],
    space: &SpaceId,
    membership: &EntryId,
    keys: &MembershipKeys,
) -> Result<Entry, CryptoError> {
    let mut signed = Ok(());
    let entry = Entry::assemble(header, body, space, membership, |text| {
        keys.sign(text).map(Signature).unwrap_or_else(|e| {
            signed = Err(e);
            Signature([0; 64])
        })
    });
    signed.map(|()| entry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::{Book, Roster, SpaceKind};

    fn phrase(seed: u8) -> Phrase {
        Phrase::generate(&mut SeededEntropy::new([seed; 32]))
    }

    fn content() -> BeaconContent {
        BeaconContent {
            home: SpaceId([1; 32]),
            relay: RelayAddress {
                url: "https://relay.example".into(),
                key: Some(VerifyingKey([2; 32])),
            },
            membership_head: EntryId([3; 32]),
            device: DeviceNumber(4),
            reaches: Position {
                seq: 5,
                chain: ChainTag([6; 16]),
            },
        }
    }

    fn sealed(counter: u32, content: &BeaconContent) -> Entry {
        let mut entropy = SeededEntropy::new([9; 32]);
        seal_content(&phrase(1), counter, content, &mut entropy).unwrap()
    }

    /// Signed by the phrase, but with this text in place of a content.
    fn with_text(text: &[u8]) -> Entry {
        let keys = RecoveryKeys::of(&phrase(1)).unwrap().beacon;
        let Beacon {
            space, epoch_key, ..
        } = found(&keys, &phrase(1)).unwrap();
        let first = EntryId::from(space);
        let header = *sealed(1, &content()).header();
        let mut text = text.to_vec();
        padding::pad(&mut text);
        let body = seal(&epoch_key, &space.0, &first.0, &header.to_bytes(), text).unwrap();
        signed(header, &body, &space, &first, &keys).unwrap()
    }

    /// The whole promise: an empty phone and 24 words.
    #[test]
    fn words_alone_find_the_beacon_and_what_it_says() {
        let made = Beacon::found(&phrase(1)).unwrap();
        let said = sealed(1, &content());

        let typed = Phrase::parse(&phrase(1).text()).unwrap();
        let again = Beacon::found(&typed).unwrap();
        assert_eq!(again.space, made.space);
        assert_eq!(again.draft.entry, made.draft.entry);
        assert_eq!(again.draft.attachments, made.draft.attachments);
        assert_eq!(open_content(&typed, &said), Ok(content()));

        let other = Beacon::found(&phrase(2)).unwrap();
        assert_ne!(other.space, made.space);
    }

    /// A beacon is an ordinary space: relays and devices take it by their ordinary rules.
    #[test]
    fn the_first_entry_founds_a_space_as_any_other_does() {
        let Beacon {
            space,
            draft,
            epoch_key,
        } = Beacon::found(&phrase(1)).unwrap();
        let read = Entry::parse(draft.entry.bytes().to_vec()).unwrap();
        let mut book = Book::found(&read).unwrap();
        assert_eq!(*book.membership().space(), space);
        let keys = RecoveryKeys::of(&phrase(1)).unwrap().beacon;
        let taken = book.take_key(&read, &keys, FOUNDER, &draft.attachments);
        assert_eq!(taken, Ok(Some((Height(0), epoch_key))));
        book.read_roster(&read, Height(0)).unwrap();
        assert_eq!(book.kind(), Some(SpaceKind::Beacon));
        assert_eq!(book.relay(), None);
        let content = sealed(1, &content());
        assert_eq!(Entry::parse(content.bytes().to_vec()), Ok(content));
    }

    #[test]
    fn the_frozen_roster_is_a_roster() {
        let roster: Roster = codec::decode(&ROSTER, 100).unwrap();
        assert_eq!(roster.kind, Some(SpaceKind::Beacon));
        assert!(is_strict_map(&ROSTER));
    }

    /// Nobody but the phrase says where home is: not the relay, not another phrase, not another
    /// entry of the same beacon.
    #[test]
    fn what_the_phrase_did_not_write_is_refused() {
        let entry = sealed(1, &content());
        let by_other = open_content(&phrase(2), &entry);
        assert_eq!(by_other, Err(BeaconError::Signature));
        for at in (1..entry.bytes().len()).step_by(5) {
            let mut altered = entry.bytes().to_vec();
            altered[at] ^= 1;
            if let Ok(altered) = Entry::parse(altered) {
                assert!(open_content(&phrase(1), &altered).is_err(), "byte {at}");
            }
        }
        let first = Beacon::found(&phrase(1)).unwrap().draft.entry;
        let opened = open_content(&phrase(1), &first);
        assert_eq!(opened, Err(BeaconError::NotContent));
    }

    #[test]
    fn a_text_that_is_no_content_is_refused_by_name() {
        let good = content().to_bytes();
        assert_eq!(BeaconContent::parse(&good), Ok(content()));
        let marked = [MARK, &good].concat();
        assert_eq!(open_content(&phrase(1), &with_text(&marked)), Ok(content()));
        let unmarked = open_content(&phrase(1), &with_text(&good));
        assert_eq!(unmarked, Err(BeaconError::NotContent));
        for cut in 0..good.len() {
            let refused = BeaconContent::parse(&good[..cut]);
            assert!(matches!(refused, Err(BeaconError::Codec(_))), "{cut}");
        }
        // The same map with its first key in two bytes, and with more behind it.
        let longer = [&good[..1], &[0x18, 0x00], &good[2..]].concat();
        let trailing = [&good[..], &[0]].concat();
        for other in [longer, trailing] {
            let refused = BeaconContent::parse(&other);
            assert!(
                matches!(refused, Err(BeaconError::Codec(_))),
                "{other:02x?}"
            );
        }
    }

    /// A beacon that led to `https://relay@elsewhere` would send a recovering phone there.
    #[test]
    fn only_plain_addresses_are_written_and_read() {
        let mut bad = content();
        bad.relay.url = "https://relay@elsewhere".into();
        let mut entropy = SeededEntropy::new([9; 32]);
        let refused = seal_content(&phrase(1), 1, &bad, &mut entropy);
        assert_eq!(refused, Err(BeaconError::Address));
        let marked = [MARK, &bad.to_bytes()].concat();
        let opened = open_content(&phrase(1), &with_text(&marked));
        assert_eq!(opened, Err(BeaconError::Address));
    }

    #[test]
    fn the_first_counter_is_the_first_entrys() {
        let mut entropy = SeededEntropy::new([9; 32]);
        let refused = seal_content(&phrase(1), 0, &content(), &mut entropy);
        assert_eq!(refused, Err(BeaconError::Counter));
        assert_eq!(sealed(7, &content()).header().counter, 7);
    }
}
