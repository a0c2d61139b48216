"""What the model is told: bounded, nothing before its time, behaviours at their declared rates."""

from math import sqrt
from random import Random

import pytest

from core.message import Message, new_message
from nodes.speakers.personas import Persona, Typing
from nodes.speakers.prompting import (
    build_prompt,
    build_system_prompt,
    describe_secrets,
    draw_behaviour,
    draw_habits,
    list_open_facts,
)

PERSONA = Persona(
    name="Lan",
    language="Vietnamese",
    level="A1",
    goal="Learn three words.",
    facts=[
        {"fact": "nhà con nuôi chó tên Milu", "when": {"asked": ["con vật", "nuôi"]}},
        {"fact": "con sắp đi học thêm", "when": {"turn": 4}},
        {"fact": "con học lớp 5"},
        {"fact": "mẹ con ốm", "when": "pressed"},
    ],
    sample_lines=["dạ", "con hông biết", "từ này khó quá cô"],
    behaviours={"one_word": 0.3, "wrong_answer": 0.2, "tangent": 0.05},
)


def talk(turns: int, bot: str = "Con giỏi lắm, học tiếp nhé.") -> list[Message]:
    lines: list[Message] = []
    for turn in range(1, turns + 1):
        for role, text in (("user", f"câu trả lời số {turn} của con"), ("assistant", bot)):
            origin = "simulated" if role == "user" else "bot"
            index = len(lines)
            lines.append(new_message(role, text, index=index, turn=turn, origin=origin))  # type: ignore[arg-type]
    return lines


def letters(turns: int) -> int:
    system = build_system_prompt(PERSONA, None)
    prompt = build_prompt(PERSONA, system, talk(turns), turns + 1)
    return sum(len(line["content"]) for line in prompt)


def test_the_prompt_of_a_long_talk_is_bounded() -> None:
    assert letters(400) < 1.1 * letters(100) < 1.6 * letters(25)


def test_what_was_said_before_the_window_is_there_in_short() -> None:
    prompt = build_prompt(PERSONA, "system", talk(100), 101)
    assert "turn 1: câu trả lời số 1" in prompt[0]["content"]


def test_a_fact_is_not_in_the_prompt_before_its_time() -> None:
    early = list_open_facts(PERSONA, talk(2), 3)
    assert early == ["con học lớp 5", "mẹ con ốm (only when the bot presses for it)"]
    assert "con sắp đi học thêm" in list_open_facts(PERSONA, talk(3), 4)
    asked = talk(1, bot="Nhà con có nuôi con vật nào không?")
    assert "nhà con nuôi chó tên Milu" in list_open_facts(PERSONA, asked, 2)
    for turn in range(1, 4):
        prompt = build_prompt(PERSONA, build_system_prompt(PERSONA, None), talk(turn - 1), turn)
        assert "Milu" not in str(prompt)
        assert "học thêm" not in str(prompt)


BOT_LINES = (
    "Con giỏi lắm, học tiếp nhé.",
    "Nhà con có nuôi con vật nào không?",
    "Con thích ăn món gì?",
    "Do you have a pet at home?",
)


def test_no_fact_is_told_to_the_model_before_its_time_in_two_hundred_seeded_talks() -> None:
    looked = 0
    for seed in range(200):
        chance, said, asked = Random(seed), list[Message](), False
        for turn in range(1, 11):
            system = build_system_prompt(PERSONA, None)
            told = str(build_prompt(PERSONA, system, said, turn, seed=str(seed)))
            assert ("Milu" in told) == asked
            assert ("học thêm" in told) == (turn >= 4)
            line = chance.choice(BOT_LINES)
            asked = asked or "con vật" in line
            for role, text in (("user", "dạ"), ("assistant", line)):
                origin = "simulated" if role == "user" else "bot"
                index = len(said)
                said.append(new_message(role, text, index=index, turn=turn, origin=origin))  # type: ignore[arg-type]
            looked += 1
    assert looked == 2000


@pytest.mark.parametrize("name", ["no_tones", "typos"])
def test_habits_of_typing_are_drawn_at_their_declared_rates(name: str) -> None:
    persona = PERSONA.model_copy(update={"typing": Typing(no_tones=0.4, typos=0.05)})
    drawn = [draw_habits(persona, f"t{n}", turn) for n in range(200) for turn in range(20)]
    rate = getattr(persona.typing, name)
    share = sum(name in habits for habits in drawn) / len(drawn)
    assert abs(share - rate) <= 3 * sqrt(rate * (1 - rate) / len(drawn))


@pytest.mark.parametrize("name", ["one_word", "wrong_answer", "tangent"])
def test_behaviours_are_drawn_at_their_declared_rates(name: str) -> None:
    drawn = [draw_behaviour(PERSONA, f"talk {n}", turn) for n in range(200) for turn in range(20)]
    rate = PERSONA.behaviours[name]
    assert isinstance(rate, float)
    error = sqrt(rate * (1 - rate) / len(drawn))
    assert abs(drawn.count(name) / len(drawn) - rate) <= 3 * error


def test_the_same_seed_draws_the_same_behaviours() -> None:
    some = [draw_behaviour(PERSONA, "7", turn) for turn in range(50)]
    assert some == [draw_behaviour(PERSONA, "7", turn) for turn in range(50)]
    assert some != [draw_behaviour(PERSONA, "8", turn) for turn in range(50)]


def test_level_language_and_two_sample_lines_stand_beside_each_turn() -> None:
    *_, last = build_prompt(PERSONA, "system", talk(3), 4, behaviour="one_word", seed="1")
    assert last["content"].startswith("Con giỏi lắm, học tiếp nhé.")
    assert "Vietnamese; A1" in last["content"]
    assert "single word" in last["content"]
    assert sum(line in last["content"] for line in PERSONA.sample_lines) >= 2


def test_a_model_trained_as_a_user_hears_its_task_and_roles_as_they_are() -> None:
    persona = Persona(name="Lan", goal="Buy a ticket.", prompt_style="intent")
    system = build_system_prompt(persona, None)
    assert system == "Buy a ticket."
    prompt = build_prompt(persona, system, talk(1), 2)
    assert [line["role"] for line in prompt] == ["system", "user", "assistant"]


@pytest.mark.parametrize(
    ("given", "languages"),
    [
        ({"language": "Vietnamese, with English words"}, ("vi", "en")),
        ({"language": "Tiếng Anh"}, ("en",)),
        ({"language": "English", "speaks": ["vi"]}, ("vi",)),
        ({}, ()),
    ],
)
def test_languages_are_read_from_speaks_or_the_words_of_language(
    given: dict[str, object], languages: tuple[str, ...]
) -> None:
    assert Persona(name="x", **given).languages == languages  # type: ignore[arg-type]


def test_what_the_caller_wants_said_is_no_secret() -> None:
    task = "Hỏi giá vé tàu từ Hà Nội đi Sài Gòn sáng mai"
    persona = Persona(name="Lan", sample_lines=["con muốn hỏi giá vé tàu đi Hà Nội ạ", "dạ"])
    assert task in build_system_prompt(persona, task)
    secrets = describe_secrets(persona)
    assert task not in secrets
    assert "giá vé tàu" not in secrets
