"""Talks in JSON and JSONL: ours, OpenAI's, lists of messages; what is damaged harms itself alone.

A list of talks is read piece by piece. Where one cannot be read, the next one is looked for.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from evaluation.real_talks.talk import (
    LONGEST_TALK,
    Part,
    RealLine,
    Refusal,
    Role,
    Unusable,
    make_talk,
    read_role,
    read_text,
)

Roles = Mapping[str, Role]
_LISTS = ("messages", "conversation", "conversations", "transcript", "history", "turns", "dialogue")
_TALKS = ("conversations", "items", "data", "talks", "transcripts")
_ROLE_KEYS, _TEXT_KEYS = (
    ("role", "from", "speaker", "sender"),
    ("content", "value", "text", "message"),
)
_BLANK = re.compile(r"[\s,]*")
_DECODER = json.JSONDecoder()
_CHUNK = 1 << 20


def read_jsonl(file: TextIO, roles: Roles) -> Iterator[Part]:
    """A talk a line."""
    for number, text in enumerate(file, 1):
        if text.strip():
            yield from _read_whole(text, number, roles)


def read_json(file: TextIO, roles: Roles) -> Iterator[Part]:
    """One talk, or a list of them."""
    text = Window(file)
    text.skip_blank()
    if text.peek() == "[" and not text.holds_messages():
        yield from _read_list(text, roles)
        return
    number, whole = text.line, text.take_all()
    yield from _read_whole(whole, number, roles)


def _read_whole(text: str, number: int, roles: Roles) -> Iterator[Part]:
    try:
        yield from _read_value(_parse(text), number, roles)
    except Unusable as error:
        yield Refusal(number, str(error))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Unusable(f"is not JSON: {error.msg}") from None
    except (ValueError, RecursionError):
        raise Unusable("is no JSON that can be used") from None


def _read_value(value: Any, number: int, roles: Roles) -> Iterator[Part]:
    """The talks that a value is or holds."""
    held = _find_talks(value)
    if held is None:
        yield _read_talk(value, number, roles)
        return
    for one in held:
        yield _read_talk(one, number, roles)


def _find_talks(value: Any) -> list[Any] | None:
    """The talks that an object lists; None where it is one itself."""
    if isinstance(value, list):
        return value if value and not _is_message(value[0]) else None
    if not isinstance(value, dict):
        return None
    for name in _TALKS:
        held = value.get(name)
        if isinstance(held, dict) and name == "transcripts":
            return list(held.values())
        if isinstance(held, list) and held and not _is_message(held[0]):
            return held
    return None


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and any(key in value for key in _ROLE_KEYS)


def _read_talk(value: Any, number: int, roles: Roles) -> Part:
    try:
        return make_talk(number, _read_lines(value, roles))
    except Unusable as error:
        return Refusal(number, str(error))


def _read_lines(value: Any, roles: Roles) -> Iterator[RealLine]:
    messages = _find_messages(value)
    for at, message in enumerate(messages):
        try:
            line = _read_line(message, roles)
        except Unusable as error:
            raise Unusable(f"message {at + 1}: {error}") from None
        if line is not None:
            yield line


def _find_messages(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
    if not isinstance(value, list):
        raise Unusable("has no list of messages")
    return value


def _read_line(message: Any, roles: Roles) -> RealLine | None:
    if not isinstance(message, dict):
        raise Unusable("is no object")
    role = read_role(next((message[key] for key in _ROLE_KEYS if key in message), None), roles)
    given = next((message[key] for key in _TEXT_KEYS if key in message), None)
    if role is None or (given is None and message.get("tool_calls")):
        return None
    return RealLine(role, read_text(given))


# --- long lists -----------------------------------------------------------------------------------


class Window:
    """The part of a file that is looked at; `line` is the line of its beginning, from 1."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.text = ""
        self.line = 1
        self.is_whole = False
        self.more()

    def more(self) -> bool:
        """Reads on; whether there was anything."""
        fresh = self._file.read(max(_CHUNK, len(self.text)))
        self.is_whole = self.is_whole or not fresh
        self.text += fresh
        return bool(fresh)

    def drop(self, count: int) -> None:
        self.line += self.text.count("\n", 0, count)
        self.text = self.text[count:]

    def skip_blank(self) -> None:
        while True:
            blank = _BLANK.match(self.text)
            self.drop(blank.end() if blank else 0)
            if self.text or not self.more():
                return

    def peek(self) -> str:
        return self.text[:1]

    def take_all(self) -> str:
        while len(self.text) <= LONGEST_TALK and self.more():
            pass
        return self.text

    def holds_messages(self) -> bool:
        """Whether the list is one talk: its first member has a role."""
        begin = re.match(r"\[\s*\{[^{}\[\]]*\}", self.text)
        if begin is None:
            return False
        try:
            return _is_message(json.loads(begin[0][1:]))
        except (ValueError, RecursionError):
            return False


def _read_list(text: Window, roles: Roles) -> Iterator[Part]:
    text.drop(1)
    while True:
        text.skip_blank()
        if text.peek() in ("", "]"):
            if not text.peek():
                yield Refusal(text.line, "the file ends within the list")
            return
        number = text.line
        try:
            value = _take_value(text)
        except Unusable as error:
            yield Refusal(number, str(error))
            _skip_damage(text)
            continue
        yield _read_talk(value, number, roles)


def _take_value(text: Window) -> Any:
    """The next member of the list. Raises `Unusable`, and then has taken nothing."""
    while True:
        try:
            value, end = _DECODER.raw_decode(text.text)
        except json.JSONDecodeError as error:
            # What is cut off by the end of the window goes on in the file.
            if error.pos < len(text.text) - 10 and not error.msg.startswith("Unterminated"):
                raise Unusable(f"is not JSON: {error.msg}") from None
            if len(text.text) > LONGEST_TALK or not text.more():
                raise Unusable(f"is not JSON: {error.msg}") from None
        except (ValueError, RecursionError):
            raise Unusable("is no JSON that can be used") from None
        else:
            text.drop(end)
            return value


_BEGINNING = re.compile(
    r"\n[ \t]*(?=[{\[])|(?<=[}\]\s]),\s*(?=\{\s*\"(?:messages|conversation|id)|\[\s*\{)"
)


def _skip_damage(text: Window) -> None:
    """To where the next talk may begin: on a line of its own, or after a comma."""
    while True:
        for found in _BEGINNING.finditer(text.text, 1):
            if _begins_talk(text.text, found.end()):
                text.drop(found.end())
                return
        if not text.more():
            text.drop(len(text.text))
            return


def _begins_talk(text: str, at: int) -> bool:
    """A member of the list, and not a message of the damaged one."""
    begin = re.compile(r"[{\[]\s*[{\[\"]").match(text, at)
    head = text[at : at + 400]
    if begin is None:
        return False
    if head.startswith("["):
        return True
    first = re.match(r"\{\s*\"(\w+)\"", head)
    return first is not None and first[1] not in (*_ROLE_KEYS, *_TEXT_KEYS)
