"""Runs a test server as a process of its own until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from tests.servers.base import FakeServer


def parser(description: str) -> argparse.ArgumentParser:
    """`--port N`, `--journal FILE` and `--delay-ms N`; the caller adds its own."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--port", type=int, default=0, help="0: a free one")
    options.add_argument("--journal", type=Path, help="file for a JSON line per request")
    options.add_argument("--delay-ms", type=float, default=0.0, help="before every answer")
    return options


async def serve(server: FakeServer[Any]) -> None:
    """Serve until a signal; the first line on stdout tells the address."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with server:
        sys.stdout.write(f"listening on {server.url}\n")
        sys.stdout.flush()
        await stopped.wait()
