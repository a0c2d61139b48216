"""The service under test: a server process on a real socket, and how to talk to it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.integration.api.reading import Frame, Frames, Heard, Torn
from tests.servers.database import databases
from tests.servers.host import free_port
from tests.servers.process import ROOT, Process, clean_environment
from tests.servers.wait import wait_until


class Zygote:
    """The process that forks servers; one serves a whole test session."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.api.zygote"],
            cwd=ROOT,
            env=clean_environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def _answer(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the zygote ended"
        return line

    def fork(self, env: Mapping[str, str], folder: Path, cwd: Path) -> int:
        assert self._process.stdin
        order = {"env": dict(env), "folder": str(folder), "cwd": str(cwd)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(json.loads(self._answer())["pid"])

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()


class _Child:
    """A fork, with what `Process` asks of a child."""

    def __init__(self, pid: int, folder: Path) -> None:
        self.pid = pid
        self._file = folder / "code"
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        if self._code is None and self._file.exists():
            self._code = int(self._file.read_text())
        return self._code

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):  # it ended, and its code is about to be written
            os.kill(self.pid, number)

    async def wait(self) -> int:
        while self.returncode is None:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.005)
        return self.returncode


class Forked(Process):
    """A server process made by the zygote."""

    def __init__(self, zygote: Zygote, env: Mapping[str, str], cwd: Path, ready: str) -> None:
        super().__init__(["duologue"], env=env, cwd=cwd, ready=ready)
        self._zygote = zygote

    async def start(self) -> None:
        folder = Path(self._folder.name)
        for name in ("stdout", "stderr"):
            (folder / name).touch()
        pid = self._zygote.fork(self._env, folder, self._cwd)
        self._child = _Child(pid, folder)  # type: ignore[assignment]


