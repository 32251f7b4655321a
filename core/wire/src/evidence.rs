//! Proof that a relay told two stories: two receipts of one generation that cannot both be true of
//! one log. Whoever holds it needs nothing else to check it, and nobody can make it of an honest
//! relay's receipts.
//!
//! A receipt commits to a whole log by its chain. Where two are for the same seq, they contradict
//! each other as they stand. Where one is for a later seq, the entry ids that lead to it from some
//! place show which chain it has at the earlier seq.

use minicbor::decode::{Decoder, Error};
use minicbor::{Decode, Encode};

use crate::chain::{Chain, ChainTag, Cursor};
use crate::codec::{self, CodecError, decode_list, fixed_bytes};
use crate::ids::{EntryId, Generation, SpaceId};
use crate::limits;
use crate::receipt::Receipt;
use crate::signature::VerifyingKey;

/// The version of the form that is written and read here.
const VERSION: u8 = 1;

/// Two receipts of one relay that contradict each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence {
    /// The relay whose receipts they are. Whether this key is a certain relay's, the reader knows.
    pub relay: VerifyingKey,
    /// The space whose log was told.
    pub space: SpaceId,
    /// From where both stories are told. Where the longer one has no entries, the receipts are for
    /// this very place; what is not in their chain tags, the second half, is zeros then.
    pub from: Cursor,
    /// The story whose receipt is for the earlier place, or for the same one.
    pub shorter: Story,
    /// The other one.
    pub longer: Story,
}

/// What a relay told of a log, and signed.
#[derive(Clone, Debug, Decode, Encode, Eq, PartialEq)]
#[cbor(map)]
pub struct Story {
    /// Its word on the place that the story leads to.
    #[n(0)]
    pub receipt: Receipt,
    /// The entries from [`Evidence::from`] to that place, at most [`limits::EVIDENCE_IDS`]. In the
    /// shorter story none where they are not known: its receipt suffices.
    #[n(1)]
    #[cbor(decode_with = "decode_ids")]
    pub ids: Vec<EntryId>,
}

/// Why something is no evidence.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// The bytes are none in the form that is written here.
    #[error("it cannot be read: {0}")]
    Codec(#[from] CodecError),
    /// It reads, but not byte for byte as it would be written.
    #[error("it is not in the strict form")]
    NotStrict,
    /// A newer version has written it.
    #[error("it is of version {0}, and this one reads version 1")]
    Version(u8),
    /// More entries than evidence may have.
    #[error("a story has {0} entries")]
    TooLong(usize),
    /// A receipt is not the named relay's for the named space.
    #[error("a receipt is not signed by this relay for this space")]
    Unsigned,
    /// A relay that was restored says so by a new generation, and may have lost entries.
    #[error("the receipts are of two generations: the relay was restored in between")]
    Generations,
    /// The stories stand in each other's place, or the shorter one ends before where they begin.
    #[error("the places of the receipts are not in order")]
    Order,
    /// A story does not lead to its receipt.
    #[error("the entries of a story do not lead to its receipt")]
    Chain,
    /// Both receipts are true of one log.
    #[error("the stories do not contradict each other")]
    Agree,
}

/// Where two stories part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Disagreement {
    /// The relay's history to which both belong.
    pub generation: Generation,
    /// The place for which there are two chains.
    pub seq: u64,
    /// What the shorter story's receipt says the chain is there.
    pub one: ChainTag,
    /// What the longer story's receipt makes it.
    pub other: ChainTag,
}

impl Evidence {
    /// Makes evidence of two stories that `relay` told of `space`, both from `from` on; entries
    /// that they have in common are left out. `None` where they are none.
    #[must_use]
    pub fn of(
        relay: VerifyingKey,
        space: SpaceId,
        from: Cursor,
        one: Story,
        other: Story,
    ) -> Option<Self> {
        // Of two for one place, it is the one whose entries are known that has to be told.
        let place = |story: &Story| {
            let position = story.receipt.position;
            let is_told = !story.ids.is_empty() || position == from.position();
            (position.seq, is_told, position.chain)
        };
        let (shorter, longer) = if place(&one) <= place(&other) {
            (one, other)
        } else {
            (other, one)
        };
        let mut evidence = Self {
            relay,
            space,
            from,
            shorter,
            longer,
        };
        evidence.tell_apart();
        let most = |story: &Story| story.ids.len() <= limits::EVIDENCE_IDS;
        if !(most(&evidence.shorter) && most(&evidence.longer)) {
            evidence.tell_less()?;
        }
        if evidence.longer.ids.is_empty() {
            evidence.from.chain.0[16..].fill(0);
        }
        evidence.verify().is_ok().then_some(evidence)
    }

