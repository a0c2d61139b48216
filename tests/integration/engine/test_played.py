"""A persona that a model plays: which model is asked, how it is told to type, when it leaves."""

from pathlib import Path
from typing import Any

import pytest

from core.ends import Status
from graph.presentation import describe_conversation
from tests.integration.engine.house import create, read_status, run_to_end
from tests.integration.engine.test_users import Home
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer

LAN = """
name: Lan
goal: Order a drink.
model: lan-model
temperature: 0.4
seed: 11
opening: con chào cô
aims:
  - {aim: orders a drink, user_says: ["nước ép|juice"]}
  - {aim: hears a price, bot_says: ["đọc theo|đúng rồi"]}
  - {aim: feels welcome}
typing: {no_tones: 1.0}
"""


@pytest.fixture
def home(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> Home:
    return Home(tmp_path, robot.url, llm.base_url)


def write(home: Home, id: str, text: str) -> None:
    folder = home.folder / "personas"
    folder.mkdir(exist_ok=True)
    (folder / f"{id}.yaml").write_text(text, "utf-8")


async def played(home: Home, changes: dict[str, Any], **scenario: Any) -> tuple[Any, Any]:
    """The messages and the row of a conversation of two turns, unless said otherwise."""
    async with home.open(**changes) as runs:
        id = await create(runs, **{"user": "simulated", "max_turns": 2, **scenario})
        await run_to_end(runs, id)
        return await runs.messages(id), await runs.get(id)


@pytest.mark.parametrize(
    ("settings", "scenario", "asked"),
    [
        ({}, {"persona": "plain", "initial_message": "a"}, "mock-model"),
        ({"user_model": "user-lm"}, {"persona": "plain", "initial_message": "a"}, "user-lm"),
        ({"user_model": "user-lm"}, {"persona": "lan"}, "lan-model"),
        ({"user_model": "user-lm"}, {"persona": "lan", "user_model": "second"}, "second"),
    ],
)
async def test_the_most_specific_model_plays_the_user(
    home: Home,
    robot: RobotServer,
    llm: LlmServer,
    settings: dict[str, Any],
    scenario: dict[str, Any],
    asked: str,
) -> None:
    write(home, "lan", LAN)
    messages, _ = await played(home, settings, **scenario)
    (call,) = llm.calls
    assert call.model == asked
    assert messages[2]["model"] == asked
    expected = {"temperature": 0.4, "seed": 11} if scenario["persona"] == "lan" else {}
    assert {k: v for k, v in call.settings.items() if k in ("temperature", "seed")} == expected


async def test_the_users_model_may_be_elsewhere_and_our_key_does_not_go_there(
    tmp_path: Path, robot: RobotServer, llm: LlmServer
) -> None:
    home = Home(tmp_path, robot.url, "http://127.0.0.1:9/v1")
    settings = {"openai_api_key": "sk-ours", "user_base_url": llm.base_url, "user_model": "ulm"}
    await played(home, settings, persona="plain", initial_message="a")
    await played(home, {**settings, "user_api_key": "k"}, persona="plain", initial_message="a")
    first, second = llm.calls
    assert first.model == second.model == "ulm"
    assert first.authorization != second.authorization


async def test_habits_of_typing_are_told_for_the_turn_and_counted(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    write(home, "lan", LAN)
    messages, _ = await played(home, {}, persona="lan")
    assert messages[2]["typed"] == ["no_tones"]
    assert "without Vietnamese tone marks" in llm.calls[0].messages[-1]["content"]


async def test_the_aims_that_were_reached_are_stored_with_the_conversation(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    write(home, "lan", LAN)
    llm.script(["cho con juice ạ", "con cảm ơn cô [[END 3, 9]]"])
    messages, row = await played(home, {}, persona="lan", max_turns=5)
    assert [line.get("aims") for line in messages if line["role"] == "user"] == [
        None,
        ["orders a drink"],
        ["feels welcome"],
    ]
    assert "END" not in "".join(robot.heard(row.id))
    shown = describe_conversation(row, messages, [])["aims"]
    assert shown == {"orders a drink": 2, "hears a price": 1, "feels welcome": 3}


@pytest.mark.parametrize(
    ("persona", "scenario", "told", "turn"),
    [
        ("gives_up_after: 2", {}, "gives_up", 3),
        ('satisfied_when: {bot_says: ["vừa nói|nghe rõ|đúng rồi"]}', {}, "satisfied", 2),
        ("satisfied_when: all aims\naims: [{aim: a, bot_says: [con]}]", {}, "satisfied", 2),
        ("goal: x", {"soft_turns": 3}, "wraps_up", 3),
        ("gives_up_after: 1", {"min_turns": 4}, "gives_up", 4),
    ],
)
async def test_the_state_of_the_talk_tells_a_person_to_leave(
    home: Home,
    robot: RobotServer,
    llm: LlmServer,
    persona: str,
    scenario: Any,
    told: str,
    turn: int,
) -> None:
    # The robot says again what it heard.
    write(home, "lan", f"name: Lan\nopening: con nghe chưa rõ, nói lại đi\n{persona}\n")
    llm.script([f"cô nói lại câu {n} nha" for n in range(9)])
    messages, _ = await played(home, {}, persona="lan", max_turns=5, **scenario)
    shown = [line["turn"] for line in messages if line.get("behaviour") == told]
    assert shown
    assert shown[0] == turn
    assert "[[END]]" in llm.calls[turn - 2].messages[-1]["content"]


async def test_a_limit_of_tokens_ends_the_talk_and_counts_refused_lines(
    home: Home, robot: RobotServer, llm: LlmServer
) -> None:
    llm.fail("think", call=1)
    async with home.open() as runs:
        asked = {"user": "simulated", "initial_message": "Chào", "max_turns": 9}
        id = await create(runs, token_limit=1, **asked)
        await run_to_end(runs, id)
        assert await read_status(runs, id) == (Status.COMPLETED, "cost_limit", 2)
