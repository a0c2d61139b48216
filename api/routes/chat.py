"""The small chat API, and the simulator's next line on its own."""

from typing import Any

from fastapi import APIRouter, Request, Response

from api import schemas
from api.bodies import StrictRoute
from api.documents import STREAM, describe_responses
from api.routes.conversations import Key, create
from api.routes.runs import say_line
from api.state import RunsDep, SettingsDep, parse_id
from core.scenario import Scenario
from graph.suggest import suggest_line

router = APIRouter(tags=["chat"], route_class=StrictRoute, responses=describe_responses())


@router.post(
    "/session", status_code=201, response_model=schemas.SessionCreated, summary="Open a chat"
)
async def open_session(
    runs: RunsDep, body: schemas.SessionRequest | None = None, key: Key = None
) -> dict[str, Any]:
    """A conversation in which a person has the user's seat.

    An `Idempotency-Key` header gives the same session for the same key and body.
    """
    asked = body or schemas.SessionRequest()
    turns = asked.max_turns or runs.settings.max_turns
    scenario = Scenario(bot_id=asked.bot_id, max_turns=turns, user="human", pace=asked.pace)
    return {"session_id": await create(runs, scenario, "session", key)}


@router.post(
    "/chat/stream",
    response_class=Response,
    responses=describe_responses(409, s200=STREAM),
    summary="Say something, hear the reply",
)
async def chat_stream(
    body: schemas.ChatRequest, request: Request, runs: RunsDep, settings: SettingsDep
) -> Response:
    """The reply as it comes: the `content` of the tokens, put together, is the bot's text."""
    id = parse_id(body.session_id)
    await runs.get(id)
    return await say_line(id, body.message, request, runs, settings)


@router.post(
    "/api/generate-user-response",
    response_model=schemas.GeneratedLine,
    responses=describe_responses(502),
    summary="The simulated user's next line",
)
async def generate_user_response(body: schemas.NextLineRequest, runs: RunsDep) -> dict[str, Any]:
    """What the simulator would say to that; nothing is stored."""
    said = await suggest_line(
        runs.speakers, body.history, persona=body.persona, user_prompt=body.user_prompt
    )
    return {"content": said.text, "origin": said.origin}
