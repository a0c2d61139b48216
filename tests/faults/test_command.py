"""The command as it is installed: `duologue serve`, killed, started again, told to stop."""

import contextlib
import sqlite3
import sys
from pathlib import Path

from tests.integration.api.service import Service, Zygote
from tests.servers.process import Process
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

COMMAND = str(Path(sys.executable).with_name("duologue"))


class Installed(Service):
    """A service started by its command instead of a fork."""

    async def start(self) -> None:
        self.process = Process(
            [COMMAND, "serve"],
            env=self.environment(),
            cwd=self.folder,
            ready=f"{self.url}/health",
            startup=40,
        )
        await self.process.__aenter__()


async def test_the_command_serves_resumes_after_a_kill_and_ends_with_0(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=2, times=1)
    robot.set(honour_keys=True)
    async with Installed(zygote, tmp_path / "s", robot.url) as service:
        await wait_until(lambda: f"Duologue is up at {service.url}" in service.process.stdout)
        id = await service.begin(3)
        await wait_until(lambda: held.fired)
        await service.restart()
        done = await service.until(id, "completed")
        assert len(done["history"]) == 6
        assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 2, 3)]
        service.process.terminate()
        assert await service.process.wait() == 0
        assert "Traceback" not in service.process.stderr


async def test_a_port_that_is_taken_is_a_clear_error(service: Service, tmp_path: Path) -> None:
    env = {"DUOLOGUE_PORT": str(service.port), "DUOLOGUE_DATABASE_URL": f"sqlite:///{tmp_path}/x"}
    process = Process([COMMAND, "serve"], env=env, cwd=tmp_path)
    await process.start()
    assert await process.wait(40) == 2
    assert str(service.port) in process.stderr
    assert "Traceback" not in process.stderr
    await process.close()


async def test_two_processes_on_one_database_run_a_conversation_once(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    held = robot.fail("hold", turn=2, times=1)
    robot.set(honour_keys=True)
    async with (
        Service(zygote, tmp_path / "s", robot.url) as one,
        Service(zygote, tmp_path / "s", robot.url) as two,
    ):
        id = await one.begin(3)
        await wait_until(lambda: held.fired)
        assert (await two.show(id))["status"] == "running"
        for path in ("runs", "resume"):
            refused = await two.ask("POST", f"/api/conversations/{id}/{path}", {})
            assert refused.status == 409, path
        at = f"/api/conversations/{id}"
        for method, path, body in (
            ("POST", f"{at}/stop", {}),
            ("PATCH", at, {"max_turns": 2}),
            ("DELETE", at, None),
        ):
            refused = await two.ask(method, path, body)
            assert refused.status == 409, (method, path, refused.text)
        await one.kill()
        assert (await two.show(id))["status"] == "interrupted"
        await two.frames(f"/api/conversations/{id}/resume", {})
        assert (await two.show(id))["status"] == "completed"
        assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in (1, 2, 2, 3)]


async def test_a_database_that_cannot_be_used_is_one_plain_line(tmp_path: Path) -> None:
    broken, newer = tmp_path / "broken.db", tmp_path / "newer.db"
    broken.write_bytes(b"this is no database, but long enough to look at it" * 20)
    with contextlib.closing(sqlite3.connect(newer)) as connection:
        connection.execute("PRAGMA user_version = 999")
    for path, word in ((broken, "not a database"), (newer, "999")):
        for command in ("serve", "list"):
            env = {"DUOLOGUE_PORT": "0", "DUOLOGUE_DATABASE_URL": f"sqlite:///{path}"}
            process = Process([COMMAND, command], env=env, cwd=tmp_path)
            await process.start()
            assert await process.wait(40) == 3
            (line,) = process.stderr.strip().splitlines()
            assert word in line
            assert path.name in line
            await process.close()
