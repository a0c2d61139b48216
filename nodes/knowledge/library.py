"""The knowledge of one bot: indexed when it is first needed, and again when it changed."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from time import monotonic, time
from typing import Any
from urllib.parse import quote

from core.errors import BotError
from core.files import resolve_secrets
from core.message import Source
from core.settings import Settings
from core.text import clean
from nodes.calls.http import HttpClient, redacted_url
from nodes.calls.retry import RetryLimits
from nodes.knowledge.build import stamp_file
from nodes.knowledge.config import Embeddings, Knowledge, Table
from nodes.knowledge.embeddings import EmbeddingModel
from nodes.knowledge.finding import TooManyFiles, find_files
from nodes.knowledge.index import (
    VERSION,
    count_passages,
    read_fingerprint,
    read_problems,
    read_texts,
)
from nodes.knowledge.request import BuildRequest, EmbeddingEndpoint, Rows
from nodes.knowledge.rows import SQLITE
from nodes.knowledge.search import Hit, search

EXCERPT_CHARACTERS = 200
MOST_ASKED = 2000
"""Characters of a line, its last ones, that are embedded."""
LOOK_AGAIN_S = 2.0
"""So long files are taken to be as they were; longer where looking takes above 0.1 s itself."""
DEFAULT_URL = "https://api.openai.com/v1"
Report = Callable[[str], None]
log = logging.getLogger("duologue.knowledge")


class Library:
    """Finds passages of files and rows. The index is a file, built by a process of its own.

    Every method raises `BotError`.
    """

    def __init__(
        self,
        request: BuildRequest,
        name: str,
        *,
        top: int = 5,
        model: EmbeddingModel | None = None,
        refresh_s: float = 300.0,
    ) -> None:
        self._request = request
        self._target = request.index
        self._name = name
        self._top = top
        self._model = model
        self._refresh_s = refresh_s
        self._lock = asyncio.Lock()
        self._look_at = 0.0

    async def find(self, text: str, report: Report) -> list[Source]:
        """What the text is about, best first; `report` hears how far the indexing is."""
        await self.refresh(report)
        vector = None
        if self._model and text.strip():
            (vector,) = await self._model.embed([text[-MOST_ASKED:]], report)
        hits = await asyncio.to_thread(search, self._target, text, self._top, vector)
        return [_to_source(hit) for hit in hits]

    async def read(self, sources: list[Source]) -> list[str]:
        """The whole passages; of one that is gone by now what is known of it."""
        await self.refresh(lambda _: None)
        texts = await asyncio.to_thread(read_texts, self._target, [one["id"] for one in sources])
        return [texts.get(one["id"], one["text"]) for one in sources]

    async def describe(self) -> str:
        """How much there is to be looked up, and what was left out and why."""
        await self.refresh(lambda _: None)
        count = await asyncio.to_thread(count_passages, self._target)
        left_out = await asyncio.to_thread(read_problems, self._target)
        return "; left out: ".join([f"{count:,} passages to look up", *left_out])

    async def refresh(self, report: Report) -> None:
        """Makes the index where there is none, or another than what is there now."""
        async with self._lock:
            if monotonic() < self._look_at:
                return
            began = monotonic()
            fingerprint = await asyncio.to_thread(self._take_fingerprint)
            took = monotonic() - began
            if await asyncio.to_thread(read_fingerprint, self._target) != fingerprint:
                await self._build(fingerprint, report)
            self._look_at = monotonic() + LOOK_AGAIN_S * max(1.0, 10 * took)

    def _take_fingerprint(self) -> str:
        request = self._request
        try:
            files = find_files(Path(request.folder), request.patterns)
        except TooManyFiles as error:
            raise self._error(str(error)) from error
        if request.patterns and not files:
            patterns = ", ".join(request.patterns)
            raise self._error(f"no file that can be read fits {patterns} in {request.folder}")
        stamps = [[str(path), stamp_file(path)] for path in files]
        whole = [VERSION, request.to_identity(), stamps, self._stamp_rows()]
        return blake2b(json.dumps(whole).encode(), digest_size=16).hexdigest()

    def _stamp_rows(self) -> list[str]:
        """A SQLite file shows that it changed, its log too; a server is asked again in time."""
        rows = self._request.rows
        if rows is None:
            return []
        if rows.url.startswith(SQLITE):
            file = rows.url.removeprefix(SQLITE)
            return [stamp_file(Path(file)), stamp_file(Path(f"{file}-wal"))]
        return [str(int(time() / self._refresh_s))]

    async def _build(self, fingerprint: str, report: Report) -> None:
        report(f"indexing what {self._name} knows")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "nodes.knowledge.build"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            last = await self._follow(process, self._request.with_fingerprint(fingerprint), report)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if "passages" not in last:
            ended = f"the indexing process ended with code {process.returncode}; see the log"
            raise self._error(last.get("error", ended), last.get("kind", "init"))
        if not last["passages"]:
            problems = await asyncio.to_thread(read_problems, self._target)
            raise self._error("; ".join(problems) or "there is no text in it")

    async def _follow(
        self, process: asyncio.subprocess.Process, request: BuildRequest, report: Report
    ) -> dict[str, Any]:
        """What the process said last."""
        last: dict[str, Any] = {}
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        with suppress(ConnectionError):  # it died at once, and its end is told below
            process.stdin.write(request.to_json())
            await process.stdin.drain()
        process.stdin.close()
        async for line in process.stdout:
            last = json.loads(line)
            if "problem" in last:
                log.warning("%s: left out: %s", self._name, last["problem"])
                report(f"left out: {last['problem']}")
            elif "progress" in last:
                report(last["progress"])
        return last

    def _error(self, what: str, kind: str = "init") -> BotError:
        text = f"the knowledge of {self._name} cannot be used: {clean(what)}"
        return BotError(kind, text, unheard=True)


def _to_source(hit: Hit) -> Source:
    return {
        "id": hit.id,
        "file": hit.file,
        "page": hit.page,
        "score": round(hit.score, 4),
        "text": clean(hit.text)[:EXCERPT_CHARACTERS],
    }


def open_library(
    knowledge: Knowledge, id: str, name: str, settings: Settings, http: HttpClient
) -> Library:
    """The knowledge of bot `id`; its index lies beside the database."""
    given = knowledge.embeddings
    endpoint = _find_endpoint(given, settings) if given else None
    limits = RetryLimits(settings.attempts, settings.attempts_total_s)
    folder = settings.bots.absolute().parent
    request = BuildRequest(
        folder=str(folder),
        patterns=knowledge.patterns,
        target=str(place_index(settings.database_url, id)),
        rows=_resolve_rows(knowledge.sql, folder) if knowledge.sql else None,
        endpoint=endpoint,
        attempts=limits.attempts,
        attempts_total_s=limits.total_s,
    )
    return Library(
        request,
        name,
        top=knowledge.top,
        model=EmbeddingModel(http, endpoint, limits) if endpoint else None,
        refresh_s=knowledge.sql.refresh_s if knowledge.sql else 300.0,
    )


def place_index(database_url: str, id: str) -> Path:
    """Beside a SQLite database; in the working folder where Postgres is the database."""
    place = database_url.removeprefix(SQLITE) if database_url.startswith(SQLITE) else "duologue.db"
    database = Path(place).expanduser().resolve()
    return database.with_name(f"{database.name}.knowledge") / f"{quote(id, safe='')}.db"


def _resolve_rows(table: Table, folder: Path) -> Rows:
    url = resolve_secrets(table.url)
    if url.startswith(SQLITE):
        url = f"{SQLITE}{folder / Path(url.removeprefix(SQLITE)).expanduser()}"
    return Rows(url, table.query, table.timeout_s)


def _find_endpoint(given: Embeddings, settings: Settings) -> EmbeddingEndpoint:
    """Our own key goes to no address that a bot names."""
    url = resolve_secrets(given.base_url) if given.base_url else settings.openai_base_url
    own = settings.openai_api_key
    key = resolve_secrets(given.api_key) if given.api_key else None
    if key is None and given.base_url is None and own:
        key = own.get_secret_value()
    url = (url or DEFAULT_URL).rstrip("/")
    shown = redacted_url(given.base_url or url)  # what a variable holds may be a secret
    return EmbeddingEndpoint(url, shown, given.model, key, given.timeout_s)
