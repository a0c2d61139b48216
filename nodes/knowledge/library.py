"""The knowledge of one bot: indexed when it is first needed, and again when it changed."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from time import monotonic
from typing import Any

from core.errors import BotError
from core.files import resolve_secrets
from core.message import Source
from core.settings import Settings
from core.text import clean
from nodes.knowledge.build import find_files
from nodes.knowledge.config import Knowledge
from nodes.knowledge.index import VERSION, Hit, read_fingerprint, read_texts, search

EXCERPT_CHARACTERS = 200
LOOK_AGAIN_S = 2.0
"""So long files are taken to be as they were."""
Report = Callable[[str], None]


class Library:
    """Finds passages of files and rows. The index is a file, built by a process of its own.

    `folder` is what patterns begin at, `target` the index. Every method raises `BotError`.
    """

    def __init__(self, knowledge: Knowledge, name: str, folder: Path, target: Path) -> None:
        self.knowledge = knowledge
        self.problems: list[str] = []
        self._name = name
        self._folder = folder
        self._target = target
        self._lock = asyncio.Lock()
        self._looked: float | None = None

    async def find(self, text: str, report: Report) -> list[Source]:
        """What the text is about, best first; `report` hears how far the indexing is."""
        await self.refresh(report)
        hits = await asyncio.to_thread(search, self._target, text, self.knowledge.top)
        return [_to_source(hit) for hit in hits]

    async def read(self, sources: list[Source]) -> list[str]:
        """The whole passages; of one that is gone by now what is known of it."""
        await self.refresh(lambda _: None)
        texts = await asyncio.to_thread(read_texts, self._target, [one["id"] for one in sources])
        return [texts.get(one["id"], one["text"]) for one in sources]

    async def refresh(self, report: Report) -> None:
        """Makes the index where there is none, or another than what is there now."""
        async with self._lock:
            if self._looked is not None and monotonic() - self._looked < LOOK_AGAIN_S:
                return
            fingerprint = await asyncio.to_thread(self._take_fingerprint)
            if await asyncio.to_thread(read_fingerprint, self._target) != fingerprint:
                await self._build(fingerprint, report)
            self._looked = monotonic()

    def _take_fingerprint(self) -> str:
        request = self._to_request()
        files = find_files(self._folder, self.knowledge.patterns)
        if self.knowledge.patterns and not files:
            patterns = ", ".join(self.knowledge.patterns)
            raise self._error(f"no file that can be read fits {patterns} in {self._folder}")
        watched = [*files, *([Path(_path_of(request["sql"]["url"]))] if request["sql"] else [])]
        stats = []
        for path in watched:
            with suppress(OSError):  # it may be going just now, and is then another state
                stat = path.stat()
                stats.append([str(path), stat.st_mtime_ns, stat.st_size])
        whole = json.dumps([VERSION, request, stats]).encode()
        return blake2b(whole, digest_size=16).hexdigest()

    def _to_request(self) -> dict[str, Any]:
        request = self.knowledge.to_request()
        if request["sql"]:
            path = self._folder / _path_of(resolve_secrets(request["sql"]["url"]))
            request["sql"]["url"] = f"sqlite:///{path}"
        return request

    async def _build(self, fingerprint: str, report: Report) -> None:
        report(f"indexing what {self._name} knows")
        request = {
            **self._to_request(),
            "folder": str(self._folder),
            "target": str(self._target),
            "fingerprint": fingerprint,
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "nodes.knowledge.build", json.dumps(request)),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            said = await self._follow(process, report)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if "passages" not in said:
            raise self._error(said.get("error", "the indexing process ended"))
        if not said["passages"]:
            raise self._error("; ".join(self.problems) or "there is no text in it")

    async def _follow(self, process: asyncio.subprocess.Process, report: Report) -> dict[str, Any]:
        """What the process said last."""
        said: dict[str, Any] = {}
        self.problems = []
        assert process.stdout is not None  # noqa: S101
        async for line in process.stdout:
            said = json.loads(line)
            if "problem" in said:
                self.problems.append(said["problem"])
                report(f"left out: {said['problem']}")
            elif "progress" in said:
                report(said["progress"])
        return said

    def _error(self, what: str) -> BotError:
        return BotError("init", f"the knowledge of {self._name} cannot be used: {clean(what)}")


def _path_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def _to_source(hit: Hit) -> Source:
    return {
        "id": hit.id,
        "file": hit.file,
        "page": hit.page,
        "score": round(hit.score, 2),
        "text": clean(hit.text)[:EXCERPT_CHARACTERS],
    }


def open_library(knowledge: Knowledge, id: str, name: str, settings: Settings) -> Library:
    """The knowledge of bot `id`; its index lies beside the database."""
    database = Path(settings.database_url.removeprefix("sqlite:///"))
    target = database.with_name(f"{database.name}.knowledge") / f"{id}.db"
    return Library(knowledge, name, settings.bots.absolute().parent, target)
