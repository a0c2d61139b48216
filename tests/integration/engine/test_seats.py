"""The user's seat: a person speaks, takes over and hands back, also in the middle of a run."""

import asyncio

import pytest

from core.ends import Status
from core.errors import Conflict, Invalid
from graph.runs.service import RunService
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
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until


async def says(runs: RunService, id: str, text: str) -> None:
    await runs.say(id, text)
    await wait_for_rest(runs, id)


async def test_a_person_speaks_and_the_run_waits_for_the_next_line(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=2)
        await says(runs, id, "Xin chào")
        assert await read_status(runs, id) == (Status.WAITING, None, 1)
    async with house.open() as runs:
        await says(runs, id, "Tạm biệt\0")
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
        said = await runs.messages(id)
        assert_agreement(await follow_to_end(runs, id), await read_lines(runs, id))
        with pytest.raises(Conflict):
            await runs.say(id, "Còn nữa")
    assert_exact(robot, id, [(line["role"], line["content"]) for line in said], 2)
    assert [line["origin"] for line in said] == ["human", "bot"] * 2
    assert robot.heard(id) == ["Xin chào", "Tạm biệt\ufffd"]


async def test_a_started_human_conversation_waits_for_its_first_line(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=1)
        await runs.start(id)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.WAITING, None, 0)
        await says(runs, id, "Đây")
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 1)
    assert robot.heard(id) == ["Đây"]


async def test_a_bot_that_speaks_first_greets_the_person(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=1, first_speaker="bot")
        await runs.start(id)
        await wait_for_rest(runs, id)
        assert [role for role, _ in await read_lines(runs, id)] == ["assistant"]
        await says(runs, id, "Chào robot")
        assert [role for role, _ in await read_lines(runs, id)] == [
            "assistant",
            "user",
            "assistant",
        ]


async def test_speaking_takes_the_seat_and_starting_gives_it_back(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=4, lines=["một", "hai", "ba"])
        await runs.start(id, turns=1)
        await wait_for_rest(runs, id)
        await says(runs, id, "Tôi đây")
        assert (await runs.get(id)).seat == "human"
        await runs.start(id)
        await wait_for_rest(runs, id)
        said = await runs.messages(id)
        assert (await runs.get(id)).seat == "scripted"
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 4)
    assert_exact(robot, id, [(line["role"], line["content"]) for line in said], 4)
    users = [line for line in said if line["role"] == "user"]
    assert [line["origin"] for line in users] == ["scripted", "human", "scripted", "scripted"]


async def test_a_person_takes_no_fixed_line_out_of_the_scenario(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=4, lines=["một", "hai", "ba"])
        await runs.start(id, turns=1)
        await wait_for_rest(runs, id)
        await says(runs, id, "Tôi đây")
        await runs.start(id)
        await wait_for_rest(runs, id)
    assert robot.heard(id) == ["một", "Tôi đây", "hai", "ba"]


async def test_a_person_takes_over_in_mid_run_and_hands_back(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=2, times=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=5)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 2)
        assert not await runs.change(await runs.get(id), {"seat": "human"})
        robot.release()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.WAITING, None, 2)
        await says(runs, id, "Tôi đây")
        robot.fail("hold", turn=4, times=1)
        await runs.start(id)
        await wait_until(lambda: len(robot.of(id)) == 4)
        robot.release()
        await wait_for_rest(runs, id)
        said = await runs.messages(id)
    assert_exact(robot, id, [(line["role"], line["content"]) for line in said], 5)
    users = [line["origin"] for line in said if line["role"] == "user"]
    assert users == ["scripted", "scripted", "human", "scripted", "scripted"]


async def test_a_seat_given_back_while_the_bot_answers_is_taken_up_at_once(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=3)
        await runs.say(id, "Xin chào")
        await wait_until(lambda: robot.of(id))
        await runs.change(await runs.get(id), {"seat": "simulated"})
        robot.release()
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)
        assert (await runs.get(id)).seat == "scripted"
    assert robot.heard(id)[0] == "Xin chào"


async def test_a_limit_changed_in_mid_run_holds_for_that_run(
    house: House, robot: RobotServer
) -> None:
    robot.fail("hold", turn=1, times=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=8)
        await runs.start(id)
        await wait_until(lambda: robot.of(id))
        await runs.change(await runs.get(id), {"max_turns": 3})
        robot.release()
        frames = await follow_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)
        assert (await runs.get(id)).max_turns == 3
    assert select_data(frames, "done")[0]["turns"] == 3


async def test_many_changes_at_any_moment_lose_neither_turn_nor_change(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=12)
        await runs.start(id)
        for limit in range(30, 12, -1):
            await runs.change(await runs.get(id), {"max_turns": limit})
            await asyncio.sleep(0.003)
            if id not in runs.slots:
                break
        await wait_for_rest(runs, id)
        row, state = await runs.get(id), await runs.views.read_state(id)
        assert state["scenario"]["max_turns"] == row.max_turns
        assert_exact(robot, id, await read_lines(runs, id), row.turn)
    assert not any(call.overlapped for call in robot.calls)


async def test_a_conversation_that_waits_is_changed_at_once(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=5)
        await says(runs, id, "Xin chào")
        assert await runs.change(await runs.get(id), {"seat": "simulated", "max_turns": 2})
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
        with pytest.raises(Conflict):
            await runs.change(await runs.get(id), {"max_turns": 9})


async def test_a_person_who_speaks_after_a_stop_is_heard(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, user="human", max_turns=3)
        await says(runs, id, "một")
        await runs.stop(id)
        assert await read_status(runs, id) == (Status.STOPPED, "stopped", 1)
        await says(runs, id, "hai")
        assert await read_status(runs, id) == (Status.WAITING, None, 2)
        assert_exact(robot, id, await read_lines(runs, id), 2)


async def test_the_seat_is_given_back_to_whom_the_conversation_began_with(
    house: House, robot: RobotServer, llm: LlmServer
) -> None:
    model = {"openai_base_url": llm.base_url, "openai_api_key": "k"}
    async with house.open(**model) as runs:
        id = await create(runs, user="scripted", max_turns=2)
        await runs.change(await runs.get(id), {"seat": "human"})
        await runs.change(await runs.get(id), {"seat": "simulated"})
        assert (await runs.get(id)).seat == "scripted"
    assert llm.calls == []


async def test_a_limit_below_the_turns_that_are_done_is_refused(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=5)
        await runs.start(id, turns=3)
        await wait_for_rest(runs, id)
        for turns in (1, 3):
            with pytest.raises(Invalid):
                await runs.change(await runs.get(id), {"max_turns": turns})
        await runs.change(await runs.get(id), {"max_turns": 4})
        await runs.start(id)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 4)
