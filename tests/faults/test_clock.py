"""The clock is set back or forward: nothing that was acknowledged is lost, no line is swallowed."""

import signal
import sys
from pathlib import Path

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from core.settings import Settings
from graph.process import open_process
from tests.integration.api.service import Service, Zygote
from tests.integration.cli.desk import Desk, asked, begun, is_whole
from tests.servers.clock import set_clock
from tests.servers.process import Process
from tests.servers.remote import robot_process
from tests.servers.robot import RobotServer

SHIFTS = [("+2s", "+0s"), ("+0s", "-1h"), ("+0s", "+1y")]
TURNS = 8


class AtTime(Service):
    """A service whose clock is off by `shift` from its next start on."""

    shift = "+0s"

    async def start(self) -> None:
        command = [str(Path(sys.executable).with_name("duologue")), "serve"]
        env = {**self.environment(), **set_clock(self.shift)}
        self.process = Process(
            command, env=env, cwd=self.folder, ready=f"{self.url}/health", startup=40
        )
        await self.process.__aenter__()


async def latest_by_the_stock_saver(database: Path, id: str) -> str:
    async with AsyncSqliteSaver.from_conn_string(str(database)) as stock:
        stock.serde = JsonPlusSerializer(allowed_msgpack_modules=None)
        found = await stock.aget_tuple({"configurable": {"thread_id": id, "checkpoint_ns": ""}})
    assert found
    return str(found.checkpoint["id"])


async def latest_by_ours(database: Path, id: str) -> str:
    settings = Settings(database_url=f"sqlite:///{database}", resume_on_start=False)
    async with open_process(settings) as runs:
        state = await runs.graph.aget_state({"configurable": {"thread_id": id}})
    return str((state.config or {})["configurable"]["checkpoint_id"])


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("before", "after"), SHIFTS)
async def test_a_run_killed_at_one_time_is_finished_at_another(
    tmp_path: Path, before: str, after: str
) -> None:
    desk = Desk(tmp_path)
    desk.settings = set_clock(before)
    async with robot_process("--honour-keys") as robot:
        desk.knows(robot.url)
        await robot.fail("hold", turn=3, times=1)
        async with desk.types("run", "--bot", "7", "--turns", str(TURNS)) as run:
            id = await begun(run)
            await asked(robot, "turn", 3)
            run.kill9()
            assert await run.wait() == -signal.SIGKILL
        desk.settings = set_clock(after)
        resumed = await desk.typed("resume", id)
        assert f"{TURNS} of {TURNS} turns" in resumed.stdout
        heard = [call.key for call in await robot.calls()]
    desk.settings = {}
    assert is_whole((await desk.shown(id))["history"], TURNS)
    assert heard == [f"{id}:{n}" for n in ("init", 1, 2, 3, 3, 4, 5, 6, 7, 8)]
    database = tmp_path / "duologue.db"
    assert await latest_by_ours(database, id) == await latest_by_the_stock_saver(database, id)


@pytest.mark.timeout(120)
async def test_a_chat_goes_on_after_a_restart_with_the_clock_an_hour_back(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    async with AtTime(zygote, tmp_path / "s", robot.url) as service:
        id = (await service.post("/session", {}))["session_id"]
        said = ["một", "hai", "ba", "bốn"]
        for at, line in enumerate(said):
            if at == 2:
                service.process.terminate()
                assert await service.process.wait() == 0
                await service.process.close()
                service.shift = "-1h"
                await service.start()
            frames = await service.frames("/chat/stream", {"session_id": id, "message": line})
            assert frames[-1].event == "done"
        history = (await service.show(id))["history"]
        assert [line["content"] for line in history if line["role"] == "user"] == said
        assert [line["turn"] for line in history if line["role"] == "assistant"][-1] == len(said)
        assert robot.heard(id) == said
