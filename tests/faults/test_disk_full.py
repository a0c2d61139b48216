"""The disk is full: one clear error, the service alive and readable, nothing lost, then on."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.api.reading import Heard
from tests.integration.api.service import Service, Zygote, events_of, line_of, write_lines
from tests.servers.robot import RobotServer, reply_to


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB: a tmpfs, in a container too where it is allowed to mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [*command, "mount", "-t", "tmpfs", "-o", "size=4m,mode=777", "none", str(place)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    assert mounted.returncode == 0, f"no small disk can be made here: {mounted.stderr}"
    yield place
    subprocess.run([*command, "umount", "-l", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Leaves no room on the disk."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return ballast


@pytest.mark.timeout(90)
async def test_a_full_disk_interrupts_and_room_lets_it_go_on(
    zygote: Zygote, small_disk: Path, robot: RobotServer
) -> None:
    robot.set(honour_keys=True, delay=0.05)
    async with Service(zygote, small_disk / "data", robot.url) as service:
        finished = await service.begin(2)
        before = (await service.until(finished, "completed"))["history"]
        ids = [await service.begin(200, lines=write_lines(200)) for _ in range(2)]
        listening = [asyncio.ensure_future(service.follow(id)) for id in ids]
        await service.turns_done(ids[0], 3)
        ballast = fill(small_disk)
        told = [Heard.of(frames) for frames in await asyncio.gather(*listening)]
        for id, heard in zip(ids, told, strict=True):
            assert [error["code"] for error in heard.errors] == ["storage_full"], id
            assert heard.errors[0]["where"] == "server"
            assert heard.done[-1]["status"] == "interrupted"
        await must_be_readable(service, finished, before)
        for id, heard in zip(ids, told, strict=True):
            shown = await service.show(id)
            assert shown["status"] == "interrupted"
            # Nothing was told as a message that is not there.
            stored = [line["content"] for line in shown["history"]]
            assert stored[: len(heard.told)] == heard.told
        refused = await service.ask("POST", "/api/conversations", {"bot_id": 16})
        if refused.status != 201:
            assert (refused.status, refused.json["type"]) == (507, "urn:duologue:storage-full")
        health = await service.ask("GET", "/health")
        # Small writes may still find room; where they do not, the service is up and says why.
        assert health.status == 200
        assert health.json["status"] == "ok" or "full" in health.json["database"]
        ballast.unlink()
        assert (await service.ask("GET", "/health")).json["status"] == "ok"
        for id, heard in zip(ids, told, strict=True):
            await must_go_on(service, robot, id, heard)
        assert service.process.returncode is None


async def must_be_readable(service: Service, id: str, history: list[dict[str, object]]) -> None:
    for path in ("/health", "/info", "/metrics", "/api/conversations", "/api/bots"):
        answer = await service.ask("GET", path)
        assert answer.status in ((200, 503) if path == "/health" else (200,)), path
    assert (await service.show(id))["history"] == history
    Heard.of(await service.follow(id)).must_be(history)


async def must_go_on(service: Service, robot: RobotServer, id: str, heard: Heard) -> None:
    """Up to some turns more, exactly where it stopped."""
    turn = (await service.show(id))["turn"]
    asked = {"max_turns": turn + 3}
    assert (await service.ask("PATCH", f"/api/conversations/{id}", asked)).status == 200
    answer = await service.ask(
        "POST", f"/api/conversations/{id}/resume", {}, headers={"Prefer": "respond-async"}
    )
    assert answer.status == 202, answer.text
    done = await service.until(id, "completed")
    said = [s for n in range(1, turn + 4) for s in (line_of(n), reply_to(n, line_of(n)))]
    assert [line["content"] for line in done["history"]] == said
    for frame in await service.frames(events_of(id), headers={"Last-Event-ID": heard.last}):
        heard.take(frame)
    heard.must_be(done["history"])
    assert {call.key for call in robot.of(id)} == {f"{id}:{n}" for n in range(1, turn + 4)}


@pytest.mark.timeout(60)
async def test_killed_on_a_full_disk_it_starts_again_with_room(
    zygote: Zygote, small_disk: Path, robot: RobotServer
) -> None:
    robot.set(honour_keys=True, delay=0.05)
    async with Service(zygote, small_disk / "data", robot.url) as service:
        id = await service.begin(30)
        await service.turns_done(id, 3)
        ballast = fill(small_disk)
        shown = await service.until(id, "interrupted")
        await service.kill()
        ballast.unlink()
        await service.process.close()
        await service.start()
        after = await service.show(id)
        assert after["history"][: len(shown["history"])] == shown["history"]
        await service.ask(
            "POST", f"/api/conversations/{id}/resume", {}, headers={"Prefer": "respond-async"}
        )
        done = await service.until(id, "completed", within=30)
        assert [line["content"] for line in done["history"][::2]] == write_lines(30)


@pytest.mark.timeout(90)
async def test_killed_on_a_full_disk_it_starts_there_too_and_what_is_stored_can_be_read(
    zygote: Zygote, small_disk: Path, robot: RobotServer
) -> None:
    robot.set(honour_keys=True, delay=0.05)
    async with Service(zygote, small_disk / "data", robot.url) as service:
        finished = await service.begin(2)
        before = (await service.until(finished, "completed"))["history"]
        id = await service.begin(200, lines=write_lines(200))
        await service.turns_done(id, 3)
        ballast = fill(small_disk)
        shown = await service.until(id, "interrupted")
        await service.kill()
        await service.process.close()
        fill(small_disk)
        await service.start()
        await must_be_readable(service, finished, before)
        assert (await service.show(id))["history"][: len(shown["history"])] == shown["history"]
        health = (await service.ask("GET", "/health")).json
        assert health["status"] == "degraded"
        assert "full" in health["database"]
        refused = await service.ask("POST", "/api/conversations", {"bot_id": 16})
        assert refused.status == 507
        assert (await service.ask("GET", "/health")).json["status"] == "degraded"
        ballast.unlink()
        await go_on(service, id)
        assert (await service.ask("GET", "/health")).json["status"] == "ok"


async def go_on(service: Service, id: str) -> None:
    shown = await service.show(id)
    asked = {"max_turns": shown["turn"] + 2}
    assert (await service.ask("PATCH", f"/api/conversations/{id}", asked)).status == 200
    answer = await service.ask(
        "POST", f"/api/conversations/{id}/resume", {}, headers={"Prefer": "respond-async"}
    )
    assert answer.status in (202, 409), answer.text
    await service.until(id, "completed", within=30)
