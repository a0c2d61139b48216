"""Real processes under test: started, watched and ended by id, with bounded waits."""

import asyncio
import os
import re
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self

import aiohttp

from tests.servers.wait import wait_until

ROOT = Path(__file__).parents[2]
TAIL = 4_000
PRIVATE = re.compile(
    r"^(OPENAI|ANTHROPIC|DUOLOGUE|LANGSMITH|LANGCHAIN|LANGGRAPH)_|_PROXY$", re.IGNORECASE
)


def clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """This environment plus `extra`, without what could reach a model, a proxy or an account."""
    kept = {name: value for name, value in os.environ.items() if not PRIVATE.search(name)}
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}


class Process:
    """A child process: `async with Process(["python", "-m", ...], ready=...) as p`.

    `python` means this interpreter; the folder is the repository's unless `cwd` is given. `ready`
    is an URL that has to answer below 500, or a regular expression to be found on stdout or
    stderr. Leaving ends the process and whatever it left in its process group. Raises
    AssertionError with the end of its output when it is not ready within `startup` seconds.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        ready: str | None = None,
        cwd: Path | None = None,
        startup: float = 20.0,
        grace: float = 10.0,
    ) -> None:
        self._argv = [sys.executable if argv[0] == "python" else argv[0], *argv[1:]]
        self._env = clean_environment(env or {})
        self._ready = ready
        self._cwd = cwd or ROOT
        self._startup = startup
        self._grace = grace
        self._ended: tuple[str, str] | None = None
        # files and no pipes: nothing has to read them, whoever inherits them
        self._folder = tempfile.TemporaryDirectory(prefix="duologue-process-")

    async def __aenter__(self) -> Self:
        await self.start()
        try:
            await self._until_ready()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start it, without waiting until it is ready."""
        with self._output("stdout").open("wb") as out, self._output("stderr").open("wb") as err:
            self._child = await asyncio.create_subprocess_exec(
                *self._argv,
                env=self._env,
                cwd=self._cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    async def close(self) -> None:
        """End it: SIGTERM, after the grace time SIGKILL, then what is left of its group."""
        self.terminate()
        with suppress(TimeoutError):
            await self.wait(self._grace)
        self._signal_group(signal.SIGKILL)
        await self.wait(self._grace)
        self._ended = (self.stdout, self.stderr)
        self._folder.cleanup()

    # --- what it is -----------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; -9 after SIGKILL."""
        return self._child.returncode

    @property
    def stdout(self) -> str:
        """All that it has written so far."""
        return self._ended[0] if self._ended else self._read("stdout")

    @property
    def stderr(self) -> str:
        return self._ended[1] if self._ended else self._read("stderr")

    def rss(self) -> int:
        """Bytes of memory in use now (Linux)."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    def open_files(self) -> int:
        """How many file descriptors it has (Linux)."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    # --- what is done to it ---------------------------------------------------------------------

    def signal(self, number: int) -> None:
        """Send a signal to the process alone; nothing happens once it has ended."""
        if self.returncode is None:
            self._child.send_signal(number)

    def kill9(self) -> None:
        self.signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.signal(signal.SIGTERM)

    def interrupt(self) -> None:
        self.signal(signal.SIGINT)

    async def wait(self, timeout: float = 30.0) -> int:  # noqa: ASYNC109 - no wait without a bound
        """The exit code. Raises TimeoutError while it still runs after `timeout` seconds."""
        return await asyncio.wait_for(self._child.wait(), timeout)

    def _signal_group(self, number: int) -> None:
        # its id is its leader's, our child: nothing else can be in it
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def _output(self, name: str) -> Path:
        return Path(self._folder.name) / name

    def _read(self, name: str) -> str:
        return self._output(name).read_text(encoding="utf-8", errors="replace")

    # --- readiness ------------------------------------------------------------------------------

    async def _until_ready(self) -> None:
        if self._ready is None:
            return
        try:
            await wait_until(self._is_ready, self._startup)
        except AssertionError as error:
            raise AssertionError(self.told(f"not ready ({self._ready})")) from error

    async def _is_ready(self) -> bool:
        if self.returncode is not None:
            raise AssertionError(f"ended with {self.returncode}")
        ready = self._ready or ""
        if ready.startswith("http"):
            return await answers(ready)
        return re.search(ready, self.stdout + self.stderr) is not None

    def told(self, what: str) -> str:
        """`what` with the command, the exit code and the end of both outputs."""
        head = f"{what}: {' '.join(self._argv)} (exit code {self.returncode})"
        return f"{head}\n--- stdout\n{self.stdout[-TAIL:]}\n--- stderr\n{self.stderr[-TAIL:]}"


async def answers(url: str) -> bool:
    """Whether something answers there, below 500."""
    limit = aiohttp.ClientTimeout(total=2.0)
    try:
        async with aiohttp.ClientSession(timeout=limit) as client, client.get(url) as response:
            return response.status < 500
    except (aiohttp.ClientError, TimeoutError):
        return False
