"""The file of a cassette: recorded replies of a bot, one JSON object a line, safe to commit."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.errors import StorageError
from core.message import Usage
from core.parts import Part


@dataclass(frozen=True, slots=True)
class Recording:
    """A reply as it was given once.

    `key` stands for all that was said before it, `talk` for the conversation, so that recordings
    of one conversation belong together. `user` is the line it answers, for those who read the
    file. `session` is what a bot without a memory of its own wants to be told again.
    """

    key: str
    talk: str
    turn: int
    user: str
    bubbles: list[str]
    ended: bool = False
    version: str | None = None
    took_ms: int = 0
    usage: Usage | None = None
    session: dict[str, Any] = field(default_factory=dict)
    parts: list[list[Part]] = field(default_factory=list)


def make_key(said: Sequence[tuple[str, str]], *, greets: bool) -> str:
    """What stands for the roles and texts so far, in whichever conversation they were said."""
    text = json.dumps([said, greets], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def make_talk_id(conversation_id: str) -> str:
    """What tells conversations apart in the file; their ids are not for everybody to read."""
    return hashlib.sha256(conversation_id.encode()).hexdigest()[:12]


class Tape:
    """The recordings of one file, read again when another process has added to it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._state: tuple[int, int] | None = None
        self._found: dict[tuple[str, str | None], dict[str, Recording]] = {}

    def find(self, key: str, version: str | None) -> list[Recording]:
        """What was recorded there, one reply a conversation, in the order of recording.

        Raises `StorageError` where the file cannot be read.
        """
        self._refresh()
        return list(self._found.get((key, version), {}).values())

    def count(self, version: str | None) -> int:
        """How many replies of that version of the bot there are."""
        self._refresh()
        return sum(len(each) for (_, made_by), each in self._found.items() if made_by == version)

    def find_versions(self) -> list[str]:
        """Which versions of the bot have recordings."""
        self._refresh()
        return sorted({made_by or "none" for _, made_by in self._found})

    def add(self, recording: Recording) -> None:
        """Adds a line, whole or not at all. Raises `StorageError`."""
        data = {name: value for name, value in asdict(recording).items() if value not in _EMPTY}
        line = json.dumps({**_REQUIRED, **data}, ensure_ascii=False).encode() + b"\n"
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            _append(self.file, line)
        except OSError as error:
            raise StorageError(f"cannot record into {self.file}: {error.strerror}") from None

    def _refresh(self) -> None:
        try:
            found = self.file.stat()
            state = (found.st_mtime_ns, found.st_size)
            if state != self._state:
                self._found, self._state = _read(self.file), state
        except FileNotFoundError:
            self._found, self._state = {}, None
        except OSError as error:
            raise StorageError(f"cannot read the cassette {self.file}: {error.strerror}") from None


_EMPTY: tuple[Any, ...] = (None, {}, [], False, 0)
_REQUIRED = {"turn": 0, "bubbles": list[str]()}


def _append(file: Path, line: bytes) -> None:
    """One write at the end, so that processes that record at once do not mix their lines."""
    with file.open("ab+", buffering=0) as end:
        size = end.seek(0, os.SEEK_END)
        if size:
            end.seek(size - 1)
            line = line if end.read(1) == b"\n" else b"\n" + line
        if end.write(line) < len(line):
            raise OSError(28, "No space left on device")


def _read(file: Path) -> dict[tuple[str, str | None], dict[str, Recording]]:
    found: dict[tuple[str, str | None], dict[str, Recording]] = {}
    for recording in _parse(file):
        talks = found.setdefault((recording.key, recording.version), {})
        talks[recording.talk] = recording
    return found


def _parse(file: Path) -> Iterator[Recording]:
    """Its recordings; a last line without an end, left by a crash, is passed over."""
    *lines, _torn = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield _to_recording(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            raise StorageError(f"{file}:{number}: is no recording of a reply") from None


def _to_recording(data: Mapping[str, Any]) -> Recording:
    recording = Recording(**data)
    texts = [recording.key, recording.talk, recording.user, *recording.bubbles]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError
    return recording
