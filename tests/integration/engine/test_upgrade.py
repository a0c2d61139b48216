"""What the first release stored goes on under this one."""

import contextlib
import sqlite3
from pathlib import Path

import aiohttp
import pytest

from core.ends import Status
from tests.integration.engine.house import House, read_lines, wait_for_rest
from tests.servers.robot import ROOT, RobotServer

pytestmark = pytest.mark.sqlite

FIRST_RELEASE = Path(__file__).parents[2] / "unit/graph/storage/sqlite/files/version_0.sql"


async def test_a_run_that_the_first_release_was_killed_in_goes_on_to_its_end(
    house: House, robot: RobotServer
) -> None:
    with contextlib.closing(sqlite3.connect(house.database)) as connection:
        connection.executescript(FIRST_RELEASE.read_text(encoding="utf-8"))
    async with house.open() as runs:
        rows, _ = await runs.storage.catalogue.list_page(10)
        before = {row.id: await read_lines(runs, row.id) for row in rows}
        cut = next(row.id for row in rows if row.status is Status.RUNNING)
        await open_session(robot, cut)
        await runs.recover()
        await wait_for_rest(runs, cut)
        row = await runs.get(cut)
        assert (row.status, row.turn) == (Status.COMPLETED, 9)
        after = await read_lines(runs, cut)
        assert len(after) == 18
        assert after[: len(before[cut])] == before[cut]
        assert [len(said) for said in before.values()] == [len(before[row.id]) for row in rows]
        assert before[rows[-1].id][0] == ("user", "sẵn sàng")


async def open_session(robot: RobotServer, id: str) -> None:
    """The robot knows the conversation, as the one knew it that the first release talked to."""
    body = {"bot_id": 16, "conversation_id": id, "input_slots": {}}
    async with aiohttp.ClientSession() as http:
        url = f"{robot.url}{ROOT}/initConversation"
        (await http.post(url, json=body)).raise_for_status()
