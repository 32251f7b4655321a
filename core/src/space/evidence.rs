//! Holding a relay to its word: what it signed is held against what it signs later, and where both
//! cannot be true, the two receipts are kept as evidence. It changes nothing of what is read, merged
//! and sent.
//!
//! A receipt commits to the whole log up to its place. What a page reaches agrees with the page's own
//! receipt, or the page is refused; so there are three occasions on which two receipts can disagree:
//! - an append's answer is for a place that pages have not reached, or have passed ([`Space::take_word`]);
//! - a page's receipt is for a place that was reached with another chain;
//! - this device goes back to an earlier place, and another log follows ([`Space::leave_branch`]).

use std::collections::VecDeque;

use minicbor::{Decode, Encode};
use waymark_wire::chain::{Chain, Cursor};
use waymark_wire::codec::{self, Bytes};
use waymark_wire::evidence::{Evidence, Story};
use waymark_wire::ids::EntryId;
use waymark_wire::limits;
use waymark_wire::receipt::Receipt;

use super::{Space, SpaceError, damaged, keys};
use crate::store::{Store, Table, Transaction};

/// Pieces of evidence that are kept of one space, at most: one for each generation.
const MOST: usize = 16;

/// Evidence that this device keeps of a relay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeptEvidence {
    /// The evidence.
    pub evidence: Evidence,
    /// When it was noticed, in milliseconds since the Unix epoch by this device's clock; `None` before
    /// anybody was told.
    pub noticed: Option<i64>,
}

/// What is in memory of the log's end, as far as it was read since the start.
#[derive(Debug)]
pub(super) struct Passed {
    from: Cursor,
    /// The entries from there on, those of one page at most.
    ids: VecDeque<EntryId>,
    /// There may be evidence of which nobody was told.
    alarm: bool,
    /// There is a branch that this device left.
    left: bool,
}

impl Passed {
    /// What there is of a space that was just loaded.
    pub(super) fn load(store: &dyn Store, number: u32, cursor: Cursor) -> Result<Self, SpaceError> {
        let kept = store.scan(Table::Evidence, &keys::evidence(number), None, MOST)?;
        let row = store.get(Table::Evidence, &keys::branch(number))?;
        Ok(Self {
            from: cursor,
            ids: VecDeque::new(),
            alarm: !kept.is_empty(),
            left: row.is_some(),
        })
    }

    /// Takes over what was known before the space was loaded again at `cursor`.
    pub(super) fn take_over(&mut self, known: &mut Self, cursor: &Cursor) {
        self.from = known.from;
        self.ids = std::mem::take(&mut known.ids);
        let count = cursor.seq.checked_sub(self.from.seq);
        if let Some(count) = count.and_then(|count| usize::try_from(count).ok()) {
            self.ids.truncate(count);
        }
        if self.since(self.from.seq, cursor).is_none() {
            self.begin_at(*cursor);
        }
    }

    /// Notes that `id` is the entry behind `before`.
    pub(super) fn pass(&mut self, before: &Cursor, id: &EntryId) {
        if self.ends_at() != Some(before.seq) {
            self.begin_at(*before);
        }
        self.ids.push_back(*id);
        if self.ids.len() > limits::PAGE_ENTRIES
            && let Some(first) = self.ids.pop_front()
        {
            self.from = self.from.after(&first);
        }
    }

    /// The place with this seq, and the entries from there to `end`.
    fn since(&self, seq: u64, end: &Cursor) -> Option<(Cursor, Vec<EntryId>)> {
        let before = usize::try_from(seq.checked_sub(self.from.seq)?).ok()?;
        if before > self.ids.len() {
            return None;
        }
        let step = |at: Cursor, id: &EntryId| at.after(id);
        let at = self.ids.iter().take(before).fold(self.from, step);
        let ids: Vec<EntryId> = self.ids.iter().skip(before).copied().collect();
        (ids.iter().fold(at, step) == *end).then_some((at, ids))
    }

    fn ends_at(&self) -> Option<u64> {
        let count = u64::try_from(self.ids.len()).ok()?;
        self.from.seq.checked_add(count)
    }

    fn begin_at(&mut self, cursor: Cursor) {
        self.from = cursor;
        self.ids.clear();
    }
}

