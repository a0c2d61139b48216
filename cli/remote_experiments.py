"""`duologue test --api URL`: a server runs its suites, and this process follows them.

Whoever dies, nothing is lost: the server goes on without us, and with another server process on
the same database we go on behind the last event.
"""

import asyncio
import os
import sys
from argparse import Namespace
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit
from uuid import uuid4

import aiohttp
import orjson

from cli.experiment_output import choose_output
from cli.experiments import WORST_FIRST
from cli.report_files import TrialLog, write_reports
from cli.signals import on_signal
from core.errors import ConfigError, DuologueError, Invalid, NotFound
from core.sse_parser import SseParser
from evaluation.experiments.events import Event
from evaluation.results import ExperimentDocument, TrialRecord
from graph.storage.experiment_rows import ExperimentRow

PATIENCE_S = 120.0
"""So long a server may be away before we give up; it goes on with the experiment all the same."""
RETRY_S = 0.5
TAKEOVER_S = 15.0
"""So long after the death of its process another one may take an experiment over."""
QUIET_S = 60.0
ONLY_HERE = "bot persona tag text trial repeats concurrency max_cost baseline fail_fast dry_run"


class ServerUnreachable(DuologueError):
    """The server does not answer."""

    code = "unreachable"


async def test_at_server(options: Namespace) -> int:
    """The exit code, as if the suites had run here.

    Raises `Invalid`, `ServerUnreachable`, `NotFound`.
    """
    refuse_narrowing(options)
    followed: list[str] = []
    try:
        async with RemoteServer.open(options.api) as server, asyncio.timeout(None) as limit:
            now = asyncio.get_running_loop().time()
            with on_signal(lambda: limit.reschedule(now)):
                return await _follow_all(server, options, followed)
    except TimeoutError:  # only a signal sets the limit
        for id in followed[-1:]:
            again = f"duologue test --api {options.api} --resume {id[:8]}"
            sys.stderr.write(f"The server goes on with it. To follow it again: {again}\n")
        return 3


async def _follow_all(server: "RemoteServer", options: Namespace, followed: list[str]) -> int:
    begun = [await begin(server, name, options) for name in options.suites]
    if options.resume:
        begun = [await go_on(server, options)]
    codes = []
    for made in begun:
        followed.append(str(made["id"]))
        codes.append(await follow_to_end(server, made, options))
    return next(code for code in WORST_FIRST if code in codes)


def refuse_narrowing(options: Namespace) -> None:
    """Raises `Invalid`: the server runs its suites as they are."""
    for name in ONLY_HERE.split():
        if getattr(options, name, None):
            raise Invalid("cannot be given with --api: the server's suite is run as it is", name)
    if not options.suites and not options.resume:
        raise Invalid("name a suite of the server, or an experiment with --resume", "suites")


async def begin(server: "RemoteServer", suite: str, options: Namespace) -> Mapping[str, Any]:
    """A new experiment of the server's suite; with `--retry` the suite's last one."""
    name = Path(suite).stem if suite.endswith((".yaml", ".yml")) else suite
    if options.retry:
        known = {
            one["suite"]: one.get("name") for one in (await server.get("/api/suites"))["suites"]
        }
        page = await server.get("/api/experiments", suite=known.get(name) or name, limit="1")
        if not page["experiments"]:
            raise Invalid(f"the suite {name} has no experiment yet", "retry")
        return await server.retry(page["experiments"][0]["id"], options.retry)
    # With a key it is one experiment, however often a broken connection makes us ask.
    key = {"Idempotency-Key": str(uuid4())}
    body = {"suite": name, **({"name": options.name} if options.name else {})}
    made: Mapping[str, Any] = await server.post("/api/experiments", body, key)
    return made


async def go_on(server: "RemoteServer", options: Namespace) -> Mapping[str, Any]:
    """An experiment by its id: it is followed where it runs, and resumed where it rests."""
    id = await server.find(options.resume)
    if options.retry:
        return await server.retry(id, options.retry)
    found = await server.get(f"/api/experiments/{id}")
    if found["experiment"]["status"] not in ("running", "completed"):
        await server.post(f"/api/experiments/{id}/resume", {})
    return await server.summarize(id)


async def follow_to_end(server: "RemoteServer", made: Mapping[str, Any], options: Namespace) -> int:
    """Shows an experiment until it ends, and writes the reports. Gives its exit code."""
    out, id = choose_output(options), str(made["id"])
    with out, TrialLog(server.read_trial, id, options) as lines:
        out.show_opening(describe_row(made))
        async for event in server.follow(id):
            out.event(event)
            await lines.add(event)
    document = await server.read_document(id)
    out.show_closing(document, write_reports(document.model_dump(mode="json"), options))
    code = document.experiment.exit_code
    return 3 if code is None else code


def describe_row(made: Mapping[str, Any]) -> ExperimentRow:
    """What of an experiment is shown when it begins."""
    names = ("id", "name", "suite", "status", "total", "created_at")
    return ExperimentRow(**{name: made[name] for name in names}, hash="", plan={})


