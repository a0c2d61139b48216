"""What a soak did and what it found: the ledger, and the audit of files and tables at the end."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

FAULTS = (
    "ids answered with 2xx that are gone",
    "acknowledged messages lost or changed",
    "transcripts that differ from an undisturbed run",
    "conversations that did not end",
    "conversations made twice for one Idempotency-Key, or by nobody",
    "turns sent under two texts",
    "turns sent twice within one life of the server",
    "server errors (5xx) but for a full disk or a stop",
    "rows that belong to no conversation",
    "deleted conversations still in a table or file",
    "damaged pages or rows",
    "files left in the folder",
    "file descriptors left open",
    "memory that grew without bound",
    "starts that failed",
    "servers that ended by themselves",
)
(
    GONE,
    LOST,
    DIFFERS,
    STUCK,
    TWICE,
    TWO_TEXTS,
    AGAIN,
    BROKE,
    ORPHANS,
    DELETED,
    DAMAGED,
    FILES,
    OPEN_FILES,
    MEMORY,
    NO_START,
    DIED,
) = FAULTS
_OWNED_BY_CONVERSATION = {
    "checkpoints": "thread_id",
    "writes": "thread_id",
    "idempotency": "conversation_id",
    "labels": "conversation_id",
}
EXAMPLES = 5
"""So many of each fault are shown."""
_SUFFIXES = ("", "-wal", "-shm")


@dataclass
class Ledger:
    """What was done and what was found. Every count of `faults` must be zero."""

    done: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def blame(self, fault: str, example: str) -> None:
        self.faults[fault] += 1
        if self.faults[fault] <= EXAMPLES:
            self.examples.append(f"{fault}: {example}")

    def table(self) -> str:
        rows = [f"| {name} | {count:,} |" for name, count in self.done.items()]
        rows += [f"| **{name}** | **{self.faults[name]:,}** |" for name in FAULTS]
        rows += [f"| left out | {why} |" for why in self.left_out]
        return "\n".join(["| what | count |", "|---|--:|", *rows, "", *self.examples])


def audit_calls(ledger: Ledger, lives: Iterable[Iterable[tuple[str, str | None]]]) -> None:
    """`lives`: the keys and texts of the turns that the bot received, by life of the server.

    A turn has one text for ever, and is sent at most once in each life.
    """
    texts: dict[str, set[str | None]] = {}
    sent = 0
    for life in lives:
        calls = [*life]
        sent += len(calls)
        for key, count in Counter(key for key, _ in calls).items():
            if count > 1:
                ledger.blame(AGAIN, f"{key}: {count} times")
        for key, text in calls:
            texts.setdefault(key, set()).add(text)
    for key, said in texts.items():
        if len(said) > 1:
            ledger.blame(TWO_TEXTS, key)
    ledger.done["turns sent again after an interruption"] = sent - len(texts)


def audit_tables(ledger: Ledger, database: Path, answered: Iterable[str], unanswered: int) -> None:
    """`unanswered`: creations whose answer was lost, so that there may be a row nobody knows."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for problem in _find_damage(connection):
            ledger.blame(DAMAGED, problem)
        for table, column in _OWNED_BY_CONVERSATION.items():
            (count,) = connection.execute(
                f"SELECT count(DISTINCT {column}) FROM {table} "
                f"WHERE {column} NOT IN (SELECT id FROM conversations)"
            ).fetchone()
            if count:
                ledger.blame(ORPHANS, f"{table} of {count} conversations")
        stored = {id for (id,) in connection.execute("SELECT id FROM conversations")}
    unknown = stored.difference(answered)
    ledger.done["stored though the answer was lost"] = len(unknown)
    if len(unknown) > unanswered:
        ledger.blame(TWICE, f"{len(unknown)} unknown ids for {unanswered} lost answers")


def _find_damage(connection: sqlite3.Connection) -> Iterator[str]:
    for (said,) in connection.execute("PRAGMA integrity_check"):
        if said != "ok":
            yield said


def audit_deleted(ledger: Ledger, database: Path, texts: Iterable[str]) -> None:
    """No file of the database has an id or a text of a conversation that was deleted."""
    files = [database.with_name(database.name + suffix) for suffix in _SUFFIXES]
    contents = {file.name: file.read_bytes() for file in files if file.exists()}
    for text in texts:
        for name in [name for name, content in contents.items() if text.encode() in content]:
            ledger.blame(DELETED, f"{text} in {name}")


def audit_folder(ledger: Ledger, folder: Path, expected: Iterable[str]) -> None:
    known = {name + suffix for name in expected for suffix in _SUFFIXES}
    for name in sorted({file.name for file in folder.iterdir()} - known):
        ledger.blame(FILES, name)


def compare_use(ledger: Ledger, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    """`files` open and `rss` in bytes, of one process, when it was warm and at the end."""
    if after["files"] > before["files"] + 25:
        ledger.blame(OPEN_FILES, f"{before['files']} before, {after['files']} after")
    grown = (after["rss"] - before["rss"]) // 2**20
    ledger.done["memory that the last server grew by, MB"] = max(0, grown)
    if grown > MAX_GROWTH_MB:
        ledger.blame(MEMORY, f"{grown} MB")


MAX_GROWTH_MB = 100
