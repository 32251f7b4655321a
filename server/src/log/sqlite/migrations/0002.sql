-- Keys that are not needed any more are dropped, and mailboxes are kept beside the logs.

-- Of a sealed epoch key: the height of the newest membership entry that names it. NULL for an
-- agreement key, whose length is another.
ALTER TABLE attachment ADD COLUMN named INTEGER;

-- Until now every space was in its first epoch, to which the entry of height 0 belongs.
UPDATE attachment SET named = 0 WHERE length(bytes) = 1168;

CREATE TABLE mailbox (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL UNIQUE, -- 32 bytes, made from a secret
    ends   INTEGER NOT NULL      -- milliseconds since the Unix epoch
) STRICT;

CREATE INDEX mailbox_by_end ON mailbox (ends);

-- What stands in the slots of mailboxes, each sealed under a key that no relay has.
CREATE TABLE mail (
    place INTEGER PRIMARY KEY, -- mailbox.number * 2^8 + slot
    bytes BLOB NOT NULL
) STRICT;
