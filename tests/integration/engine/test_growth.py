"""What a turn costs on disk does not grow with the conversation."""

import contextlib
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.ends import Status
from core.settings import Settings
from graph.process import open_runs
from graph.runs.service import RunService
from graph.storage.opening import open_storage
from nodes.speakers.protocol import Bot, OnPiece, Reply, TurnRequest, User, UserLine
from nodes.speakers.registry import Speakers
from tests.integration.engine.house import create, read_status, wait_for_rest

pytestmark = pytest.mark.sqlite


def text(who: str, turn: int) -> str:
    return f"{who} {turn}: {'học tiếng Anh ' * 10}"[:140]


class Instant:
    """A bot and a user that answer at once, 140 characters each."""

    name = "instant"
    remembers = False
    greets = True

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        return {}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        return Reply([text("bot", ask.turn)])

    async def say(self, ask: TurnRequest, piece: OnPiece) -> UserLine:
        return UserLine(text("user", ask.turn), "simulated")

    async def ping(self) -> str:
        return "here"


class InstantCast(Speakers):
    def bot(self, *_: Any) -> Bot:
        return Instant()

    def user(self, *_: Any) -> User:
        return Instant()


@asynccontextmanager
async def opened(database: Path) -> AsyncIterator[RunService]:
    settings = Settings(
        database_url=f"sqlite:///{database}",
        bots=database.with_name("bots.yaml"),
        personas=database.with_name("personas"),
    )
    async with (
        open_storage(settings.database_url) as storage,
        open_runs(settings, storage, InstantCast(settings)) as runs,
    ):
        yield runs


async def bytes_after(database: Path, turns: int) -> int:
    """The size of the file, folded up, behind a conversation of so many turns."""
    async with opened(database) as runs:
        id = await create(runs, max_turns=turns)
        await runs.start(id)
        await wait_for_rest(runs, id, 40)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", turns)
        assert len(await runs.messages(id)) == 2 * turns
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        return int(pages) * int(connection.execute("PRAGMA page_size").fetchone()[0])


async def test_storage_grows_in_proportion_to_turns(tmp_path: Path) -> None:
    a_turn = {
        turns: await bytes_after(tmp_path / f"{turns}.db", turns) / turns for turns in (60, 240)
    }
    assert a_turn[240] <= 1.6 * a_turn[60]


async def test_four_hundred_turns_take_at_most_twelve_kilobytes_each(tmp_path: Path) -> None:
    assert await bytes_after(tmp_path / "long.db", 400) / 400 <= 12_000


async def test_a_long_conversation_is_read_again_whole(tmp_path: Path) -> None:
    database = tmp_path / "again.db"
    async with opened(database) as runs:
        id = await create(runs, max_turns=80)
        await runs.start(id)
        await wait_for_rest(runs, id)
        said = await runs.messages(id)
    async with opened(database) as runs:
        assert await runs.messages(id) == said
        view = await runs.views.get_view(id)
        assert view.turn == 80
    assert [line["content"] for line in said[1::2]] == [text("bot", n) for n in range(1, 81)]
