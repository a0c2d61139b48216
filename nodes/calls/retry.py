"""Bounded retries: counted once, here, and visible while they wait."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import random
from typing import TypeVar

from core.errors import SpeakerError
from core.events import Emitter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """How often and how long one call is tried; times in seconds."""

    attempts: int = 3
    total_s: float = 55.0
    first_wait_s: float = 0.4
    longest_wait_s: float = 8.0

    def wait(self, failed: int) -> float:
        """The pause after the `failed`-th failure, growing, with a little chance in it."""
        grown: float = self.first_wait_s * 2 ** (failed - 1)
        return min(self.longest_wait_s, grown) * (0.8 + 0.4 * random())  # noqa: S311


async def attempts(
    call: Callable[[], Awaitable[T]],
    *,
    fail: type[SpeakerError],
    who: str,
    emitter: Emitter,
    patience: RetryLimits,
) -> T:
    """What `call` returns, tried again while its error is transient and patience lasts.

    A `Retry-After` is kept: if it reaches past the total time, there is no further attempt.
    Raises the last error, or `fail("timeout")` when the total time is over.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + patience.total_s
    failed, unheard = 0, True
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                return await call()
        except TimeoutError as error:
            raise _too_long(fail, who, patience.total_s) from error
        except SpeakerError as error:
            failed += 1
            error.unheard = unheard = unheard and error.unheard
            wait = max(error.retry_after or 0.0, patience.wait(failed))
            if not error.transient or failed >= patience.attempts or clock() + wait >= deadline:
                error.facts["attempts"] = failed
                raise
            emitter.reset(error.message)
            emitter.status(
                "retrying",
                f"{error.message}; trying again in {wait:.1f} s",
                where=error.where,
                code=error.code,
                wait_s=round(wait, 3),
                attempt=failed + 1,
                attempts=patience.attempts,
            )
        await asyncio.sleep(wait)


async def within(seconds: float, fail: type[SpeakerError], who: str, call: Awaitable[T]) -> T:
    """What `call` returns within `seconds`, else `fail("timeout")`, which is transient."""
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError as error:
        raise _too_long(fail, who, seconds) from error


def _too_long(fail: type[SpeakerError], who: str, seconds: float) -> SpeakerError:
    return fail("timeout", f"{who} did not answer within {seconds:g} s", transient=True)
