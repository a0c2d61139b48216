"""Each planted fault, streamed by a model server in a process of its own, in awkward pieces: none
is passed on.
"""

from collections.abc import AsyncIterator
from typing import Any

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
from tests.servers.remote import llm_process
from tests.unit.nodes.desk import Ear
from tests.unit.nodes.speakers.test_guard import (
    BOTH_LANGUAGES,
    HELD_OUT,
    KNOWN_TO_PASS,
    LEARNER,
    PLANTED,
    planted,
)

GOOD = {"vi": "dạ con biết rồi ạ", "en": "ok i know it"}
MANNERS: tuple[dict[str, Any], ...] = (
    {"split": "points", "framing": "one"},
    {"split": 7, "framing": "two"},
    {"split": "words", "framing": "two"},
    {"split": 1000, "framing": "two"},
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


ALL = [its for data in (PLANTED, BOTH_LANGUAGES, HELD_OUT) for its in planted(data)]


@pytest.mark.timeout(600)  # a hundred lines, each written piece by piece
@pytest.mark.parametrize("nth", range(len(MANNERS)))
async def test_no_planted_fault_is_passed_on(http: HttpClient, nth: int) -> None:
    lines = [its for its in ALL if its[1] not in KNOWN_TO_PASS][nth :: len(MANNERS)]
    script = [text for _, line, when in lines for text in (line, GOOD[when.languages[0]])]
    async with llm_process() as llm:
        await llm.set(manner=MANNERS[nth], script={"texts": script})
        chat = chat_model(http, UserError, model="m", base_url=llm.base_url, api_key=None)
        for kind, line, when in lines:
            persona = LEARNER.model_copy(update={"speaks": list(when.languages)})
            user = SimulatedUser(persona, chat, None, 60.0, Ear())
            shown: list[str] = []
            said = await user.say(TurnRequest("c", 3, talk(when), Scenario()), shown.append)
            assert said.text == GOOD[when.languages[0]], (kind, line)
            assert len(said.discarded) == 1, (kind, line)


async def test_a_hundred_turns_cost_a_bounded_number_of_prompt_tokens(
    http: HttpClient, llm: LlmServer
) -> None:
    chat = chat_model(http, UserError, model="m", base_url=llm.base_url, api_key=None)
    user, said = SimulatedUser(LEARNER, chat, None, 60.0, Ear()), list[Message]()
    llm.script([f"con nghĩ câu số {turn} là quả táo" for turn in range(1, 101)])
    asked, shown = list[int](), list[str]()
    for turn in range(1, 101):
        line = await user.say(TurnRequest("c", turn, said, Scenario(max_turns=100)), shown.append)
        assert line.usage
        asked.append(line.usage["input_tokens"])
        told = (("user", line.text), ("assistant", f"Câu {turn}: mình học tiếp từ mới nhé."))
        for role, text in told:
            origin = "simulated" if role == "user" else "bot"
            said.append(new_message(role, text, index=len(said), turn=turn, origin=origin))  # type: ignore[arg-type]
    assert [line["content"] for line in said[::2]] == llm.scripts[0].texts
    # By turn 50 the window is full, and so is the digest of what was before.
    assert max(asked[50:]) <= 1.05 * max(asked[40:50]) < 3 * asked[1]
