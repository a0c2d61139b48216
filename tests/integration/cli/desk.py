"""Where a person sits and types: a folder, and the command as a process in it."""

import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from cli.stored import open_stored
from core.settings import Settings
from graph.presentation import describe_conversation
from graph.runs.service import RunService
from tests.servers.process import Process
from tests.servers.remote import Remote
from tests.servers.robot import RobotCall, reply_to
from tests.servers.wait import wait_until

ROBOT = '  7: {{kind: webhook, preset: robot-lesson, name: Robot Seven, base_url: "{url}"}}\n'
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STARTUP = 40.0


class Desk:
    """`settings` are environment variables of every command typed here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}

    def knows(self, url: str) -> None:
        """Bot 7 is the robot-lesson server at that URL."""
        text = "bots:\n" + ROBOT.format(url=url)
        (self.folder / "bots.yaml").write_text(text, encoding="utf-8")

    def types(self, *argv: str) -> Process:
        """The command, started on entering."""
        command = ["python", "-m", "cli", *argv]
        return Process(command, cwd=self.folder, env=self.settings, startup=STARTUP)

    async def typed(self, *argv: str, code: int = 0) -> Process:
        """The command, ended with that exit code."""
        async with self.types(*argv) as process:
            ended = await process.wait(STARTUP)
            assert ended == code, process.told(f"exit code {ended}")
        return process

    async def shown(self, id: str) -> dict[str, Any]:
        """The conversation as it is stored; looked up in this process, since that is quick."""
        async with self._stored() as runs:
            row = await runs.storage.catalogue.get(id)
            return describe_conversation(runs.with_live_status(row), await runs.messages(id), [])

    async def stands(self) -> dict[str, str]:
        """The status of every conversation, by id."""
        async with self._stored() as runs:
            rows, _more = await runs.storage.catalogue.list_page(100)
            return {row.id: runs.with_live_status(row).status.value for row in rows}

    def _stored(self) -> AbstractAsyncContextManager[RunService]:
        url = f"sqlite:///{self.folder / 'duologue.db'}"
        return open_stored(Settings(database_url=url, resume_on_start=False))


async def begun(process: Process) -> str:
    """The id of the conversation that the process told first."""
    found = await wait_until(lambda: ID.search(process.stdout), STARTUP, what=process.told("id"))
    return str(found[0])


async def asked(
    robot: Remote[RobotCall], op: str, turn: int | None = None, *, behind: int = 0
) -> None:
    """Returns once the robot was asked for that, not counting its first `behind` calls."""

    async def heard() -> bool:
        calls = (await robot.calls())[behind:]
        return any(call.op == op and turn in (None, call.turn) for call in calls)

    await wait_until(heard, STARTUP)


def spoken(text: str) -> list[str]:
    """The lines of the transcript in an output."""
    return [line for line in text.splitlines() if line.startswith(("User: ", "Bot: "))]


def is_whole(history: list[dict[str, Any]], turns: int) -> bool:
    """No hole and no repeat: each turn once, answered by the robot for what was said in it."""
    expected = [(turn, role) for turn in range(1, turns + 1) for role in ("user", "assistant")]
    said = [line["content"] for line in history]
    replies = [reply_to(turn, said[2 * turn - 2]) for turn in range(1, turns + 1)]
    told = [(line["turn"], line["role"]) for line in history]
    return told == expected and said[1::2] == replies
