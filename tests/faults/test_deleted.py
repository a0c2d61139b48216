"""What was deleted is in no file of the database, its log included, while the server runs on."""

from pathlib import Path

import pytest

from tests.integration.api.service import Service, Zygote, lines
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

SECRET = "Bí mật 7731 của con"


def files_with(folder: Path, text: str) -> list[str]:
    wanted = text.encode()
    found = [file for file in folder.rglob("*.db*") if file.is_file()]
    return [file.name for file in found if wanted in file.read_bytes()]


@pytest.mark.timeout(90)
async def test_a_deleted_text_is_gone_from_every_file_also_under_load(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    robot.set(delay=0.02)
    async with Service(zygote, tmp_path / "s", robot.url) as service:
        id = await service.begin(3, lines=[SECRET, *lines(2)])
        await service.until(id, "completed")
        busy = await service.begin(400, lines=lines(400))
        assert files_with(service.folder, SECRET)
        assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
        await wait_until(
            lambda: not files_with(service.folder, SECRET), 30, what="the text to be gone"
        )
        assert (await service.show(busy))["status"] == "running"


@pytest.mark.timeout(90)
async def test_the_demo_bot_forgets_too(zygote: Zygote, tmp_path: Path) -> None:
    async with Service(zygote, tmp_path / "s") as service:
        id = await service.begin(3, lines=[SECRET, *lines(2)], bot_id=16)
        await service.until(id, "completed")
        assert files_with(service.folder, id)
        assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
        for what in (SECRET, id):
            await wait_until(
                lambda what=what: not files_with(service.folder, what), 30, what=f"no {what}"
            )


@pytest.mark.timeout(90)
async def test_a_text_deleted_just_before_a_kill_is_gone_after_the_next_start(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    async with Service(zygote, tmp_path / "s", robot.url) as service:
        id = await service.begin(3, lines=[SECRET, *lines(2)])
        await service.until(id, "completed")
        assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
        await service.restart()
        await wait_until(
            lambda: not files_with(service.folder, SECRET), 30, what="the text to be gone"
        )
