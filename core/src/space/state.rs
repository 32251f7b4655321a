//! What a device keeps of a space beside its rows: one value, rewritten with every step.

use std::collections::BTreeMap;

use minicbor::{Decode, Encode};
use waymark_wire::chain::{Chain, Cursor, Position};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::ids::{DeviceNumber, EntryId, Generation, Height, SpaceId};
use waymark_wire::receipt::Receipt;
use zeroize::Zeroizing;

use super::{Heard, SpaceError, damaged};
use crate::crypto::MembershipKeys;
use crate::membership::{RelayAddress, RosterMember, SpaceKind};
use crate::store::Table;

/// A space's state, without the documents. It holds keys, so it is not shown for debugging.
#[derive(Clone)]
pub(crate) struct SpaceState {
    pub(super) id: SpaceId,
    pub(super) kind: SpaceKind,
    pub(super) relay: RelayAddress,
    pub(super) keys: Zeroizing<Vec<u8>>,
    /// Our number there, once the log has shown the entry that adds us.
    pub(super) device: Option<DeviceNumber>,
    /// How far the log is verified and stored.
    pub(super) cursor: Cursor,
    /// How far its batches are opened and applied.
    pub(super) opened: u64,
    /// The counter of our next entry.
    pub(super) counter: u32,
    /// What the welcome promised: the entry that adds us, and how far the log reaches.
    pub(super) welcome: Option<(EntryId, Position)>,
    /// The number that the welcome said we have.
    pub(super) welcomed_as: Option<DeviceNumber>,
    /// Another number that a later welcome said we have: in a log that goes on otherwise.
    pub(super) named: Option<DeviceNumber>,
    /// The relay's history that the last receipt was of.
    pub(super) generation: Option<Generation>,
    /// Counters of every membership's last entry, by number.
    pub(super) counters: Vec<u32>,
    /// The same keys with the agreement key that a rotation on its way puts in the old one's place.
    pub(super) renewed: Option<Zeroizing<Vec<u8>>>,
    /// This device's own keys, where `keys` are not its own: a reserve, a phrase, or what a backup
    /// brought back. It becomes a member with them.
    pub(super) becomes: Option<Zeroizing<Vec<u8>>>,
    /// This device's person has left.
    pub(super) left: bool,
    /// The newest epoch's start, and the local date on which this device first looked at it.
    pub(super) epoch_seen: Option<(Height, i32)>,
    /// The newest membership entry among the stored ones, where all of them were verified; `None`
    /// where a version before this kept them.
    pub(super) verified: Option<(Height, EntryId)>,
    /// The start of the epoch whose key this device has told the others that it lacks.
    pub(super) refused: Option<Height>,
    /// Who has said so in the epoch in force, this device too.
    pub(super) asking: Asking,
    /// The relay's word on the place that `cursor` is, as the last page brought it.
    pub(super) receipt: Option<Receipt>,
    /// Its word on a place beyond, as it answered an append.
    pub(super) answered: Option<Receipt>,
    /// A key that came for an epoch and is another one than its entry commits to.
    pub(super) doubtful: Option<Doubtful>,
    /// When this device last gave the whole log back to a relay that knew nothing of it.
    pub(super) returned: Option<i64>,
    /// A person decided to follow the relay's log although it undoes a removal.
    pub(super) follows_fork: bool,
    /// Keys with the agreement keys that this device had before, newest first: a relay that loses the
    /// entry which renewed one brings it back into force.
    pub(super) former: Vec<Zeroizing<Vec<u8>>>,
    /// From where on this device keeps every entry; `None` where it keeps all of the log.
    pub(super) base: Option<Base>,
    /// When each member was last heard.
    pub(super) heard: BTreeMap<DeviceNumber, Heard>,
    /// A person decided to start at a checkpoint that nobody, or somebody, says the right things of.
    pub(super) accepts_unconfirmed: bool,
    /// What stands before the base is on the word of one person alone.
    pub(super) rests_on_one: bool,
    /// Entries by which something is forgotten, which are verified and not opened yet.
    pub(super) cuts: Vec<Cut>,
    /// The place of the newest of them that was opened: this device never goes back before it.
    pub(super) forgot: Option<u64>,
    /// What is known of members that no entry tells any more which opens here.
    pub(super) untold: Vec<RosterMember>,
    /// Whether this device may lack something that was said before it.
    pub(super) lacks: Lacks,
    /// Since when it waits for somebody's checkpoint behind it, in milliseconds since the Unix epoch.
    pub(super) waits_since: Option<i64>,
}

