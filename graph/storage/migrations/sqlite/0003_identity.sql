-- Who the database is, whatever its file is called; and what a creation that was killed left behind.
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO meta VALUES ('identity', lower(hex(randomblob(16))));
DELETE FROM writes WHERE thread_id IN (
    SELECT DISTINCT thread_id FROM checkpoints
    WHERE thread_id NOT IN (SELECT id FROM conversations)
    AND instr(checkpoint, CAST('scenario' AS BLOB)) > 0);
DELETE FROM checkpoints WHERE thread_id NOT IN (SELECT id FROM conversations)
    AND instr(checkpoint, CAST('scenario' AS BLOB)) > 0;
