"""One scenario, every face: POST /simulate, a conversation and its run, the command, the page's
form, and the next line on its own all lead to the same talk.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from cli.arguments import parse_arguments
from cli.scenario_options import build_scenario as build_scenario_of_command
from core.scenario import Scenario
from core.settings import Settings
from tests.integration.api.reading import said_of
from tests.integration.api.service import Service
from tests.integration.cli.desk import Desk, begun
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer, reply_to
from ui.api_client import ApiConnection
from ui.conversation_feed import Feeds
from ui.start_pages import FIELDS, build_scenario, start_conversation
from ui.tab_session import TabSession
from ui.texts import Words

Opened = Callable[..., Awaitable[Service]]
LAN = """
name: Lan
kind: scripted
opening: con chào thầy ạ
script: {rates: {wrong_answer: 0, wrong_again: 0}}
"""
ASKED = {"role": "assistant", "content": "Con nói theo thầy: “apple”."}
SAID = {"role": "user", "content": "con sẵn sàng rồi"}


class Case(NamedTuple):
    """A scenario; `own` are the user's lines (counted from 0) that the persona makes up."""

    scenario: dict[str, Any]
    own: list[int]
    ends: str
    turns: int


CASES = {
    "fixed lines around simulated ones": Case(
        {"lines": [{"say": "một"}, {"simulate": 2}, {"say": "hai"}], "persona": "shy"},
        [1, 2], "lines_done", 4,
    ),
    "rest goes on to the limit": Case(
        {"lines": ["một", {"simulate": 1}, {"say": "hai"}, {"simulate": "rest"}], "max_turns": 5},
        [1, 3, 4], "max_turns", 5,
    ),
    "one fixed line and no more": Case({"lines": [{"say": "một"}]}, [], "lines_done", 1),
    "a list of texts goes on": Case(
        {"lines": ["một"], "initial_message": "chào", "max_turns": 3}, [2], "max_turns", 3
    ),
    "the persona opens": Case(
        {"lines": [{"simulate": 2}, {"say": "hai"}], "persona": "lan"}, [0, 1], "lines_done", 3
    ),
    "a history that ends with the user": Case(
        {"history": [ASKED, SAID], "lines": [{"simulate": 1}, {"say": "hai"}]},
        [1], "lines_done", 3,
    ),
    "a history that ends with the bot": Case(
        {"history": [SAID, ASKED], "lines": [{"simulate": 1}, {"say": "hai"}], "persona": "lan"},
        [1], "lines_done", 2,
    ),
    "the bot speaks first": Case(
        {"first_speaker": "bot", "lines": [{"say": "một"}, {"simulate": 1}]},
        [1], "lines_done", 2,
    ),
    "a model plays the user": Case(
        {"user": "simulated", "lines": [{"say": "một"}, {"simulate": 2}, {"say": "hai"}]},
        [1, 2], "lines_done", 4,
    ),
}  # fmt: skip


def select_agreement(view: dict[str, Any]) -> dict[str, Any]:
    """What all faces have to agree in."""
    lines = [(line["role"], line["origin"], line["turn"], line["content"])
             for line in view["history"]]  # fmt: skip
    return {"lines": lines, **{key: view[key] for key in ("status", "end_reason", "turn")}}


async def by_simulate(service: Service, scenario: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = await service.post("/api/simulate", scenario)
    return found


async def by_conversation_and_run(service: Service, scenario: dict[str, Any]) -> dict[str, Any]:
    id = str((await service.post("/api/conversations", scenario))["conversation_id"])
    await service.run(id)
    found: dict[str, Any] = await service.until(id, "completed", "interrupted", within=60)
    return found


async def by_the_form(service: Service, scenario: dict[str, Any]) -> dict[str, Any]:
    """What the page's button does with what was typed into the form."""
    async with aclosing(ApiConnection(service.url)) as connection:
        tab = TabSession(Feeds(connection), Words("en"))
        await start_conversation(tab, build_scenario(fill_form(scenario)))
        id = tab.render_page()["thread"]
        tab.close()
        assert id, tab.notice
    found: dict[str, Any] = await service.until(id, "completed", "interrupted", within=60)
    return found


def fill_form(scenario: dict[str, Any]) -> dict[str, Any]:
    names = {"user": "User", "assistant": "Bot"}
    given = scenario.get("history", [])
    persona = scenario.get("persona", "")
    return {
        **dict.fromkeys(FIELDS, ""),
        "turns": scenario.get("max_turns", 10),
        "seat": scenario["user"],
        "persona": persona,
        "scripted_persona": persona,
        "opens": scenario.get("first_speaker", ""),
        "opening": scenario.get("initial_message", ""),
        "lines": "\n".join(type_line(line) for line in scenario["lines"]),
        "given": "\n".join(f"{names[one['role']]}: {one['content']}" for one in given),
    }


def type_line(line: Any) -> str:
    return line if isinstance(line, str) else "".join(f"{{{k}: {v}}}" for k, v in line.items())


def type_command(folder: Path, scenario: dict[str, Any]) -> list[str]:
    """The words of the command that asks for this scenario, with its files in the folder."""
    (folder / "lines.yaml").write_text(yaml.safe_dump(scenario["lines"]), "utf-8")
    words = ["run", "--lines", str(folder / "lines.yaml")]
    words += ["--turns", str(scenario.get("max_turns", 10))]
    if "history" in scenario:
        (folder / "history.json").write_text(json.dumps(scenario["history"]), "utf-8")
        words += ["--history", str(folder / "history.json")]
    for field in ("user", "persona", "first_speaker", "initial_message"):
        if field in scenario:
            words += [f"--{field.replace('_', '-')}", scenario[field]]
    return words


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "desk").mkdir()
    return Desk(tmp_path / "desk")


