"""The careless twin: the faults are there, in measure, and the same seed gives the same ones."""

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.message import Message, new_message
from core.scenario import Scenario
from demo import careless, lesson
from demo.english import is_vietnamese
from demo.learner import next_line, play_script
from demo.scripted import ScriptedUser
from demo.server import serve_demo
from nodes.speakers.personas import BUILT_IN, read_personas
from nodes.speakers.protocol import TurnRequest
from tests.unit.demo.test_server import Caller

Talk = list[tuple[str, str]]


def talk(seed: str, turns: int = 12) -> Talk:
    """The scripted learner and the careless robot."""
    state, messages, said = careless.start(16, seed), [], []
    for _ in range(turns):
        line = next_line(messages)
        state, reply = careless.answer(state, line)
        said.append((line, reply))
        messages += [
            {"role": "user", "content": line},
            {"role": "assistant", "content": reply},
        ]
    return said


def test_the_same_seed_gives_the_same_talk() -> None:
    assert talk("a") == talk("a")
    assert len({str(talk(f"seed {number}")) for number in range(12)}) > 6


def replies(seeds: int = 60) -> list[list[str]]:
    return [[reply for _, reply in talk(f"s{number}")] for number in range(seeds)]


@pytest.mark.parametrize(
    "fault",
    [
        lambda said: any(a == b for a, b in pairwise(said)),
        lambda said: any(
            line.startswith(("Very good", "OK, let's", "Great, you")) for line in said
        ),
        lambda said: any("mình đang dạy bài nào nhỉ" in line for line in said),
    ],
    ids=["repeats itself", "falls into English", "forgets its unit"],
)
def test_each_fault_is_in_some_talks_and_not_in_all(fault: Any) -> None:
    struck = sum(fault(said) for said in replies())
    assert 3 <= struck <= 50


def test_wrong_answers_are_praised_more_often_than_not_but_not_always() -> None:
    praised = 0
    for number in range(200):
        state, _ = careless.answer(careless.start(16, f"{number}"), "sẵn sàng")
        _, reply = careless.answer(state, "ô-tô")
        praised += "“milk”" in reply
    assert 80 <= praised <= 150


def test_the_careful_robot_keeps_no_seed() -> None:
    state, _ = lesson.answer(lesson.start(16), "sẵn sàng")
    assert "careless" not in state
    assert "last" not in state


async def test_a_lesson_is_careless_where_its_slots_ask_for_it(tmp_path: Path) -> None:
    slots = {"careless": True, "seed": "s3"}
    async with aiohttp.ClientSession() as http, serve_demo(tmp_path / "lessons.db") as url:
        caller = Caller(http, url)
        body = {"bot_id": 16, "conversation_id": "c", "input_slots": slots}
        await caller.post("initConversation", body)
        heard = [await caller.say("c", line) for line, _ in talk("s3")]
    assert heard == [reply for _, reply in talk("s3")]


SIX = ("child", "shy", "teen", "adult", "wrong", "rambler")
TWELVE = [*SIX, *(f"{id}-en" for id in SIX)]


@pytest.mark.parametrize("persona", TWELVE)
def test_scripted_personas_hold_a_lesson_of_ten_turns(persona: str) -> None:
    found = read_personas(BUILT_IN)[persona]
    assert found.script
    state, messages = lesson.start(16), [{"role": "user", "content": str(found.opening)}]
    for _ in range(10):
        state, reply = lesson.answer(state, messages[-1]["content"])
        messages.append({"role": "assistant", "content": reply})
        line = play_script(messages, found.script, persona, found.typing).text
        assert line.strip()
        messages.append({"role": "user", "content": line})
    assert len(state["marks"]) >= 2


@pytest.mark.parametrize("persona", TWELVE)
async def test_the_same_seed_gives_the_same_talk_and_others_another(persona: str) -> None:
    found = read_personas(BUILT_IN)[persona]

    async def hold(seed: int | None) -> list[str]:
        user, state, said = ScriptedUser(found), lesson.start(16), list[Message]()
        for turn in range(1, 21):
            ask = TurnRequest(f"talk {seed}", turn, said, Scenario(seed=seed))
            line = (await user.say(ask, lambda _: None)).text
            state, reply = lesson.answer(state, line)
            for role, text in (("user", line), ("assistant", reply)):
                origin = "scripted" if role == "user" else "bot"
                said.append(new_message(role, text, index=len(said), turn=turn, origin=origin))  # type: ignore[arg-type]
        return [line["content"] for line in said]

    assert await hold(5) == await hold(5)
    assert len({tuple(await hold(seed)) for seed in range(5)}) == 5


def test_an_english_twin_says_nothing_in_vietnamese_of_its_own() -> None:
    for id in SIX:
        found = read_personas(BUILT_IN)[f"{id}-en"]
        assert found.script
        phrases = [text for said in found.script.phrases.values() for text in said]
        lines = [str(found.opening), *phrases, *(t for r in found.script.rules for t in r.say)]
        names = re.compile("Mướp|Thảo|Dũng|Bà Sáu")
        assert [line for line in lines if is_vietnamese(names.sub("", line))] == [], id
        missing = read_personas(BUILT_IN)[id].script.phrases.keys() - found.script.phrases.keys()  # type: ignore[union-attr]
        assert not missing


def test_scripted_personas_differ_in_how_often_they_are_right() -> None:
    found = read_personas(BUILT_IN)
    right = {}
    for id in ("child", "shy", "wrong"):
        script = found[id].script
        assert script
        marks = ""
        for number in range(40):
            state, reply = lesson.answer(lesson.start(16), "sẵn sàng")
            messages = [{"role": "assistant", "content": reply}]
            for _ in range(7):
                line = play_script(messages, script, f"{number}").text
                state, reply = lesson.answer(state, line)
                messages += [
                    {"role": "user", "content": line},
                    {"role": "assistant", "content": reply},
                ]
            marks += state["marks"]
        right[id] = marks.count("f") / len(marks)
    assert right["child"] > right["shy"] + 0.05
    assert right["shy"] > right["wrong"] + 0.05
