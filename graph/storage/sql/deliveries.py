"""Ends that a webhook is still to hear of; triggers of the database mark them (migration 0005)."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from graph.storage.sql.statements import FOR_UPDATE_UNLOCKED, STORE_META, Connection, Database

LEASE_S = 60.0
FAR_S = 7200.0
"""Due later than that: a clock was set back, and it is due now."""
KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One end; `facts` are those of the conversation or experiment `subject` at that moment."""

    id: str
    kind: str
    subject: str
    facts: dict[str, Any]
    attempts: int


class Deliveries:
    """The marks, each removed once its end was delivered."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def expect(self) -> None:
        """Ends are marked from now on; marks of more than a week ago are removed."""
        today = datetime.now(UTC)
        await self._database.execute_many(STORE_META, [("webhook", _as_text(today))])
        await self._database.execute_many(
            "DELETE FROM deliveries WHERE created_at < ?", [(_as_text(today - KEPT),)]
        )

    async def take(
        self, owner: str, is_alive: Callable[[str], bool], now: float, limit: int
    ) -> list[Delivery]:
        """What is due, oldest first; it is this owner's until it dies or a minute has passed."""

        def work(connection: Connection) -> list[Delivery]:
            rows = connection.execute(
                "SELECT id, kind, subject, facts, attempts, owner, due_at FROM deliveries "
                f"ORDER BY rowid{FOR_UPDATE_UNLOCKED}"
            ).fetchall()
            due = [row for row in rows if _is_due(row[-2], row[-1], owner, is_alive, now)][:limit]
            connection.executemany(
                "UPDATE deliveries SET owner = ?, due_at = ? WHERE id = ?",
                [(owner, now + LEASE_S, row[0]) for row in due],
            )
            return [_delivery(row) for row in due]

        if not await self._database.read("SELECT 1 FROM deliveries LIMIT 1"):
            return []
        return await self._database.write(work)

    async def remove(self, id: str) -> None:
        """It was delivered, or is given up."""
        await self._database.execute_many("DELETE FROM deliveries WHERE id = ?", [(id,)])

    async def postpone(self, id: str, due_at: float) -> None:
        """An attempt failed; the next one is due then, whoever makes it."""
        await self._database.execute_many(
            "UPDATE deliveries SET attempts = attempts + 1, due_at = ?, owner = NULL WHERE id = ?",
            [(due_at, id)],
        )


def _as_text(moment: datetime) -> str:
    """As the triggers of the database write it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _is_due(
    holder: str | None, due_at: float, owner: str, is_alive: Callable[[str], bool], now: float
) -> bool:
    if due_at <= now or due_at > now + FAR_S:
        return True
    return holder is not None and holder != owner and not is_alive(holder)


def _delivery(row: tuple[Any, ...]) -> Delivery:
    id, kind, subject, facts, attempts, *_ = row
    return Delivery(id, kind, subject, json.loads(facts), attempts)