impl Space {
    /// Takes the receipt of an append's answer, which is for a place that the pages have still to reach
    /// or, where an answer is open, have passed already. The caller has checked its signature.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn take_word(
        &mut self,
        store: &mut dyn Store,
        receipt: &Receipt,
    ) -> Result<(), SpaceError> {
        self.refresh(store)?;
        let mut transaction = Transaction::new();
        if receipt.position.seq <= self.state.cursor.seq {
            if let Some(evidence) = self.contradicts(receipt) {
                self.keep(store, &mut transaction, &evidence)?;
                store.commit(transaction.into())?;
            }
            return Ok(());
        }
        // Of several the first is reached first; those of another history are another matter.
        let waits = self.state.answered.as_ref().is_some_and(|known| {
            known.generation == receipt.generation && known.position.seq <= receipt.position.seq
        });
        if !waits {
            self.state.answered = Some(receipt.clone());
            self.save(&mut transaction);
            store.commit_soon(transaction.into())?;
        }
        Ok(())
    }

    /// Keeps what two stories prove that the relay told from `agreed` on: `held` is what this device
    /// had taken, `shown` what it is shown now. Says whether that is news. Nothing is kept where they
    /// are of two generations, as after an honest restore, or where one goes on from the other.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn told_twice(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        agreed: Cursor,
        held: Story,
        shown: Story,
    ) -> Result<bool, SpaceError> {
        let Some(relay) = self.state.relay.key else {
            return Ok(false);
        };
        match Evidence::of(relay, self.state.id, agreed, held, shown) {
            Some(evidence) => self.keep(store, transaction, &evidence),
            None => Ok(false),
        }
    }

    /// To be called by whoever takes this device back to `agreed`, before the cursor is moved: `ids` are
    /// the entries from there to the cursor. What the relay shows from now on is held against them with
    /// every page, until it has parted from them or has shown all of them again.
    pub fn leave_branch(
        &mut self,
        transaction: &mut Transaction,
        agreed: &Cursor,
        ids: Vec<EntryId>,
    ) {
        let reached = self.state.cursor.position();
        let receipt = self.state.receipt.take();
        let Some(receipt) = receipt.filter(|receipt| receipt.position == reached) else {
            return;
        };
        if ids.len() > limits::EVIDENCE_IDS {
            return;
        }
        self.passed.left = true;
        let branch = Branch {
            seq: agreed.seq,
            chain: Bytes(agreed.chain.0.to_vec()),
            story: Story { receipt, ids },
        };
        let place = keys::branch(self.number);
        transaction.put(Table::Evidence, place, codec::encode(&branch));
    }

    /// The evidence that is kept.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn evidence(&self, store: &dyn Store) -> Result<Vec<KeptEvidence>, SpaceError> {
        let rows = store.scan(Table::Evidence, &keys::evidence(self.number), None, MOST)?;
        let read = |(_, row): (Vec<u8>, Vec<u8>)| Row::read(&row);
        rows.into_iter().map(read).collect()
    }

    /// Whether there may be evidence of which nobody was told.
    #[must_use]
    pub const fn is_alarmed(&self) -> bool {
        self.passed.alarm
    }

    /// Notes that the app is told now of what was kept, and says whether there is anything new.
    ///
    /// # Errors
    /// [`SpaceError`] where the store fails or is damaged.
    pub fn tell_evidence(&mut self, store: &mut dyn Store, now: i64) -> Result<bool, SpaceError> {
        let mut transaction = Transaction::new();
        for kept in self.evidence(store)? {
            if kept.noticed.is_none() {
                let row = Row {
                    evidence: Bytes(kept.evidence.to_bytes()),
                    noticed: Some(now),
                };
                let place = self.place_of(&kept.evidence);
                transaction.put(Table::Evidence, place, codec::encode(&row));
            }
        }
        let is_news = !transaction.is_empty();
        if is_news {
            store.commit(transaction.into())?;
        }
        self.passed.alarm = false;
        Ok(is_news)
    }

    /// Looks at a page that was taken, with its receipt, before it is stored: it may contradict what an
    /// append's answer said, or a branch that this device left.
    pub(super) fn hold_to_its_word(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        receipt: &Receipt,
    ) -> Result<(), SpaceError> {
        self.state.receipt = Some(receipt.clone());
        let reached = self.state.cursor.seq;
        let is_due = |said: &mut Receipt| {
            said.generation != receipt.generation || said.position.seq <= reached
        };
        let said = self.state.answered.take_if(is_due);
        if let Some(evidence) = said.and_then(|said| self.contradicts(&said)) {
            self.keep(store, transaction, &evidence)?;
        }
        if self.passed.left {
            self.look_back(store, transaction, receipt)?;
        }
        Ok(())
    }

    /// Looks at the receipt of a page that was refused: it may be for a place that was reached with
    /// another chain.
    pub(super) fn hold_to_last_word(
        &mut self,
        store: &mut dyn Store,
        receipt: &Receipt,
    ) -> Result<(), SpaceError> {
        let mut transaction = Transaction::new();
        if let Some(evidence) = self.contradicts(receipt) {
            self.keep(store, &mut transaction, &evidence)?;
            store.commit(transaction.into())?;
        }
        Ok(())
    }

    /// What a receipt proves together with the last one of the pages that this device has taken.
    fn contradicts(&self, said: &Receipt) -> Option<Evidence> {
        let (relay, cursor) = (self.state.relay.key?, &self.state.cursor);
        let last = self.state.receipt.as_ref()?;
        if last.generation != said.generation || last.position != cursor.position() {
            return None;
        }
        let (from, ids) = self.passed.since(said.position.seq, cursor)?;
        if from.position() == said.position {
            return None;
        }
        let told = Story {
            receipt: said.clone(),
            ids: Vec::new(),
        };
        let receipt = last.clone();
        Evidence::of(relay, self.state.id, from, told, Story { receipt, ids })
    }

    /// Holds the branch that this device left against what it has read since.
    fn look_back(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        receipt: &Receipt,
    ) -> Result<(), SpaceError> {
        let place = keys::branch(self.number);
        let row = store.get(Table::Evidence, &place)?;
        let Some(mut branch) = row.map(|row| Branch::read(&row)).transpose()? else {
            self.passed.left = false;
            return Ok(());
        };
        let cursor = self.state.cursor;
        let agreed = branch.agreed()?;
        let is_over = branch.story.receipt.generation != receipt.generation;
        let read = self.passed.since(agreed.seq, &cursor);
        let parted = match read.filter(|(at, _)| !is_over && *at == agreed) {
            Some((_, ids)) => {
                let common = branch.story.ids.iter().zip(&ids);
                let common = common.take_while(|(held, shown)| held == shown).count();
                let goes_on = common == ids.len() && common < branch.story.ids.len();
                if goes_on {
                    // So far the same entries have come again.
                    branch.story.ids.drain(..common);
                    branch.seq = cursor.seq;
                    branch.chain = Bytes(cursor.chain.0.to_vec());
                    transaction.put(Table::Evidence, place, codec::encode(&branch));
                    return Ok(());
                }
                let receipt = receipt.clone();
                let shown = Story { receipt, ids };
                Some((agreed, branch.story, shown))
            }
            None => None,
        };
        self.passed.left = false;
        transaction.delete(Table::Evidence, place);
        if let Some((agreed, held, shown)) = parted {
            self.told_twice(store, transaction, agreed, held, shown)?;
        }
        Ok(())
    }

    /// Keeps evidence, unless there is some of that generation: once is enough. Says whether it is news.
    fn keep(
        &mut self,
        store: &dyn Store,
        transaction: &mut Transaction,
        evidence: &Evidence,
    ) -> Result<bool, SpaceError> {
        let place = self.place_of(evidence);
        let kept = store.scan(Table::Evidence, &keys::evidence(self.number), None, MOST)?;
        if kept.len() >= MOST || kept.iter().any(|(known, _)| *known == place) {
            return Ok(false);
        }
        tracing::warn!(space = self.number, "the relay told two stories of one log");
        let row = Row {
            evidence: Bytes(evidence.to_bytes()),
            noticed: None,
        };
        transaction.put(Table::Evidence, place, codec::encode(&row));
        self.passed.alarm = true;
        Ok(true)
    }

    fn place_of(&self, evidence: &Evidence) -> Vec<u8> {
        let generation = evidence.longer.receipt.generation;
        [keys::evidence(self.number).as_slice(), &generation.0].concat()
    }
}

