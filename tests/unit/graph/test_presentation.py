"""A conversation that is sent message by message is the one that is described whole."""

import json
from typing import Any

import pytest

from core.ends import Status
from core.message import new_message
from graph.presentation import describe_conversation, encode_conversation
from graph.storage.conversation import Conversation


def row() -> Conversation:
    facts: dict[str, Any] = dict.fromkeys(Conversation.__dataclass_fields__)
    facts |= {"id": "the-id", "bot_id": "16", "seat": "scripted", "status": Status.COMPLETED}
    facts |= {"turn": 1, "max_turns": 2, "runs": 1, "scenario": {"user_prompt": '"history":[]'}}
    return Conversation(**facts)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_pieces_are_the_whole_in_the_same_order(count: int) -> None:
    said = [new_message("user", f'"],{n}', index=n, turn=1, origin="given") for n in range(count)]
    pieces = list(encode_conversation(row(), said, ["child"]))
    assert len(pieces) == count + 2
    read, whole = json.loads(b"".join(pieces)), describe_conversation(row(), said, ["child"])
    assert read == whole
    assert list(read) == list(whole)
