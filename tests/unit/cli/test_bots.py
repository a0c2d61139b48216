"""What `duologue bot list` says of a bot."""

from typing import Literal

from cli.bots import COLUMNS, bot_columns
from nodes.bots.config import BotConfig


class Foreign(BotConfig):
    kind: Literal["foreign"] = "foreign"


class Forgetful(Foreign):
    usual_memory = "ours"


def memory_of(bot: BotConfig) -> str:
    return dict(zip(COLUMNS, bot_columns("one", bot), strict=True))["memory"]


def test_a_list_says_who_remembers_the_talk_or_that_the_kind_does_not_tell() -> None:
    assert memory_of(Foreign()) == "unknown"
    assert memory_of(Forgetful()) == "ours"
    assert memory_of(Forgetful(memory="lost")) == "lost"
