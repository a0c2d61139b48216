-- What was worked out of an experiment that rests, whose it is, and the keys of requests for one.
CREATE TABLE figures (
    experiment_id TEXT PRIMARY KEY, stamp TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
ALTER TABLE experiments ADD COLUMN client_id TEXT;
CREATE TABLE experiment_keys (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, experiment_id TEXT NOT NULL) WITHOUT ROWID;
