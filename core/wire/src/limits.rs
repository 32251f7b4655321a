//! Every length that the protocol bounds. They are part of its version: a device and a relay that
//! disagreed about one of them would disagree about which entries count.

/// Bytes of a batch's padded plaintext, at most.
pub const BATCH: usize = 256 * 1024;
/// Bytes of a carry's padded plaintext, at most: a whole batch with what has to be said of it.
pub const CARRY: usize = 288 * 1024;
/// Bytes of an ack's padded body, at most.
pub const ACK: usize = 1024;
/// Bytes of a membership entry's public core, at most; its padded private part has the same limit.
pub const MEMBERSHIP_CORE: usize = 64 * 1024;
/// Records and texts that one membership entry says are forgotten, at most.
pub const FORGOTTEN: usize = 2_048;
/// Bytes of one part of a snapshot, at most.
pub const SNAPSHOT_PART: usize = 1024 * 1024;
/// Bytes of a checkpoint's public part, at most.
pub const CHECKPOINT_PUBLIC: usize = 120 * 1024;
/// Bytes of a checkpoint's padded private part, at most. An entry with both at their limits has less
/// than 256 KiB.
pub const CHECKPOINT_PRIVATE: usize = 128 * 1024;
/// Memberships that a space may ever have had where a checkpoint is made in it, at most.
pub const CHECKPOINT_MEMBERSHIPS: usize = 4_096;
/// Snapshot entries that a checkpoint may name, at most.
pub const CHECKPOINT_SNAPSHOTS: usize = 1_024;
/// Other entries that a checkpoint may keep, at most.
pub const CHECKPOINT_KEPT: usize = 1_024;
/// Changes in one batch, at most.
pub const CHANGES: usize = 4_096;
/// Bytes of one record, at most.
pub const RECORD: usize = 64 * 1024;
/// Bytes of one text that people edit together, at most.
pub const TEXT: usize = 1024 * 1024;
/// Characters (Unicode scalar values) of a goal's statement, at most.
pub const STATEMENT_CHARS: usize = 500;
/// Characters (Unicode scalar values) of a note, at most.
pub const NOTE_CHARS: usize = 4_000;
/// Links to other records in one record, at most.
pub const LINKS: usize = 64;
/// Current memberships in one space, at most; over its whole life it may have 65,536.
pub const MEMBERSHIPS: usize = 256;
/// Spaces of one person, at most.
pub const SPACES: usize = 1_024;
/// Entries in one page of a pull, at most.
pub const PAGE_ENTRIES: usize = 256;
/// Bytes of the entries in one page of a pull, at most (one entry always fits).
pub const PAGE_BYTES: usize = 1024 * 1024;
/// Bytes of a token by which a device is woken.
pub const WAKE_TOKEN: usize = 2_048;
/// Bytes of everything in one mailbox, at most.
pub const MAILBOX: usize = 64 * 1024;
/// Slots of a mailbox, numbered from 0.
pub const MAILBOX_SLOTS: u8 = 8;
/// Days for which a mailbox may be kept, at most; at least 1.
pub const MAILBOX_DAYS: u8 = 30;
/// Days for which a mailbox is kept where whoever makes it does not say.
pub const MAILBOX_DAYS_USUAL: u8 = 7;
/// Bytes of a mailbox request's body, at most.
pub const MAILBOX_BODY: usize = MAILBOX + 4 * 1024;
/// How many times larger than its packed form a batch may unpack to.
pub const UNPACK_FACTOR: usize = 16;
/// Bytes that a batch may unpack to, at most.
pub const UNPACKED: usize = 4 * 1024 * 1024;
/// Entries in one append request, at most.
pub const APPEND_ENTRIES: usize = 64;
/// Bytes of an append request's body, at most.
pub const APPEND_BODY: usize = 2 * 1024 * 1024;
/// Attachments of one append request, at most: a key and a sealed key for each current membership.
pub const ATTACHMENTS: usize = 2 * MEMBERSHIPS;
/// Bytes of one attachment, at most.
pub const ATTACHMENT: usize = 2 * 1024;
/// Bytes of a pull or status request's body, at most: every space of a person, with its proof.
pub const PULL_BODY: usize = 512 * 1024;
/// Bytes of one frame of a pull's answer, at most.
pub const FRAME: usize = SNAPSHOT_PART + 4 * 1024;
/// Earlier positions that one pull may name, at most.
pub const EARLIER: usize = 8;
/// Entries that one pull may ask for by id in one space, at most.
pub const PULL_IDS: usize = 256;
/// Acks that come with a checkpoint, at most.
pub const CHECKPOINT_ACKS: usize = 16;
/// Bytes of a nonce, at most.
pub const NONCE: usize = 32;
/// Entries in one story of evidence against a relay, at most.
pub const EVIDENCE_IDS: usize = 16 * 1024;
/// Bytes of evidence, at most: two such stories, each id with its head of two bytes, and the rest.
pub const EVIDENCE: usize = 2 * EVIDENCE_IDS * (32 + 2) + 1024;
