-- Experiments, their trials, verdicts and labels; a conversation knows whose trial it is.
CREATE TABLE experiments (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, name TEXT, suite TEXT NOT NULL, hash TEXT NOT NULL,
    status TEXT NOT NULL, reason TEXT, wanted TEXT, owner TEXT, takeovers INTEGER NOT NULL,
    revision INTEGER NOT NULL, total INTEGER NOT NULL, seconds REAL NOT NULL,
    created_at TEXT NOT NULL, started_at TEXT, ended_at TEXT, exit_code INTEGER,
    judge TEXT, budget TEXT, plan TEXT NOT NULL);
CREATE INDEX experiments_seq ON experiments (seq);
CREATE INDEX experiments_suite ON experiments (suite, seq);
CREATE INDEX experiments_status ON experiments (status, seq);
CREATE TABLE trials (
    experiment_id TEXT NOT NULL, number INTEGER NOT NULL, scenario TEXT NOT NULL,
    persona TEXT NOT NULL, bot TEXT NOT NULL, repeat INTEGER NOT NULL, status TEXT NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 1, revision INTEGER NOT NULL DEFAULT 0, outcome TEXT,
    conversation_id TEXT, end_reason TEXT, turns INTEGER NOT NULL DEFAULT 0, started_at TEXT,
    ended_at TEXT, seconds REAL, broken TEXT, skipped TEXT, latencies TEXT, spending TEXT,
    PRIMARY KEY (experiment_id, number)) WITHOUT ROWID;
CREATE INDEX trials_revision ON trials (experiment_id, revision);
CREATE INDEX trials_conversation ON trials (conversation_id);
CREATE TABLE verdicts (
    experiment_id TEXT NOT NULL, trial INTEGER NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL, status TEXT NOT NULL, must INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (experiment_id, trial, place)) WITHOUT ROWID;
CREATE TABLE labels (
    conversation_id TEXT NOT NULL, verdict_id TEXT NOT NULL, labeller TEXT NOT NULL,
    status TEXT NOT NULL, note TEXT NOT NULL, created_at TEXT NOT NULL,
    PRIMARY KEY (conversation_id, verdict_id, labeller)) WITHOUT ROWID;
ALTER TABLE conversations ADD COLUMN experiment_id TEXT;
CREATE INDEX conversations_experiment ON conversations (experiment_id, seq);
