"""Where errors that nobody foresaw are caught, so that one ends nothing but its own work.

Besides these, the writer of the database and the processes of users' code catch everything too.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

from core.errors import DuologueError

T = TypeVar("T")


@contextmanager
def contain(log: logging.Logger, text: str, **facts: Any) -> Iterator[None]:
    """Around work for one conversation in a task group with all others: a bug in it ends nothing
    else. It is logged as `text`. Typed errors pass."""
    try:
        yield
    except DuologueError:
        raise
    except Exception:  # a task that fails would cancel its whole group
        log.exception(text, extra=facts)


async def or_else(
    work: Awaitable[T], make: Callable[[Exception], T], *, passes: tuple[type[Exception], ...] = ()
) -> T:
    """What `work` returns, or what `make` makes of its error. Those of `passes` are raised."""
    try:
        return await work
    except passes:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller has an answer for it
        return make(error)


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises what its block raises as it is, once its tasks have ended."""
    raised: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        try:
            yield tasks
        except Exception as error:  # noqa: BLE001 - raised again below; the group would wrap it
            raised = error
    if raised:
        raise raised
