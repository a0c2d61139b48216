"""Waiting for something to become true, instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

INTERVAL = 0.015


async def wait_until(
    predicate: Callable[[], Any],
    timeout: float = 30.0,  # noqa: ASYNC109 - asyncio.timeout could not tell what was seen last
    *,
    what: str = "",
) -> Any:
    """Poll until the predicate, plain or async, gives something true, and return that.

    Raises AssertionError after `timeout` seconds, with `what` and the last value.
    """
    deadline = time.monotonic() + timeout
    while True:
        given = predicate()
        value = await given if inspect.isawaitable(given) else given
        if value:
            return value
        if time.monotonic() > deadline:
            awaited = what or repr(predicate)
            raise AssertionError(f"not within {timeout} s: {awaited}, last {value!r}")
        await asyncio.sleep(INTERVAL)
