"""Each planted fault, streamed by a real model server in awkward pieces: none is passed on."""

from collections.abc import AsyncIterator

import pytest

from core.errors import UserError
from core.message import Message, new_message
from core.scenario import Scenario
from nodes.calls.http import HttpClient
from nodes.calls.models import chat_model
from nodes.speakers.guard import Situation
from nodes.speakers.protocol import TurnRequest
from nodes.speakers.simulated import SimulatedUser
from tests.servers.llm import LlmServer
from tests.unit.nodes.desk import Ear
from tests.unit.nodes.speakers.test_guard import HELD_OUT, KNOWN_TO_PASS, LEARNER, PLANTED, planted

GOOD = {"vi": "dạ con biết rồi ạ", "en": "ok i know it"}
MANNERS = (
    {"split": "points", "framing": "one"},
    {"split": 7, "framing": "two"},
)


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


def talk(when: Situation) -> list[Message]:
    """A talk that leads to the situation."""
    lines: list[Message] = []
    for role, text in [("user", own) for own in when.own_lines] + [("assistant", when.bot_line)]:
        origin = "simulated" if role == "user" else "bot"
        lines.append(new_message(role, text, index=len(lines), turn=len(lines), origin=origin))  # type: ignore[arg-type]
    return lines


@pytest.mark.parametrize("kind", dict.fromkeys([*PLANTED["kinds"], *HELD_OUT["kinds"]]))
async def test_no_planted_fault_is_passed_on(http: HttpClient, llm: LlmServer, kind: str) -> None:
    chat = chat_model(http, UserError, model="m", base_url=llm.base_url, api_key=None)
    passed = []
    everything = (*planted(), *planted(HELD_OUT))
    lines = [its[1:] for its in everything if its[0] == kind and its[1] not in KNOWN_TO_PASS]
    for at, (line, when) in enumerate(lines):
        llm.set(manner=MANNERS[at % 2])
        persona = LEARNER.model_copy(update={"speaks": list(when.languages)})
        user = SimulatedUser(persona, chat, None, 60.0, Ear())
        good = GOOD[when.languages[0]]
        llm.scripts.clear()
        llm.script([line, good])
        shown: list[str] = []
        said = await user.say(TurnRequest("c", 3, talk(when), Scenario()), shown.append)
        if said.text != good or len(said.discarded) != 1:
            passed.append((line[:60], said.text[:60]))
    assert passed == []
