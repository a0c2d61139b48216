"""A conversation outlives the process that drove it."""

import signal
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from tests.integration.cli.desk import Desk, asked, begun, is_whole, spoken
from tests.servers.remote import Remote, robot_process
from tests.servers.robot import RobotCall

TURNS = 10


@pytest.fixture
async def far_robot(desk: Desk) -> AsyncIterator[Remote[RobotCall]]:
    """A robot in a process of its own, which is bot 7."""
    async with robot_process("--honour-keys") as robot:
        desk.knows(robot.url)
        yield robot


async def calls_by_key(robot: Remote[RobotCall], id: str) -> Counter[str]:
    calls = await robot.calls()
    assert all(call.conversation_id == id for call in calls)
    return Counter(call.key or "" for call in calls)


@pytest.mark.parametrize(("op", "turn"), [("init", None), ("turn", 5)])
async def test_killed_run_is_finished_and_only_the_turn_in_flight_was_sent_twice(
    desk: Desk, far_robot: Remote[RobotCall], op: str, turn: int | None
) -> None:
    await far_robot.fail("hold", op=op, turn=turn, times=1)
    async with desk.types("run", "--bot", "7", "--turns", str(TURNS)) as run:
        id = await begun(run)
        await asked(far_robot, op, turn)
        run.kill9()
        assert await run.wait() == -signal.SIGKILL
    left = await desk.shown(id)
    assert (left["status"], left["turn"]) == ("interrupted", (turn or 1) - 1)

    resumed = await desk.typed("resume", id)
    assert f"Conversation {id}: completed, 10 of 10 turns" in resumed.stdout
    whole = await desk.shown(id)
    assert is_whole(whole["history"], TURNS)
    names = {"user": "User", "assistant": "Bot"}
    said = [f"{names[line['role']]}: {line['content']}" for line in whole["history"]]
    assert spoken(resumed.stdout) == said

    keys = [f"{id}:init", *(f"{id}:{number}" for number in range(1, TURNS + 1))]
    in_flight = f"{id}:{turn or 'init'}"
    assert await calls_by_key(far_robot, id) == Counter([*keys, in_flight])
    await desk.typed("resume", id)
    assert (await calls_by_key(far_robot, id)).total() == len(keys) + 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_stop_on_request_is_a_good_end_that_can_be_resumed(
    desk: Desk, far_robot: Remote[RobotCall], number: int
) -> None:
    await far_robot.fail("hold", turn=3, times=1)
    async with desk.types("run", "--bot", "7", "--turns", "4") as run:
        id = await begun(run)
        await asked(far_robot, "turn", 3)
        run.signal(number)
        assert await run.wait(5) == 0
    assert run.stdout.endswith(f"Go on with: duologue resume {id}\n")
    assert "Error" not in run.stderr
    assert (await desk.shown(id))["status"] == "stopped"
    await desk.typed("resume", id)
    assert is_whole((await desk.shown(id))["history"], 4)


async def test_conversation_that_another_process_runs_is_refused(
    desk: Desk, far_robot: Remote[RobotCall]
) -> None:
    await far_robot.fail("hold", turn=2, times=1)
    async with desk.types("run", "--bot", "7", "--turns", "3") as run:
        id = await begun(run)
        await asked(far_robot, "turn", 2)
        refused = await desk.typed("resume", id, code=2)
        assert refused.stderr == "Error: the conversation has a run already, in another process\n"
        assert refused.stdout == ""
        assert await desk.stands() == {id: "running"}
        await far_robot.release()
        assert await run.wait(20) == 0
    assert is_whole((await desk.shown(id))["history"], 3)
    assert (await calls_by_key(far_robot, id)).total() == 4


async def test_resume_takes_a_turn_as_heard_on_request_and_wakes_no_other(
    desk: Desk, far_robot: Remote[RobotCall]
) -> None:
    ids = [await broken_off(desk, far_robot), await broken_off(desk, far_robot)]
    await desk.typed("resume", ids[0], "--in-flight", "accept")
    history = (await desk.shown(ids[0]))["history"]
    assert [(line["turn"], line["role"]) for line in history] == [
        (1, "user"),
        (1, "assistant"),
        (2, "user"),
        (3, "user"),
        (3, "assistant"),
    ]
    calls = await far_robot.calls()
    assert set(Counter(call.key for call in calls).values()) == {1}
    assert await desk.stands() == {ids[0]: "completed", ids[1]: "interrupted"}


async def broken_off(desk: Desk, robot: Remote[RobotCall]) -> str:
    """A conversation whose process was killed while the bot had turn 2."""
    known = len(await robot.calls())
    await robot.fail("hold", turn=2, times=1)
    async with desk.types("run", "--bot", "7", "--turns", "3") as run:
        id = await begun(run)
        await asked(robot, "turn", 2, behind=known)
        run.kill9()
        await run.wait()
    return id
