"""The process in which a `python` bot answers: a call a line comes in, pieces and a reply go out.

Started as a script, it imports nothing of Duologue and sees the folder of bots.yaml first, so that
a user's `graph.py` is the user's. What a bot prints goes to standard error.
"""

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

THREADS = 64
HANGS = 75
"""The exit code where a function that cannot be interrupted took too long."""


class Conversation:
    """What a bot may know: `id`, `turn`, `messages` so far (dicts with `role`, `content` …).

    `session` is a dict that is kept from turn to turn; `end()` ends the conversation. `choice` is
    the button, one of its own, whose title was said.
    """

    def __init__(self, call: dict[str, Any]) -> None:
        self.id: str = call["conversation_id"]
        self.turn: int = call["turn"]
        self.seed: str = call["seed"]
        self.messages: list[dict[str, Any]] = call["messages"]
        self.session: dict[str, Any] = call["session"]
        self.choice: dict[str, Any] | None = call.get("choice")
        self.ended = False

    def end(self) -> None:
        self.ended = True


class Worker:
    """Answers calls, several at once: coroutines on the loop, plain functions in threads."""

    def __init__(self, out: Any) -> None:
        self._out = out
        self._lock = threading.Lock()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._in_threads: set[int] = set()
        self._threads = ThreadPoolExecutor(THREADS)
        self._functions: dict[str, Callable[..., Any]] = {}

    async def serve(self) -> None:
        loop = asyncio.get_running_loop()
        calls: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        threading.Thread(target=_read, args=(loop, calls), daemon=True).start()
        async with asyncio.TaskGroup() as group:
            while True:
                call = await calls.get()
                if "cancel" in call:
                    self._cancel(call["cancel"], call["hangs"])
                else:
                    self._tasks[call["id"]] = group.create_task(self._answer(call))

    def _cancel(self, id: int, hangs: bool) -> None:
        if hangs and id in self._in_threads:
            os._exit(HANGS)
        if task := self._tasks.pop(id, None):
            task.cancel()

    async def _answer(self, call: dict[str, Any]) -> None:
        id = call["id"]
        try:
            self._send(id, reply=await self._call(call))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - also SystemExit: the user's code is not ours
            is_loading = call["function"] not in self._functions
            self._send(id, error=_describe(error), loading=is_loading)
        finally:
            self._tasks.pop(id, None)
            self._in_threads.discard(id)

    async def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        function = self._find(call["function"])
        if call.get("load"):
            return {}
        talk = Conversation(call)
        given = (call["text"], talk)[: _count_parameters(function)]
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            found = function(*given)
        else:
            self._in_threads.add(call["id"])
            run = asyncio.get_running_loop().run_in_executor
            found = await run(self._threads, self._run, function, given, call["id"])
        if inspect.isawaitable(found):
            found = await found
        if isinstance(found, AsyncIterator):
            found = [await self._join(found, call["id"])]
        bubbles = [found] if isinstance(found, str | dict) else found
        return {"bubbles": bubbles, "ended": talk.ended, "session": talk.session}

    def _run(self, function: Callable[..., Any], given: tuple[Any, ...], id: int) -> Any:
        """In a thread. The pieces of a generator are passed on as they come."""
        found = function(*given)
        if not isinstance(found, Iterator):
            return found
        pieces = []
        for piece in found:
            pieces.append(_check_piece(piece))
            self._send(id, piece=piece)
        return ["".join(pieces)]

    async def _join(self, found: AsyncIterator[Any], id: int) -> str:
        pieces = []
        async for piece in found:
            pieces.append(_check_piece(piece))
            self._send(id, piece=piece)
        return "".join(pieces)

    def _find(self, name: str) -> Callable[..., Any]:
        if name not in self._functions:
            self._functions[name] = _load(name)
        return self._functions[name]

    def _send(self, id: int, **facts: Any) -> None:
        try:
            line = json.dumps({"id": id, **facts})
        except (TypeError, ValueError) as error:
            line = json.dumps({"id": id, "error": f"returned what is not JSON: {error}"})
        with self._lock:
            self._out.write(line + "\n")
            self._out.flush()


def _load(name: str) -> Callable[..., Any]:
    place, _, function = name.rpartition(":")
    module = _load_file(place) if place.endswith(".py") else importlib.import_module(place)
    found: Callable[..., Any] = getattr(module, function)
    if not callable(found):
        raise TypeError(f"{function} is no function")
    return found


def _load_file(file: str) -> Any:
    path = os.path.abspath(file)  # noqa: PTH100
    spec = importlib.util.spec_from_file_location("bot_under_test", path)
    if spec is None or spec.loader is None or not os.path.isfile(path):  # noqa: PTH113
        raise FileNotFoundError(f"there is no file {file}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _count_parameters(function: Callable[..., Any]) -> int:
    """How many of text and conversation it takes."""
    kinds = [one.kind for one in inspect.signature(function).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return 2
    taken = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return min(2, sum(kind in taken for kind in kinds))


def _check_piece(piece: Any) -> str:
    if not isinstance(piece, str):
        raise TypeError(f"yielded {type(piece).__name__}, not str")
    return piece


def _describe(error: BaseException) -> str:
    """The error, and the last line of the user's code that it passed."""
    said = f"{type(error).__name__}: {error}"[:500]
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename != __file__ and not frame.filename.startswith("<")
    ]
    return f"{said} ({os.path.basename(own[-1].filename)}:{own[-1].lineno})" if own else said  # noqa: PTH119


def _read(loop: asyncio.AbstractEventLoop, calls: "asyncio.Queue[dict[str, Any]]") -> None:
    """Reads in a thread, so that a bot that blocks the loop ends with the server all the same."""
    for line in sys.stdin.buffer:
        loop.call_soon_threadsafe(calls.put_nowait, json.loads(line))
    os._exit(0)


def main() -> None:
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # what a bot prints must not look like an answer
        sys.path[0] = os.getcwd()  # noqa: PTH109
        asyncio.run(Worker(out).serve())


if __name__ == "__main__":
    main()
