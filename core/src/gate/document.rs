use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::Transaction;
use automerge::{Automerge, AutomergeError, Change, LoadOptions, ReadDoc, TextEncoding};

use super::change::PlainChange;
use super::chunk::{self, Chunk};
use super::error::GateError;
use super::id::{ActorId, ChangeHash};
use super::past::Past;
use super::rules;
use super::texts::Texts;

/// One Automerge document with its causal past: the only place that touches Automerge.
///
/// Loading and logging records need no index of the past; it is built when the first section is
/// accepted, and the index of text elements when the first text is edited or received.
///
/// When Automerge fails on something that passed every rule, the document is *poisoned*: it shows
/// nothing, every further call fails with [`GateError::Poisoned`], and the caller loads it again
/// from the store, where the failed edit or section never arrived.
pub struct Document {
    pub(super) doc: Automerge,
    pub(super) actor: ActorId,
    /// The highest operation counter.
    max_op: u32,
    /// The own last change.
    last: Option<(u32, ChangeHash)>,
    past: Option<Past>,
    /// Accepted changes that Automerge does not have yet.
    pending: Vec<(PlainChange, Chunk)>,
    poisoned: bool,
}

/// A change of this document, local or accepted, as the device's database keeps it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredChange {
    /// Who made it.
    pub actor: ActorId,
    /// Its name.
    pub hash: ChangeHash,
    /// Its number among its actor's changes in this document, from 1.
    pub seq: u32,
    /// A compact form from which [`Section::build`](super::Section::build) and
    /// [`Document::load`] rebuild it, without the document.
    pub stored: Vec<u8>,
}

impl Document {
    /// An empty document, edited by `actor`.
    #[must_use]
    pub fn new(actor: ActorId) -> Self {
        Self {
            doc: blank().with_actor(automerge_actor(actor)),
            actor,
            max_op: 0,
            last: None,
            past: None,
            pending: Vec::new(),
            poisoned: false,
        }
    }

    /// A document from the device's own store: what [`save`](Self::save) gave, and the
    /// [`StoredChange::stored`] of changes since (in any order, known ones are skipped).
    ///
    /// # Errors
    /// [`GateError::Damaged`] where the store gives back something else than it was given.
    pub fn load<C: AsRef<[u8]>>(
        actor: ActorId,
        snapshot: Option<&[u8]>,
        changes: impl IntoIterator<Item = C>,
    ) -> Result<Self, GateError> {
        let mut document = Self::new(actor);
        if let Some(snapshot) = snapshot {
            document.doc = read(snapshot)?.ok_or(GateError::Damaged("snapshot"))?;
        }
        let mut rebuilt = Vec::new();
        for stored in changes {
            let change = PlainChange::from_stored(stored.as_ref())
                .map_err(|_| GateError::Damaged("stored change"))?;
            rebuilt.push(parse(&chunk::write(&change)?)?);
        }
        if !rebuilt.is_empty() {
            guard(|| document.doc.apply_changes(rebuilt))?
                .map_err(|_| GateError::Damaged("stored changes"))?;
        }
        Self::of(document.doc, actor)
    }

    /// What `doc` holds, edited by `actor` from here on.
    pub(super) fn of(doc: Automerge, actor: ActorId) -> Result<Self, GateError> {
        let mut document = Self {
            doc,
            ..Self::new(actor)
        };
        if !document.doc.get_missing_deps(&[]).is_empty() {
            return Err(GateError::Damaged("dependencies of stored changes"));
        }
        document.doc.set_actor(automerge_actor(actor));
        document.max_op = document.newest_counter()?;
        document.last = match document.doc.get_last_local_change() {
            Some(change) => Some((seq(change.seq())?, ChangeHash(change.hash().0))),
            None => None,
        };
        Ok(document)
    }

    /// The document of these changes, each of which stands after all that it depends on.
    pub(super) fn of_changes(changes: Vec<Change>, actor: ActorId) -> Result<Self, GateError> {
        const LACKS: GateError = GateError::Damaged("changes without others");
        let count = changes.len() as u64;
        let mut doc = blank();
        guard(|| doc.apply_changes(changes))?.map_err(|_| LACKS)?;
        let document = Self::of(doc, actor)?;
        if document.change_count() == count {
            Ok(document)
        } else {
            Err(LACKS)
        }
    }

