"""The one call: which form is asked for, and when a run that is driven elsewhere is told."""

import asyncio

import pytest
from starlette.requests import Request

from api.routes.simulate import Form, OneRun, negotiate_form
from core.ends import Status
from core.message import new_message
from graph.stream.live import Frame, LiveConversation

USER = new_message("user", "xin chào", index=0, turn=1, origin="human")


def request(accept: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept", accept.encode())]})


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", "text"),
        ("*/*", "text"),
        ("image/png", "text"),
        ("application/json", "json"),
        ("application/json;q=0.1, text/plain", "text"),
        ("text/plain; q=0.3, application/json;q=0.2, text/event-stream;q=0.9", "events"),
        ("application/json, text/plain, */*", "json"),
        ("text/event-stream, application/json", "events"),
        ("*/*, application/json;q=0.5", "text"),
        ("*/*;q=0.1, application/json", "json"),
        ("text/plain;q=0, application/*", "json"),
        ("text/*", "text"),
        ("text/plain;q=0", "text"),
        ("APPLICATION/JSON ; Q=1.0", "json"),
        ("application/json;charset=utf-8;q=0.2, text/plain;q=0.3", "text"),
        ("application/json;q=high", "json"),
    ],
)
def test_the_form_that_weighs_most_is_given(accept: str, form: Form) -> None:
    assert negotiate_form(request(accept), "text") == form


def test_what_is_usual_is_the_routes_to_say() -> None:
    assert negotiate_form(request("*/*"), "json") == "json"


def elsewhere(status: Status) -> LiveConversation:
    """A view of what another process drives, as far as it is on disk."""
    view = LiveConversation("the-id", [], 0, 3)
    view.catch_up([USER], 1, 1, 3)
    view.current_status = status
    view.status(status.value, "as the disk says")
    return view


async def told(view: LiveConversation) -> list[Frame]:
    async with asyncio.timeout(20):
        return [frame async for frame in OneRun(view).frames()]


async def test_a_run_that_waits_elsewhere_is_told_and_done() -> None:
    frames = await told(elsewhere(Status.WAITING))
    assert [frame.event for frame in frames] == ["token", "message", "status", "done"]
    assert frames[-1].data == {
        "status": "waiting",
        "end_reason": None,
        "turns": 1,
        "conversation_id": "the-id",
    }
    assert frames[-1].id == f"{frames[-2].id}d"


async def test_a_run_that_comes_to_wait_elsewhere_is_done_then() -> None:
    view = elsewhere(Status.RUNNING)
    async with asyncio.TaskGroup() as tasks:
        telling = tasks.create_task(told(view))
        await asyncio.sleep(0)
        view.current_status = Status.WAITING
        view.status("waiting", "waiting for the person in the user's seat")
    assert [frame.event for frame in telling.result()].count("done") == 1
    assert telling.result()[-1].event == "done"


async def test_a_run_of_ours_is_told_to_its_own_done() -> None:
    view = LiveConversation("the-id", [], 0, 3)
    view.begin(1, 3)
    view.update_transcript([USER], 1)
    view.report_done(Status.WAITING, None)
    assert [frame.event for frame in await told(view)].count("done") == 1
