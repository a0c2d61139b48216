"""The small chat API, and the simulator's next line on its own."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, Response

from api import schemas
from api.bodies import StrictRoute
from api.documents import STREAM, describe_responses
from api.routes.conversations import Key, check_known, create
from api.routes.runs import say_line
from api.state import RunsDep, SettingsDep, choose_client, parse_id
from core.errors import Conflict, KeyReused
from core.scenario import Pace, Scenario
from graph.runs.service import RunService
from graph.suggest import find_end_reason, suggest_line

_TEXT = {"text/plain": {"schema": {"type": "string"}, "example": "Chào bạn!"}}
_EVENTS: dict[str, Any] = STREAM["content"]  # type: ignore[assignment]
REPLY = {**STREAM, "content": {**_EVENTS, **_TEXT}}
router = APIRouter(tags=["chat"], route_class=StrictRoute, responses=describe_responses())


@router.post(
    "/session",
    status_code=201,
    response_model=schemas.SessionCreated,
    response_model_exclude_none=True,
    responses=describe_responses(409),
    summary="Open a chat",
)
async def open_session(
    request: Request,
    runs: RunsDep,
    body: schemas.SessionRequest | None = None,
    key: Key = None,
) -> dict[str, Any]:
    """A conversation in which a person has the user's seat.

    An `Idempotency-Key` header gives the same session for the same key and body. A `session_id`
    of your own is an alias of the fresh id, for you alone; one that is taken is refused with 409.
    """
    asked = body or schemas.SessionRequest()
    turns = asked.max_turns or runs.settings.max_turns
    pace = asked.pace or _choose_pace(runs)
    scenario = Scenario(bot_id=asked.bot_id, max_turns=turns, user="human", pace=pace)
    check_known(runs, scenario.bot_id, None)
    if asked.session_id is None:
        return {"session_id": await create(runs, scenario, "session", key)}
    client_id = choose_client(request, None)
    alias = session_alias(client_id, asked.session_id)
    try:
        # No two bodies are the same: whoever comes second is told so, also at the same moment.
        id = await runs.create(scenario, client_id=client_id, key=alias, body=uuid4().hex)
    except KeyReused:
        raise Conflict("a session with that id is there already", field="session_id") from None
    return {"session_id": asked.session_id, "conversation_id": id}


def _choose_pace(runs: RunService) -> Pace:
    """A demo that thinks a moment, so that one can watch, also speaks word by word."""
    return "normal" if runs.settings.demo_delay_s else None


@router.post(
    "/chat/stream",
    response_class=Response,
    responses=describe_responses(409, s200=REPLY),
    summary="Say something, hear the reply",
)
async def chat_stream(
    body: schemas.ChatRequest, request: Request, runs: RunsDep, settings: SettingsDep
) -> Response:
    """The reply as it comes: the `content` of the tokens, put together, is the bot's text.

    With `Accept: text/plain` the bare text, piece by piece.
    """
    id = await _find_session(runs, request, body.session_id)
    await runs.get(id)
    as_text = "text/plain" in request.headers.get("accept", "").lower()
    return await say_line(id, body.message, request, runs, settings, as_text=as_text)


async def _find_session(runs: RunService, request: Request, session_id: str) -> str:
    """The conversation that a session's id or alias names. Raises `NotFound`."""
    client_id = choose_client(request, None)
    key = session_alias(client_id, session_id)
    found = await runs.storage.catalogue.find_by_alias(key)
    return found or parse_id(session_id)


def session_alias(client_id: str | None, session_id: str) -> str:
    """The key under which an alias is stored: one client's aliases lead to no other's session."""
    return f"alias {client_id or ''} {session_id}"


@router.post(
    "/api/generate-user-response",
    response_model=schemas.GeneratedLine,
    responses=describe_responses(502),
    summary="The simulated user's next line",
)
async def generate_user_response(
    body: schemas.NextLineRequest, request: Request, runs: RunsDep
) -> dict[str, Any]:
    """What the simulator would say to that; nothing is stored.

    `content` may be empty where `ended` is true: then there are no last words.
    """
    said = await suggest_line(
        runs.speakers,
        body.history,
        persona=body.persona,
        user_prompt=body.user_prompt,
        user_model=body.user_model,
        watch=request.app.state.metrics.watch,
    )
    end_reason = find_end_reason(body.history, said)
    return {
        "content": said.text,
        "origin": said.origin,
        "ended": end_reason is not None,
        "end_reason": end_reason,
        "usage": said.usage,
        "refused": list(said.discarded),
        "model": said.model or None,
    }
