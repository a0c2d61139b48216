-- The tables of SQLite's migrations 1 to 6, with Postgres's types. `checkpoints`, `checkpoint_blobs`,
-- `checkpoint_writes` and `checkpoint_migrations` are langgraph-checkpoint-postgres's (version 9 of
-- its own), so that its saver reads and continues them.
CREATE TABLE checkpoint_migrations (v INTEGER PRIMARY KEY);
INSERT INTO checkpoint_migrations SELECT generate_series(0, 9);
CREATE TABLE checkpoints (
    thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
    parent_checkpoint_id TEXT, type TEXT, checkpoint JSONB NOT NULL,
    metadata JSONB NOT NULL DEFAULT '{}',
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id));
CREATE TABLE checkpoint_blobs (
    thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', channel TEXT NOT NULL,
    version TEXT NOT NULL, type TEXT NOT NULL, blob BYTEA,
    PRIMARY KEY (thread_id, checkpoint_ns, channel, version));
CREATE TABLE checkpoint_writes (
    thread_id TEXT NOT NULL, checkpoint_ns TEXT NOT NULL DEFAULT '', checkpoint_id TEXT NOT NULL,
    task_id TEXT NOT NULL, idx INTEGER NOT NULL, channel TEXT NOT NULL, type TEXT,
    blob BYTEA NOT NULL, task_path TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (thread_id, checkpoint_ns, checkpoint_id, task_id, idx));
CREATE INDEX checkpoints_thread_id_idx ON checkpoints (thread_id);
CREATE INDEX checkpoint_blobs_thread_id_idx ON checkpoint_blobs (thread_id);
CREATE INDEX checkpoint_writes_thread_id_idx ON checkpoint_writes (thread_id);

-- Ids and states are compared byte by byte, as SQLite does, whatever the language of the database.
CREATE TABLE conversations (
    id TEXT COLLATE "C" PRIMARY KEY, seq BIGINT NOT NULL UNIQUE, client_id TEXT,
    bot_id TEXT NOT NULL, persona TEXT, seat TEXT NOT NULL, status TEXT NOT NULL, end_reason TEXT,
    turn BIGINT NOT NULL, max_turns BIGINT NOT NULL, runs BIGINT NOT NULL DEFAULT 0, owner TEXT,
    in_flight BIGINT, error TEXT, scenario TEXT NOT NULL, parent_id TEXT, forked_at BIGINT,
    created_at TEXT COLLATE "C" NOT NULL, updated_at TEXT COLLATE "C" NOT NULL, experiment_id TEXT,
    pending TEXT, crashes BIGINT NOT NULL DEFAULT 0, deaths BIGINT NOT NULL DEFAULT 0);
CREATE INDEX conversations_client ON conversations (client_id, seq);
CREATE INDEX conversations_status ON conversations (status, seq);
CREATE INDEX conversations_bot ON conversations (bot_id, seq);
CREATE INDEX conversations_parent ON conversations (parent_id);
CREATE INDEX conversations_experiment ON conversations (experiment_id, seq);
CREATE TABLE idempotency (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, conversation_id TEXT NOT NULL);
CREATE INDEX idempotency_conversation ON idempotency (conversation_id);

CREATE TABLE experiments (
    id TEXT COLLATE "C" PRIMARY KEY, seq BIGINT NOT NULL UNIQUE, name TEXT, suite TEXT NOT NULL,
    hash TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, wanted TEXT, owner TEXT,
    takeovers BIGINT NOT NULL, revision BIGINT NOT NULL, total BIGINT NOT NULL,
    seconds DOUBLE PRECISION NOT NULL, created_at TEXT NOT NULL, started_at TEXT, ended_at TEXT,
    exit_code BIGINT, judge TEXT, budget TEXT, plan TEXT NOT NULL, client_id TEXT);
CREATE INDEX experiments_suite ON experiments (suite, seq);
CREATE INDEX experiments_status ON experiments (status, seq);
CREATE TABLE trials (
    experiment_id TEXT NOT NULL, number BIGINT NOT NULL, scenario TEXT NOT NULL,
    persona TEXT NOT NULL, bot TEXT NOT NULL, repeat BIGINT NOT NULL, status TEXT NOT NULL,
    attempt BIGINT NOT NULL DEFAULT 1, revision BIGINT NOT NULL DEFAULT 0, outcome TEXT,
    conversation_id TEXT, end_reason TEXT, turns BIGINT NOT NULL DEFAULT 0, started_at TEXT,
    ended_at TEXT, seconds DOUBLE PRECISION, broken TEXT, skipped TEXT, latencies TEXT,
    spending TEXT, PRIMARY KEY (experiment_id, number));
