"""The lesson as an HTTP service of its own, speaking the robot-lesson API.

What it answered is on disk first: kill the process at any moment, start it on the same file, and
every lesson goes on where it was. A call that is sent again with the same `Idempotency-Key` gets
the recorded answer and moves nothing.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from aiohttp import web

from demo import careless, lesson

API = "/robot-ai-lesson/api/v1/bot"
T = TypeVar("T")
_LONGEST_ID = 255
_SCHEMA = """
CREATE TABLE IF NOT EXISTS lessons (
    conversation_id TEXT PRIMARY KEY,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answered (
    conversation_id TEXT NOT NULL,
    call TEXT NOT NULL CHECK (call IN ('init', 'turn')),
    key TEXT NOT NULL,
    reply TEXT NOT NULL,
    PRIMARY KEY (conversation_id, call, key)
) WITHOUT ROWID;
"""


LONG_S = 0.1
REWRITE_SHARE = 10
"""After a VACUUM that took long, so many times as long passes before the next."""


class Lessons:
    """The lessons in a SQLite file, or `:memory:`. Blocking: to be used from one thread only.

    WAL without a sync at each commit outlives the death of the process, which is what is promised;
    two processes may share a file. Raises `sqlite3.Error`.
    """

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.executescript(_SCHEMA)
        self._rewrite_at = 0.0

    def open(self, conversation_id: str, fresh: lesson.LessonState, key: str) -> None:
        """Begins a lesson. One that runs is begun anew only by a key that was not seen before."""
        with self._transaction():
            state = self._state(conversation_id)
            if (
                state
                and state["said"]
                and (not key or self._find_recorded(conversation_id, "init", key))
            ):
                return
            self._forget_turns(conversation_id)
            self._save(conversation_id, fresh)
            self._record(conversation_id, "init", key, "")

    def reply(self, conversation_id: str, message: str, key: str) -> str | None:
        """The robot's answer; None where no such lesson was opened."""
        with self._transaction():
            state = self._state(conversation_id)
            if state is None:
                return None
            recorded = self._find_recorded(conversation_id, "turn", key) if key else None
            if recorded is not None:
                return recorded[0]
            answer = careless.answer if "careless" in state else lesson.answer
            state, reply = answer(state, message)
            self._save(conversation_id, state)
            self._record(conversation_id, "turn", key, reply)
            return reply

    def forget(self, conversation_id: str) -> None:
        """Nothing of that lesson is left."""
        with self._transaction():
            for table in ("answered", "lessons"):
                sql = f"DELETE FROM {table} WHERE conversation_id = ?"  # noqa: S608 - our names
                self._db.execute(sql, [conversation_id])
        self._rewrite()
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # gone from the log too

    def _rewrite(self) -> None:
        """SQLite leaves copies of what it moved in the unused parts of pages; VACUUM does not."""
        if monotonic() < self._rewrite_at:
            return
        began = monotonic()
        with suppress(sqlite3.OperationalError):  # another process writes: the next time, then
            self._db.execute("VACUUM")
        took = monotonic() - began
        self._rewrite_at = monotonic() + (REWRITE_SHARE * took if took > LONG_S else 0.0)

    def close(self) -> None:
        self._db.close()

    def _state(self, conversation_id: str) -> lesson.LessonState | None:
        row = self._db.execute(
            "SELECT state FROM lessons WHERE conversation_id = ?", [conversation_id]
        ).fetchone()
        return json.loads(row[0]) if row else None

    def _save(self, conversation_id: str, state: lesson.LessonState) -> None:
        text = json.dumps(state, ensure_ascii=False)
        self._db.execute("INSERT OR REPLACE INTO lessons VALUES (?, ?)", [conversation_id, text])

    def _find_recorded(self, conversation_id: str, call: str, key: str) -> tuple[str] | None:
        row: tuple[str] | None = self._db.execute(
            "SELECT reply FROM answered WHERE conversation_id = ? AND call = ? AND key = ?",
            [conversation_id, call, key],
        ).fetchone()
        return row

    def _record(self, conversation_id: str, call: str, key: str, reply: str) -> None:
        if key:
            values = [conversation_id, call, key, reply]
            self._db.execute("INSERT OR REPLACE INTO answered VALUES (?, ?, ?, ?)", values)

    def _forget_turns(self, conversation_id: str) -> None:
        self._db.execute(
            "DELETE FROM answered WHERE conversation_id = ? AND call = 'turn'", [conversation_id]
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


class Store:
    """`Lessons` behind a thread of their own, so that the loop never waits for the disk."""

    def __init__(self, lessons: Lessons, thread: Executor) -> None:
        self._lessons = lessons
        self._thread = thread

    async def open(self, conversation_id: str, fresh: lesson.LessonState, key: str) -> None:
        await _within(self._thread, lambda: self._lessons.open(conversation_id, fresh, key))

    async def forget(self, conversation_id: str) -> None:
        await _within(self._thread, lambda: self._lessons.forget(conversation_id))

    async def reply(self, conversation_id: str, message: str, key: str) -> str | None:
        return await _within(
            self._thread, lambda: self._lessons.reply(conversation_id, message, key)
        )


async def _within(thread: Executor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)


@asynccontextmanager
async def _open_store(path: Path | str) -> AsyncIterator[Store]:
    with ThreadPoolExecutor(1, thread_name_prefix="demo-bot") as thread:
        lessons = await _within(thread, lambda: Lessons(path))
        try:
            yield Store(lessons, thread)
        finally:
            await _within(thread, lessons.close)


# --- HTTP -----------------------------------------------------------------------------------------


class BadRequest(ValueError):
    """A request that cannot be understood; the text says why."""


class Service:
    """The handlers. `delay_s` is how long the robot thinks before it answers."""

    def __init__(self, store: Store, delay_s: float) -> None:
        self._store = store
        self._delay_s = delay_s

    def app(self) -> web.Application:
        app = web.Application(middlewares=[_refusals_as_json])
        app.router.add_get("/health", self.health)
        app.router.add_post(f"{API}/initConversation", self.init)
        app.router.add_post(f"{API}/webhook", self.turn)
        app.router.add_delete(f"{API}/conversations/{{id}}", self.forget)
        return app

    async def forget(self, request: web.Request) -> web.Response:
        await self._store.forget(request.match_info["id"])
        return _json({"status": 0, "msg": "Success"})

    async def health(self, _request: web.Request) -> web.Response:
        return _json({"status": 0, "msg": "Success"})

    async def init(self, request: web.Request) -> web.Response:
        body = await _body(request)
        conversation_id, bot_id = _id(body, "conversation_id"), body.get("bot_id")
        if isinstance(bot_id, bool) or not isinstance(bot_id, int | str):
            raise BadRequest("bot_id must be a number or a text")
        slots = body.get("input_slots", {})
        if not isinstance(slots, dict):
            raise BadRequest("input_slots must be an object")
        await self._store.open(conversation_id, _begin_lesson(bot_id, slots), _key(request))
        return _json({"status": 0, "msg": "Success"})

    async def turn(self, request: web.Request) -> web.Response:
        body = await _body(request)
        conversation_id, message = _id(body, "conversation_id"), body.get("message")
        if not isinstance(message, str) or not message.strip():
            raise BadRequest("message must be a text that is not empty")
        await asyncio.sleep(self._delay_s)
        reply = await self._store.reply(conversation_id, message, _key(request))
        if reply is None:
            return _json({"status": 1, "msg": "unknown conversation: call initConversation first"})
        data = {"message": reply, "conversation_id": conversation_id}
        return _json({"status": 0, "msg": "Success", "data": data})


def _begin_lesson(bot_id: int | str, slots: dict[str, Any]) -> lesson.LessonState:
    """A fresh lesson; the slots `careless: true` and `seed` ask for the careless twin."""
    if slots.get("careless") is True:
        return careless.start(bot_id, str(slots.get("seed", "")))
    return lesson.start(bot_id)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except (ValueError, RecursionError):
        raise BadRequest("the body must be JSON") from None
    if not isinstance(body, dict):
        raise BadRequest("the body must be a JSON object")
    return body


def _id(body: dict[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or not _storable(value) or not value:
        raise BadRequest(f"{field} must be a text of 1 to {_LONGEST_ID} characters")
    return value


def _key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not _storable(key):
        raise BadRequest(f"Idempotency-Key must be a text of at most {_LONGEST_ID} characters")
    return key


def _storable(text: str) -> bool:
    """SQLite takes no lone surrogates."""
    return len(text) <= _LONGEST_ID and not any("\ud800" <= char <= "\udfff" for char in text)


def _json(data: dict[str, Any], status: int = 200) -> web.Response:
    text = json.dumps(data, ensure_ascii=False)
    return web.json_response(text=text, status=status)


@web.middleware
async def _refusals_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except BadRequest as error:
        return _json({"status": 1, "msg": str(error)}, 400)
    except web.HTTPException as error:
        return _json({"status": 1, "msg": error.reason}, error.status)
    except sqlite3.Error as error:
        return _json({"status": 1, "msg": f"the lesson could not be stored: {error}"}, 503)
    return response


@asynccontextmanager
async def serve_demo(
    path: Path | str, host: str = "127.0.0.1", port: int = 0, delay_s: float = 0
) -> AsyncIterator[str]:
    """Serves the demo bot while the block runs; gives its base URL. `port` 0 takes a free one.

    `path` is the SQLite file (made where it is missing) or `:memory:`. Raises `OSError` where the
    port is taken, `sqlite3.Error` where the file cannot be used.
    """
    async with _open_store(path) as store:
        runner = web.AppRunner(Service(store, delay_s).app(), access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            yield f"http://{host}:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


# --- by hand --------------------------------------------------------------------------------------


class Options(NamedTuple):
    port: int
    data: str
    delay: float


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m demo.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--data", default=":memory:", help="the SQLite file of the lessons")
    parser.add_argument("--delay", type=float, default=0, help="seconds to think before an answer")
    return Options(**vars(parser.parse_args(arguments)))


async def _serve(options: Options) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # on Windows ctrl-C cancels us instead
            loop.add_signal_handler(number, stop.set)
    async with serve_demo(options.data, port=options.port, delay_s=options.delay) as url:
        sys.stdout.write(f"demo bot: {url}{API}\n")
        sys.stdout.flush()
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    try:
        asyncio.run(_serve(options))
    except KeyboardInterrupt:
        return 0
    except (OSError, sqlite3.Error) as error:
        sys.stderr.write(f"demo bot cannot start: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
