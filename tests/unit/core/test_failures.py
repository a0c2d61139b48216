"""What nobody foresaw is held back in three ways, and what was foreseen in none."""

import asyncio
import logging

import pytest

from core.errors import Conflict
from core.failures import Catch, contain, or_else, task_group

log = logging.getLogger("duologue.test")


def test_a_bug_in_contained_work_is_logged_with_its_facts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with contain(log, "not done", conversation_id="one"):
        raise KeyError("a bug")
    (record,) = caplog.records
    assert (record.message, record.__dict__["conversation_id"]) == ("not done", "one")
    assert record.exc_info
    assert record.exc_info[0] is KeyError


def test_typed_errors_and_cancellation_pass(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Conflict), contain(log, "not done"):
        raise Conflict("foreseen")
    with pytest.raises(asyncio.CancelledError), contain(log, "not done"):
        raise asyncio.CancelledError
    assert not caplog.records


async def test_an_answer_is_made_of_an_error_that_nobody_foresaw() -> None:
    async def fail(error: BaseException) -> str:
        raise error

    assert await or_else(fail(KeyError("a bug")), repr) == "KeyError('a bug')"
    with pytest.raises(asyncio.CancelledError):
        await or_else(fail(asyncio.CancelledError()), repr)


async def test_a_task_group_raises_what_its_block_raised_after_its_tasks_have_ended() -> None:
    ended = []

    async def rest() -> None:
        await asyncio.sleep(0)
        ended.append(True)

    async def fail() -> None:
        async with task_group() as tasks:
            tasks.create_task(rest())
            raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        await fail()
    assert ended == [True]


def test_a_caught_error_is_kept_and_others_pass() -> None:
    with Catch(OSError) as caught:
        raise KeyError("a bug")
    assert isinstance(caught.error, KeyError)
    with Catch() as caught:
        pass
    assert caught.error is None
    for error in (OSError(), KeyboardInterrupt(), asyncio.CancelledError()):
        with pytest.raises(type(error)), Catch(OSError):
            raise error
