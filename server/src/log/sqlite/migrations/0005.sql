-- When spaces were last used, where an operator lets go of those that nobody uses.

-- The day, counted from the Unix epoch; 0 where nobody has noted it, -1 where the space is going.
ALTER TABLE space ADD COLUMN used INTEGER NOT NULL DEFAULT 0;

CREATE INDEX space_by_use ON space (used);

-- The last day on which a relay ran on this that lets go of spaces, or 0.
ALTER TABLE relay ADD COLUMN ran INTEGER NOT NULL DEFAULT 0;