/// An entry by which something is forgotten.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Cut {
    /// Its place.
    pub(super) seq: u64,
    /// The place before it.
    pub(super) base: Base,
}

/// Whether a device may lack something that was said before an entry by which something was forgotten.
#[derive(Clone, Copy, Debug, Decode, Default, Encode, Eq, PartialEq)]
#[cbor(index_only)]
pub(crate) enum Lacks {
    /// It has everything that counts.
    #[default]
    #[n(0)]
    Nothing,
    /// Something had been held back here.
    #[n(1)]
    Something,
    /// It could not read what was forgotten: its documents are not those of the others.
    #[n(2)]
    Everything,
}

/// A place in the log up to which entries may be missing here, because this device has let go of
/// them or started behind it. Membership entries are kept all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Base {
    pub(super) cursor: Cursor,
    /// The counter that is next there for each membership, by number.
    pub(super) counters: Vec<u32>,
    /// Membership entries up to there.
    pub(super) heights: u32,
}

/// Who said in an epoch to lack its key.
#[derive(Clone, Debug, Decode, Default, Encode)]
#[cbor(map)]
pub(crate) struct Asking {
    /// The start of the epoch.
    #[n(0)]
    pub(super) start: Height,
    /// Everybody who did, as often as they did.
    #[n(1)]
    pub(super) heard: Vec<DeviceNumber>,
    /// Those to whom nobody has sealed it since, and whom this device has not set out to help.
    #[n(2)]
    pub(super) open: Vec<DeviceNumber>,
}

