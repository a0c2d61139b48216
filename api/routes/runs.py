"""RunService: start, follow, speak, stop, resume."""

from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import StringConstraints

from api import schemas
from api.bodies import StrictRoute
from api.documents import ACCEPTED, STREAM, describe_responses
from api.sse import Stream, graph_stream, stream_response
from api.state import (
    Absent,
    ClientQuery,
    Id,
    RunsDep,
    SettingsDep,
    conversation_links,
    prefers_async,
)
from api.text import stream_reply
from core.ends import Status
from core.errors import Conflict
from core.settings import Settings
from graph.presentation import summarize
from graph.runs.service import RunService
from graph.stream.cursor import Cursor
from graph.stream.follower import Follower
from graph.stream.live import LiveConversation

router = APIRouter(
    prefix="/api/conversations/{id}",
    tags=["runs"],
    route_class=StrictRoute,
    responses=describe_responses(),
)
# An empty one is none: that is what a client sends that has no id yet.
CURSOR = r"^([0-9]{1,9}\.[0-9]{1,9}\.[0-9a-f]{1,8}\.[0-9]{1,9}\.[0-9]{1,9}[de]?)?$"
CursorText = Annotated[str, StringConstraints(max_length=100, pattern=CURSOR)]
RUNS = describe_responses(409, s200=STREAM, s202=ACCEPTED)


def accepted_response(id: str, status: Status) -> Response:
    """It runs, and nobody has to stay on the line."""
    body = {
        "conversation_id": id,
        "status": status.value,
        "events": f"/api/conversations/{id}/events",
    }
    headers = {**conversation_links(id), "Preference-Applied": "respond-async"}
    return Response(orjson.dumps(body), 202, headers, "application/json")


def respond_with_run(
    request: Request, settings: Settings, view: LiveConversation, after: Cursor | None
) -> Response:
    """The stream of the run that was just started, or only word that it runs."""
    if prefers_async(request):
        return accepted_response(view.id, view.current_status)
    if view.current_status is not Status.RUNNING:
        # It has ended, and nobody was called: only the last word of its last run is told.
        seq = max(len(view.reports) - 1, 0)
        after = Cursor(len(view.messages), run=view.run, seq=seq, last="e")
    follower = Follower(view, after, only_run=True)
    return stream_response(follower, settings, **conversation_links(view.id))


async def find_end_position(runs: RunService, id: str) -> Cursor:
    """Where the transcript ends now: a run's stream begins behind it."""
    return Cursor(index=len((await runs.views.get_view(id)).messages))


@router.post("/runs", responses=RUNS, response_class=Response, summary="Start, or go on")
async def start_run(
    id: Id,
    request: Request,
    runs: RunsDep,
    settings: SettingsDep,
    body: schemas.StartRequest | None = None,
) -> Response:
    """Starts the conversation, or lets the simulator go on for `turns` turns.

    The run belongs to the server: whoever leaves its stream changes nothing.
    """
    asked = body or schemas.StartRequest()
    row = await runs.get(id, asked.client_id)
    after = None if row.status == "created" else await find_end_position(runs, id)
    return respond_with_run(request, settings, await runs.start(id, asked.turns), after)


@router.post("/resume", responses=RUNS, response_class=Response, summary="Go on after a break")
async def resume_conversation(
    id: Id,
    request: Request,
    runs: RunsDep,
    settings: SettingsDep,
    body: schemas.ResumeRequest | None = None,
) -> Response:
    """Goes on from the last checkpoint; a conversation that has ended calls nobody."""
    asked = body or schemas.ResumeRequest()
    await runs.get(id, asked.client_id)
    after = await find_end_position(runs, id)
    return respond_with_run(request, settings, await runs.resume(id, asked.in_flight), after)


@router.post("/messages", responses=RUNS, response_class=Response, summary="A person speaks")
async def send_message(
    id: Id, request: Request, body: schemas.MessageRequest, runs: RunsDep, settings: SettingsDep
) -> Response:
    """Says a line from the user's seat; the stream brings the bot's reply."""
    await runs.get(id, body.client_id)
    return await say_line(id, body.content, request, runs, settings)


async def say_line(
    id: str,
    text: str,
    request: Request,
    runs: RunService,
    settings: Settings,
    *,
    as_text: bool = False,
) -> Response:
    """The person's own line is told as a `message`, never as tokens: those are the reply's."""
    after = await find_end_position(runs, id)
    view = await runs.say(id, text)
    if prefers_async(request):
        return accepted_response(id, view.current_status)
    follower = Follower(view, after, only_run=True, unspoken="human")
    if as_text:
        headers = conversation_links(id)
        media = "text/plain; charset=utf-8"
        return Stream(stream_reply(follower), settings, media_type=media, headers=headers, beat=b"")
    return stream_response(follower, settings, **conversation_links(id))


@router.post(
    "/stop",
    response_model=schemas.ConversationSummary,
    summary="Stop",
    responses=describe_responses(409),
)
async def stop_conversation(
    id: Id, runs: RunsDep, body: schemas.ClientIdBody | None = None
) -> dict[str, Any]:
    """Stops it within the step, also while the bot hangs; stopping twice is stopping once."""
    await runs.get(id, body.client_id if body else None)
    return summarize(await runs.stop(id))


_LIVE_ONLY = (
    "view=graph is live only and its events have no ids: leave out Last-Event-ID and `after`, "
    "or follow the conversation's own events without view=graph"
)


@router.get(
    "/events",
    response_class=Response,
    summary="Follow or replay",
    responses=describe_responses(
        409, s200=STREAM, s204={"description": "All was told, and the conversation has ended"}
    ),
)
async def follow_events(
    id: Id,
    runs: RunsDep,
    settings: SettingsDep,
    client_id: ClientQuery = None,
    after: Annotated[CursorText | Absent, Query(description="Like Last-Event-ID")] = None,
    view: Annotated[Literal["events", "graph"], Query()] = "events",
    last_event_id: Annotated[CursorText | Absent, Header(alias="Last-Event-ID")] = None,
) -> Response:
    """From the start, or from behind the last id that came; `done` is the last event.

    `view=graph` gives LangGraph's own events, live only, for debugging, and the run's `error` and
    `done`. These have no ids, so an id to go on from is refused.
    """
    await runs.get(id, client_id)
    last = last_event_id or after
    if view == "graph":
        if last:
            raise Conflict(_LIVE_ONLY)
        return Stream(
            graph_stream(runs.stream_graph_events(id)), settings, headers=conversation_links(id)
        )
    follower = await runs.follow(id, Cursor.parse(last) if last else None)
    if last and follower.is_over:
        # What the standard has for "do not reconnect": there is nothing more to come.
        return Response(status_code=204, headers={"Cache-Control": "no-store"})
    return stream_response(follower, settings, **conversation_links(id))
