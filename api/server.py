"""The service as a process: port, signals, and an end in which no stream is torn."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.connections import SlowReaderGuard, timed_protocol
from api.routes.about import user_note
from core.errors import ConfigError, DuologueError
from core.origins import WILDCARD_ADDRESSES
from core.ports import bind_port
from core.settings import Settings
from graph import logs
from graph.storage.opening import prepare_storage
from nodes.bots.config import open_secrets, read_bots

log = logging.getLogger("duologue.api")
# Streams get `grace_s` to end; whoever has not by then is closed by uvicorn.
CLOSING_S = 3


class Server(uvicorn.Server):
    """Drains the runs before it closes connections, and exits with 0 when it was asked to."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self.app = app
        self.died = False

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second. Without its runs the service would refuse everything for ever."""
        if getattr(self.app.state, "runs", None) is None and not self.should_exit:
            log.critical("the runs have ended by themselves; the process ends too")
            self.died = self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        experiments = getattr(self.app.state, "experiments", None)
        if experiments is not None:
            experiments.drain()
        runs = getattr(self.app.state, "runs", None)
        if runs is not None:
            await runs.drain(self.app.state.settings.grace_s)
        ui = getattr(self.app.state, "ui", None)
        if ui is not None:  # an open page streams as long as it is open
            await ui.aclose()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit and sig == 2
        self.should_exit = True


def serve(settings: Settings) -> int:
    """Runs the service until it is told to stop; gives the exit code. Raises `ConfigError`."""
    listener = bind_port(settings.host, settings.port)
    try:
        logs.set_up(settings)
        prepare_storage(settings.database_url)
        base = _base_url(settings, listener)
        app = create_app(settings, api_url=lambda: base)
        server = Server(_config(app, settings), app)
        return _run(server, listener, lambda: _announce(settings, base))
    except DuologueError as error:
        print(f"duologue: {error.message}", file=sys.stderr)  # noqa: T201 - what the user reads
        return 2 if isinstance(error, ConfigError) else 3
    finally:
        listener.close()


def _config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        SlowReaderGuard(app, settings.send_timeout_s),
        http=timed_protocol(settings.receive_timeout_s),
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=CLOSING_S,
        timeout_keep_alive=30,
        server_header=False,
        date_header=True,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
    )


def _run(server: Server, listener: socket.socket, announce: Callable[[], None]) -> int:
    async def main() -> None:
        serving = asyncio.ensure_future(server.serve(sockets=[listener]))
        while not server.started and not serving.done():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.02)
        if server.started and not serving.done():
            _settle_memory()
            announce()
        await serving

    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(main())
    return 3 if server.died or not server.started else 0


def _settle_memory() -> None:
    """What is loaded by now stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _base_url(settings: Settings, listener: socket.socket) -> str:
    host = "127.0.0.1" if settings.host in WILDCARD_ADDRESSES else settings.host
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}:{listener.getsockname()[1]}"


def _find_warnings(settings: Settings) -> list[str]:
    """What was found in bots.yaml that works, and that nobody should leave as it is."""
    return [
        f"  warning  bot {id} holds its {name} in {settings.bots}; write ${{NAME}} there instead"
        for id, bot in read_bots(settings.bots).items()
        for name in open_secrets(bot)
    ]


def _describe_hosts(settings: Settings) -> list[str]:
    if settings.host in WILDCARD_ADDRESSES and not settings.allowed_hosts:
        return ["  hosts    only localhost is answered; DUOLOGUE_ALLOWED_HOSTS names others"]
    return []


def _announce(settings: Settings, base: str) -> None:
    body = '{"bot_id": 16, "user_prompt": "sẵn sàng", "max_turns": 5}'
    key = " -H 'X-API-Key: KEY'" if settings.api_keys or settings.client_keys else ""
    lines = [
        f"Duologue is up at {base}",
        f"  UI       {base}/vi/ (tiếng Việt), {base}/ui/ (English)" if settings.ui else "",
        f"  API      {base}/docs",
        f"  user     {user_note(settings.has_model)}",
        f"  storage  {settings.database_url}",
        *_find_warnings(settings),
        *_describe_hosts(settings),
        f"  try      curl -N {base}/simulate{key} -H 'Content-Type: application/json' -d '{body}'",
        "           KEY is one of DUOLOGUE_API_KEYS" if key else "",
        "Ctrl-C ends it; what was said is kept.",
    ]
    print("\n".join(line for line in lines if line), flush=True)  # noqa: T201
