//! Every length that the gate bounds. They are part of the format's version: two devices that
//! disagreed about one of them would disagree about which changes count.

use waymark_wire::limits;

/// Bytes of one encoded batch, its packing byte included, at most.
pub const MAX_BATCH: usize = limits::BATCH;
/// How many times larger than its packed form a batch may unpack to.
pub const MAX_UNPACK_FACTOR: usize = limits::UNPACK_FACTOR;
/// Bytes that a batch may unpack to, at most.
pub const MAX_UNPACKED: usize = limits::UNPACKED;
/// Changes in one batch, over all its sections, at most.
pub const MAX_CHANGES: usize = limits::CHANGES;
/// Bytes of one change in the codec's form, at most. Half a batch, so that every change fits into a
/// batch even where nothing can be packed.
pub const MAX_CHANGE: usize = 128 * 1024;
/// Automerge operations of one change (a character inserted or deleted is one), at most. A delete
/// run says many of them in a few bytes.
pub const MAX_OPERATIONS: u64 = 128 * 1024;
/// Automerge operations of one batch, at most: what a phone applies in a
/// few seconds at worst.
pub const MAX_BATCH_OPERATIONS: u64 = 4 * MAX_OPERATIONS;
/// Bytes of one record, at most; at least one.
pub const MAX_RECORD: usize = limits::RECORD;
/// UTF-8 bytes ever inserted into one text (deleted ones count), at most.
pub const MAX_TEXT: u32 = 1024 * 1024;
/// Dependencies that one change names beside its author's previous change, at most.
pub const MAX_OTHERS: usize = 255;
/// The highest sequence number and the highest operation counter.
pub const MAX_COUNTER: u32 = i32::MAX as u32;
/// Bytes of one part of a snapshot, its header included, at most: what fits into an entry with the
/// mark that ends the padding.
pub const MAX_PART: usize = limits::SNAPSHOT_PART - 1;
/// Bytes that a part of a snapshot may unpack to, at most. No more than a part has room for, so that
/// every part fits, however badly it packs, and where it ends does not depend on the packer.
pub const MAX_PART_UNPACKED: usize = MAX_PART - 1024;
/// Changes in one part of a snapshot, at most.
pub const MAX_PART_CHANGES: usize = 64 * 1024;
/// Automerge operations of one part of a snapshot, at most: as many as a batch may have.
pub const MAX_PART_OPERATIONS: u64 = MAX_BATCH_OPERATIONS;
/// Parts of one snapshot, at most.
pub const MAX_PARTS: usize = 256;
