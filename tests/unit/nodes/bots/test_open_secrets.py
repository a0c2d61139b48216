"""A secret that stands in bots.yaml itself is pointed out; one that is named is not."""

from typing import Any

import pytest

import demo.kinds  # noqa: F401 - brings a kind
from nodes.bots.config import open_secrets
from nodes.bots.kinds import bots_file_model

TURN = {"url": "http://h/turn", "reply": "text"}


@pytest.mark.parametrize(
    ("bot", "found"),
    [
        ({"kind": "openai", "api_key": "sk-1"}, ["api_key"]),
        ({"kind": "openai", "api_key": "${KEY}"}, []),
        ({"kind": "webhook", "turn": TURN, "headers": {"X-Api-Key": "k"}}, ["X-Api-Key"]),
        ({"kind": "webhook", "turn": {**TURN, "headers": {"Cookie": "c=1"}}}, ["Cookie"]),
        ({"kind": "webhook", "turn": TURN, "headers": {"Authorization": "Bearer ${T}"}}, []),
        ({"kind": "webhook", "turn": TURN, "headers": {"X-Lang": "vi"}}, []),
        ({"kind": "demo"}, []),
    ],
)
def test_only_what_the_file_itself_holds_is_pointed_out(
    bot: dict[str, Any], found: list[str]
) -> None:
    assert open_secrets(bots_file_model().model_validate({"bots": {"1": bot}}).bots["1"]) == found
