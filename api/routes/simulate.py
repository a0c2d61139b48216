"""The one call: a conversation made, run and told, in the form that is asked for."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Request, Response

from api import schemas
from api.bodies import StrictRoute
from api.documents import ACCEPTED, STREAM, describe_responses
from api.large import group_pieces
from api.routes.conversations import Key, create
from api.routes.runs import accepted_response
from api.sse import Stream, stream_response
from api.state import RunsDep, conversation_links, prefers_async
from api.text import stream_text
from core.ends import Status
from core.errors import Busy, Conflict, Full, Stopping
from graph.presentation import encode_conversation
from graph.runs.service import RunService
from graph.stream.follower import Follower
from graph.stream.live import Frame, LiveConversation

router = APIRouter(tags=["simulate"], route_class=StrictRoute, responses=describe_responses())
Form = Literal["text", "events", "json"]
Accept = Annotated[str, Header()]
_TEXT = {
    "text/plain": {"schema": {"type": "string"}, "example": "User: sẵn sàng\nBot: Chào bạn!\n"}
}
_JSON = {"application/json": {"schema": {"$ref": "#/components/schemas/ConversationDetail"}}}
_EVENTS: dict[str, Any] = STREAM["content"]  # type: ignore[assignment]


def _describe_answers(*forms: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """What comes by `Accept`; the first form is the one without it."""
    answer = {
        "description": "The conversation: as text lines, as events or as JSON, by `Accept`",
        "content": {name: form[name] for form in forms for name in form},
        "headers": STREAM["headers"],
    }
    return describe_responses(409, s200=answer, s202=ACCEPTED)


@router.post(
    "/simulate",
    responses=_describe_answers(_TEXT, _JSON, _EVENTS),
    response_class=Response,
    summary="One call",
)
async def simulate(
    body: schemas.SimulateRequest,
    request: Request,
    runs: RunsDep,
    key: Key = None,
) -> Response:
    """Lines of text, each sent when it is said, so that `curl -N` shows the conversation live.

    With `Accept: text/event-stream` the events, with `application/json` the transcript at the
    end, with `Prefer: respond-async` only where to find it. An `Idempotency-Key` header gives the
    same conversation for the same key and body.
    """
    return await respond(body, request, runs, key, negotiate_form(request, "text"))


@router.post(
    "/api/simulate",
    responses=_describe_answers(_JSON, _TEXT, _EVENTS),
    response_class=Response,
    summary="One call, JSON",
)
async def simulate_json(
    body: schemas.SimulateRequest,
    request: Request,
    runs: RunsDep,
    key: Key = None,
) -> Response:
    """The same, as JSON where nothing else is asked for."""
    return await respond(body, request, runs, key, negotiate_form(request, "json"))


FORMS: dict[str, Form] = {
    "text/plain": "text",
    "text/event-stream": "events",
    "application/json": "json",
}
_WEIGHT = re.compile(r";\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*(?:;|$)", re.IGNORECASE)


def negotiate_form(request: Request, usual: Form) -> Form:
    """The form that `Accept` weighs most; of equals the one that is named, and named first."""
    asked: dict[str, tuple[float, int]] = {}
    for at, part in enumerate(request.headers.get("accept", "").split(",")):
        weight = _WEIGHT.search(part)
        name = part.split(";")[0].strip().lower()
        asked.setdefault(name, (min(float(weight[1]), 1.0) if weight else 1.0, at))

    def rank(name: str) -> tuple[float, int, int, bool]:
        kind, _, _ = name.partition("/")
        for place, known in enumerate((name, f"{kind}/*", "*/*")):
            if known in asked:
                weight, at = asked[known]
                return -weight, place, at, FORMS[name] != usual
        return 0.0, 3, 0, FORMS[name] != usual

    best = min(FORMS, key=rank)
    return FORMS[best] if rank(best)[0] else usual


async def respond(
    body: schemas.SimulateRequest, request: Request, runs: RunService, key: str | None, form: Form
) -> Response:
    id = await create(runs, body.scenario(), "simulate", key)
    if (await runs.get(id)).status is Status.CREATED:
        # The same Idempotency-Key, at the same moment: another has it run, or has it done.
        with suppress(Busy, Conflict):
            await _start_or_discard(runs, id)
    view = await runs.views.get_view(id)
    if prefers_async(request):
        return accepted_response(id, view.current_status)
    follower = OneRun((await runs.follow(id)).view)
    if form == "events":
        return stream_response(follower, runs.settings, **conversation_links(id))
    content = stream_text(
        follower,
        f"/api/conversations/{id}/resume",
        resumes_by_itself=runs.settings.resume_on_start,
    )
    media, beat = "text/plain; charset=utf-8", b""  # whatever came would be text
    if form == "json":
        content, media, beat = stream_final_json(follower, runs), "application/json", b" "
    return Stream(
        content, runs.settings, media_type=media, headers=conversation_links(id), beat=beat
    )


async def _start_or_discard(runs: RunService, id: str) -> None:
    """Starts it; one that is refused leaves nothing behind, since its caller learns no id."""
    try:
        await runs.start(id)
    except (Full, Stopping):
        if (await runs.get(id)).status is Status.CREATED:
            await runs.delete(id)
        raise


class OneRun(Follower):
    """The run under way, to its end, also where another process drives it.

    That a run there has only paused stands on disk without a `done`: it is told from here.
    """

    def __init__(self, view: LiveConversation) -> None:
        super().__init__(view, only_run=True)

    @property
    def is_over(self) -> bool:
        return super().is_over or self._is_paused

    @property
    def _is_paused(self) -> bool:
        view = self.view
        told = self.seq >= len(view.reports) and self.index >= len(view.messages)
        waits = view.current_status is Status.WAITING and not view.is_exact
        return waits and told and self.run == view.run

    async def batches(self) -> AsyncGenerator[list[Frame], None]:
        async with aclosing(super().batches()) as batches:
            async for ready in batches:
                yield ready
        if self._is_paused:
            view = self.view
            data = {
                "status": view.current_status.value,
                "end_reason": None,
                "turns": view.turn,
                "conversation_id": view.id,
            }
            yield [Frame("done", data, self.cursor("d"))]


async def stream_final_json(follower: Follower, runs: RunService) -> AsyncIterator[bytes]:
    """The transcript once the run is over; the stream's beats before it are spaces."""
    yield b" "
    async for _batch in follower.batches():
        pass
    id = follower.view.id
    row = await runs.get(id)
    for part in group_pieces(encode_conversation(row, await runs.messages(id), [])):
        yield part
    yield b"\n"