    /// Checks everything, with nothing but what stands here.
    ///
    /// # Errors
    /// [`EvidenceError`]: then nothing is proven.
    pub fn verify(&self) -> Result<Disagreement, EvidenceError> {
        let (shorter, longer) = (&self.shorter.receipt, &self.longer.receipt);
        for story in [&self.shorter, &self.longer] {
            if story.ids.len() > limits::EVIDENCE_IDS {
                return Err(EvidenceError::TooLong(story.ids.len()));
            }
            if !story.receipt.is_signed_by(&self.relay, &self.space) {
                return Err(EvidenceError::Unsigned);
            }
        }
        if shorter.generation != longer.generation {
            return Err(EvidenceError::Generations);
        }
        let seq = shorter.position.seq;
        if seq < self.from.seq || seq > longer.position.seq {
            return Err(EvidenceError::Order);
        }
        let is_told = !self.shorter.ids.is_empty();
        if is_told && self.leads(&self.shorter)?.position() != shorter.position {
            return Err(EvidenceError::Chain);
        }
        if self.leads(&self.longer)?.position() != longer.position {
            return Err(EvidenceError::Chain);
        }
        // Nothing would vouch for it.
        if self.longer.ids.is_empty() && self.from.chain.0[16..] != [0; 16] {
            return Err(EvidenceError::Chain);
        }
        let (at, _) = self.longer_at(seq).ok_or(EvidenceError::Order)?;
        let (one, other) = (shorter.position.chain, at.chain.tag());
        if one == other {
            return Err(EvidenceError::Agree);
        }
        Ok(Disagreement {
            generation: shorter.generation,
            seq,
            one,
            other,
        })
    }

    /// The bytes to hand on.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&Row {
            version: VERSION,
            relay: self.relay,
            space: self.space,
            from: From {
                seq: self.from.seq,
                chain: FullChain(self.from.chain.0),
            },
            shorter: self.shorter.clone(),
            longer: self.longer.clone(),
        })
    }

    /// Reads it; whether it proves anything is [`verify`](Self::verify)'s to say.
    ///
    /// # Errors
    /// [`EvidenceError`] where the bytes are not exactly what [`to_bytes`](Self::to_bytes) makes of
    /// some evidence.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EvidenceError> {
        let row: Row = codec::decode(bytes, limits::EVIDENCE)?;
        if row.version != VERSION {
            return Err(EvidenceError::Version(row.version));
        }
        let evidence = Self {
            relay: row.relay,
            space: row.space,
            from: Cursor {
                seq: row.from.seq,
                chain: Chain(row.from.chain.0),
            },
            shorter: row.shorter,
            longer: row.longer,
        };
        if evidence.to_bytes() != bytes {
            return Err(EvidenceError::NotStrict);
        }
        Ok(evidence)
    }

    /// Begins both stories where they part.
    fn tell_apart(&mut self) {
        let (one, other) = (&self.shorter.ids, &self.longer.ids);
        let same = one.iter().zip(other).take_while(|(a, b)| a == b).count();
        let mut from = self.from;
        for id in &one[..same] {
            from = from.after(id);
        }
        self.from = from;
        self.shorter.ids.drain(..same);
        self.longer.ids.drain(..same);
    }

    /// Begins where the shorter story ends, and leaves that one's entries out.
    fn tell_less(&mut self) -> Option<()> {
        let (at, told) = self.longer_at(self.shorter.receipt.position.seq)?;
        self.from = at;
        self.longer.ids.drain(..told);
        self.shorter.ids.clear();
        Some(())
    }

    /// The place with this seq in the longer story, and how many of its entries lead there.
    fn longer_at(&self, seq: u64) -> Option<(Cursor, usize)> {
        let told = usize::try_from(seq.checked_sub(self.from.seq)?).ok()?;
        let ids = self.longer.ids.get(..told)?;
        let step = |at: Cursor, id| at.after(id);
        Some((ids.iter().fold(self.from, step), told))
    }

    /// The place to which the entries of a story lead.
    fn leads(&self, story: &Story) -> Result<Cursor, EvidenceError> {
        let told = u64::try_from(story.ids.len()).ok();
        let ends = told.and_then(|told| self.from.seq.checked_add(told));
        if ends != Some(story.receipt.position.seq) {
            return Err(EvidenceError::Chain);
        }
        let step = |at: Cursor, id| at.after(id);
        Ok(story.ids.iter().fold(self.from, step))
    }
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    version: u8,
    #[n(1)]
    relay: VerifyingKey,
    #[n(2)]
    space: SpaceId,
    #[n(3)]
    from: From,
    #[n(4)]
    shorter: Story,
    #[n(5)]
    longer: Story,
}

