"""What a conversation is: plain, small, serialisable data. No clients, no secrets."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

from langgraph.channels.delta import DeltaChannel

from core.message import Message, Role, Source, new_message

Seat = Literal["simulated", "scripted", "human"]
InFlight = Literal["retry", "accept", "ask"]


def append_lines(lines: Sequence[Message]) -> Any:
    """An update that adds lines to the transcript.

    Not a bare list: LangGraph would make LangChain message objects of those, which cost thirty
    times as much to store.
    """
    return {"said": list(lines)}


def mark_foreign(indexes: Sequence[int]) -> Any:
    """An update that marks replies which the conversation's own session of the bot never gave."""
    return {"said": [], "foreign": list(indexes)}


def reduce_messages(messages: list[Any], news: Sequence[Any]) -> list[Any]:
    """Reducer of the transcript: lines are added; only a LangGraph client may change one."""
    grown = list(messages)
    for update in news:
        if isinstance(update, dict) and "said" in update:
            grown += update["said"]
            for at in update.get("foreign", ()):
                grown[at] = {**grown[at], "not_in_session": True}
            continue
        for line in update if isinstance(update, list | tuple) else [update]:
            _apply_line(grown, line)
    return grown


def _apply_line(grown: list[Any], line: Any) -> None:
    """A line in LangGraph's own form: one that has the id of a known line replaces its text."""
    fields = line if isinstance(line, dict) else _to_dict(line)
    for at, existing in enumerate(grown):
        if existing["id"] == fields.get("id"):
            grown[at] = {**existing, "content": _join_text(fields["content"])}
            return
    grown.append(fields if "origin" in fields else _from_langgraph(fields, len(grown)))


def _to_dict(line: Any) -> dict[str, Any]:
    """A message object, or a text that somebody said, as the dict that it may also come back as."""
    if isinstance(line, str):
        return {"content": line}
    fields: dict[str, Any] = line.model_dump()
    return fields


def _from_langgraph(fields: dict[str, Any], index: int) -> Message:
    """A message that a LangGraph client put into the state, as one of ours."""
    by_bot = "ai" in (fields.get("type"), fields.get("role")) or fields.get("role") == "assistant"
    role: Role = "assistant" if by_bot else "user"
    return new_message(role, _join_text(fields["content"]), index=index, turn=0, origin="given")


def _join_text(content: Any) -> str:
    """LangChain's content: a text, or blocks of which some are text."""
    if isinstance(content, str):
        return content
    blocks = [block if isinstance(block, str) else block.get("text", "") for block in content]
    return "".join(blocks)


def reduce_scenario(existing: dict[str, Any], news: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Reducer of the scenario: later values win, key by key."""
    for update in news:
        existing = {**existing, **update}
    return existing


# Snapshots repeat the whole value: rare enough that storage grows with turns, not their square.
SNAPSHOT_EVERY = 4000


class State(TypedDict, total=False):
    """A conversation between two steps.

    `session` holds what the bot gave when it was opened, `turn` counts finished bot turns,
    `sent` is the last turn that was handed to the bot, `replayed` counts the user lines that a
    fork has told its fresh bot again, `diverged` is the message it first answered otherwise,
    `closing` is set when the user said good-bye for good, `spent_s` counts the seconds that
    finished turns took. `sources` are what the bot looked up for the coming turn. `unsaid` is a
    person's line that was accepted and is the next to be said, `last_turn` the turn behind
    which the run was asked to pause.
    """

    messages: Annotated[
        list[Message], DeltaChannel(reduce_messages, snapshot_frequency=SNAPSHOT_EVERY)
    ]
    scenario: Annotated[
        dict[str, Any], DeltaChannel(reduce_scenario, snapshot_frequency=SNAPSHOT_EVERY)
    ]
    session: dict[str, Any]
    turn: int
    sent: int
    replayed: int
    diverged: int
    seat: Seat
    closing: bool
    spent_s: float
    sources: list[Source]
    unsaid: str | None
    last_turn: int | None
    end_reason: str | None
