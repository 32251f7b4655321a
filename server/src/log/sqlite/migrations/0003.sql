-- Checkpoints, and what is dropped for them. Of an entry that is dropped the row stays, with empty
-- bytes: its place, signer, counter, id and chain are still known.

-- The seq up to which entries may be without their bytes; 0 where none is.
ALTER TABLE space ADD COLUMN dropped INTEGER NOT NULL DEFAULT 0;

CREATE TABLE checkpoint (
    place     INTEGER PRIMARY KEY, -- of its entry
    id        BLOB NOT NULL,       -- of its entry
    reaches   INTEGER NOT NULL,    -- the place of the last entry that it covers
    publisher BLOB NOT NULL,       -- person tag of its signer
    agreed    INTEGER,             -- when it had its quorum, milliseconds since the Unix epoch
    due       INTEGER,             -- when what it covers may go; NULL where nothing (more) is to go
    is_begun  INTEGER NOT NULL DEFAULT 0, -- 1 from the first entry on that was dropped for it
    progress  INTEGER NOT NULL DEFAULT 0  -- the seq up to which it has been gone through
) STRICT;

CREATE INDEX checkpoint_by_id ON checkpoint (id);
CREATE INDEX checkpoint_by_due ON checkpoint (due) WHERE due IS NOT NULL;

-- The first ack by each other person that says a checkpoint is right.
CREATE TABLE confirmation (
    place      INTEGER PRIMARY KEY, -- of the ack
    checkpoint INTEGER NOT NULL,    -- the place of the checkpoint
    person     BLOB NOT NULL        -- person tag
) STRICT;

CREATE INDEX confirmation_by_checkpoint ON confirmation (checkpoint);

-- Snapshots that are kept: few, so that they may be found by their random ids.
CREATE TABLE snapshot (
    place INTEGER PRIMARY KEY, -- of its entry
    id    BLOB NOT NULL
) STRICT;

CREATE INDEX snapshot_by_id ON snapshot (id);