#[derive(Decode, Encode)]
#[cbor(map)]
struct Row {
    #[n(0)]
    evidence: Bytes,
    #[n(1)]
    noticed: Option<i64>,
}

impl Row {
    fn read(row: &[u8]) -> Result<KeptEvidence, SpaceError> {
        let broken = || damaged(Table::Evidence, "evidence cannot be read");
        let row: Self = codec::decode(row, usize::MAX).map_err(|_| broken())?;
        Ok(KeptEvidence {
            evidence: Evidence::from_bytes(&row.evidence.0).map_err(|_| broken())?,
            noticed: row.noticed,
        })
    }
}

/// What this device had taken of a log beyond the place to which it went back.
#[derive(Decode, Encode)]
#[cbor(map)]
struct Branch {
    #[n(0)]
    seq: u64,
    #[n(1)]
    chain: Bytes,
    #[n(2)]
    story: Story,
}

impl Branch {
    fn read(row: &[u8]) -> Result<Self, SpaceError> {
        let broken = |_| damaged(Table::Evidence, "a branch that was left cannot be read");
        codec::decode(row, usize::MAX).map_err(broken)
    }

    fn agreed(&self) -> Result<Cursor, SpaceError> {
        let broken = |_| damaged(Table::Evidence, "where a branch was left cannot be read");
        let chain = self.chain.0.as_slice().try_into().map_err(broken)?;
        Ok(Cursor {
            seq: self.seq,
            chain: Chain(chain),
        })
    }
}