CREATE INDEX trials_revision ON trials (experiment_id, revision);
CREATE INDEX trials_conversation ON trials (conversation_id);
CREATE TABLE verdicts (
    experiment_id TEXT NOT NULL, trial BIGINT NOT NULL, place BIGINT NOT NULL, id TEXT NOT NULL,
    kind TEXT NOT NULL, status TEXT NOT NULL, must BIGINT NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (experiment_id, trial, place));
CREATE TABLE labels (
    conversation_id TEXT NOT NULL, verdict_id TEXT NOT NULL, labeller TEXT NOT NULL,
    status TEXT NOT NULL, note TEXT NOT NULL, created_at TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (conversation_id, verdict_id, labeller));
CREATE TABLE figures (
    experiment_id TEXT PRIMARY KEY, stamp TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE experiment_keys (
    key TEXT PRIMARY KEY, body TEXT NOT NULL, experiment_id TEXT NOT NULL);
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT COLLATE "C" NOT NULL);
INSERT INTO meta VALUES ('identity', replace(gen_random_uuid()::text, '-', ''));

-- Rows are numbered by a sequence: two processes that insert at once must not get one number.
CREATE SEQUENCE conversations_numbers;
CREATE SEQUENCE experiments_numbers;
CREATE FUNCTION number_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.seq := nextval(TG_TABLE_NAME || '_numbers');
    RETURN NEW;
END $$;
CREATE TRIGGER conversation_numbered BEFORE INSERT ON conversations
    FOR EACH ROW EXECUTE FUNCTION number_row();
CREATE TRIGGER experiment_numbered BEFORE INSERT ON experiments
    FOR EACH ROW EXECUTE FUNCTION number_row();

-- Ends that a webhook is still to hear of, as in SQLite's migration 5. `rowid` is what SQLite gives.
CREATE TABLE deliveries (
    rowid BIGINT GENERATED ALWAYS AS IDENTITY, id TEXT PRIMARY KEY, kind TEXT NOT NULL,
    subject TEXT NOT NULL, facts TEXT NOT NULL, created_at TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0, due_at DOUBLE PRECISION NOT NULL DEFAULT 0, owner TEXT);
CREATE INDEX deliveries_subject ON deliveries (subject);
CREATE FUNCTION to_moment(at timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') $$;
CREATE FUNCTION webhook_listens() RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS (SELECT 1 FROM meta
        WHERE name = 'webhook' AND value > to_moment(now() - interval '7 days')) $$;
CREATE FUNCTION mark_conversation_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> OLD.status AND NEW.experiment_id IS NULL
        AND (NEW.status IN ('completed', 'stopped')
            OR (NEW.status = 'interrupted' AND NEW.error IS NOT NULL))
        AND webhook_listens()
    THEN
        INSERT INTO deliveries (id, kind, subject, facts, created_at) VALUES (
            replace(gen_random_uuid()::text, '-', ''), 'conversation.ended', NEW.id,
            json_build_object('status', NEW.status, 'reason', NEW.end_reason, 'turns', NEW.turn,
                'bot_id', NEW.bot_id, 'error', NEW.error::json,
                'began_at', NEW.created_at, 'ended_at', NEW.updated_at)::text,
            to_moment(now()));
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER conversation_ended AFTER UPDATE OF status ON conversations
    FOR EACH ROW EXECUTE FUNCTION mark_conversation_end();
CREATE FUNCTION mark_experiment_end() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL AND webhook_listens() THEN
        INSERT INTO deliveries (id, kind, subject, facts, created_at, due_at) VALUES (
            replace(gen_random_uuid()::text, '-', ''), 'experiment.ended', NEW.id,
            json_build_object('status', NEW.status, 'reason', NEW.reason, 'trials', NEW.total,
                'suite', NEW.suite, 'exit_code', NEW.exit_code,
                'began_at', coalesce(NEW.started_at, NEW.created_at),
                'ended_at', NEW.ended_at)::text,
            to_moment(now()), extract(epoch FROM clock_timestamp()) + 3);
    END IF;
    IF NEW.exit_code IS NOT NULL AND NEW.exit_code IS DISTINCT FROM OLD.exit_code THEN
        UPDATE deliveries
        SET facts = jsonb_set(facts::jsonb, '{exit_code}', to_jsonb(NEW.exit_code))::text, due_at = 0
        WHERE subject = NEW.id AND owner IS NULL AND attempts = 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER experiment_ended AFTER UPDATE ON experiments
    FOR EACH ROW EXECUTE FUNCTION mark_experiment_end();
CREATE FUNCTION forget_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM deliveries WHERE subject = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER conversation_forgotten AFTER DELETE ON conversations
    FOR EACH ROW EXECUTE FUNCTION forget_deliveries();
CREATE TRIGGER experiment_forgotten AFTER DELETE ON experiments
    FOR EACH ROW EXECUTE FUNCTION forget_deliveries();