#[derive(Decode, Encode)]
#[cbor(array)]
struct From {
    #[n(0)]
    seq: u64,
    #[n(1)]
    chain: FullChain,
}

fixed_bytes! {
    /// A [`Chain`] in full, which travels nowhere else.
    FullChain, 32
}

fn decode_ids<C>(d: &mut Decoder<'_>, ctx: &mut C) -> Result<Vec<EntryId>, Error> {
    decode_list(d, ctx, limits::EVIDENCE_IDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::Position;
    use crate::signature::SigningKey;

    const SPACE: SpaceId = SpaceId([5; 32]);
    const GENERATION: Generation = Generation([6; 16]);

    fn key() -> SigningKey {
        SigningKey::from_seed(&[7; 32]).unwrap()
    }

    fn ids(first: u8, count: u8) -> Vec<EntryId> {
        (first..first + count).map(|n| EntryId([n; 32])).collect()
    }

    fn from() -> Cursor {
        let start = Cursor::start(&SPACE);
        ids(1, 3).iter().fold(start, |at, id| at.after(id))
    }

    fn receipt_at(position: Position, generation: Generation) -> Receipt {
        Receipt::new(&SPACE, generation, position, |text| key().sign(text))
    }

    /// What an honest receipt says of these entries.
    fn told(ids: Vec<EntryId>) -> Story {
        let ends = ids.iter().fold(from(), |at, id| at.after(id));
        let receipt = receipt_at(ends.position(), GENERATION);
        Story { receipt, ids }
    }

    fn of(one: Story, other: Story) -> Option<Evidence> {
        Evidence::of(key().verifying_key(), SPACE, from(), one, other)
    }

    fn forked() -> Evidence {
        let longer = [ids(10, 1), ids(30, 4)].concat();
        of(told(longer), told([ids(10, 1), ids(20, 2)].concat())).unwrap()
    }

    /// A relay that told two stories could otherwise deny it.
    #[test]
    fn two_stories_are_proven_from_the_bytes_alone() {
        let evidence = forked();
        let read = Evidence::from_bytes(&evidence.to_bytes()).unwrap();
        assert_eq!(read, evidence);
        let disagreement = read.verify().unwrap();
        assert_eq!((disagreement.seq, read.from.seq), (6, 4));
        assert_eq!(disagreement.one, read.shorter.receipt.position.chain);
        assert_ne!(disagreement.one, disagreement.other);
    }

    /// It is the same whichever story was heard first.
    #[test]
    fn a_receipt_alone_contradicts_a_story_that_passes_its_place() {
        let long = told(ids(30, 4));
        for count in 1..=4 {
            let mut short = told(ids(20, count));
            short.ids.clear();
            let evidence = of(short.clone(), long.clone()).unwrap();
            assert_eq!(of(long.clone(), short).unwrap(), evidence);
            assert_eq!(evidence.verify().unwrap().seq, 3 + u64::from(count));
        }
    }

    /// Bytes that nothing vouches for could be altered under somebody's proof.
    #[test]
    fn two_receipts_for_one_place_need_no_entries_and_leave_nothing_open() {
        let (mut one, other) = (told(ids(20, 2)), told(ids(30, 2)));
        let at = other.ids.iter().fold(from(), |at, id| at.after(id));
        let mut bare = other.clone();
        one.ids.clear();
        bare.ids.clear();
        let evidence = Evidence::of(key().verifying_key(), SPACE, at, one, bare).unwrap();
        assert_eq!(evidence.verify().unwrap().seq, 5);
        let bytes = evidence.to_bytes();
        for place in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[place] ^= 1;
            let read = Evidence::from_bytes(&altered);
            assert!(read.and_then(|read| read.verify()).is_err(), "{place}");
        }
    }

    /// An honest relay would be accused by what every honest log looks like.
    #[test]
    fn a_log_that_grows_and_a_restored_relay_are_no_evidence() {
        assert_eq!(of(told(ids(20, 2)), told(ids(20, 5))), None);
        assert_eq!(of(told(ids(20, 2)), told(ids(20, 2))), None);
        let mut bare = told(ids(20, 2));
        bare.ids.clear();
        assert_eq!(of(bare.clone(), told(ids(20, 5))), None);
        // Before the place from which both are told, nothing is known.
        bare.receipt = receipt_at(Cursor::start(&SPACE).position(), GENERATION);
        assert_eq!(of(bare, told(ids(20, 5))), None);
        let mut restored = told(ids(30, 4));
        restored.receipt = receipt_at(restored.receipt.position, Generation([9; 16]));
        assert_eq!(of(told(ids(20, 2)), restored), None);
    }

    /// Somebody could otherwise frame a relay with what it signed elsewhere, or never signed.
    #[test]
    fn nobody_frames_a_relay() {
        type Tamper = fn(&mut Evidence);
        let tampers: [(EvidenceError, Tamper); 9] = [
            (EvidenceError::Unsigned, |e| e.space = SpaceId([8; 32])),
            (EvidenceError::Unsigned, |e| e.relay = VerifyingKey([8; 32])),
            (EvidenceError::Unsigned, |e| {
                e.longer.receipt.generation = Generation([8; 16]);
            }),
            (EvidenceError::Unsigned, |e| {
                e.shorter.receipt.position.seq -= 1;
            }),
            (EvidenceError::Chain, |e| e.longer.ids[3] = EntryId([8; 32])),
            (EvidenceError::Chain, |e| e.shorter.ids.truncate(1)),
            (EvidenceError::Chain, |e| e.from.chain = Chain([8; 32])),
            (EvidenceError::Chain, |e| e.from.seq -= 1),
            (EvidenceError::Order, |e| {
                std::mem::swap(&mut e.shorter, &mut e.longer);
            }),
        ];
        for (why, tamper) in tampers {
            let mut evidence = forked();
            tamper(&mut evidence);
            assert_eq!(evidence.verify(), Err(why));
        }
        // A place at the end of all numbers is no reason to stop working.
        let mut evidence = forked();
        evidence.from.seq = u64::MAX;
        assert_eq!(evidence.verify(), Err(EvidenceError::Order));
    }

    /// Bytes that read in two ways could prove a thing to one and another to the next.
    #[test]
    fn only_what_is_written_is_read() {
        let bytes = forked().to_bytes();
        let mut version = bytes.clone();
        version[2] = 2;
        assert_eq!(
            Evidence::from_bytes(&version),
            Err(EvidenceError::Version(2))
        );
        let mut more = bytes.clone();
        more[0] += 1;
        more.extend([0x06, 0x00]);
        assert_eq!(Evidence::from_bytes(&more), Err(EvidenceError::NotStrict));
        for cut in 0..bytes.len() {
            assert!(Evidence::from_bytes(&bytes[..cut]).is_err());
        }
        let long = vec![0; limits::EVIDENCE + 1];
        let too_large = Evidence::from_bytes(&long).unwrap_err();
        assert!(matches!(
            too_large,
            EvidenceError::Codec(CodecError::TooLarge { .. })
        ));
    }

    /// A fork that was found late would otherwise be too long to tell.
    #[test]
    fn a_long_story_is_told_from_where_it_is_decided() {
        let many = |first: u8, count: usize| {
            let id = |n: usize| {
                let mut id = [first; 32];
                id[..8].copy_from_slice(&n.to_be_bytes());
                EntryId(id)
            };
            (0..count).map(id).collect::<Vec<_>>()
        };
        let most = limits::EVIDENCE_IDS;
        let evidence = of(told(many(20, most)), told(many(30, most + 1))).unwrap();
        assert_eq!(
            (evidence.shorter.ids.len(), evidence.longer.ids.len()),
            (0, 1)
        );
        // The longest that there is can be read.
        let evidence = of(told(many(20, most)), told(many(30, most))).unwrap();
        assert_eq!(evidence.longer.ids.len(), most);
        assert_eq!(Evidence::from_bytes(&evidence.to_bytes()), Ok(evidence));
        assert_eq!(of(told(many(20, 1)), told(many(30, most + 2))), None);
    }
}
