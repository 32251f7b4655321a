use super::judge::{Judge, Judged, SnapshotSummary};
use super::whole::Whole;
use crate::gate::accept::Touched;
use crate::gate::document::{self, Document};
use crate::gate::error::GateError;
use crate::gate::id::{ActorId, DocumentName};
use crate::gate::past::Past;
use crate::ids::{RecordId, TextId};

/// Changes that are handed to Automerge at once; also at a part's end, so that what waits is bounded.
const AT_ONCE: usize = 4_096;
/// Parts of a snapshot that are loaded in one step, at most: 8 MiB, of which Automerge takes some
/// five times as much for a moment.
const WHOLE: usize = 8;

/// What a snapshot brought into a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Merged {
    /// What the snapshot holds.
    pub summary: SnapshotSummary,
    /// How many of its changes are new here; 0 where all were known.
    pub new: u64,
    /// Records that the new ones put, ascending; some may be known from another author.
    pub records: Vec<RecordId>,
    /// Texts that the new ones make or edit, ascending.
    pub texts: Vec<TextId>,
}

impl Document {
    /// The document that a snapshot holds, edited by `actor` from here on.
    ///
    /// # Errors
    /// As [`accept_snapshot`](Self::accept_snapshot).
    pub fn from_snapshot<P: AsRef<[u8]>>(
        actor: ActorId,
        name: DocumentName,
        is_member: &dyn Fn(&ActorId) -> bool,
        parts: &[P],
    ) -> Result<Self, GateError> {
        let mut document = Self::new(actor);
        document.accept_snapshot(name, is_member, parts)?;
        Ok(document)
    }

    /// Merges a snapshot into this document, all of it or nothing. Known changes are passed over;
    /// each of them must be the very same one here. What this document has beyond the snapshot
    /// stays.
    ///
    /// The parts are those of the snapshot of the document `name`, in order. `is_member` says
    /// whether an actor is *or ever was* a member of the space. Every rule holds as for a section;
    /// that the changes are the ones of the log is for the caller to find out, by the digest.
    ///
    /// What comes in is not told change by change: the caller keeps what [`save`](Self::save)
    /// gives.
    ///
    /// # Errors
    /// Why the snapshot is refused. The document is as before, except after [`GateError::Engine`],
    /// which poisons it.
    pub fn accept_snapshot<P: AsRef<[u8]>>(
        &mut self,
        name: DocumentName,
        is_member: &dyn Fn(&ActorId) -> bool,
        parts: &[P],
    ) -> Result<Merged, GateError> {
        self.usable()?;
        self.flush()?;
        let judge = || Judge::new(name, is_member, parts.len());
        if self.change_count() == 0 {
            // One pass is enough where there is nothing to keep.
            let mut fresh = Self::new(self.actor());
            let mut past = fresh.take_past(true)?;
            let merged = fresh.apply_parts(judge()?, &mut past, parts, &|_, _| false)?;
            fresh.keep_past(past);
            *self = fresh;
            return Ok(merged);
        }
        let mut past = self.take_past(false)?;
        let before = past.len();
        let known = past.seqs();
        let judged = self.judge_parts(judge()?, &mut past, parts);
        if let Err(error) = judged {
            past.truncate(before);
            if let Some(texts) = &mut past.texts {
                texts.undo();
            }
            self.keep_past(past);
            return Err(error);
        }
        if let Some(texts) = &mut past.texts {
            texts.keep();
        }
        let is_known = |actor: &ActorId, seq| known.get(actor).is_some_and(|last| seq <= *last);
        let merged = self.apply_parts(judge()?, &mut past, parts, &is_known)?;
        self.keep_past(past);
        Ok(merged)
    }

    /// The first of two passes: the past learns of all changes, the document of none.
    fn judge_parts<P: AsRef<[u8]>>(
        &self,
        mut judge: Judge<'_>,
        past: &mut Past,
        parts: &[P],
    ) -> Result<(), GateError> {
        for part in parts {
            if past.texts.is_none() && Judge::has_texts(part.as_ref()) {
                self.index_texts(past)?;
            }
            judge.part(past, part.as_ref(), &mut |_| Ok(()))?;
        }
        judge.finish().map(drop)
    }

    /// Applies what is not known; an error leaves the document with a part of it.
    fn apply_parts<P: AsRef<[u8]>>(
        &mut self,
        mut judge: Judge<'_>,
        past: &mut Past,
        parts: &[P],
        is_known: &dyn Fn(&ActorId, u32) -> bool,
    ) -> Result<Merged, GateError> {
        let mut new = 0;
        let mut touched = Touched::default();
        let mut whole = self.fits_whole(parts).then(Whole::default);
        for part in parts {
            let mut take = |Judged { change, chunk }: Judged| {
                if is_known(&change.actor, change.seq) {
                    return Ok(());
                }
                new += 1;
                touched.add(&change);
                if let Some(whole) = &mut whole {
                    return whole.add(change, chunk.hash);
                }
                self.apply_later(vec![(change, chunk)]);
                if self.pending() >= AT_ONCE {
                    self.flush()?;
                }
                Ok(())
            };
            judge.part(past, part.as_ref(), &mut take)?;
            self.flush()?;
            if let Some(texts) = &mut past.texts {
                texts.keep();
            }
        }
        let summary = judge.finish()?;
        if let Some(whole) = whole {
            self.become_whole(whole)?;
        }
        Ok(Merged {
            summary,
            new,
            texts: touched.texts(past).into_iter().collect(),
            records: touched.records.into_iter().collect(),
        })
    }

    /// Whether a snapshot is better loaded in one step: into an empty document, no texts, and not
    /// so large that a phone could miss the memory. It is all or nothing, since Automerge takes
    /// single changes badly into a large document that it has just loaded.
    fn fits_whole<P: AsRef<[u8]>>(&self, parts: &[P]) -> bool {
        let texts = || parts.iter().any(|part| Judge::has_texts(part.as_ref()));
        self.change_count() == 0 && parts.len() <= WHOLE && !texts()
    }

    fn become_whole(&mut self, whole: Whole) -> Result<(), GateError> {
        let (count, heads) = (whole.len(), whole.heads());
        let doc = document::read(&whole.into_bytes())?;
        let doc = doc.ok_or(GateError::Engine("cannot read a rebuilt document"))?;
        *self = Self::of(doc, self.actor())?;
        if self.change_count() != count || self.heads() != heads {
            return Err(GateError::Engine("reads a rebuilt document differently"));
        }
        Ok(())
    }
}
