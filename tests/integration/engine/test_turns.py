"""A conversation has exactly the turns it was given, and every account of it agrees."""

import pytest

from core.ends import Status
from core.errors import Conflict
from core.scenario import HistoryLine
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


@pytest.mark.parametrize("turns", [1, 2, 7])
async def test_a_run_has_exactly_max_turns(house: House, robot: RobotServer, turns: int) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=turns)
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", turns)
    assert_exact(robot, id, said, turns)
    assert_agreement(frames, said)
    done = select_data(frames, "done")
    assert done == [
        {"status": "completed", "end_reason": "max_turns", "turns": turns, "conversation_id": id}
    ]
    assert frames[-1].event == "done"
    assert [call.key for call in robot.of(id)] == [f"{id}:{n}" for n in range(1, turns + 1)]
    assert len(robot.of(id, "init")) == 1


async def test_a_bot_that_speaks_first_greets_before_the_first_turn(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=2, first_speaker="bot")
        frames = await run_to_end(runs, id)
        said = await runs.messages(id)
    assert [line["role"] for line in said] == [
        "assistant",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert [line["turn"] for line in said] == [0, 1, 1, 2, 2]
    assert len(robot.of(id)) == 3
    assert select_data(frames, "done")[0]["turns"] == 2


@pytest.mark.parametrize(
    ("roles", "first_call"),
    [
        (["user"], "xin chào 0"),
        (["user", "assistant"], None),
        (["assistant", "user"], "xin chào 1"),
    ],
)
async def test_the_last_role_of_a_given_history_decides_who_is_next(
    house: House, robot: RobotServer, roles: list[str], first_call: str | None
) -> None:
    given = [HistoryLine(role=role, content=f"xin chào {n}") for n, role in enumerate(roles)]
    async with house.open() as runs:
        id = await create(runs, max_turns=2, history=given, lines=["một", "hai"])
        frames = await run_to_end(runs, id)
        said = await runs.messages(id)
    assert_agreement(frames, [(line["role"], line["content"]) for line in said])
    heard = ["một", "hai"] if first_call is None else [first_call, "một"]
    assert robot.heard(id) == heard
    assert [line["origin"] for line in said[: len(given)]] == ["given"] * len(given)
    assert select_data(frames, "done")[0]["turns"] == 2


async def test_opening_and_fixed_lines_are_said_in_order_and_then_the_user_goes_on(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(
            runs, max_turns=4, initial_message="Mở đầu", lines=["thứ nhất", "thứ hai"]
        )
        await run_to_end(runs, id)
    heard = robot.heard(id)
    assert heard[:3] == ["Mở đầu", "thứ nhất", "thứ hai"]
    assert len(heard) == 4
    assert heard[3]


async def test_without_any_opening_the_persona_opens(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        await run_to_end(runs, id)
    assert robot.heard(id) == ["sẵn sàng"]


async def test_a_completed_conversation_is_resumed_without_calling_anybody(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        await run_to_end(runs, id)
        calls = len(robot.calls)
        await runs.resume(id)
        with pytest.raises(Conflict):
            await runs.start(id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 2)
    async with house.open() as runs:
        await runs.resume(id)
        assert select_data(await follow_to_end(runs, id), "done")[0]["turns"] == 2
    assert len(robot.calls) == calls


async def test_a_completed_conversation_can_be_extended(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        await run_to_end(runs, id)
        await runs.start(id, turns=3)
        frames = await follow_to_end(runs, id)
        said = await read_lines(runs, id)
        row = await runs.get(id)
        assert (row.turn, row.max_turns, row.end_reason) == (5, 5, "max_turns")
    assert_exact(robot, id, said, 5)
    assert_agreement(frames, said)


async def test_an_extension_never_passes_the_limit_of_the_process(
    house: House, robot: RobotServer
) -> None:
    async with house.open(max_turns=3) as runs:
        id = await create(runs, max_turns=2)
        await run_to_end(runs, id)
        await runs.start(id, turns=50)
        await wait_for_rest(runs, id)
        assert (await runs.get(id)).turn == 3
        with pytest.raises(Conflict):
            await runs.start(id, turns=1)
        assert (await read_status(runs, id))[0] is Status.COMPLETED
    assert len(robot.heard(id)) == 3


async def test_a_run_of_some_turns_pauses_and_goes_on(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=5)
        for done in (2, 4):
            await runs.start(id, turns=2)
            await wait_for_rest(runs, id)
            assert await read_status(runs, id) == (Status.WAITING, None, done)
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 5)
    assert_exact(robot, id, said, 5)
    assert_agreement(frames, said)


async def test_the_bot_may_end_with_or_without_a_last_word(
    house: House, robot: RobotServer
) -> None:
    for kind, last in (("end", True), ("empty_message", False)):
        robot.faults.clear()
        robot.fail(kind, turn=2, end=True, counted=True)
        async with house.open() as runs:
            id = await create(runs, max_turns=5)
            frames = await run_to_end(runs, id)
            said = await read_lines(runs, id)
            assert await read_status(runs, id) == (Status.COMPLETED, "bot_ended", 2)
        assert select_data(frames, "done")[0]["turns"] == 2
        assert [role for role, _ in said] == ["user", "assistant", "user"] + ["assistant"] * last
        assert all(text.strip() for _, text in said)
        assert_agreement(frames, said)


async def test_several_bubbles_are_several_messages_of_one_turn(
    house: House, robot: RobotServer
) -> None:
    robot.fail("bubbles", turn=1, texts=["một", " ", "hai"])
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        frames = await run_to_end(runs, id)
        said = await runs.messages(id)
    assert_agreement(frames, [(line["role"], line["content"]) for line in said])
    assert [(line["content"], line["turn"]) for line in said[1:3]] == [("một", 1), ("hai", 1)]
    assert len(robot.heard(id)) == 2


async def test_a_reply_of_more_bubbles_than_a_conversation_can_hold_is_refused(
    house: House, robot: RobotServer
) -> None:
    robot.fail("bubbles", turn=1, texts=["x"] * 100_000)
    async with house.open() as runs:
        id = await create(runs, max_turns=2)
        frames = await run_to_end(runs, id)
        said = await runs.messages(id)
    assert select_data(frames, "error")[0]["code"] == "bot_too_large"
    assert "100,000 messages in one reply" in select_data(frames, "error")[0]["error"]
    assert [line["role"] for line in said] == ["user"]


async def test_the_same_exchange_again_and_again_is_a_loop(
    house: House, robot: RobotServer
) -> None:
    robot.fail("text", text="Tạm biệt!")
    async with house.open() as runs:
        id = await create(runs, max_turns=10, loop_limit=3, lines=["Chào!"] * 9)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "loop", 3)


async def test_no_new_turn_begins_behind_the_time_limit(house: House, robot: RobotServer) -> None:
    robot.delay = 0.05
    async with house.open() as runs:
        id = await create(runs, max_turns=50, time_limit_s=0.12)
        await run_to_end(runs, id)
        state, reason, turns = await read_status(runs, id)
    assert (state, reason) == (Status.COMPLETED, "time_limit")
    assert 1 <= turns <= 3


@pytest.mark.parametrize("kind", ["surrogate", "nul"])
async def test_what_cannot_be_stored_becomes_a_replacement_character(
    house: House, robot: RobotServer, kind: str
) -> None:
    robot.fail(kind, turn=1)
    async with house.open() as runs:
        id = await create(runs, max_turns=1)
        frames = await run_to_end(runs, id)
        said = await read_lines(runs, id)
    assert_agreement(frames, said)
    assert said[1][1].endswith(" \ufffd!")


async def test_given_text_is_kept_code_point_for_code_point(
    house: House, robot: RobotServer
) -> None:
    odd = "e\u0302\u0301 \u1ebf \u00e2\u0301 👩‍🏫 🇻🇳 \u200b\u202e x\r\n\ty"
    async with house.open() as runs:
        id = await create(
            runs, max_turns=2, history=[HistoryLine(role="user", content=odd)], lines=[odd + "\0"]
        )
        await run_to_end(runs, id)
        said = await read_lines(runs, id)
    assert robot.heard(id) == [odd, odd + "\ufffd"]
    assert said[0] == ("user", odd)
    async with house.open() as runs:
        assert await read_lines(runs, id) == said
