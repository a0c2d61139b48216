"""What was deleted is in no file of the database, its log included, while the server runs on."""

from pathlib import Path

import pytest

from tests.integration.api.service import Service, Zygote, write_lines
from tests.servers.hook import HookServer
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
        id = await service.begin(3, lines=[SECRET, *write_lines(2)])
        await service.until(id, "completed")
        busy = await service.begin(400, lines=write_lines(400))
        assert files_with(service.folder, SECRET)
        assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
        await wait_until(
            lambda: not files_with(service.folder, SECRET), 30, what="the text to be gone"
        )
        assert (await service.show(busy))["status"] == "running"


@pytest.mark.timeout(90)
async def test_the_demo_bot_forgets_too(zygote: Zygote, tmp_path: Path) -> None:
    async with Service(zygote, tmp_path / "s") as service:
        id = await service.begin(3, lines=[SECRET, *write_lines(2)], bot_id=16)
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
        id = await service.begin(3, lines=[SECRET, *write_lines(2)])
        await service.until(id, "completed")
        assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
        await service.restart()
        await wait_until(
            lambda: not files_with(service.folder, SECRET), 30, what="the text to be gone"
        )


def word_of(state: str) -> str:
    return f"Bí mật {state} của con"


@pytest.mark.timeout(120)
async def test_neither_id_nor_text_is_left_of_what_was_deleted_in_any_state(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    robot.set(delay=0.02)
    async with (
        HookServer("hold") as hook,
        Service(zygote, tmp_path / "s", robot.url, {"webhook_url": hook.url}) as service,
    ):
        ids = {state: await put_in_state(service, state) for state in STATES}
        fork = await service.post(
            f"/api/conversations/{ids['parent']}/forks",
            {"index": -1},
            headers={"Idempotency-Key": "fork"},
        )
        await service.restart()
        ids["after the kill"] = await put_in_state(service, "running")
        ids["killed"] = ids.pop("running")
        for id in ids.values():
            assert files_with(service.folder, id)
            assert (await service.ask("DELETE", f"/api/conversations/{id}")).status == 204
        # A fork is a conversation of its own, and keeps the lines that it began with.
        words = [word_of(state) for state in STATES if state != "parent"]
        for what in [*ids.values(), *words]:
            await wait_until(
                lambda what=what: not files_with(service.folder, what), 60, what=f"no {what}"
            )
        shown = await service.show(fork["conversation_id"])
        assert (shown["parent_id"], shown["status"]) == (None, "created")


STATES = ("created", "running", "stopped", "webhook", "parent", "waiting")


async def put_in_state(service: Service, state: str) -> str:
    """A conversation that stands so, and whose first line no other has."""
    said = [word_of(state), *write_lines(400)]
    if state == "created":
        body = {"bot_id": 16, "max_turns": 3, "lines": said[:3]}
        made = await service.post(
            "/api/conversations", body, headers={"Idempotency-Key": f"{state}-key"}
        )
        return str(made["conversation_id"])
    turns = 400 if state in ("running", "stopped", "waiting") else 1
    id = await service.begin(turns, lines=said[:turns])
    await service.turns_done(id, 1)
    if state == "stopped":
        await service.post(f"/api/conversations/{id}/stop")
    elif state == "waiting":
        await service.ask("PATCH", f"/api/conversations/{id}", {"seat": "human"})
        await service.until(id, "waiting")
    elif state != "running":
        await service.until(id, "completed")
    return id
