use std::collections::BTreeSet;

use super::change::{ChangeBody, Op, PlainChange};
use super::chunk::{self, Chunk};
use super::document::{Document, StoredChange};
use super::error::GateError;
use super::id::{ActorId, ChangeHash, OpId};
use super::past::Past;
use super::rules;
use super::section::Section;
use crate::ids::{RecordId, TextId};

/// Changes that wait for a flush, at most; one section more may come on top.
const MAX_PENDING: usize = 4_096;

/// What became of a section that is not refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// It is part of the document now.
    Applied {
        /// The changes that are new here, in order, for the device's store.
        changes: Vec<StoredChange>,
        /// Records that they put, ascending; some may be known from another author.
        records: Vec<RecordId>,
        /// Texts that they make or edit, ascending.
        texts: Vec<TextId>,
    },
    /// Every change of it is here already.
    Known,
    /// It cannot be judged yet; nothing has changed. The caller keeps its bytes and offers it again
    /// when what is missing has arrived.
    Waiting {
        /// Other devices' changes that it depends on, ascending.
        missing: Vec<ChangeHash>,
        /// The author's changes after this number, up to the section's first, are missing.
        after: Option<u32>,
    },
}

impl Document {
    /// Holds a section against the rules and the causal past, and applies it whole or not at all.
    ///
    /// `is_member` says whether an actor is *or ever was* a member of the space. Sections of the
    /// own actor are accepted like others: they come back to a device restored from a backup.
    ///
    /// # Errors
    /// Why the section is refused. The document is as before, except after [`GateError::Engine`],
    /// which poisons it.
    pub fn accept(
        &mut self,
        is_member: &dyn Fn(&ActorId) -> bool,
        section: &Section,
    ) -> Result<Accepted, GateError> {
        let accepted = self.accept_later(is_member, section)?;
        self.flush()?;
        Ok(accepted)
    }

    /// The same for several sections in a row: the document shows what they bring after
    /// [`flush`](Self::flush), and is not to be read or edited before.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_later(
        &mut self,
        is_member: &dyn Fn(&ActorId) -> bool,
        section: &Section,
    ) -> Result<Accepted, GateError> {
        self.usable()?;
        if !is_member(&section.author()) {
            return Err(GateError::UnknownActor);
        }
        let texts = section.changes().iter().any(ChangeBody::touches_text);
        if texts || self.pending() > MAX_PENDING {
            // The index of texts is made from what Automerge has.
            self.flush()?;
        }
        let mut past = self.take_past(texts)?;
        let before = past.len();
        let staged = stage(&mut past, is_member, section);
        match staged {
            Ok(Staged::New(changes)) => {
                if let Some(texts) = &mut past.texts {
                    texts.keep();
                }
                let accepted = self.apply_staged(&past, changes);
                self.keep_past(past);
                Ok(accepted)
            }
            other => {
                past.truncate(before);
                if let Some(texts) = &mut past.texts {
                    texts.undo();
                }
                self.keep_past(past);
                other.map(|staged| match staged {
                    Staged::Waiting { missing, after } => Accepted::Waiting { missing, after },
                    Staged::Known | Staged::New(_) => Accepted::Known,
                })
            }
        }
    }

    fn apply_staged(&mut self, past: &Past, changes: Vec<(PlainChange, Chunk)>) -> Accepted {
        let mut touched = Touched::default();
        let mut stored = Vec::with_capacity(changes.len());
        for (change, chunk) in &changes {
            touched.add(change);
            stored.push(StoredChange {
                actor: change.actor,
                hash: chunk.hash,
                seq: change.seq,
                stored: change.to_stored(),
            });
        }
        self.apply_later(changes);
        Accepted::Applied {
            changes: stored,
            texts: touched.texts(past).into_iter().collect(),
            records: touched.records.into_iter().collect(),
        }
    }
}

/// What some changes put, make or edit.
#[derive(Default)]
pub(super) struct Touched {
    pub(super) records: BTreeSet<RecordId>,
    made: BTreeSet<TextId>,
    edited: BTreeSet<OpId>,
}

impl Touched {
    pub(super) fn add(&mut self, change: &PlainChange) {
        for op in &change.body.ops {
            match op {
                Op::Record(record) => {
                    self.records.insert(record.id());
                }
                Op::MakeText { id } => {
                    self.made.insert(*id);
                }
                Op::Insert { text, .. } | Op::Delete { text, .. } => {
                    self.edited.insert(*text);
                }
            }
        }
    }

    /// The names of the texts, which are in the past by now.
    pub(super) fn texts(&self, past: &Past) -> BTreeSet<TextId> {
        let name = |text: &OpId| {
            past.texts
                .as_ref()?
                .name((past.actor(&text.actor)?, text.counter))
        };
        let edited = self.edited.iter().filter_map(name);
        edited.chain(self.made.iter().copied()).collect()
    }
}

enum Staged {
    Known,
    New(Vec<(PlainChange, Chunk)>),
    Waiting {
        missing: Vec<ChangeHash>,
        after: Option<u32>,
    },
}

/// Rebuilds and checks every change of the section and adds the new ones to the past; on any other
/// outcome than `New` the caller takes them back.
fn stage(
    past: &mut Past,
    is_member: &dyn Fn(&ActorId) -> bool,
    section: &Section,
) -> Result<Staged, GateError> {
    let author = section.author();
    let own = past.enter(author)?;
    let known = past.seq(own);
    // No dependency of a section but the previous change is the author's own, so all of them are
    // known before the first change is rebuilt, or missing.
    let missing: BTreeSet<_> = section
        .changes()
        .iter()
        .flat_map(|change| &change.others)
        .filter(|hash| !past.contains(hash))
        .copied()
        .collect();
    let after = (section.first_seq() > known + 1).then_some(known);
    if after.is_some() || !missing.is_empty() {
        return Ok(Staged::Waiting {
            missing: missing.into_iter().collect(),
            after,
        });
    }

    let mut new = Vec::new();
    let mut last = None;
    for (seq, body) in (section.first_seq()..).zip(section.changes()) {
        if !body.other_actors(author).iter().all(is_member) {
            return Err(GateError::UnknownActor);
        }
        let place = past.place(own, seq, &body.others)?;
        let change = PlainChange {
            actor: author,
            seq,
            start_op: place.start_op,
            previous: past.hash(own, seq - 1),
            body: body.clone(),
        };
        let is_new = seq > known;
        rules::check(past, &place, &change, is_new)?;
        let chunk = chunk::write(&change)?;
        last = Some(chunk.hash);
        if is_new {
            past.push(place, chunk.hash, change.max_op()?);
            new.push((change, chunk));
        } else if past.hash(own, seq) != Some(chunk.hash) {
            return Err(GateError::Forked { seq });
        }
    }
    if !last.is_some_and(|hash| section.ends_with(&hash)) {
        return Err(GateError::HashMismatch);
    }
    Ok(if new.is_empty() {
        Staged::Known
    } else {
        Staged::New(new)
    })
}