    /// The whole document as one run of bytes, for the device's own store.
    ///
    /// # Errors
    /// [`GateError::Poisoned`]; [`GateError::Engine`] where Automerge panics.
    pub fn save(&self) -> Result<Vec<u8>, GateError> {
        self.usable()?;
        // Packing takes longer than everything else about a page that was read, and so does
        // unpacking when the document is shown; it would save less than half.
        guard(|| self.doc.save_nocompress())
    }

    /// Who edits this copy.
    #[must_use]
    pub const fn actor(&self) -> ActorId {
        self.actor
    }

    /// Whether the document must be loaded again.
    #[must_use]
    pub const fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// The number of the own last change, 0 before the first.
    #[must_use]
    pub fn own_seq(&self) -> u32 {
        self.last.map_or(0, |(seq, _)| seq)
    }

    /// The changes that no other one depends on, ascending: equal heads are equal documents.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.doc
            .get_heads()
            .into_iter()
            .map(|hash| ChangeHash(hash.0))
            .collect()
    }

    /// How many changes there are.
    #[must_use]
    pub fn change_count(&self) -> u64 {
        self.doc.stats().num_changes
    }

    pub(super) const fn usable(&self) -> Result<(), GateError> {
        if self.poisoned {
            Err(GateError::Poisoned)
        } else {
            Ok(())
        }
    }

    /// A change that does `body` after everything that is here.
    pub(super) fn next(&self, ops: Vec<super::Op>) -> PlainChange {
        let previous = self.last.map(|(_, hash)| hash);
        let mut others = self.heads();
        others.retain(|head| Some(*head) != previous);
        PlainChange {
            actor: self.actor,
            seq: self.own_seq() + 1,
            start_op: self.max_op + 1,
            previous,
            body: super::ChangeBody { others, ops },
        }
    }

    /// Keeps changes that passed every rule for the next [`flush`](Self::flush).
    pub(super) fn apply_later(&mut self, changes: Vec<(PlainChange, Chunk)>) {
        self.pending.extend(changes);
    }

    /// How many accepted changes wait for the next [`flush`](Self::flush).
    pub(super) const fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Hands Automerge what [`accept_later`](Self::accept_later) took. It costs by the call nearly
    /// as much as by the change.
    ///
    /// # Errors
    /// [`GateError::Engine`], which poisons the document.
    pub fn flush(&mut self) -> Result<(), GateError> {
        let changes = std::mem::take(&mut self.pending);
        if changes.is_empty() {
            return Ok(());
        }
        self.apply(changes)
    }

    /// Applies changes that passed every rule; each depends only on what is here or before it.
    fn apply(&mut self, changes: Vec<(PlainChange, Chunk)>) -> Result<(), GateError> {
        let expected = self.change_count() + changes.len() as u64;
        let parsed: Result<Vec<_>, _> = changes.iter().map(|(_, chunk)| parse(chunk)).collect();
        let applied = parsed.and_then(|parsed| {
            guard(|| self.doc.apply_changes(parsed))?.map_err(|_| GateError::Engine("refused"))
        });
        if applied.is_ok() && self.change_count() == expected {
            for (change, chunk) in changes {
                self.max_op = self.max_op.max(change.max_op()?);
                if change.actor == self.actor {
                    self.last = Some((change.seq, chunk.hash));
                }
            }
            return Ok(());
        }
        self.poison();
        Err(applied.err().unwrap_or(GateError::Engine("not applied")))
    }

    /// Takes the past out for working on it, with the index of texts where `texts` asks for it.
    /// The caller puts it back with [`keep_past`](Self::keep_past).
    pub(super) fn take_past(&mut self, texts: bool) -> Result<Past, GateError> {
        let mut past = match self.past.take() {
            Some(past) => past,
            None => self.index()?,
        };
        if texts && past.texts.is_none() {
            self.index_texts(&mut past)?;
        }
        Ok(past)
    }

    pub(super) fn keep_past(&mut self, past: Past) {
        self.past = Some(past);
    }

    /// Commits the own change `change` by doing `work`; both must come to the same hash.
    pub(super) fn commit_as(
        &mut self,
        change: &PlainChange,
        hash: ChangeHash,
        work: impl FnOnce(&mut Transaction<'_>) -> Result<(), AutomergeError>,
    ) -> Result<(), GateError> {
        let committed = guard(|| {
            let mut transaction = self.doc.transaction();
            work(&mut transaction).ok()?;
            transaction.commit().0
        });
        match committed {
            Ok(Some(committed)) if committed.0 == hash.0 => {}
            other => {
                self.poison();
                return Err(other
                    .err()
                    .unwrap_or(GateError::Engine("committed something else")));
            }
        }
        self.max_op = change.max_op()?;
        self.last = Some((change.seq, hash));
        if let Some(past) = &mut self.past {
            let own = past.enter(change.actor)?;
            let place = past.place(own, change.seq, &change.body.others)?;
            past.push(place, hash, change.max_op()?);
        }
        Ok(())
    }

    fn poison(&mut self) {
        *self = Self {
            poisoned: true,
            ..Self::new(self.actor)
        };
    }

    fn index(&self) -> Result<Past, GateError> {
        let mut past = Past::default();
        for meta in guard(|| self.doc.get_changes_meta(&[]))? {
            let own = past.enter(actor(&meta.actor)?)?;
            let seq = seq(meta.seq)?;
            let previous = past.hash(own, seq - 1);
            let others: Vec<_> = meta
                .deps
                .iter()
                .map(|hash| ChangeHash(hash.0))
                .filter(|hash| Some(*hash) != previous)
                .collect();
            let place = past.place(own, seq, &others)?;
            past.push(place, ChangeHash(meta.hash.0), counter(meta.max_op)?);
        }
        Ok(past)
    }

    pub(super) fn index_texts(&self, past: &mut Past) -> Result<(), GateError> {
        past.texts = Some(Texts::default());
        for change in guard(|| self.doc.get_changes(&[]))? {
            let own = past.enter(actor(change.actor_id())?)?;
            let seq = seq(change.seq())?;
            let previous = past.hash(own, seq - 1);
            let change = PlainChange::from_automerge(&change, previous)?;
            let place = past.place(own, change.seq, &change.body.others)?;
            rules::check(past, &place, &change, true)?;
        }
        if let Some(texts) = &mut past.texts {
            texts.keep();
        }
        Ok(())
    }

    fn newest_counter(&self) -> Result<u32, GateError> {
        let heads = self.doc.get_heads();
        heads.iter().try_fold(0, |max, head| {
            let meta = self.doc.get_change_meta_by_hash(head);
            Ok(Ord::max(max, counter(meta.map_or(0, |meta| meta.max_op))?))
        })
    }
}

