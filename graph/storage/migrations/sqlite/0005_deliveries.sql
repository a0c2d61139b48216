-- Ends that a webhook is still to hear of. They are marked in the transaction that stores the end, so
-- that a kill between the two loses none; only while a process with a webhook was here lately. What
-- the end of a process interrupted (no error) goes on by itself, and an experiment speaks for its trials.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, facts TEXT NOT NULL,
    created_at TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, due_at REAL NOT NULL DEFAULT 0,
    owner TEXT);
CREATE TRIGGER conversation_ended AFTER UPDATE OF status ON conversations
WHEN NEW.status <> OLD.status AND NEW.experiment_id IS NULL
    AND (NEW.status IN ('completed', 'stopped') OR (NEW.status = 'interrupted' AND NEW.error IS NOT NULL))
    AND EXISTS (SELECT 1 FROM meta WHERE name = 'webhook' AND value > datetime('now', '-7 days'))
BEGIN
    INSERT INTO deliveries (id, kind, subject, facts, created_at) VALUES (
        lower(hex(randomblob(16))), 'conversation.ended', NEW.id,
        json_object('status', NEW.status, 'reason', NEW.end_reason, 'turns', NEW.turn,
            'bot_id', NEW.bot_id, 'error', json(NEW.error),
            'began_at', NEW.created_at, 'ended_at', NEW.updated_at),
        datetime('now'));
END;
CREATE TRIGGER experiment_ended AFTER UPDATE OF ended_at ON experiments
WHEN NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL
    AND EXISTS (SELECT 1 FROM meta WHERE name = 'webhook' AND value > datetime('now', '-7 days'))
BEGIN
    INSERT INTO deliveries (id, kind, subject, facts, created_at, due_at) VALUES (
        lower(hex(randomblob(16))), 'experiment.ended', NEW.id,
        json_object('status', NEW.status, 'reason', NEW.reason, 'trials', NEW.total,
            'suite', NEW.suite, 'exit_code', NEW.exit_code,
            'began_at', coalesce(NEW.started_at, NEW.created_at), 'ended_at', NEW.ended_at),
        datetime('now'), (julianday('now') - 2440587.5) * 86400 + 3);
END;
-- The exit code is found a moment after the end; a process that dies between the two is told of without.
CREATE TRIGGER experiment_judged AFTER UPDATE OF exit_code ON experiments WHEN NEW.exit_code IS NOT NULL
BEGIN
    UPDATE deliveries SET facts = json_set(facts, '$.exit_code', NEW.exit_code), due_at = 0
    WHERE subject = NEW.id AND owner IS NULL AND attempts = 0;
END;
CREATE TRIGGER conversation_forgotten AFTER DELETE ON conversations
BEGIN
    DELETE FROM deliveries WHERE subject = OLD.id;
END;
CREATE TRIGGER experiment_forgotten AFTER DELETE ON experiments
BEGIN
    DELETE FROM deliveries WHERE subject = OLD.id;
END;
