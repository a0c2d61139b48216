-- Changes that were answered and are not in the state yet; and how often in a row a process died at
-- a conversation before anybody was asked for a line (crashes), and before a turn was done (deaths).
ALTER TABLE conversations ADD COLUMN pending TEXT;
ALTER TABLE conversations ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
