"""`duologue ui`: the web page as a process of its own."""

import signal
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from core.ports import bind_port
from core.settings import Settings


def serve_page(options: Namespace, settings: Settings) -> int:
    """Serves the page until it is told to stop. Raises `ConfigError` where the port is taken."""
    bind_port(options.host, options.port).close()  # before seconds of loading, and in our own words
    with leaving_well():
        from ui.app import serve

        return serve(options.api, options.host, options.port, settings.origin_policy) or 0


@contextmanager
def leaving_well() -> Iterator[None]:
    """SIGTERM and ctrl-C end the process with 0, as they end `duologue serve`.

    Uvicorn, when it has closed what it holds, raises the signal again that it was ended by.
    """
    before = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)
