"""Where errors that nobody foresaw are caught, so that one ends nothing but its own work.

Besides this, the processes of users' code catch everything too.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Self, TypeVar, cast

from core.errors import DuologueError

T = TypeVar("T")


class Catch:
    """A block whose error is kept as `error`. Those of `passes` and cancellation are raised."""

    def __init__(self, *passes: type[Exception]) -> None:
        self._passes = passes
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception) or isinstance(error, self._passes):
            return False
        self.error = error
        return True


@contextmanager
def contain(log: logging.Logger, text: str, **facts: Any) -> Iterator[None]:
    """Around work for one conversation in a task group with all others: a bug in it ends nothing
    else. It is logged as `text`. Typed errors pass."""
    with Catch(DuologueError) as caught:  # a task that fails would cancel its whole group
        yield
    if caught.error:
        log.error(text, exc_info=caught.error, extra=facts)


async def or_else(
    work: Awaitable[T], make: Callable[[Exception], T], *, passes: tuple[type[Exception], ...] = ()
) -> T:
    """What `work` returns, or what `make` makes of its error. Those of `passes` are raised."""
    with Catch(*passes) as caught:
        return await work
    return make(cast(Exception, caught.error))


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises what its block raises as it is, once its tasks have ended."""
    async with asyncio.TaskGroup() as tasks:
        with Catch() as caught:  # the group would wrap it
            yield tasks
    if caught.error:
        raise caught.error
