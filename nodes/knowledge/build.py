"""Builds an index in a process of its own: `python -m nodes.knowledge.build < REQUEST`.

Each line that is printed is JSON: `progress` (a sentence), `problem` (why a document was left
out), and at last `passages` (a count) or `error` (a sentence, with the `kind` of a BotError).
"""

import asyncio
import json
import logging
import os
import sqlite3
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from core.errors import BotError
from nodes.knowledge.finding import TooManyFiles, find_files
from nodes.knowledge.index import FormerIndex, IndexWriter, TooMuch
from nodes.knowledge.passages import Passage, Unreadable
from nodes.knowledge.readers import read_document
from nodes.knowledge.request import BuildRequest, EmbeddingEndpoint
from nodes.knowledge.rows import read_rows

if TYPE_CHECKING:
    from nodes.knowledge.embeddings import EmbeddingModel

REPORT_EVERY_S = 0.5
MOST_SAID = 2000
TEXTS_A_CALL = 32
CALLS_AT_ONCE = 4


class Builder:
    """Reads everything, one document after the other, and says how far it is."""

    def __init__(self, request: BuildRequest) -> None:
        self._request = request
        self._folder = Path(request.folder)
        self._reported = monotonic()

    def build(self) -> int:
        """The number of passages. The index is there whole or not at all."""
        target = self._request.index
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        try:
            with closing(IndexWriter(fresh)) as index, closing(FormerIndex(target)) as former:
                self._add_files(index, former)
                self._add_rows(index)
                self._add_vectors(index)
                self._report(f"making {index.count:,} passages searchable", force=True)
                index.finish(self._request.fingerprint, self._space)
                count = index.count
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)
        return count

    @property
    def _space(self) -> str:
        endpoint = self._request.endpoint
        return endpoint.space if endpoint else ""

    def _add_files(self, index: IndexWriter, former: FormerIndex) -> None:
        paths = find_files(self._folder, self._request.patterns)
        for number, path in enumerate(paths, 1):
            name = os.path.relpath(path, self._folder)
            stamp = stamp_file(path)
            known = former.read(name, stamp)
            passages = self._follow(read_document(path, name), f"file {number} of {len(paths)}")
            if problem := index.add_document(name, stamp, passages if known is None else known):
                tell(problem=problem)

    def _add_rows(self, index: IndexWriter) -> None:
        """A query that fails is an error of the whole: without its rows nothing would be true."""
        if rows := self._request.rows:
            passages = read_rows(rows.url, rows.query, rows.timeout_s)
            if problem := index.add_document("sql", "", self._follow(passages, "rows")):
                raise Unreadable(problem)

    def _follow(self, passages: Iterable[Passage], what: str) -> Iterator[Passage]:
        for passage in passages:
            page = f", {passage.page}" if passage.page else ""
            self._report(f"reading {what}: {passage.file}{page}")
            yield passage

    def _add_vectors(self, index: IndexWriter) -> None:
        if endpoint := self._request.endpoint:
            index.copy_vectors(self._request.index, endpoint.space)
            asyncio.run(self._embed(index, endpoint))

    async def _embed(self, index: IndexWriter, endpoint: EmbeddingEndpoint) -> None:
        """Asks for the vectors that are not known yet, some calls at once."""
        from nodes.calls.http import HttpClient
        from nodes.calls.retry import RetryLimits
        from nodes.knowledge.embeddings import EmbeddingModel

        lacking = index.list_without_vector()
        http = HttpClient()
        limits = RetryLimits(self._request.attempts, self._request.attempts_total_s)
        model = EmbeddingModel(http, endpoint, limits)
        parts = [lacking[at : at + TEXTS_A_CALL] for at in range(0, len(lacking), TEXTS_A_CALL)]
        try:
            for at in range(0, len(parts), CALLS_AT_ONCE):
                done = f"{at * TEXTS_A_CALL:,} of {len(lacking):,} passages"
                self._report(f"embedding: {done}")
                some = parts[at : at + CALLS_AT_ONCE]
                await asyncio.gather(*(self._embed_part(index, model, part) for part in some))
        finally:
            await http.aclose()

    async def _embed_part(
        self, index: IndexWriter, model: "EmbeddingModel", part: Sequence[tuple[int, str]]
    ) -> None:
        vectors = await model.embed([text for _, text in part], lambda said: tell(progress=said))
        index.set_vectors(
            (vector.tobytes(), number) for (number, _), vector in zip(part, vectors, strict=True)
        )

    def _report(self, what: str, *, force: bool = False) -> None:
        if force or monotonic() - self._reported >= REPORT_EVERY_S:
            self._reported = monotonic()
            tell(progress=what)


def stamp_file(path: Path) -> str:
    """Another one when the file has changed."""
    with suppress(OSError):  # it may be going just now, and is then another state
        stat = path.stat()
        return f"{stat.st_mtime_ns} {stat.st_size}"
    return "gone"


def tell(**facts: Any) -> None:
    short = {key: v[:MOST_SAID] if isinstance(v, str) else v for key, v in facts.items()}
    sys.stdout.write(json.dumps(short) + "\n")
    sys.stdout.flush()


def main() -> int:
    logging.getLogger("pypdf").setLevel(logging.ERROR)
    if hasattr(os, "nice"):
        os.nice(10)  # the server, which answers people meanwhile, goes before
    try:
        tell(passages=Builder(BuildRequest.from_json(sys.stdin.buffer.read())).build())
    except BotError as error:
        tell(error=error.message, kind=error.kind)
        return 1
    except (Unreadable, TooMuch, TooManyFiles, OSError, sqlite3.Error) as error:
        tell(error=str(error), kind="init")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
