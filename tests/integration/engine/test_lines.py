"""Fixed and simulated lines in turn: as EVALUATION lays down, also after forks and restarts."""

from typing import Any

from core.ends import Status
from graph.runs.forks import fork
from tests.integration.engine.house import (
    House,
    create,
    read_lines,
    read_status,
    run_to_end,
    wait_for_event,
    wait_for_rest,
)
from tests.servers.robot import RobotServer

PLAN: list[Any] = [{"say": "một"}, {"simulate": 2}, {"say": "hai"}]


async def user_lines(runs: Any, id: str) -> list[tuple[str, str]]:
    """What the user said, and who said it."""
    said = await runs.messages(id)
    return [(line["content"], line["origin"]) for line in said if line["role"] == "user"]


async def test_a_scripted_persona_speaks_where_simulate_stands_and_the_end_is_lines_done(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9, lines=PLAN)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "lines_done", 4)
        said = [text for text, _ in await user_lines(runs, id)]
        assert (said[0], said[3]) == ("một", "hai")
        assert robot.heard(id) == said


async def test_rest_goes_on_to_the_limit(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=3, lines=["một", {"simulate": "rest"}])
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)


async def test_a_list_of_texts_goes_on_as_before(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=4, lines=["một", "hai"], initial_message="chào")
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 4)
        assert [text for text, _ in await user_lines(runs, id)][:3] == ["chào", "một", "hai"]


async def test_a_person_in_between_uses_up_none_of_the_lines(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9, lines=PLAN)
        await runs.start(id, turns=1)
        await wait_for_rest(runs, id)
        await runs.say(id, "tôi đây")
        await wait_for_rest(runs, id)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "lines_done", 5)
        said = [text for text, _ in await user_lines(runs, id)]
        assert (said[0], said[1], said[4]) == ("một", "tôi đây", "hai")


async def test_a_person_may_go_on_after_the_last_line_and_giving_back_the_seat_ends_it(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9, lines=[{"say": "một"}], user="human")
        await runs.start(id)
        await wait_for_rest(runs, id)
        await runs.say(id, "tôi đây")
        await wait_for_rest(runs, id)
        await runs.change(await runs.get(id), {"seat": "simulated"})
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "lines_done", 2)
        assert [text for text, _ in await user_lines(runs, id)] == ["tôi đây", "một"]


async def test_a_run_that_is_taken_up_again_keeps_its_place(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9, lines=PLAN)
        await runs.start(id, turns=2)
        await wait_for_rest(runs, id)
    async with house.open() as runs:
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "lines_done", 4)
        assert [text for text, _ in await user_lines(runs, id)][3] == "hai"


async def test_a_fork_keeps_the_position_it_was_made_at(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9, lines=PLAN)
        await run_to_end(runs, id)
        other = (await fork(runs, await runs.get(id), {"index": 3}))["conversation_id"]
        await run_to_end(runs, other)
        assert await read_status(runs, other) == (Status.COMPLETED, "lines_done", 4)
        assert (await read_lines(runs, other))[:4] == (await read_lines(runs, id))[:4]
        assert [text for text, _ in await user_lines(runs, other)][3] == "hai"


async def test_who_asks_for_more_after_the_last_line_gets_simulated_ones(
    house: House, robot: RobotServer
) -> None:
    async with house.open() as runs:
        id = await create(runs, max_turns=9, lines=[{"say": "một"}])
        await run_to_end(runs, id)
        await runs.start(id, turns=2)
        await wait_for_rest(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "max_turns", 3)
        row = await runs.get(id)
        other = (await fork(runs, row, {"index": 1, "max_turns": 2}))["conversation_id"]
        await run_to_end(runs, other)
        assert await read_status(runs, other) == (Status.COMPLETED, "max_turns", 2)


async def test_a_persona_opens_where_the_list_begins_with_simulate(
    house: House, robot: RobotServer
) -> None:
    folder = house.folder / "personas"
    folder.mkdir()
    (folder / "lan.yaml").write_text("name: Lan\nopening: Em chào ạ\n", encoding="utf-8")
    async with house.open() as runs:
        opens = await create(runs, persona="lan", lines=[{"simulate": 1}, {"say": "một"}])
        await run_to_end(runs, opens)
        assert [text for text, _ in await user_lines(runs, opens)] == ["Em chào ạ", "một"]
        silent = await create(runs, persona="lan", lines=[{"say": "một"}])
        await run_to_end(runs, silent)
        assert [text for text, _ in await user_lines(runs, silent)] == ["một"]


async def test_the_reason_reaches_the_stream(house: House, robot: RobotServer) -> None:
    async with house.open() as runs:
        id = await create(runs, lines=[{"say": "một"}])
        await runs.start(id)
        await wait_for_event(
            await runs.follow(id), "done", end_reason="lines_done", status="completed"
        )
