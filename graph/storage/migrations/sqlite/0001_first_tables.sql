-- The tables of the first release. Databases from before there were versions have them already.
-- `checkpoints` and `writes` are langgraph-checkpoint-sqlite's.
CREATE TABLE IF NOT EXISTS checkpoints (
    thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
    parent_checkpoint_id TEXT, type TEXT, checkpoint BLOB, metadata BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));
CREATE TABLE IF NOT EXISTS writes (
    thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL, task_path TEXT NOT NULL DEFAULT '', idx INTEGER NOT NULL,
    channel TEXT NOT NULL, type TEXT, value BLOB,
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, seq INTEGER NOT NULL, client_id TEXT, bot_id TEXT NOT NULL,
    persona TEXT, seat TEXT NOT NULL, status TEXT NOT NULL, end_reason TEXT, turn INTEGER NOT NULL,
    max_turns INTEGER NOT NULL, runs INTEGER NOT NULL DEFAULT 0, owner TEXT, in_flight INTEGER,
    error TEXT, scenario TEXT NOT NULL, parent_id TEXT, forked_at INTEGER,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS conversations_seq ON conversations (seq);
CREATE INDEX IF NOT EXISTS conversations_client ON conversations (client_id, seq);
CREATE INDEX IF NOT EXISTS conversations_status ON conversations (status, seq);
CREATE INDEX IF NOT EXISTS conversations_bot ON conversations (bot_id, seq);
CREATE INDEX IF NOT EXISTS conversations_parent ON conversations (parent_id);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, conversation_id TEXT NOT NULL);
