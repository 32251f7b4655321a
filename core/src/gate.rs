//! The gate: every byte from another device passes it before Automerge sees anything, and local
//! edits follow the same rules.
//!
//! A document of ours knows three operations only: put an immutable record at a new root key, make
//! a text at a new root key, insert or delete inside a text. So what travels is not Automerge's
//! format but these operations, without all that the receiver can compute; the receiver *rebuilds*
//! the exact Automerge change and compares its hash. No foreign Automerge bytes are ever parsed.
//!
//! The way of a change:
//!
//! - [`Document`] makes it from a local edit, as a [`StoredChange`] for the device's database.
//! - [`Section::build`] gathers stored changes of one document, without loading it, and
//!   [`encode_batch`] packs the sections of a push.
//! - [`decode_batch`] reads them again: lengths and layout are decided there, before anything is
//!   allocated that they ask for.
//! - [`Document::accept`] holds a section against the document's causal past, applies it whole,
//!   leaves it waiting for what it depends on, or refuses it whole with a [`GateError`].
//! - [`Document::text_without`] and [`Document::splice_shown`] show and edit texts without what an undone
//!   device wrote there.
//! - [`Document::without`] and [`Document::catch_up_with`] do a device's own edits again: under another
//!   actor, where the first was not its alone, or on what became of a document by
//!   [`Document::forgetting`].
//!
//! Inside: `varint` and `codec` are the bytes, `past` and `texts` what a change may refer to, `rules`
//! what it may do, `chunk` and `rle` rebuild Automerge's bytes. [`limits`] bounds every length.

mod accept;
mod batch;
mod change;
mod chunk;
mod codec;
mod document;
mod edit;
mod error;
mod forget;
mod id;
mod left;
pub mod limits;
mod packing;
mod past;
mod read;
mod rewrite;
mod rle;
mod rules;
mod section;
mod snapshot;
mod texts;
mod undone;
mod varint;
mod words;

#[cfg(test)]
mod tests;

pub use self::accept::Accepted;
pub use self::batch::{decode_batch, encode_batch};
pub use self::change::{ChangeBody, Op, PlainChange, Record};
pub use self::document::{Document, StoredChange};
pub use self::error::GateError;
pub use self::id::{ActorId, ChangeHash, DocumentName, OpId};
pub use self::left::Left;
pub use self::read::RecordView;
pub use self::rewrite::Again;
pub use self::section::Section;
pub use self::snapshot::{ChangesDigest, Merged, PartHeader, SnapshotSummary, inspect_snapshot};
pub use self::undone::{IsUndone, RestoredText};
pub use self::words::Words;
pub use crate::ids::{IdError, RecordId, TextId};
