"""A message has one record: what is added to it is stored, streamed and shown."""

from pydantic import TypeAdapter

from core.message import Extras, Message, Refused, TranscriptLine, new_message, to_event, to_public
from core.state import append_lines, reduce_messages

REFUSED: Refused = {"text": "<think>", "why": "The line held thoughts.", "usage": {}}


def plain() -> Message:
    return new_message("user", "chào", index=3, turn=2, origin="human")


def full() -> Message:
    """A message with everything that one can have."""
    return new_message(
        "assistant",
        "Chào bạn",
        index=4,
        turn=2,
        origin="bot",
        latency_ms=12,
        usage={"input_tokens": 1, "output_tokens": 2},
        discarded=[REFUSED],
        behaviour="one_word",
        sources=[{"id": "a", "file": "a.pdf", "page": 3, "score": 1.5, "text": "Thủ đô"}],
        invented=[{"kind": "name", "text": "Khánh"}],
        typed=["no_tones"],
        aims=["orders a drink"],
        model="mock-model",
        recorded=True,
        not_in_session=True,
        parts=[{"kind": "button", "title": "Size M", "value": {"size": "M"}}],
        choice={"kind": "button", "title": "Size M", "value": "/m"},
    )


def test_every_field_that_only_some_messages_have_is_streamed_and_shown() -> None:
    whole = full()
    assert Extras.__annotations__.keys() <= whole.keys(), "give the new field to `full`"
    for name in Extras.__annotations__:
        assert to_event(whole, 4)[name] == whole[name]  # type: ignore[literal-required]
        assert to_public(whole, 4)[name] == whole[name]  # type: ignore[literal-required]


def test_a_plain_message_has_the_keys_of_old_and_no_other() -> None:
    everywhere = {"role", "turn", "timestamp", "origin", "name"}
    assert plain().keys() == everywhere | {"id", "type", "content"}
    shown = everywhere | {"index", "latency_ms", "usage"}
    assert to_event(plain(), 3).keys() == shown | {"text"}
    assert to_public(plain(), 3).keys() == shown | {"content"}


def test_an_extra_that_is_empty_is_not_stored() -> None:
    assert new_message("user", "a", index=0, turn=1, origin="simulated", discarded=[]).keys() == (
        plain().keys()
    )


def test_the_published_schema_takes_what_is_shown() -> None:
    check = TypeAdapter(TranscriptLine).validate_python
    for line in (full(), plain()):
        assert check(to_public(line, 4)) == to_public(line, 4)


def test_a_message_of_an_older_version_is_read_as_it_is() -> None:
    old = {**plain(), "surprise": "of a newer version"}
    (kept,) = reduce_messages([], [append_lines([old])])  # type: ignore[list-item]
    assert kept == old
    assert "surprise" not in to_public(kept, 3)