/// A key that is another one than an epoch's.
#[derive(Clone)]
pub(crate) struct Doubtful {
    /// The start of the epoch for which it came.
    pub(super) start: Height,
    /// Who started it.
    pub(super) by: DeviceNumber,
    pub(super) key: Zeroizing<Vec<u8>>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    id: SpaceId,
    #[n(1)]
    kind: SpaceKind,
    #[n(2)]
    relay: RelayAddress,
    #[n(3)]
    keys: Bytes,
    #[n(4)]
    device: Option<DeviceNumber>,
    #[n(5)]
    seq: u64,
    #[n(6)]
    chain: Bytes,
    #[n(7)]
    opened: u64,
    #[n(8)]
    counter: u32,
    #[n(9)]
    added_by: Option<EntryId>,
    #[n(10)]
    reaches: Option<Position>,
    #[n(11)]
    generation: Option<Generation>,
    #[n(12)]
    counters: Vec<u32>,
    #[n(13)]
    welcomed_as: Option<DeviceNumber>,
    #[n(14)]
    renewed: Option<Bytes>,
    #[n(15)]
    becomes: Option<Bytes>,
    #[n(16)]
    left: Option<bool>,
    #[n(17)]
    epoch_seen: Option<Height>,
    #[n(18)]
    epoch_seen_on: Option<i32>,
    #[n(19)]
    verified_height: Option<Height>,
    #[n(20)]
    verified: Option<EntryId>,
    #[n(21)]
    refused: Option<Height>,
    #[n(22)]
    asking: Option<Asking>,
    #[n(23)]
    doubtful: Option<DoubtfulRow>,
    #[n(24)]
    returned: Option<i64>,
    #[n(25)]
    follows_fork: Option<bool>,
    #[n(26)]
    former: Option<Vec<Bytes>>,
    #[n(27)]
    base: Option<BaseRow>,
    #[n(40)]
    cuts: Option<Vec<CutRow>>,
    #[n(41)]
    forgot: Option<u64>,
    #[n(42)]
    untold: Option<Vec<RosterMember>>,
    #[n(43)]
    lacks: Option<Lacks>,
    #[n(44)]
    waits_since: Option<i64>,
    #[n(30)]
    receipt: Option<Receipt>,
    #[n(31)]
    answered: Option<Receipt>,
    #[n(36)]
    heard: Option<Vec<(DeviceNumber, Heard)>>,
    #[n(32)]
    accepts_unconfirmed: Option<bool>,
    #[n(33)]
    rests_on_one: Option<bool>,
    #[n(34)]
    named: Option<DeviceNumber>,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct DoubtfulRow {
    #[n(0)]
    start: Height,
    #[n(1)]
    by: DeviceNumber,
    #[n(2)]
    key: Bytes,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct BaseRow {
    #[n(0)]
    seq: u64,
    #[n(1)]
    chain: Bytes,
    #[n(2)]
    counters: Vec<u32>,
    #[n(3)]
    heights: u32,
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct CutRow {
    #[n(0)]
    seq: u64,
    #[n(1)]
    base: BaseRow,
}

impl CutRow {
    fn into_cut(self) -> Option<Cut> {
        let base = self.base.into_base()?;
        Some(Cut {
            seq: self.seq,
            base,
        })
    }
}

impl From<&Cut> for CutRow {
    fn from(cut: &Cut) -> Self {
        Self {
            seq: cut.seq,
            base: BaseRow::from(&cut.base),
        }
    }
}

impl BaseRow {
    fn into_base(self) -> Option<Base> {
        let chain = Chain(self.chain.0.try_into().ok()?);
        Some(Base {
            cursor: Cursor {
                seq: self.seq,
                chain,
            },
            counters: self.counters,
            heights: self.heights,
        })
    }
}

impl From<&Base> for BaseRow {
    fn from(base: &Base) -> Self {
        Self {
            seq: base.cursor.seq,
            chain: Bytes(base.cursor.chain.0.to_vec()),
            counters: base.counters.clone(),
            heights: base.heights,
        }
    }
}

impl SpaceState {
    pub(super) fn new(
        id: SpaceId,
        kind: SpaceKind,
        relay: RelayAddress,
        keys: &MembershipKeys,
    ) -> Self {
        Self {
            id,
            kind,
            relay,
            keys: Zeroizing::new(keys.to_bytes().to_vec()),
            device: None,
            cursor: Cursor::start(&id),
            opened: 0,
            counter: 0,
            welcome: None,
            welcomed_as: None,
            named: None,
            generation: None,
            counters: Vec::new(),
            renewed: None,
            becomes: None,
            left: false,
            epoch_seen: None,
            verified: None,
            refused: None,
            asking: Asking::default(),
            receipt: None,
            answered: None,
            doubtful: None,
            returned: None,
            follows_fork: false,
            former: Vec::new(),
            base: None,
            heard: BTreeMap::new(),
            accepts_unconfirmed: false,
            rests_on_one: false,
            cuts: Vec::new(),
            forgot: None,
            untold: Vec::new(),
            lacks: Lacks::Nothing,
            waits_since: None,
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        codec::encode(&Row {
            id: self.id,
            kind: self.kind,
            relay: self.relay.clone(),
            keys: Bytes(self.keys.to_vec()),
            device: self.device,
            seq: self.cursor.seq,
            chain: Bytes(self.cursor.chain.0.to_vec()),
            opened: self.opened,
            counter: self.counter,
            added_by: self.welcome.map(|(id, _)| id),
            reaches: self.welcome.map(|(_, reaches)| reaches),
            generation: self.generation,
            counters: self.counters.clone(),
            welcomed_as: self.welcomed_as,
            named: self.named,
            renewed: self.renewed.as_ref().map(|keys| Bytes(keys.to_vec())),
            becomes: self.becomes.as_ref().map(|keys| Bytes(keys.to_vec())),
            left: self.left.then_some(true),
            epoch_seen: self.epoch_seen.map(|(height, _)| height),
            epoch_seen_on: self.epoch_seen.map(|(_, day)| day),
            verified_height: self.verified.map(|(height, _)| height),
            verified: self.verified.map(|(_, id)| id),
            refused: self.refused,
            asking: Some(self.asking.clone()).filter(|asking| !asking.heard.is_empty()),
            doubtful: self.doubtful.as_ref().map(|doubtful| DoubtfulRow {
                start: doubtful.start,
                by: doubtful.by,
                key: Bytes(doubtful.key.to_vec()),
            }),
            returned: self.returned,
            follows_fork: self.follows_fork.then_some(true),
            former: (!self.former.is_empty()).then(|| {
                self.former
                    .iter()
                    .map(|keys| Bytes(keys.to_vec()))
                    .collect()
            }),
            base: self.base.as_ref().map(BaseRow::from),
            cuts: (!self.cuts.is_empty()).then(|| self.cuts.iter().map(CutRow::from).collect()),
            forgot: self.forgot,
            untold: (!self.untold.is_empty()).then(|| self.untold.clone()),
            lacks: Some(self.lacks).filter(|lacks| *lacks != Lacks::Nothing),
            waits_since: self.waits_since,
            receipt: self.receipt.clone(),
            answered: self.answered.clone(),
            heard: (!self.heard.is_empty()).then(|| {
                self.heard
                    .iter()
                    .map(|(device, heard)| (*device, *heard))
                    .collect()
            }),
            accepts_unconfirmed: self.accepts_unconfirmed.then_some(true),
            rests_on_one: self.rests_on_one.then_some(true),
        })
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, SpaceError> {
        let broken = || damaged(Table::Space, "a space's state cannot be read");
        let row: Row = codec::decode(bytes, usize::MAX).map_err(|_| broken())?;
        let chain = row.chain.0.try_into().map_err(|_| broken())?;
        Ok(Self {
            id: row.id,
            kind: row.kind,
            relay: row.relay,
            keys: Zeroizing::new(row.keys.0),
            device: row.device,
            cursor: Cursor {
                seq: row.seq,
                chain: Chain(chain),
            },
            opened: row.opened,
            counter: row.counter,
            welcome: row.added_by.zip(row.reaches),
            generation: row.generation,
            counters: row.counters,
            welcomed_as: row.welcomed_as,
            named: row.named,
            renewed: row.renewed.map(|keys| Zeroizing::new(keys.0)),
            becomes: row.becomes.map(|keys| Zeroizing::new(keys.0)),
            left: row.left.unwrap_or_default(),
            epoch_seen: row.epoch_seen.zip(row.epoch_seen_on),
            verified: row.verified_height.zip(row.verified),
            refused: row.refused,
            asking: row.asking.unwrap_or_default(),
            receipt: row.receipt,
            answered: row.answered,
            doubtful: row.doubtful.map(|doubtful| Doubtful {
                start: doubtful.start,
                by: doubtful.by,
                key: Zeroizing::new(doubtful.key.0),
            }),
            returned: row.returned,
            follows_fork: row.follows_fork.unwrap_or_default(),
            former: row
                .former
                .into_iter()
                .flatten()
                .map(|keys| Zeroizing::new(keys.0))
                .collect(),
            base: row
                .base
                .map(|base| base.into_base().ok_or_else(broken))
                .transpose()?,
            heard: row.heard.into_iter().flatten().collect(),
            accepts_unconfirmed: row.accepts_unconfirmed.unwrap_or_default(),
            rests_on_one: row.rests_on_one.unwrap_or_default(),
            cuts: row
                .cuts
                .into_iter()
                .flatten()
                .map(|cut| cut.into_cut().ok_or_else(broken))
                .collect::<Result<_, _>>()?,
            forgot: row.forgot,
            untold: row.untold.unwrap_or_default(),
            lacks: row.lacks.unwrap_or_default(),
            waits_since: row.waits_since,
        })
    }
}
