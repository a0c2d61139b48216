"""The one call: a conversation made, run and told, in the form that is asked for."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Request, Response

from api import schemas
from api.bodies import StrictRoute
from api.documents import ACCEPTED, STREAM, answers
from api.present import detail
from api.routes.conversations import Key, create
from api.routes.runs import accepted
from api.sse import Stream, stream
from api.state import AnyRuns, links, prefers_async
from api.text import text_stream
from graph.ends import Status
from graph.errors import Busy
from graph.follow import Follower
from graph.runs import Runs

router = APIRouter(tags=["simulate"], route_class=StrictRoute, responses=answers())
Form = Literal["text", "events", "json"]
Accept = Annotated[str, Header()]
_TEXT = {
    "text/plain": {"schema": {"type": "string"}, "example": "User: sẵn sàng\nBot: Chào bạn!\n"}
}
_JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/Detail"}}}
_ALL = {
    "description": "The conversation: as text lines, as events or as JSON, by `Accept`",
    "content": {**_TEXT, **_JSON, **STREAM["content"]},  # type: ignore[dict-item]
    "headers": STREAM["headers"],
}
RESPONSES = answers(409, s200=_ALL, s202=ACCEPTED)


@router.post("/simulate", responses=RESPONSES, response_class=Response, summary="One call")
async def simulate(
    body: schemas.Simulate,
    request: Request,
    runs: AnyRuns,
    key: Key = None,
) -> Response:
    """Lines of text, each sent when it is said, so that `curl -N` shows the conversation live.

    With `Accept: text/event-stream` the events, with `application/json` the transcript at the
    end, with `Prefer: respond-async` only where to find it. An `Idempotency-Key` header gives the
    same conversation for the same key and body.
    """
    return await told(body, request, runs, key, form_of(request, "text"))


@router.post(
    "/api/simulate", responses=RESPONSES, response_class=Response, summary="One call, JSON"
)
async def simulate_json(
    body: schemas.Simulate,
    request: Request,
    runs: AnyRuns,
    key: Key = None,
) -> Response:
    """The same, as JSON where nothing else is asked for."""
    return await told(body, request, runs, key, form_of(request, "json"))


def form_of(request: Request, usual: Form) -> Form:
    """The first form that `Accept` names and that we have."""
    forms: dict[str, Form] = {
        "text/plain": "text",
        "text/event-stream": "events",
        "application/json": "json",
    }
    for part in request.headers.get("accept", "").split(","):
        name = part.split(";")[0].strip().lower()
        if name in forms:
            return forms[name]
    return usual


async def told(
    body: schemas.Simulate, request: Request, runs: Runs, key: str | None, form: Form
) -> Response:
    id = await create(runs, body.scenario(), "simulate", key)
    if (await runs.get(id)).status is Status.CREATED:
        with suppress(Busy):  # the same Idempotency-Key, at the same moment: both follow one run
            await runs.start(id)
    view = await runs.views.of(id)
    if prefers_async(request):
        return accepted(id, view.stands)
    follower = Follower(view, only_run=True)
    if form == "events":
        return stream(follower, runs.settings, **links(id))
    content = text_stream(follower, f"/api/conversations/{id}/resume")
    media = "text/plain; charset=utf-8"
    if form == "json":
        content, media = json_at_the_end(follower, runs), "application/json"
    return Stream(content, runs.settings, media_type=media, headers=links(id), heartbeat=False)


async def json_at_the_end(follower: Follower, runs: Runs) -> AsyncIterator[bytes]:
    """The transcript once the run is over. Spaces before it keep the connection open."""
    yield b" "
    async for frame in follower.frames():
        if frame.event != "token":
            yield b" "
    id = follower.view.id
    row = await runs.get(id)
    whole: dict[str, Any] = detail(row, await runs.messages(id), [])
    yield orjson.dumps(whole) + b"\n"