class RemoteServer:
    """A Duologue server. Every call waits for one that is away, up to `PATIENCE_S`.

    Calls raise `NotFound`, `Invalid` for what the server refuses, and `ServerUnreachable`.
    """

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """The key stands in DUOLOGUE_API_KEY. Raises `ConfigError` for what is no address."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"{url} is no address that begins with http://", key="--api")
        key = os.environ.get("DUOLOGUE_API_KEY", "")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=QUIET_S)
        async with aiohttp.ClientSession(
            url.rstrip("/") + "/", headers=headers, timeout=timeout
        ) as http:
            yield cls(http)

    async def get(self, path: str, **query: str) -> Any:
        return await self._call("GET", path, params=query)

    async def post(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        return await self._call("POST", path, json=body, headers=headers)

    async def retry(self, id: str, outcome: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = await self.post(
            f"/api/experiments/{id}/retry", {"outcome": outcome}
        )
        return found

    async def summarize(self, id: str) -> Mapping[str, Any]:
        document = await self.get(f"/api/experiments/{id}")
        tally = document["figures"]["tally"]
        suite = document["suite"]["name"]
        return {**document["experiment"], "suite": suite, "total": sum(tally.values())}

    async def find(self, reference: str) -> str:
        """The id that begins so, or the newest with that name. Raises `NotFound`."""
        query = {"limit": "500"}
        while True:
            page = await self.get("/api/experiments", **query)
            for one in page["experiments"]:
                if reference == one["name"] or (
                    len(reference) >= 4 and one["id"].startswith(reference)
                ):
                    return str(one["id"])
            if not page["next"]:
                raise NotFound(f"the server has no experiment {reference!r}")
            query["cursor"] = page["next"]

    async def read_trial(self, id: str, number: int) -> TrialRecord:
        path = f"/api/experiments/{id}/trials"
        cursor = {"cursor": str(number - 1)} if number else {}
        page = await self.get(path, limit="1", **cursor)
        return TrialRecord.model_validate(page["trials"][0])

    async def read_document(self, id: str) -> ExperimentDocument:
        """With all trials, and the transcripts of those that failed."""
        data = await self.get(f"/api/experiments/{id}/report", format="json")
        return ExperimentDocument.model_validate(data)

    async def follow(self, id: str) -> AsyncIterator[Event]:
        """All events up to `done`, over however many connections and server processes."""
        last, loop = "", asyncio.get_running_loop()
        silent_since = died_at = None
        while True:
            try:
                async for event in self._read_events(id, last):
                    last, silent_since = str(event.id), None
                    if event.event != "done" or event.data["status"] != "interrupted":
                        died_at = None
                        yield event
                        if event.event == "done":
                            return
                    elif died_at is not None and loop.time() - died_at > TAKEOVER_S:
                        yield event  # nobody took it over
                        return
                    else:
                        died_at = died_at or loop.time()
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                silent_since = silent_since or loop.time()
                if loop.time() - silent_since > PATIENCE_S:
                    raise ServerUnreachable(f"no answer from the server: {error}") from None
            await asyncio.sleep(RETRY_S)

    async def _read_events(self, id: str, last: str) -> AsyncIterator[Event]:
        headers = {"Last-Event-ID": last} if last else {}
        path = f"api/experiments/{id}/events"
        async with self._http.get(path, headers=headers) as answer:
            if answer.status == 204:  # it ended while nobody followed
                end = (await self.get(f"/{path.removesuffix('/events')}"))["experiment"]
                yield Event("done", end, int(last or 0))
                return
            answer.raise_for_status()
            parser = SseParser()
            async for block in answer.content.iter_any():
                for one in parser.feed(block):
                    yield _read_event(one.event, one.data, one.id)

    async def _call(self, method: str, path: str, **given: Any) -> Any:
        loop = asyncio.get_running_loop()
        since = loop.time()
        while True:
            try:
                async with self._http.request(method, path.lstrip("/"), **given) as answer:
                    body = await answer.read()
                    if answer.status != 503:
                        return _read_answer(answer.status, body)
                    problem = "it is starting or stopping"
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                problem = str(error) or type(error).__name__
            if loop.time() - since > PATIENCE_S:
                raise ServerUnreachable(f"no answer from the server: {problem}")
            await asyncio.sleep(RETRY_S)


def _read_event(name: str, data: bytes, id: str) -> Event:
    kind: Any = name
    return Event(kind, orjson.loads(data), int(id or 0))


def _read_answer(status: int, body: bytes) -> Any:
    """Raises `NotFound` and `Invalid` with what the server said."""
    try:
        data = orjson.loads(body)
    except ValueError:
        data = {"detail": body[:200].decode(errors="replace")}
    if status < 300:
        return data
    detail = str(data.get("detail") or data.get("title") or f"HTTP {status}")
    if status == 404:
        raise NotFound(f"the server says: {detail}")
    raise Invalid(f"the server says: {detail}", "api")
