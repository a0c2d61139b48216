"""Conversations as clients see them."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from core.message import Message, to_public
from graph.storage.conversation import Conversation


def summarize(row: Conversation) -> dict[str, Any]:
    """A row of the list."""
    return {
        "conversation_id": row.id,
        "bot_id": row.scenario.get("bot_id", row.bot_id),
        "by_prompt": is_played_by_prompt(row),
        "persona": row.persona,
        "seat": row.seat,
        "status": row.status.value,
        "end_reason": row.end_reason,
        "turn": row.turn,
        "max_turns": row.max_turns,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "parent_id": row.parent_id,
        "error": row.error,
    }


def is_played_by_prompt(row: Conversation) -> bool:
    """Whether a `bot_prompt` takes the bot's place; its `bot_id` then names nobody who spoke."""
    return row.scenario.get("bot_prompt") is not None


def describe_conversation(
    row: Conversation, messages: Sequence[Message], children: Sequence[str]
) -> dict[str, Any]:
    """The conversation with its transcript."""
    return {
        **summarize(row),
        "history": [to_public(line, at) for at, line in enumerate(messages)],
        "user_prompt": row.scenario.get("user_prompt"),
        "bot_prompt": row.scenario.get("bot_prompt"),
        "children": list(children),
        "forked_at": row.forked_at,
        "aims": find_aims(messages),
    }


def find_aims(messages: Sequence[Message]) -> dict[str, int]:
    """The persona's aims that were reached, each with the turn in which it was."""
    return {aim: line["turn"] for line in messages for aim in line.get("aims", ())}


def encode_conversation(
    row: Conversation, messages: Sequence[Message], children: Sequence[str]
) -> Iterator[bytes]:
    """The JSON of `describe_conversation`, message by message: a transcript may have 50 MB."""
    frame = describe_conversation(row, [], children)
    before = summarize(row)
    after = {name: value for name, value in frame.items() if name not in {*before, "history"}}
    after["aims"] = find_aims(messages)
    yield orjson.dumps(before)[:-1] + b',"history":['
    for at, line in enumerate(messages):
        yield (b"," if at else b"") + orjson.dumps(to_public(line, at))
    yield b"]," + orjson.dumps(after)[1:]
