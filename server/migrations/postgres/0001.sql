-- A database holds one relay's logs, which any number of its nodes serve. Everything in
-- `entry.bytes` is sealed, apart from the header and the public part of membership entries.

-- What the relay is: one row.
CREATE TABLE relay (
    is_here    boolean PRIMARY KEY CHECK (is_here),
    version    bigint NOT NULL, -- of this schema: the number of the newest file beside this one
    generation bytea NOT NULL,  -- 16 random bytes: the history that receipts belong to
    key        bytea NOT NULL   -- 32 bytes: the public key of all its nodes
);

-- The row of a space is locked by whoever writes to the space: that is what puts its entries into
-- one order.
CREATE TABLE space (
    number  bigint PRIMARY KEY,     -- random, so that no two nodes wait for each other to count
    id      bytea NOT NULL UNIQUE,  -- 32 bytes
    head    bigint NOT NULL,        -- the seq of the newest entry
    chain   bytea NOT NULL,         -- 32 bytes: the chain through it
    bytes   bigint NOT NULL,        -- of all its entries and attachments
    dropped bigint NOT NULL         -- the seq up to which entries may be without their bytes, or 0
);

CREATE TABLE entry (
    space   bigint NOT NULL,
    seq     bigint NOT NULL,  -- counts from 1 without holes
    device  bigint NOT NULL,  -- the signer
    counter bigint NOT NULL,  -- counts the signer's entries from 0 without holes
    id      bytea NOT NULL,   -- 32 bytes
    chain   bytea NOT NULL,   -- 32 bytes: the chain through this entry
    bytes   bytea NOT NULL,   -- the entry as it came; empty where it was dropped
    PRIMARY KEY (space, seq)
);

-- Nothing that is sealed can be compressed.
ALTER TABLE entry ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- Finds an entry that comes again, and the counter that is next. No index is by an entry's id.
CREATE UNIQUE INDEX entry_by_signer ON entry (space, device, counter);

CREATE TABLE membership (
    space  bigint NOT NULL,
    height bigint NOT NULL,
    seq    bigint NOT NULL, -- the place of the membership entry of that height
    PRIMARY KEY (space, height)
);

-- Agreement keys and sealed epoch keys that membership entries name by their SHA-256.
CREATE TABLE attachment (
    space bigint NOT NULL,
    hash  bytea NOT NULL,
    bytes bytea NOT NULL,
    named bigint, -- of a sealed key: the height of the newest membership entry that names it
    PRIMARY KEY (space, hash)
);

CREATE TABLE checkpoint (
    space     bigint NOT NULL,
    seq       bigint NOT NULL,  -- of its entry
    id        bytea NOT NULL,   -- of its entry
    reaches   bigint NOT NULL,  -- the seq of the last entry that it covers
    publisher bytea NOT NULL,   -- person tag of its signer
    agreed    bigint,           -- when it had its quorum, milliseconds since the Unix epoch
    due       bigint,           -- when what it covers may go; NULL where nothing (more) is to go
    hurries   boolean NOT NULL, -- whether entries of before a forgetting were still kept
    is_begun  boolean NOT NULL DEFAULT false, -- from the first entry on that was dropped for it
    progress  bigint NOT NULL DEFAULT 0,      -- the seq up to which it has been gone through
    PRIMARY KEY (space, seq)
);

CREATE INDEX checkpoint_by_due ON checkpoint (due) WHERE due IS NOT NULL;

-- The first ack by each other person that says a checkpoint is right.
CREATE TABLE confirmation (
    space      bigint NOT NULL,
    seq        bigint NOT NULL, -- of the ack
    checkpoint bigint NOT NULL, -- the seq of the checkpoint
    person     bytea NOT NULL,  -- person tag
    PRIMARY KEY (space, seq),
    UNIQUE (space, checkpoint, person)
);

-- Snapshots that are kept.
CREATE TABLE snapshot (
    space bigint NOT NULL,
    seq   bigint NOT NULL, -- of its entry
    id    bytea NOT NULL,
    PRIMARY KEY (space, seq)
);

CREATE INDEX snapshot_by_id ON snapshot (space, id);

CREATE TABLE mailbox (
    id   bytea PRIMARY KEY, -- 32 bytes, made from a secret
    ends bigint NOT NULL    -- milliseconds since the Unix epoch
);

CREATE INDEX mailbox_by_end ON mailbox (ends);

-- What stands in the slots of mailboxes, each sealed under a key that no relay has.
CREATE TABLE mail (
    mailbox bytea NOT NULL REFERENCES mailbox ON DELETE CASCADE,
    slot    bigint NOT NULL,
    bytes   bytea NOT NULL,
    PRIMARY KEY (mailbox, slot)
);
