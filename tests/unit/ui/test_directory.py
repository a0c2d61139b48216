from typing import Any

import pytest

from ui.directory import Directory
from ui.texts import Words
from ui.transcript import Bubble

VI = Words("vi")
NAMES = Directory(VI, {"16": "Bắp", "17": "Ngô"}, {"learner": "Minh", "lan": "Lan"}, "learner")


@pytest.mark.parametrize(
    ("origin", "seat", "persona", "name"),
    [
        ("simulated", "simulated", None, "Minh"),
        ("simulated", "human", "lan", "Lan"),
        ("scripted", "scripted", "lan", "Lan"),
        ("human", "simulated", "lan", "Bạn"),
        ("given", "simulated", "lan", "Lan"),
        ("", "scripted", None, "Minh"),
    ],
)
def test_a_line_is_named_after_who_said_it(
    origin: str, seat: str, persona: str | None, name: str
) -> None:
    line = Bubble(0, "user", "x", True, origin, "the server's own word")
    assert NAMES.speaker_name(line, {"persona": persona}, seat) == name


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        ({"bot_id": 16}, "Bắp"),
        ({"bot_id": 99}, "Bot 99"),
        ({"bot_id": "tutor"}, "tutor"),
        ({"bot_id": 16, "bot_prompt": "Bạn là …"}, "Bot theo prompt"),
        ({"bot_id": 16, "parent_id": "p"}, "Ngô"),
    ],
)
def test_a_bot_has_one_name(facts: dict[str, Any], name: str) -> None:
    line = Bubble(1, "assistant", "x", True, "bot", "Ngô")
    assert NAMES.speaker_name(line, facts, "simulated") == name
