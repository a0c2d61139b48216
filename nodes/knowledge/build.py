"""Builds an index in a process of its own: `python -m nodes.knowledge.build REQUEST`.

REQUEST is JSON: `folder`, `patterns`, `sql`, `target`, `fingerprint`. Each line that is printed is
JSON too: `progress` (a sentence), `problem`, and at last `passages` (a count) or `error`.
"""

import json
import os
import sys
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from time import monotonic
from typing import Any

from nodes.knowledge.index import Passage, write_index
from nodes.knowledge.readers import READERS, Unreadable, read_document, read_rows

REPORT_EVERY_S = 0.5


def find_files(folder: Path, patterns: list[str]) -> list[Path]:
    """The files that can be read, sorted."""
    found = {
        folder / name
        for pattern in patterns
        for name in glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207 - `**` as shells know it
    }
    return sorted(path for path in found if path.suffix.lower() in READERS and path.is_file())


class Builder:
    """Reads everything, one passage after the other, and says how far it is."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._folder = Path(request["folder"])
        self._said = monotonic()

    def build(self) -> int:
        """The number of passages. The index is there whole or not at all."""
        target = Path(self._request["target"])
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            count = write_index(fresh, self._read(), self._request["fingerprint"])
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
        return count

    def _read(self) -> Iterator[Passage]:
        paths = find_files(self._folder, self._request["patterns"])
        for number, path in enumerate(paths, 1):
            name = os.path.relpath(path, self._folder)
            try:
                for passage in read_document(path, name):
                    self._report(number, len(paths), passage)
                    yield passage
            except Unreadable as error:
                tell(problem=str(error))
        if sql := self._request["sql"]:
            yield from read_rows(sql["url"], sql["query"])

    def _report(self, number: int, count: int, passage: Passage) -> None:
        if monotonic() - self._said >= REPORT_EVERY_S:
            self._said = monotonic()
            page = f", page {passage.page}" if passage.page else ""
            tell(progress=f"reading file {number} of {count}: {passage.file}{page}")


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def main() -> int:
    try:
        tell(passages=Builder(json.loads(sys.argv[1])).build())
    except (Unreadable, OSError) as error:
        tell(error=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
