"""Each fault of a bot ends in one error with its code; a resume then makes it exact."""

import pytest

from core.ends import Status
from tests.integration.engine.house import (
    House,
    assert_agreement,
    assert_exact,
    create,
    follow_to_end,
    read_lines,
    read_status,
    run_to_end,
    select_data,
    wait_for_rest,
)
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

CODES = [
    ("hang", {}, "bot_timeout", True),
    ("reset", {}, "bot_unreachable", True),
    ("cut", {}, "bot_unreachable", True),
    ("status", {"status": 500}, "bot_http_error", True),
    ("status", {"status": 404}, "bot_http_error", False),
    ("redirect", {}, "bot_http_error", False),
    ("html", {}, "bot_bad_content_type", False),
    ("content_type", {}, "bot_bad_content_type", False),
    ("non_json", {}, "bot_bad_json", False),
    ("empty_body", {}, "bot_bad_json", False),
    ("empty_object", {}, "bot_bad_reply", False),
    ("empty_message", {}, "bot_empty", False),
    ("not_ok", {}, "bot_status", False),
    ("huge", {"size": 5_000_000, "counted": False}, "bot_too_large", False),
    ("gzip_bomb", {"size": 12_000_000}, "bot_too_large", False),
    ("bad_utf8", {}, "bot_encoding", False),
]


@pytest.mark.parametrize(("kind", "options", "code", "tried_again"), CODES)
async def test_a_fault_of_the_bot_ends_in_one_error_and_a_resume_is_exact(
    house: House,
    robot: RobotServer,
    kind: str,
    options: dict[str, object],
    code: str,
    tried_again: bool,
) -> None:
    robot.fail(kind, turn=2, **options)
    quick = {"turn_timeout_s": 2.0} if kind == "hang" else {}
    async with house.open(**quick) as runs:
        id = await create(runs, max_turns=3)
        frames = await run_to_end(runs, id)
        (error,) = select_data(frames, "error")
        assert (error["code"], error["where"]) == (code, "bot")
        assert isinstance(error["retryable"], bool)
        assert error["error"].startswith("robot (")
        assert [data["status"] for data in select_data(frames, "done")] == ["interrupted"]
        assert [frame.event for frame in frames[-2:]] == ["error", "done"]
        assert await read_status(runs, id) == (Status.INTERRUPTED, "bot_error", 1)
        assert (await runs.get(id)).error == error
        tries = [call for call in robot.of(id) if call.key == f"{id}:2"]
        assert len(tries) == (3 if tried_again else 1)
        assert len(select_data(frames, "status")) >= 4
    robot.faults.clear()
    async with house.open() as runs:
        await runs.resume(id)
        again = await follow_to_end(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)
    assert_exact(robot, id, said, 3)
    assert_agreement(again, said)
    assert not select_data(again, "error")
    assert (robot.calls[-1].reply or "") == said[-1][1]


async def test_each_wait_before_another_try_is_told(house: House, robot: RobotServer) -> None:
    robot.fail("status", status=503, turn=1, times=2)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        frames = await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 1)
    retrying = [data for data in select_data(frames, "status") if data["status"] == "retrying"]
    assert [data["attempt"] for data in retrying] == [2, 3]
    assert all(data["code"] == "bot_http_error" and data["wait_s"] > 0 for data in retrying)
    assert not select_data(frames, "error")


async def test_retry_after_is_kept(house: House, robot: RobotServer) -> None:
    robot.fail("status", status=429, retry_after=1, turn=1, times=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        await run_to_end(runs, id)
    first, second = robot.of(id)
    assert 0.95 <= second.at - first.at < 3


async def test_a_retry_after_past_the_limit_ends_the_tries_at_once(
    house: House, robot: RobotServer
) -> None:
    robot.fail("status", status=429, retry_after=600, turn=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        frames = await run_to_end(runs, id)
    assert len(robot.of(id)) == 1
    assert select_data(frames, "error")[0]["code"] == "bot_http_error"


async def test_the_whole_time_of_all_tries_is_bounded(house: House, robot: RobotServer) -> None:
    robot.fail("hang")
    async with house.open(turn_timeout_s=0.4, attempts_total_s=0.6, attempts=10) as runs:
        id = await create(runs, max_turns=1)
        frames = await run_to_end(runs, id)
    assert select_data(frames, "error")[0]["code"] == "bot_timeout"
    assert len(robot.of(id)) <= 2


async def test_a_session_that_does_not_open_is_an_error_and_is_opened_on_resume(
    house: House, robot: RobotServer
) -> None:
    robot.fail("not_ok", op="init", times=1, text="Bot is busy")
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        frames = await run_to_end(runs, id)
        (error,) = select_data(frames, "error")
        assert error["code"] == "bot_init"
        assert "Bot is busy" in error["error"]
        assert await read_lines(runs, id) == []
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert_exact(robot, id, await read_lines(runs, id), 1)


async def test_an_outage_in_mid_run_interrupts_and_the_rest_follows_when_it_is_over(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hang", turn=2, times=1)
    async with house.open(attempts=2) as runs:
        id = await create(runs, max_turns=4)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        async with robot.down():
            frames = await follow_to_end(runs, id)
            assert select_data(frames, "error")[0]["code"] == "bot_unreachable"
            assert (await runs.get(id)).status is Status.INTERRUPTED
        await runs.resume(id)
        await wait_for_rest(runs, id)
        assert_exact(robot, id, await read_lines(runs, id), 4)


async def test_a_broken_conversation_says_so_to_who_comes_later_and_after_a_restart(
    house: House, robot: RobotServer
) -> None:
    robot.fail("status", status=404, turn=2)
    async with house.open() as runs:
        id = await create(runs, max_turns=3)
        told = select_data(await run_to_end(runs, id), "error")
        assert select_data(await follow_to_end(runs, id), "error") == told
    async with house.open() as runs:
        frames = await follow_to_end(runs, id)
        assert select_data(frames, "error") == told
        assert select_data(frames, "done")[0]["status"] == "interrupted"
        assert [frame.event for frame in frames[-2:]] == ["error", "done"]


@pytest.mark.sqlite
async def test_a_full_disk_interrupts_and_with_room_again_nothing_is_lost(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=2, times=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=4, lines=["đầy " * 5000, "một", "hai", "ba"])
        other = await create(runs, max_turns=1)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        database = runs.storage.database
        await database.write(lambda c: c.execute("PRAGMA max_page_count = 1").fetchall())
        robot.fail("huge", size=400_000, turn=2, times=1)
        robot.release()
        frames = await follow_to_end(runs, id)
        while not select_data(frames, "error"):
            frames = await follow_to_end(runs, id)
        assert select_data(frames, "error")[0]["code"] == "storage_full"
        assert select_data(frames, "error")[0]["where"] == "server"
        row = await runs.get(id)
        assert row.status is Status.INTERRUPTED
        assert (await runs.get(other)).status is Status.CREATED
        told = [(m["role"], m["text"]) for m in select_data(frames, "message")]
        assert told == await read_lines(runs, id)
        stored = (await runs.views.read_state(id))["messages"]
        assert [text for _, text in told] == [line["content"] for line in stored]
        await database.write(lambda c: c.execute("PRAGMA max_page_count = 1000000").fetchall())
        await runs.resume(id)
        await wait_for_rest(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 4)
    assert said[: len(told)] == told
    assert [role for role, _ in said] == ["user", "assistant"] * 4
