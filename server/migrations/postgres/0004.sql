-- The end of a log is written with every append. With room on its page a row's new version stands beside
-- the old one, and no index learns of it.
ALTER TABLE space SET (fillfactor = 50);