@dataclass
class Answer:
    """A response that was read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Service:
    """A service with a database, and bots, of its own; `env` are its DUOLOGUE_ variables.

    The port and the database stay the same over restarts. Entered, it is up.
    """

    zygote: Zygote
    folder: Path
    robot_url: str = ""
    env: dict[str, str] = field(default_factory=dict)
    bots: dict[str, Any] = field(default_factory=dict)
    process: Process = field(init=False)
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port = free_port()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.database = self.folder / "duologue.db"

    async def __aenter__(self) -> Self:
        # No limit and no reuse: a killed server leaves nothing behind here.
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            timeout=aiohttp.ClientTimeout(total=60),
        )
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.http.close()
        self.process.kill9()
        await self.process.close()

    # --- its life -------------------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        bots = self.folder / "bots.yaml"
        robot = {"kind": "webhook", "preset": "robot-lesson", "base_url": self.robot_url}
        known = {"16": robot} if self.robot_url else {}
        text = json.dumps({"bots": {**known, **self.bots}}).replace('"16":', "16:")
        bots.write_text(text)
        return {
            "DUOLOGUE_PORT": str(self.port),
            "DUOLOGUE_DATABASE_URL": databases.url(self.database),
            "DUOLOGUE_BOTS": str(bots),
            "DUOLOGUE_UI": "false",
            "DUOLOGUE_GRACE_S": "3",
            **{name if name.isupper() else f"DUOLOGUE_{name.upper()}": value
               for name, value in self.env.items()},
        }  # fmt: skip

    async def start(self) -> None:
        """Starts it and returns when it answers."""
        self.process = Forked(self.zygote, self.environment(), self.folder, f"{self.url}/health")
        await self.process.__aenter__()

    async def kill(self) -> None:
        """kill -9."""
        self.process.kill9()
        assert await self.process.wait() == -signal.SIGKILL

    async def restart(self) -> None:
        """kill -9, and up again."""
        await self.kill()
        await self.process.close()
        await self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.process.stderr

    # --- talking to it --------------------------------------------------------------------------

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """One request, its answer read whole; `body` is sent as JSON."""
        if body is not None:
            options["json"] = body
        options["headers"] = {**self.headers, **options.get("headers", {})}
        async with self.http.request(
            method, f"{self.url}{path}", allow_redirects=False, **options
        ) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path: str, **options: Any) -> Any:
        """The JSON of a GET that must succeed."""
        answer = await self.ask("GET", path, **options)
        assert answer.status == 200, answer.text
        return answer.json

    async def post(self, path: str, body: Any = None, **options: Any) -> Any:
        """The JSON of a POST that must succeed."""
        answer = await self.ask("POST", path, body, **options)
        assert 200 <= answer.status < 300, (answer.status, answer.text)
        return answer.json

    async def make(self, turns: int = 3, **scenario: Any) -> str:
        """A new conversation whose user says `line_of(1)`, `line_of(2)` …"""
        body = {"bot_id": 16, "max_turns": turns, "lines": write_lines(turns), **scenario}
        given = {name: value for name, value in body.items() if value is not None}
        return str((await self.post("/api/conversations", given))["conversation_id"])

    async def run(self, id: str, **body: Any) -> None:
        """Starts a run and stays not on the line."""
        answer = await self.ask(
            "POST", f"/api/conversations/{id}/runs", body, headers={"Prefer": "respond-async"}
        )
        assert answer.status == 202, answer.text

    async def begin(self, turns: int = 3, **scenario: Any) -> str:
        """A conversation that runs."""
        id = await self.make(turns, **scenario)
        client = scenario.get("client_id")
        await self.run(id, **({"client_id": client} if client else {}))
        return id

    async def show(self, id: str, **query: str) -> Any:
        return await self.get(f"/api/conversations/{id}", params=query)

    async def until(self, id: str, *statuses: str, within: float = 20.0, **query: str) -> Any:
        """The conversation once it has one of these statuses."""
        seen: dict[str, Any] = {}

        async def there() -> bool:
            seen.update(await self.show(id, **query))
            return seen["status"] in statuses

        await wait_until(there, within, what=f"{id} is {' or '.join(statuses)}")
        return seen

    async def turns_done(self, id: str, turns: int, within: float = 20.0) -> None:
        async def there() -> bool:
            return bool((await self.show(id))["turn"] >= turns)

        await wait_until(there, within, what=f"{turns} turns of {id}")

    @asynccontextmanager
    async def stream(
        self, path: str, body: Any = None, method: str = "", **options: Any
    ) -> AsyncIterator[Frames]:
        """The frames of an event stream, as they come."""
        method = method or ("POST" if body is not None else "GET")
        headers = {**self.headers, "Accept": "text/event-stream", **options.pop("headers", {})}
        async with self.http.request(
            method, f"{self.url}{path}", json=body, headers=headers, **options
        ) as response:
            assert response.status == 200, await response.text()
            assert response.headers["Content-Type"].startswith("text/event-stream")
            yield Frames(response)

    async def frames(self, path: str, body: Any = None, **options: Any) -> list[Frame]:
        """All frames of a stream that ends."""
        async with self.stream(path, body, **options) as stream:
            return [frame async for frame in stream]

    async def listen(self, id: str, within: float = 30.0, **query: str) -> Heard:
        """Follows as a browser's EventSource does: reconnects with the last id until 204."""
        heard = Heard()
        async with asyncio.timeout(within):
            while not await self._listened(id, heard, query):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return heard

    async def _listened(self, id: str, heard: Heard, query: dict[str, str]) -> bool:
        headers = {"Last-Event-ID": heard.last} if heard.last else {}
        try:
            async with self.http.get(
                f"{self.url}{events_of(id)}", headers={**self.headers, **headers}, params=query
            ) as response:
                if response.status == 204:
                    return True
                assert response.status == 200, await response.text()
                frames = Frames(response)
                async for frame in frames:
                    heard.take(frame)
        except (aiohttp.ClientError, Torn):
            heard.breaks += 1
        return False

    async def follow(self, id: str, last: str | None = None, **query: str) -> list[Frame]:
        headers = {"Last-Event-ID": last} if last else {}
        return await self.frames(events_of(id), headers=headers, params=query)


def events_of(id: str) -> str:
    return f"/api/conversations/{id}/events"


def line_of(n: int) -> str:
    """What the user says in turn n; text that is easily broken."""
    return f"Lượt {n}: “con chào thầy” 👩‍🏫 e\u0302\u0301 #{n}"


def write_lines(turns: int) -> list[str]:
    return [line_of(n) for n in range(1, turns + 1)]
