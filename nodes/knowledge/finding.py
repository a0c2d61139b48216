"""Which files a pattern means: `*`, `?`, `[…]`, and `**` for folders of any depth."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import translate
from pathlib import Path

from nodes.knowledge.readers import READERS

MOST_FILES = 20_000


class TooManyFiles(Exception):
    """A pattern such as `/**` means more than anybody wants a bot to read."""


def find_files(folder: Path, patterns: Iterable[str]) -> list[Path]:
    """The files that can be read, sorted; hidden ones are passed over, as shells do.

    Each `**` walks a folder once, so that links in a circle end. Raises `TooManyFiles`.
    """
    found = set[Path]()
    for pattern in patterns:
        parts = pattern.replace(os.sep, "/").split("/")
        root = Path("/") if pattern.startswith("/") else folder
        for path in _match(root, [part for part in parts if part not in ("", ".")]):
            if path.suffix.lower() in READERS:
                found.add(path)
            if len(found) > MOST_FILES:
                raise TooManyFiles(f"{pattern} means more than {MOST_FILES:,} files")
    return sorted(found)


def _match(folder: Path, parts: list[str]) -> Iterator[Path]:
    if not parts:
        return
    first, rest = parts[0], parts[1:]
    if first == "**":
        while rest[:1] == ["**"]:
            rest = rest[1:]
        for each in _walk(folder, set()):
            yield from _match(each, rest or ["*"])
    elif first == "..":
        yield from _match(folder.parent, rest)
    else:
        yield from _match_one(folder, first, rest)


def _match_one(folder: Path, part: str, rest: list[str]) -> Iterator[Path]:
    fits = re.compile(translate(part)).match
    for entry in _list(folder):
        if not fits(entry.name) or (entry.name.startswith(".") and not part.startswith(".")):
            continue
        if rest and _holds(entry.is_dir):
            yield from _match(folder / entry.name, rest)
        elif not rest and _holds(entry.is_file):
            yield folder / entry.name


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    """The folder and all below it; one that is reached by several links comes once."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    if len(seen) > MOST_FILES:
        raise TooManyFiles(f"{folder} has more than {MOST_FILES:,} folders")
    yield folder
    for entry in _list(folder):
        if not entry.name.startswith(".") and _holds(entry.is_dir):
            yield from _walk(folder / entry.name, seen)


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except OSError:  # a link to itself, or to what may not be seen
        return False


def _list(folder: Path) -> list[os.DirEntry[str]]:
    """What is in the folder, links to folders last, so that files keep the names they have."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: (entry.is_symlink(), entry.name))
    except OSError:  # it is none, it may not be read, or it is going just now
        return []