async def ask_for_own_lines(service: Service, case: Case, view: dict[str, Any]) -> list[str]:
    """Each line that the persona made up, asked for on its own after all that was before it."""
    history = [{"role": one["role"], "content": one["content"]} for one in view["history"]]
    places = [at for at, line in enumerate(history) if line["role"] == "user"]
    persona = {"persona": case.scenario["persona"]} if "persona" in case.scenario else {}
    found = []
    for at in case.own:
        body = {"history": history[: places[at]], **persona}
        found.append((await service.post("/api/generate-user-response", body))["content"])
    return found


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """Environment variables of the server and the command alike."""
    (tmp_path / "personas").mkdir()
    (tmp_path / "personas" / "lan.yaml").write_text(LAN, "utf-8")
    return {"DUOLOGUE_PERSONAS": str(tmp_path / "personas")}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_server_and_page_tell_the_same_talk(
    opened: Opened, robot: RobotServer, llm: LlmServer, settings: dict[str, str], case: Case
) -> None:
    scenario = {"user": "scripted", **case.scenario}
    if scenario["user"] == "simulated":
        settings |= {"OPENAI_BASE_URL": llm.base_url, "DUOLOGUE_MODEL": "mock-model"}
    service = await opened(**settings)
    view = await by_simulate(service, scenario)
    expected = select_agreement(view)
    assert (view["status"], view["end_reason"], view["turn"]) == (
        "completed", case.ends, case.turns,
    )  # fmt: skip
    assert select_agreement(await by_conversation_and_run(service, scenario)) == expected
    assert select_agreement(await by_the_form(service, scenario)) == expected
    assert (await service.ask("POST", "/simulate", scenario)).text == said_of(view["history"])
    users = [line["content"] for line in view["history"] if line["role"] == "user"]
    assert await ask_for_own_lines(service, case, view) == [users[at] for at in case.own]
    replied = [line["content"] for line in view["history"] if line["origin"] == "bot"]
    greeted = scenario.get("first_speaker") == "bot"  # the robot counts what made it greet
    heard = users[-len(replied) + greeted :]
    assert replied[greeted:] == [reply_to(n, x) for n, x in enumerate(heard, 1 + greeted)]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_command_asks_for_the_same_scenario(tmp_path: Path, case: Case) -> None:
    scenario = {"user": "scripted", **case.scenario}
    options = parse_arguments(type_command(tmp_path, scenario))
    assert build_scenario_of_command(options, Settings(), options.persona) == Scenario(**scenario)


@pytest.mark.parametrize("name", ["fixed lines around simulated ones", "the persona opens"])
async def test_the_command_tells_the_talk_that_the_server_tells(
    opened: Opened, robot: RobotServer, desk: Desk, settings: dict[str, str], name: str
) -> None:
    scenario = {"user": "scripted", **CASES[name].scenario}
    service = await opened(**settings)
    desk.settings = settings
    bots = {"bots": {16: {"kind": "webhook", "preset": "robot-lesson", "base_url": robot.url}}}
    (desk.folder / "bots.yaml").write_text(yaml.safe_dump(bots), "utf-8")
    process = await desk.typed(*type_command(desk.folder, scenario))
    view = await desk.shown(await begun(process))
    assert select_agreement(view) == select_agreement(await by_simulate(service, scenario))
    assert process.stdout.count("User: ") == CASES[name].turns
