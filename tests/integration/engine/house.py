"""A process's runs inside the test: real files, real HTTP to the test servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.ends import Status
from core.scenario import Scenario
from core.settings import Settings
from graph.process import open_process
from graph.runs.service import RunService
from graph.stream.follower import Follower
from graph.stream.live import Frame
from tests.servers.database import databases
from tests.servers.robot import RobotServer, reply_to
from tests.servers.wait import wait_until

ROBOT = """bots:
  16: {{kind: webhook, name: robot, preset: robot-lesson, base_url: "{url}"}}
"""


class House:
    """Opens the same database again and again, as a server does that restarts."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.database = folder / "duologue.db"
        self.database_url = databases.url(self.database)
        self.bots = folder / "bots.yaml"
        self.bots.write_text(ROBOT.format(url=url), encoding="utf-8")

    def add_bots(self, text: str) -> None:
        """Further bots, as they stand under `bots:`."""
        with self.bots.open("a", encoding="utf-8") as file:
            file.write(text)

    def settings(self, **changes: Any) -> Settings:
        # A call that must time out says so itself: a slow machine must not make others do it.
        given = {"grace_s": 1.0, **changes}
        return Settings(
            database_url=self.database_url,
            bots=self.bots,
            personas=self.folder / "personas",
            **given,
        )

    @asynccontextmanager
    async def open(self, **changes: Any) -> AsyncIterator[RunService]:
        async with open_process(self.settings(**changes)) as runs:
            yield runs


async def create(runs: RunService, **scenario: Any) -> str:
    return await runs.create(Scenario(**{"user": "scripted", **scenario}))


async def run_to_end(runs: RunService, id: str) -> list[Frame]:
    """Starts it and follows it to its end."""
    await runs.start(id)
    return await follow_to_end(runs, id)


async def follow_to_end(runs: RunService, id: str, seconds: float = 30.0) -> list[Frame]:
    """All frames up to the `done` with which the stream ends."""
    async with asyncio.timeout(seconds):
        return [frame async for frame in (await runs.follow(id)).frames()]


async def wait_for_rest(runs: RunService, id: str, seconds: float = 30.0) -> None:
    """Returns once no run drives it."""
    await wait_until(lambda: id not in runs.slots, seconds, what="the end of the run")


async def wait_for_event(follower: Follower, event: str, **data: Any) -> Frame:
    """The next frame of this kind with these facts."""
    async with asyncio.timeout(30):
        while True:
            frame = follower.next()
            if frame is None:
                await follower.view.changes.watch()
            elif frame.event == event and data.items() <= frame.data.items():
                return frame


async def read_lines(runs: RunService, id: str) -> list[tuple[str, str]]:
    return [(line["role"], line["content"]) for line in await runs.messages(id)]


async def read_status(runs: RunService, id: str) -> tuple[Status, str | None, int]:
    row = await runs.get(id)
    return row.status, row.end_reason, row.turn


def assert_exact(robot: RobotServer, id: str, said: list[tuple[str, str]], turns: int) -> None:
    """The transcript is the robot's own account of it: each turn heard once, in order."""
    heard = [text for role, text in said if role == "user"]
    assert robot.heard(id) == heard
    assert len(heard) == turns
    answers = [text for role, text in said if role == "assistant"]
    assert answers == [reply_to(n, text) for n, text in enumerate(heard, 1)]


def select_data(frames: list[Frame], event: str) -> list[dict[str, Any]]:
    return [frame.data for frame in frames if frame.event == event]


def assert_agreement(frames: list[Frame], said: list[tuple[str, str]]) -> None:
    """Previews, messages and the transcript tell the same text."""
    assert [(m["role"], m["text"]) for m in select_data(frames, "message")] == said
    told: dict[int, str] = {}
    for frame in frames:
        if frame.event in ("reset", "discarded"):
            told.pop(frame.data["index"], None)
        elif frame.event == "token":
            index = frame.data["index"]
            told[index] = told.get(index, "") + frame.data["content"]
    assert told == dict(enumerate(text for _, text in said))
