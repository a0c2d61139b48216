"""People's verdicts on trials."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from api import experiment_schemas as schemas
from api.bodies import StrictRoute
from api.documents import describe_responses
from api.routes.experiments import Experiments
from api.state import Absent, ClientQuery, Id, RunsDep
from evaluation.experiments.labels import delete_label, list_labels, put_label
from evaluation.verdicts import Label

router = APIRouter(
    prefix="/api/conversations/{id}/labels",
    tags=["experiments"],
    route_class=StrictRoute,
    responses=describe_responses(),
)
Criterion = Annotated[str, Path(min_length=1, max_length=100, pattern=r"^[\w.:-]+$")]


@router.get("", response_model=schemas.LabelList, summary="Labels of a trial")
async def show_labels(
    id: Id, runs: RunsDep, service: Experiments, client_id: ClientQuery = None
) -> dict[str, Any]:
    await runs.get(id, client_id)
    return {"labels": await list_labels(service.storage, id)}


@router.get("/{criterion}", response_model=schemas.LabelList, summary="Labels of one criterion")
async def show_criterion_labels(
    id: Id, criterion: Criterion, runs: RunsDep, service: Experiments, client_id: ClientQuery = None
) -> dict[str, Any]:
    await runs.get(id, client_id)
    return {"labels": await list_labels(service.storage, id, criterion)}


@router.put("/{criterion}", response_model=Label, summary="Label a trial")
async def label_trial(
    id: Id, criterion: Criterion, body: schemas.LabelRequest, runs: RunsDep, service: Experiments
) -> Label:
    """One label a person and criterion: the same person's earlier one is replaced."""
    await runs.get(id, body.client_id)
    return await put_label(service.storage, id, criterion, body.status, body.labeller, body.note)


@router.delete("/{criterion}", status_code=204, summary="Take a label back")
async def unlabel_trial(
    id: Id,
    criterion: Criterion,
    runs: RunsDep,
    service: Experiments,
    client_id: ClientQuery = None,
    labeller: Annotated[Annotated[str, Query(max_length=200)] | Absent, Query()] = None,
) -> None:
    """Without a labeller, those of everybody."""
    await runs.get(id, client_id)
    await delete_label(service.storage, id, criterion, labeller)
