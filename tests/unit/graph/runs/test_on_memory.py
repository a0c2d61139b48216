"""The core on the storage twin: runs, followers and forks without a file or a socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from core.ends import Status
from core.errors import Overtaken, StorageFull
from core.scenario import Scenario
from core.settings import Settings
from graph.runs.forks import fork
from graph.runs.service import RunService
from graph.storage.memory import MemoryDatabase, MemoryStorage
from graph.stream.live import nobody_watches
from nodes.speakers.protocol import Bot, OnPiece, Reply, TurnRequest, User, UserLine
from nodes.speakers.registry import Speakers
from tests.servers.wait import wait_until

Service = RunService[MemoryStorage]


class Talker:
    """A bot and a user that answer at once; turn `holds` waits until `go` is set."""

    name = "talker"
    remembers = False
    greets = True

    def __init__(self, holds: int = 0) -> None:
        self.holds = holds
        self.go = asyncio.Event()
        self.asked: list[int] = []

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        return {}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        self.asked.append(ask.turn)
        if ask.turn == self.holds:
            await self.go.wait()
        return Reply([f"bot {ask.turn}"])

    async def say(self, ask: TurnRequest, piece: OnPiece) -> UserLine:
        return UserLine(f"user {ask.turn}", "simulated")

    async def ping(self) -> str:
        return "here"


class OneTalker(Speakers):
    talker: Talker

    def bot(self, *_: Any) -> Bot:
        return self.talker

    def user(self, *_: Any) -> User:
        return self.talker


@asynccontextmanager
async def process(database: MemoryDatabase, talker: Talker, folder: Path) -> AsyncIterator[Service]:
    settings = Settings(bots=folder / "bots.yaml", personas=folder / "personas", grace_s=0.1)
    speakers = OneTalker(settings)
    speakers.talker = talker
    async with asyncio.TaskGroup() as tasks:
        runs = RunService(settings, MemoryStorage(database), speakers, tasks, nobody_watches)
        try:
            yield runs
        finally:
            await runs.drain(0.1)


async def created(runs: Service, turns: int = 3) -> str:
    return await runs.create(Scenario(user="scripted", max_turns=turns))


async def reach(runs: Service, id: str, *statuses: Status) -> Any:
    async def there() -> bool:
        return (await runs.get(id)).status in statuses

    await wait_until(there, 5, what=f"{id} is {statuses}")
    return await runs.get(id)


async def told(runs: Service, id: str) -> list[str]:
    return [line["content"] for line in await runs.messages(id)]


def whole(turns: int) -> list[str]:
    users = ["sẵn sàng", *(f"user {n}" for n in range(2, turns + 1))]  # the opening is a scenario's
    return [text for n, user in enumerate(users, 1) for text in (user, f"bot {n}")]


@pytest.fixture
def database() -> MemoryDatabase:
    return MemoryDatabase()


async def test_a_run_is_driven_to_its_end_and_followed(
    database: MemoryDatabase, tmp_path: Path
) -> None:
    async with process(database, Talker(), tmp_path) as runs:
        id = await created(runs)
        await runs.start(id)
        async with asyncio.timeout(20):
            frames = [frame async for frame in (await runs.follow(id)).frames()]
        assert frames[-1].event == "done"
        assert [f.data["text"] for f in frames if f.event == "message"] == whole(3)
        row = await runs.get(id)
        assert (row.status, row.turn, row.owner) == (Status.COMPLETED, 3, None)
        assert await told(runs, id) == whole(3)


async def test_a_follower_that_comes_back_misses_and_repeats_nothing(
    database: MemoryDatabase, tmp_path: Path
) -> None:
    async with process(database, Talker(), tmp_path) as runs:
        id = await created(runs)
        await runs.start(id)
        await reach(runs, id, Status.COMPLETED)
        frames = [frame async for frame in (await runs.follow(id)).frames()]
        for at in range(len(frames) - 1):
            again = await runs.follow(id, frames[at].cursor)
            rest = [frame async for frame in again.frames()]
            texts = [f.data["text"] for f in (*frames[: at + 1], *rest) if f.event == "message"]
            assert texts == whole(3)


async def test_a_full_database_interrupts_and_with_room_it_goes_on(
    database: MemoryDatabase, tmp_path: Path
) -> None:
    talker = Talker(holds=2)
    async with process(database, talker, tmp_path) as runs:
        id = await created(runs)
        await runs.start(id)
        await wait_until(lambda: 2 in talker.asked)
        database.failure = StorageFull("the disk is full")
        talker.go.set()
        async with asyncio.timeout(20):
            frames = [frame async for frame in (await runs.follow(id)).frames()]
        assert [f.data["code"] for f in frames if f.event == "error"] == ["storage_full"]
        with pytest.raises(StorageFull):
            await created(runs)
        database.failure = None
        await runs.resume(id)
        await reach(runs, id, Status.COMPLETED)
        assert await told(runs, id) == whole(3)


async def test_what_a_dead_process_left_goes_on_and_the_dead_one_writes_nothing_more(
    database: MemoryDatabase, tmp_path: Path
) -> None:
    dead, living = Talker(holds=2), Talker()
    async with process(database, dead, tmp_path) as first:
        id = await created(first)
        await first.start(id)
        await wait_until(lambda: 2 in dead.asked)
        first.storage.owner.end()
        async with process(database, living, tmp_path) as second:
            await second.recover()
            await reach(second, id, Status.COMPLETED)
            assert living.asked == [2, 3]
            dead.go.set()
            with pytest.raises(Overtaken):
                await first.storage.catalogue.update(id, turn=99)
            await wait_until(lambda: not first.open_runs, 5, what="the end of the lost run")
            assert await told(second, id) == whole(3)
            assert (await second.get(id)).turn == 3


async def test_a_fork_begins_where_it_was_asked_for_and_leaves_its_parent_alone(
    database: MemoryDatabase, tmp_path: Path
) -> None:
    async with process(database, Talker(), tmp_path) as runs:
        id = await created(runs)
        await runs.start(id)
        parent = await reach(runs, id, Status.COMPLETED)
        made = await fork(runs, parent, {"index": 1, "max_turns": 2})  # type: ignore[arg-type]
        branch = made["conversation_id"]
        assert await told(runs, branch) == whole(1)
        await runs.start(branch)
        await reach(runs, branch, Status.COMPLETED)
        assert await told(runs, branch) == whole(2)
        assert await told(runs, id) == whole(3)
        assert await runs.storage.catalogue.list_children(id) == [branch]
