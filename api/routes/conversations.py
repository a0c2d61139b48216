"""Conversations: make, list, show, change, fork, remove."""

import hashlib
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field

from api import schemas
from api.bodies import StrictRoute
from api.caller import get_caller
from api.documents import describe_responses
from api.large import json_response
from api.state import Absent, ClientQuery, Id, RunsDep, choose_client, dump_set_fields
from core.errors import Damaged, Invalid
from core.scenario import Scenario
from graph.presentation import encode_conversation, summarize
from graph.runs.forks import checkpoints_of, fork
from graph.runs.service import RunService

router = APIRouter(
    prefix="/api/conversations",
    tags=["conversations"],
    route_class=StrictRoute,
    responses=describe_responses(),
)
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        # What a key is worth depends on what came before, which no schema can say: told in words.
        include_in_schema=False,
    ),
]


def check_known(runs: RunService, bot_id: int | str | None, persona: str | None) -> None:
    """Raises `Invalid` without repeating what was sent, as the engine does for a terminal.

    A bot is looked up also where a `bot_prompt` takes its place.
    """
    if bot_id is not None and str(bot_id) not in runs.speakers.bots:
        names = ", ".join(sorted(runs.speakers.bots))
        raise Invalid(f"there is no bot with that id; configured are {names}", "bot_id")
    if persona is not None and persona not in runs.speakers.personas:
        raise Invalid("there is no persona with that id", "persona")


async def create(
    runs: RunService, scenario: Scenario, path: str, key: str | None, client_id: str | None = None
) -> str:
    """A new conversation, or the one that this key made before."""
    check_known(runs, scenario.bot_id, scenario.persona)
    most = runs.settings.max_turns
    if "max_turns" not in scenario.model_fields_set and scenario.max_turns > most:
        scenario = scenario.model_copy(update={"max_turns": most})
    changes = [path, client_id, dump_set_fields(scenario)]
    body = hashlib.sha256(orjson.dumps(changes, option=orjson.OPT_SORT_KEYS)).hexdigest()
    named = f"{client_id or ''} {key}" if key else None
    return await runs.create(scenario, client_id=client_id, key=named, body=body)


@router.post(
    "", status_code=201, response_model=schemas.ConversationCreated, summary="Make a conversation"
)
async def create_conversation(
    body: schemas.CreateConversation, runs: RunsDep, response: Response, key: Key = None
) -> dict[str, Any]:
    """Stores a conversation; `POST …/runs` starts it. Its id exists once it is answered.

    An `Idempotency-Key` header gives the same conversation for the same key and body.
    """
    id = await create(runs, body.scenario(), "conversations", key, body.client_id)
    response.headers["Location"] = f"/api/conversations/{id}"
    row = await runs.get(id, body.client_id)
    return {**summarize(row), "conversation_id": id, "status": row.status.value}


@router.get("", response_model=schemas.ConversationPage, summary="List conversations")
async def list_conversations(
    request: Request,
    runs: RunsDep,
    client_id: ClientQuery = None,
    status: Annotated[schemas.StatusName | Absent, Query()] = None,
    bot_id: Annotated[Annotated[str, Field(max_length=100)] | Absent, Query()] = None,
    experiment_id: Annotated[
        Annotated[str, Field(max_length=100)] | Absent,
        Query(description="The trials of this experiment; trials are not listed otherwise."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | Absent, Query()] = None,
) -> dict[str, Any]:
    """Newest first. Without a `client_id`, those that belong to nobody."""
    before = int(cursor) if cursor else None
    rows, more = await runs.storage.catalogue.list_page(
        limit,
        before,
        client_id=choose_client(request, client_id) or "",
        status=status,
        bot_id=bot_id,
        experiment_id=experiment_id or "",
    )
    return {
        "conversations": [summarize(runs.with_live_status(row)) for row in rows],
        "next": str(more) if more else None,
    }


@router.get(
    "/{id}",
    response_model=schemas.ConversationDetail,
    summary="Show one",
)
async def get_conversation(id: Id, runs: RunsDep, client_id: ClientQuery = None) -> Response:
    """How it stands, and its transcript as far as it is on disk."""
    await runs.get(id, client_id)
    return await _respond_with_transcript(runs, id)


async def _respond_with_transcript(runs: RunService, id: str, status: int = 200) -> Response:
    catalogue = runs.storage.catalogue
    # The row first: what it calls completed has its last message by the time that they are read.
    row = runs.with_live_status(await catalogue.get(id))
    messages = await runs.messages(id)
    return json_response(
        encode_conversation(row, messages, await catalogue.list_children(id)), status
    )


@router.patch(
    "/{id}",
    response_model=schemas.ConversationDetail,
    responses=describe_responses(
        409, s202={"description": "Done between the step under way and the next"}
    ),
    summary="Change the seat, the persona or a limit",
)
async def update_conversation(id: Id, body: schemas.ConversationChange, runs: RunsDep) -> Response:
    """Takes the user's seat (`human`) or gives it back, between two steps.

    To let the simulator go on after giving it back: `POST …/runs`.
    """
    row = await runs.get(id, body.client_id)
    changes = {name: value for name, value in dump_set_fields(body).items() if value is not None}
    changes.pop("client_id", None)
    done = await runs.change(row, changes)
    return await _respond_with_transcript(runs, id, 200 if done else 202)


@router.delete("/{id}", status_code=204, responses=describe_responses(409), summary="Remove one")
async def delete_conversation(
    id: Id, request: Request, runs: RunsDep, client_id: ClientQuery = None
) -> None:
    """Stops it, and everything of it is gone. An administrator deletes damaged ones too."""
    try:
        await runs.get(id, client_id)
    except Damaged:  # nobody knows whose it is
        if not get_caller(request.scope).is_administrator:
            raise
    await runs.delete(id)


@router.get(
    "/{id}/checkpoints",
    response_model=schemas.CheckpointList,
    summary="Moments to go back to",
)
async def list_checkpoints(
    id: Id,
    runs: RunsDep,
    client_id: ClientQuery = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, Any]:
    """Newest first; any of them can be forked."""
    await runs.get(id, client_id)
    return {"checkpoints": await checkpoints_of(runs, id, limit)}


@router.post(
    "/{id}/forks",
    status_code=201,
    response_model=schemas.ForkCreated,
    responses=describe_responses(409),
    summary="Go another way from any message",
)
async def fork_conversation(
    id: Id, body: schemas.ForkRequest, runs: RunsDep, response: Response, key: Key = None
) -> dict[str, Any]:
    """A new conversation that shares its beginning with this one; this one stays as it is.

    A bot with a memory of its own hears the recorded user lines again, in a fresh session.
    An `Idempotency-Key` header gives the same fork for the same key and body.
    """
    row = await runs.get(id, body.client_id)
    changes = {name: value for name, value in dump_set_fields(body).items() if value is not None}
    changes.pop("client_id", None)
    check_known(runs, body.bot_id, body.persona)
    made = await fork(runs, row, changes, key=key and f"{body.client_id or ''} {key}")
    response.headers["Location"] = f"/api/conversations/{made['conversation_id']}"
    return made
