"""A bot is called as often as its limits allow, and who waits says so."""

import asyncio
from time import monotonic

from nodes.calls.limits import CallLimits


async def hold(limits: CallLimits, at_once: list[int], waits: list[str]) -> None:
    async with limits.place(lambda: waits.append("waits")):
        at_once.append(at_once[-1] + 1)
        await asyncio.sleep(0.01)
        at_once.append(at_once[-1] - 1)


async def test_no_more_calls_at_once_than_allowed() -> None:
    limits, at_once, waits = CallLimits(3, None), [0], list[str]()
    await asyncio.gather(*(hold(limits, at_once, waits) for _ in range(10)))
    assert max(at_once) == 3
    assert len(waits) == 7


async def test_calls_a_minute_are_spread_evenly() -> None:
    limits, at_once, waits = CallLimits(None, 60 / 0.05), [0], list[str]()
    began = monotonic()
    await asyncio.gather(*(hold(limits, at_once, waits) for _ in range(6)))
    assert monotonic() - began >= 5 * 0.05
    assert len(waits) == 5


async def test_without_limits_nobody_waits() -> None:
    limits, at_once, waits = CallLimits(None, None), [0], list[str]()
    await asyncio.gather(*(hold(limits, at_once, waits) for _ in range(20)))
    assert max(at_once) == 20
    assert not waits


async def test_who_gives_up_waiting_leaves_the_place_to_others() -> None:
    limits, at_once, waits = CallLimits(1, None), [0], list[str]()
    first = asyncio.ensure_future(hold(limits, at_once, waits))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(hold(limits, at_once, waits))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await asyncio.wait_for(hold(limits, at_once, waits), 1)
