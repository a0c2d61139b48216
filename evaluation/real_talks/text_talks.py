"""Talks in plain text, `User: …` and `Bot: …`; a line of dashes or equals signs parts two talks."""

import re
from collections.abc import Iterator, Mapping
from typing import TextIO

from evaluation.real_talks.talk import (
    Part,
    RealLine,
    RealTalk,
    Refusal,
    Role,
    Unusable,
    make_talk,
    read_text,
)

_LABEL = re.compile(r"\s*([^\W\d_][^:：\n]{0,29})[:：]\s?(.*)", re.DOTALL)
_BREAK = re.compile(r"\s*(?:-{3,}|={3,}|\*{3,}|#{1,3} .*)\s*")


def read_text_talks(file: TextIO, roles: Mapping[str, Role]) -> Iterator[Part]:
    """What has no label belongs to the line before it."""
    begin, lines = 1, list[str]()
    for number, text in enumerate(file, 1):
        if not _BREAK.fullmatch(text):
            lines.append(text)
            continue
        yield from _read_talk(begin, lines, roles)
        begin, lines = number + 1, []
    yield from _read_talk(begin, lines, roles)


def _read_talk(
    begin: int, lines: list[str], roles: Mapping[str, Role]
) -> Iterator[RealTalk | Refusal]:
    if not any(line.strip() for line in lines):
        return
    try:
        yield make_talk(begin, _read_lines(lines, roles))
    except Unusable as error:
        yield Refusal(begin, str(error))


def _read_lines(lines: list[str], roles: Mapping[str, Role]) -> list[RealLine]:
    found: list[RealLine] = []
    for text in lines:
        label = _LABEL.match(text)
        role = roles.get(label[1].strip().casefold()) if label else None
        if label and role:
            found.append(RealLine(role, label[2].rstrip("\n")))
        elif found:
            last = found[-1]
            found[-1] = RealLine(last.role, f"{last.text}\n{text.strip()}")
        elif text.strip():
            raise Unusable("begins with neither “User:” nor “Bot:”")
    return [RealLine(line.role, read_text(line.text).strip()) for line in found]
