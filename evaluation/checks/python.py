"""`python:` checks: a function of the user's own file, run in a process of its own.

The process sees the file's folder first and nothing of ours, so that a user's `graph.py` is the
user's; a check that hangs, exits or prints harms nobody.
"""

import ast
import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field

from core.spelling import nearest
from core.text import clean_deep
from evaluation.checks.base import Check, Finding, cannot_tell, fails, passes
from evaluation.transcripts import Transcript

TIME_LIMIT_S = 10.0
MAX_ANSWER = 1_000_000
_WORKER = Path(__file__).with_name("worker.py")


def _check_place(value: str) -> str:
    file, _, name = value.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise ValueError("must read FILE.py:FUNCTION")
    return value


class Python(Check):
    """A function of yours: `FILE.py:FUNCTION`, from the project folder.

    It takes the transcript and returns true or false, or that with a reason; None: cannot tell.
    """

    kind: ClassVar[str] = "python"
    python: Annotated[str, Field(max_length=1000), AfterValidator(_check_place)]

    @property
    def file(self) -> str:
        return self.python.rpartition(":")[0]

    @property
    def function(self) -> str:
        return self.python.rpartition(":")[2]

    def examine(self, transcript: Transcript) -> Finding:
        return Finding(status="error", reason="a python check needs its runner")

    def describe(self) -> str:
        return f"python: {self.python}"

    def find_fault(self, root: Path) -> str | None:
        """Why it cannot be run from the project folder `root`; None where nothing is seen.

        The file is parsed and not run, so a function that is made in another way counts as there.
        """
        path = root / self.file
        try:
            names = _list_names(ast.parse(path.read_bytes()).body)
        except OSError:
            return f"no file is {self.file} in {root.resolve()}{_hint(self.file, _files(root))}"
        except (SyntaxError, ValueError) as error:
            return f"{self.file} is not Python: {error}"
        known = set(names)
        if self.function in known or known & {"*", "__getattr__"}:
            return None
        return f"{self.file} has no function {self.function}{_hint(self.function, known)}"


class PythonRunner:
    """Runs users' checks, a process per folder, one call at a time each.

    `async with PythonRunner(project_folder) as runner: await runner.examine(check, transcript)`.
    """

    def __init__(self, root: Path, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._root = root
        self._time_limit_s = time_limit_s
        self._workers: dict[Path, _Worker] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers.values():
            await worker.stop()

    async def examine(self, check: Python, transcript: Transcript) -> Finding:
        """What the user's function says; an `error` with the cause where it says nothing usable."""
        path = (self._root / check.file).resolve()
        folder = path.parent
        worker = self._workers.setdefault(folder, _Worker(folder, self._time_limit_s))
        call = {"file": str(path), "function": check.function, **_plain(check, transcript)}
        return _finding(await worker.ask(call))


class _Worker:
    def __init__(self, folder: Path, time_limit_s: float) -> None:
        self._folder = folder
        self._time_limit_s = time_limit_s
        self._process: asyncio.subprocess.Process | None = None
        self._lock = asyncio.Lock()

    async def ask(self, call: Mapping[str, Any]) -> dict[str, Any]:
        async with self._lock:
            answer = None
            try:
                async with asyncio.timeout(self._time_limit_s):
                    answer = await self._exchange(call)
                return answer
            except TimeoutError:
                return {"error": f"took more than {self._time_limit_s:g} s"}
            finally:
                if answer is None:
                    await self.stop()  # else the next call would read this one's answer

    async def _exchange(self, call: Mapping[str, Any]) -> dict[str, Any]:
        try:
            process = self._process = self._process or await self._start()
        except OSError as error:
            return {"error": f"no process can be started in {self._folder}: {error.strerror}"}
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        try:
            process.stdin.write(json.dumps(call).encode() + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            answer: dict[str, Any] = clean_deep(json.loads(line))
        except (ValueError, OSError):
            await self.stop()
            return {"error": "ended its process without an answer"}
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            str(_WORKER),
            cwd=self._folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_ANSWER,
        )

    async def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _list_names(body: Iterable[ast.stmt]) -> Iterator[str]:
    """The names that a module's statements give it, as far as they can be read off."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in statement.names)
        else:
            yield from _list_stored(statement)


def _list_stored(statement: ast.stmt) -> Iterator[str]:
    for part in ast.iter_child_nodes(statement):
        if isinstance(part, ast.stmt):
            yield from _list_names([part])
        elif isinstance(part, ast.ExceptHandler):
            yield from _list_names(part.body)
        else:
            yield from (one.id for one in ast.walk(part) if isinstance(one, ast.Name))


def _files(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in root.glob("*/*.py")]


def _hint(word: str, known: Iterable[str]) -> str:
    guess = nearest(word, known)
    return f"; did you mean {guess}?" if guess else ""


def _plain(check: Python, transcript: Transcript) -> dict[str, Any]:
    numbered = [
        {**message, "index": index}
        for index, message in enumerate(transcript.messages)
        if check.include_history or message.get("origin") != "given"
    ]
    return {
        "messages": numbered,
        "session": dict(transcript.session),
        "end_reason": transcript.end_reason,
        "turns": transcript.turns,
    }


def _finding(answer: Mapping[str, Any]) -> Finding:
    if "error" in answer:
        return Finding(status="error", reason=str(answer["error"]))
    reason = str(answer.get("reason", ""))
    if answer.get("passed") is None:
        return cannot_tell(reason or "the function returned None")
    return (passes if answer["passed"] else fails)(reason)
