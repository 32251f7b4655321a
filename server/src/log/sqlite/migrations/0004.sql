-- A checkpoint behind an entry that forgets lets go without rest of what stands before that entry.

-- 1 where entries of before were still kept when it arrived.
ALTER TABLE checkpoint ADD COLUMN hurries INTEGER NOT NULL DEFAULT 0;
