"""Old conversations go from every file; a server whose clock is wrong deletes none."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults.test_clock import AtTime
from tests.faults.test_deleted import SECRET, files_with
from tests.integration.api.service import Zygote, write_lines
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def start_at(service: AtTime, shift: str, **env: str) -> None:
    """Ends the service and starts it with the clock off by `shift`."""
    service.process.terminate()
    assert await service.process.wait() == 0
    await service.process.close()
    service.shift, service.env = shift, {**service.env, **env}
    await service.start()


async def retention(service: AtTime) -> str:
    return str((await service.ask("GET", "/health")).json["retention"])


@pytest.mark.timeout(120)
async def test_a_year_later_it_waits_until_the_clock_was_checked_and_then_deletes(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    async with AtTime(zygote, tmp_path / "s", robot.url, {"keep_days": "30"}) as service:
        id = await service.begin(2, lines=[SECRET, *write_lines(1)])
        await service.until(id, "completed")
        assert await retention(service) == "on"
        await start_at(service, "+1y")
        await wait_until(
            lambda: "retention paused" in service.process.stderr, 20, what="the log to say so"
        )
        assert "ahead of" in await retention(service)
        assert (await service.show(id))["status"] == "completed"
        next_year = datetime.now(UTC).date() + timedelta(days=365)
        await start_at(service, "+1y", clock_checked=str(next_year))
        await wait_until(
            lambda: not files_with(service.folder, SECRET), 30, what="the text to be gone"
        )
        assert (await service.ask("GET", f"/api/conversations/{id}")).status == 404
        assert '"key":"retention"' in service.process.stderr
        assert await retention(service) == "on"
