"""A bot that wants to know is told when a conversation has ended."""

import pytest
from aiohttp import web

from tests.integration.engine.house import House, create, follow_to_end, read_status, run_to_end
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def counter(answer_status: int) -> tuple[web.AppRunner, str, list[dict[str, object]]]:
    told: list[dict[str, object]] = []

    async def hear(request: web.Request) -> web.Response:
        told.append({"key": request.headers["Idempotency-Key"], **await request.json()})
        return web.json_response({"ok": True}, status=answer_status)

    app = web.Application()
    app.router.add_post("/bye", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    return runner, f"http://127.0.0.1:{port}/bye", told


async def ending(house: House, robot: RobotServer, answer_status: int) -> None:
    runner, url, told = await counter(answer_status)
    house.add_bots(
        f"""  7:
    kind: webhook
    preset: robot-lesson
    base_url: "{robot.url}"
    end: {{url: "{url}", body: {{id: "{{{{conversation_id}}}}", turns: "{{{{turn}}}}"}}}}
"""
    )
    try:
        async with house.open() as runs:
            id = await create(runs, bot_id=7, max_turns=2)
            await run_to_end(runs, id)
            await wait_until(lambda: bool(told))
            assert (await read_status(runs, id))[1] == "max_turns"
        assert told == [{"key": f"{id}:end", "id": id, "turns": 2}]
    finally:
        await runner.cleanup()


async def test_a_bot_with_an_end_call_is_told_once_that_the_conversation_has_ended(
    house: House, robot: RobotServer
) -> None:
    await ending(house, robot, 200)


async def test_an_end_call_that_fails_changes_nothing_of_the_conversation(
    house: House, robot: RobotServer
) -> None:
    await ending(house, robot, 500)


@pytest.mark.sqlite
async def test_a_deleted_conversation_is_forgotten_by_the_demo_bot_too(house: House) -> None:
    house.bots.unlink()
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        kept = await create(runs, max_turns=1)
        await run_to_end(runs, id)
        await run_to_end(runs, kept)
        await runs.delete(id)
    left = b"".join(file.read_bytes() for file in house.folder.glob("duologue.db*"))
    assert kept.encode() in left
    assert id.encode() not in left


async def test_an_end_call_that_cannot_even_be_made_ends_no_other_run(
    house: House, robot: RobotServer
) -> None:
    house.add_bots(
        f"""  7:
    kind: webhook
    preset: robot-lesson
    base_url: "{robot.url}"
    end: {{url: "http://a..b/bye"}}
"""
    )
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        slow, quick = await create(runs, max_turns=2), await create(runs, bot_id=7, max_turns=1)
        await runs.start(slow)
        await wait_until(lambda: robot.of(slow))
        await run_to_end(runs, quick)
        await wait_until(lambda: not runs.launcher._closings)
        robot.release()
        assert (await follow_to_end(runs, slow))[-1].data["end_reason"] == "max_turns"
