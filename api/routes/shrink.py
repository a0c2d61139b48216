"""The shortest conversation that fails as a stored one did."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from api import shrink_schemas as schemas
from api.bodies import StrictRoute
from api.documents import describe_responses
from api.state import ClientQuery, Id, RunsDep, choose_client
from core.errors import Stopping
from evaluation.shrink.describe import describe_plan
from evaluation.shrink.service import ShrinkService

router = APIRouter(
    prefix="/api/conversations/{id}/shrink",
    tags=["experiments"],
    route_class=StrictRoute,
    responses=describe_responses(409),
)


def get_shrinks(request: Request) -> ShrinkService:
    """The shrinks of this process. Raises `Stopping` before they are there."""
    service: ShrinkService | None = getattr(request.app.state, "shrinks", None)
    if service is None:
        raise Stopping("the server is starting or stopping")
    return service


Shrinks = Annotated[ShrinkService, Depends(get_shrinks)]


@router.post("", status_code=202, response_model=schemas.Shrink, summary="Shrink a conversation")
async def start_shrink(
    id: Id,
    request: Request,
    service: Shrinks,
    body: schemas.ShrinkRequest | None = None,
) -> dict[str, Any]:
    """Replays ever fewer of the user's lines until none can be left out.

    Asked again after a stop or a kill it goes on from what was replayed. With `dry_run` it only
    says what it would take.
    """
    asked = body or schemas.ShrinkRequest()
    client = choose_client(request, asked.client_id)
    shrinking = await service.plan(id, asked.check, client, asked.max_calls)
    if asked.dry_run:
        return {**describe_plan(shrinking), "status": "planned"}
    service.start(shrinking, confirmed=asked.confirm)
    return await service.describe(id)


@router.get("", response_model=schemas.Shrink, summary="How a shrink stands")
async def show_shrink(
    id: Id, runs: RunsDep, service: Shrinks, client_id: ClientQuery = None
) -> dict[str, Any]:
    """While it runs the shortest so far; then the scenario, and both transcripts."""
    await runs.get(id, client_id)
    return await service.describe(id)


@router.post("/stop", response_model=schemas.Shrink, summary="Stop a shrink")
async def stop_shrink(
    id: Id, runs: RunsDep, service: Shrinks, client_id: ClientQuery = None
) -> dict[str, Any]:
    """It ends after the replays under way. Stopping twice is stopping once."""
    await runs.get(id, client_id)
    service.stop(id)
    return await service.describe(id)
