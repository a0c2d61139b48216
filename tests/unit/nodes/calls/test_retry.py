"""Retries are counted once, bounded in number and time, and told while they wait."""

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import time
from typing import Any

import pytest

from core.errors import BotError, Invalid, SpeakerError
from nodes.calls.http import parse_retry_after
from nodes.calls.retry import RetryLimits, attempts, within
from tests.unit.nodes.desk import Ear

QUICK = RetryLimits(attempts=3, total_s=2.0, first_wait_s=0.001, longest_wait_s=0.002)


def busy(**more: Any) -> BotError:
    return BotError("http_error", "the bot is busy", transient=True, **more)


def calls(*outcomes: Any) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    """A call that meets these outcomes in order, and how often it was made."""
    made: list[int] = []

    async def call() -> str:
        made.append(len(made))
        outcome = outcomes[min(len(made), len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, float):
            await asyncio.sleep(outcome)
            return "late"
        return str(outcome)

    return call, made


async def tried(
    call: Callable[[], Awaitable[str]], patience: RetryLimits = QUICK, ear: Ear | None = None
) -> str:
    emitter = ear or Ear()
    return await attempts(call, fail=BotError, who="the bot", emitter=emitter, patience=patience)


async def test_what_succeeds_is_called_once() -> None:
    call, made = calls("ok")
    assert (await tried(call), len(made)) == ("ok", 1)


async def test_what_may_pass_is_tried_again_and_each_wait_is_told() -> None:
    call, made = calls(busy(), busy(), "ok")
    ear = Ear()
    assert (await tried(call, ear=ear), len(made)) == ("ok", 3)
    told = [facts for what, facts in ear.told if what == "retrying"]
    assert [(one["attempt"], one["attempts"], one["code"]) for one in told] == [
        (2, 3, "bot_http_error"),
        (3, 3, "bot_http_error"),
    ]
    assert [what for what, _ in ear.told] == ["reset", "retrying"] * 2


async def test_the_last_error_is_raised_with_the_number_of_tries() -> None:
    call, made = calls(busy())
    with pytest.raises(SpeakerError) as caught:
        await tried(call)
    assert (caught.value.facts["attempts"], len(made)) == (3, 3)


@pytest.mark.parametrize("error", [BotError("bad_json", "no"), Invalid("no"), KeyError("no")])
async def test_what_cannot_pass_is_tried_once(error: Exception) -> None:
    call, made = calls(error, "ok")
    with pytest.raises(type(error)):
        await tried(call)
    assert len(made) == 1


async def test_retry_after_is_waited_for() -> None:
    call, _ = calls(busy(retry_after=0.15), "ok")
    began = asyncio.get_running_loop().time()
    await tried(call)
    assert asyncio.get_running_loop().time() - began >= 0.15


@pytest.mark.parametrize("seconds", [5.0, 1e9, float("inf")])
async def test_a_retry_after_past_the_total_time_ends_the_tries(seconds: float) -> None:
    call, made = calls(busy(retry_after=seconds), "ok")
    async with asyncio.timeout(1):
        with pytest.raises(BotError):
            await tried(call)
    assert len(made) == 1


async def test_the_total_time_bounds_all_tries_together() -> None:
    call, made = calls(busy(), 60.0)
    short = RetryLimits(attempts=9, total_s=0.1, first_wait_s=0.001)
    with pytest.raises(BotError) as caught:
        await tried(call, short)
    assert (caught.value.code, len(made)) == ("bot_timeout", 2)


async def test_a_single_call_that_takes_too_long_may_pass_the_next_time() -> None:
    async def call() -> str:
        return await within(0.02, BotError, "the bot", slow())

    slow, made = calls(60.0, "ok")
    assert (await tried(call), len(made)) == ("ok", 2)


async def test_a_cancelled_wait_is_cancelled_and_not_tried_again() -> None:
    call, made = calls(busy(retry_after=1.0))
    task = asyncio.ensure_future(tried(call))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(made) == 1


def test_waits_grow_up_to_the_longest() -> None:
    waits = [RetryLimits(first_wait_s=0.4, longest_wait_s=8.0).wait(n) for n in range(1, 12)]
    assert 0.32 <= waits[0] <= 0.48
    assert all(wait <= 8.0 * 1.2 for wait in waits)
    assert waits[3] > waits[0]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [("7", 7.0), (" 0.5 ", 0.5), ("-3", 0.0), ("soon", None), ("", None), ("nan", 0.0)],
)
def test_retry_after_is_read_as_seconds(value: str, wanted: float | None) -> None:
    assert parse_retry_after({"retry-after": value}) == wanted


def test_retry_after_is_read_as_a_date() -> None:
    later = parse_retry_after({"retry-after": formatdate(time() + 30, usegmt=True)})
    assert later is not None
    assert 25 <= later <= 30
    assert parse_retry_after({"retry-after": formatdate(0, usegmt=True)}) == 0.0
    assert parse_retry_after({}) is None
