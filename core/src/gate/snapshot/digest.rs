use std::collections::BTreeMap;
use std::fmt;

use ring::digest::{Context, SHA256};

use super::judge::SnapshotSummary;
use crate::gate::document::{self, Document, guard};
use crate::gate::error::GateError;
use crate::gate::id::{ActorId, ChangeHash};

/// What the digest of a set of changes begins with.
const LABEL: &[u8] = b"waymark/1 change set";

/// Names a set of changes: SHA-256("waymark/1 change set" ‖ their hashes, ascending). Equal digests
/// are equal sets, whatever document, order or snapshot they came from.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct ChangesDigest(pub [u8; 32]);

impl ChangesDigest {
    /// The digest of these changes, in any order, each once.
    #[must_use]
    pub fn of(hashes: impl IntoIterator<Item = ChangeHash>) -> Self {
        let mut hashes: Vec<_> = hashes.into_iter().collect();
        hashes.sort_unstable();
        let mut context = Context::new(&SHA256);
        context.update(LABEL);
        for hash in &hashes {
            context.update(&hash.0);
        }
        let mut digest = Self([0; 32]);
        digest.0.copy_from_slice(context.finish().as_ref());
        digest
    }
}

impl fmt::Debug for ChangesDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChangesDigest(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

impl Document {
    /// What a snapshot of those changes holds that `is_in` names by actor and number, as
    /// [`to_snapshot`](Self::to_snapshot) takes them.
    ///
    /// # Errors
    /// [`GateError::Poisoned`], [`GateError::Engine`], or [`GateError::Damaged`] where the document
    /// is not one of ours.
    pub fn summary(
        &self,
        is_in: &dyn Fn(ActorId, u32) -> bool,
    ) -> Result<SnapshotSummary, GateError> {
        self.usable()?;
        let mut hashes = Vec::new();
        let mut last = BTreeMap::new();
        for meta in guard(|| self.doc.get_changes_meta(&[]))? {
            let (actor, seq) = (document::actor(&meta.actor)?, document::seq(meta.seq)?);
            if is_in(actor, seq) {
                hashes.push(ChangeHash(meta.hash.0));
                let last = last.entry(actor).or_insert(seq);
                *last = seq.max(*last);
            }
        }
        Ok(SnapshotSummary {
            changes: hashes.len() as u64,
            digest: ChangesDigest::of(hashes),
            authors: last.into_iter().collect(),
        })
    }

    /// The digest of those changes.
    ///
    /// # Errors
    /// As [`summary`](Self::summary).
    pub fn digest(&self, is_in: &dyn Fn(ActorId, u32) -> bool) -> Result<ChangesDigest, GateError> {
        Ok(self.summary(is_in)?.digest)
    }
}