pub(super) fn blank() -> Automerge {
    // Positions are Unicode scalar values on every platform.
    Automerge::new_with_encoding(TextEncoding::UnicodeCodePoint)
}

/// A document that Automerge, or this module, saved; `None` where it is none.
pub(super) fn read(saved: &[u8]) -> Result<Option<Automerge>, GateError> {
    let options = LoadOptions::new().text_encoding(TextEncoding::UnicodeCodePoint);
    Ok(guard(|| Automerge::load_with_options(saved, options))?.ok())
}

/// Runs something of Automerge's; a panic in it becomes an error.
pub(super) fn guard<T>(work: impl FnOnce() -> T) -> Result<T, GateError> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|_| GateError::Engine("panicked"))
}

pub(super) fn parse(chunk: &Chunk) -> Result<Change, GateError> {
    let change = guard(|| Change::try_from(chunk.bytes.as_slice()))?
        .map_err(|_| GateError::Engine("cannot read a rebuilt change"))?;
    if change.hash().0 != chunk.hash.0 {
        return Err(GateError::Engine("hashes a rebuilt change differently"));
    }
    Ok(change)
}

fn automerge_actor(actor: ActorId) -> automerge::ActorId {
    automerge::ActorId::from(actor.0)
}

pub(super) fn actor(actor: &automerge::ActorId) -> Result<ActorId, GateError> {
    actor
        .to_bytes()
        .try_into()
        .map(ActorId)
        .map_err(|_| GateError::Damaged("actor"))
}

pub(super) fn counter(value: u64) -> Result<u32, GateError> {
    u32::try_from(value).map_err(|_| GateError::Damaged("operation counter"))
}

pub(super) fn seq(value: u64) -> Result<u32, GateError> {
    match u32::try_from(value) {
        Ok(seq) if seq > 0 => Ok(seq),
        _ => Err(GateError::Damaged("sequence number")),
    }
}
