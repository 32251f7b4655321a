//! Snapshots: one document's changes up to a place in the log, as a checkpoint keeps them.
//!
//! A snapshot is the batch codec for many authors. What travels is what a section says, once more
//! without what the receiver can compute: the changes stand in one order, so that authors are
//! numbers, dependencies are distances, and sequence numbers follow from the place. There is no
//! second parser and no second set of rules: every change is rebuilt, hashed and held against its
//! causal past as one that came in a batch.
//!
//! # Order
//!
//! Ascending by the counter of the first operation, then by actor. A counter is one more than the
//! highest in the change's past, so every change stands after all that it depends on, and no two of
//! one document are equal in both. The order depends on the set of changes alone: equal documents
//! give the same parts, however the changes came (packed alike where the packer is the same).
//!
//! # A part
//!
//! ```text
//! kind      2 bytes   of the document; these four big-endian
//! part      4 bytes   of the document (its month, say)
//! index     2 bytes   of this part of the snapshot, from 0
//! count     2 bytes   parts of the snapshot, 1..=256
//! packing   1 byte    as of a batch
//! content   at most 1,047,551 bytes unpacked
//! ```
//!
//! Together at most 1 MiB less one byte. The content, in numbers that are unsigned LEB128 of at most
//! 32 bits in the shortest form:
//!
//! ```text
//! changes   number of changes, 1..=65,536
//! authors   number of authors whose first change stands in this part, then 16 bytes each, in the
//!           order of those changes. Authors are numbered through all parts, from 0
//! columns   seven, each a length in bytes and the bytes
//! check     8 bytes: the first of SHA-256("waymark/1 snapshot" ‖ the hashes of all changes up to
//!           the end of this part, in order)
//! ```
//!
//! | column | holds |
//! |---|---|
//! | 1 | author of each change, in runs |
//! | 2 | dependencies beside the author's previous change, where they are not as expected |
//! | 3 | number of ops of each change, in runs |
//! | 4 | each op, in runs: 0 record, 1 make text, 2 insert, 3 delete |
//! | 5 | insert: text, element. Delete: text, element, number of elements |
//! | 6 | lengths in bytes of records and of inserted text |
//! | 7 | records, text ids (16 bytes) and inserted text, joined |
//!
//! - *Runs*: a value and how often it stands, neighbours being different.
//! - *Dependencies*: expected is the change before in the order where it is another author's, and
//!   none where it is the author's own or there is none. Where it is otherwise: how many changes
//!   were as expected since the last that was not, how many dependencies there are (0..=255), and
//!   how many places back each stands, strictly ascending.
//! - *Text*: 0 for the one that the author's op before named or made, otherwise 1 + author, counter.
//! - *Element*: 0 the beginning of the text (insert only); 1 where the author's *hand* is; otherwise
//!   2 + author, and the counter's difference from the hand's (0, −1, 1, −2 … as 0, 1, 2, 3 …).
//!   After an insert the hand is at the last character, after a delete at the counter before the
//!   first deleted one; before, at counter 0. A hand stays where it is from part to part.
//!
//! A part ends before the change with which the content could pass its limit: the bytes so far,
//! 256 for what stands around the columns, 64 + 5 for each dependency and 64 + its bytes for each
//! op of the change. It also ends where the next change would be the 65,537th, or the operations
//! would be more than 524,288. Readers take any division into parts of at least one change.

mod columns;
mod digest;
mod hand;
mod judge;
mod load;
mod part;
mod whole;
mod write;

pub use self::digest::ChangesDigest;
pub use self::judge::{SnapshotSummary, inspect_snapshot};
pub use self::load::Merged;
pub use self::part::PartHeader;

const RECORD: u32 = 0;
const MAKE_TEXT: u32 = 1;
const INSERT: u32 = 2;
const DELETE: u32 = 3;
/// What the running hash of the changes begins with.
const CHECKED: &[u8] = b"waymark/1 snapshot";
