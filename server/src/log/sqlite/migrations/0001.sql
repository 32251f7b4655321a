-- A database holds one relay's logs. Everything in `entry.bytes` is sealed, apart from the header
-- and the public part of membership entries.

-- The history that receipts belong to: one row.
CREATE TABLE relay (
    generation BLOB NOT NULL -- 16 random bytes, renewed by a restore
) STRICT;

-- Spaces have a small number here, so that everything below is kept by integer.
CREATE TABLE space (
    number INTEGER PRIMARY KEY,
    id     BLOB NOT NULL UNIQUE, -- 32 bytes
    bytes  INTEGER NOT NULL      -- of all its entries and attachments
) STRICT;

CREATE TABLE entry (
    place   INTEGER PRIMARY KEY, -- space.number * 2^32 + seq; seq counts from 1 without holes
    signer  INTEGER NOT NULL,    -- space.number * 2^16 + device number
    counter INTEGER NOT NULL,    -- counts the signer's entries from 0 without holes
    id      BLOB NOT NULL,       -- 32 bytes
    chain   BLOB NOT NULL,       -- 32 bytes: the chain through this entry
    bytes   BLOB NOT NULL        -- the entry as it came
) STRICT;

-- Finds an entry that comes again, and the counter that is next. No index is by random bytes.
CREATE UNIQUE INDEX entry_by_signer ON entry (signer, counter);

CREATE TABLE membership (
    step INTEGER PRIMARY KEY, -- space.number * 2^32 + height
    seq  INTEGER NOT NULL     -- the place of the membership entry of that height
) STRICT;

-- Agreement keys and sealed epoch keys that membership entries name by their SHA-256.
CREATE TABLE attachment (
    space INTEGER NOT NULL,
    hash  BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (space, hash)
) STRICT, WITHOUT ROWID;

-- For whoever looks with `sqlite3`.
CREATE VIEW log AS
SELECT hex(space.id)                    AS space,
       entry.place & 0xffffffff         AS seq,
       entry.signer & 0xffff            AS device,
       entry.counter                    AS counter,
       hex(substr(entry.bytes, 2, 1))   AS kind,
       length(entry.bytes)              AS bytes
FROM entry
JOIN space ON space.number = entry.place >> 32
ORDER BY entry.place;
