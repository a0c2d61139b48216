"""What the routes share: the runs of this process and its settings."""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import Depends, Query, Request
from pydantic import Field, StringConstraints
from pydantic.json_schema import SkipJsonSchema

from api.caller import get_caller
from api.client_runs import ClientRuns
from core.errors import Forbidden, NotFound, Stopping
from core.settings import Settings
from graph.runs.service import RunService

ClientId = Annotated[
    str, StringConstraints(strict=True, min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
]
OptionalClient = Annotated[
    ClientId | None, Field(description="Who asks. Where a conversation has one, it must match.")
]
# In a query or a header, what is not there is left out: there is no null.
Absent = SkipJsonSchema[None]
ClientQuery = Annotated[
    ClientId | Absent, Query(description="Who asks. Where a conversation has one, it must match.")
]


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def get_runs(request: Request) -> RunService:
    """The runs of this process. Raises `Stopping` before they are there or after they are gone."""
    runs: RunService | None = getattr(request.app.state, "runs", None)
    if runs is None:
        raise Stopping("the server is starting or stopping")
    client_id = get_caller(request.scope).client_id
    return runs if client_id is None else cast(RunService, ClientRuns(runs, client_id))


def require_editor(request: Request) -> None:
    """For routes that write configuration. Raises `Forbidden` unless an administrator may."""
    if not get_settings(request).edit:
        raise Forbidden("configuration is written over HTTP only where DUOLOGUE_EDIT is set")
    if not get_caller(request.scope).is_administrator:
        raise Forbidden("only an administrator writes configuration")


def choose_client(request: Request, asked: str | None) -> str | None:
    """The client that is meant. Raises `Forbidden` where the caller's key is another's."""
    return get_caller(request.scope).choose_client(asked)


def list_visible_clients(request: Request, asked: str | None) -> list[str]:
    """Whose experiments the caller may see; "" stands for those that belong to nobody.

    Raises `Forbidden` where the caller's key is another client's.
    """
    caller = get_caller(request.scope)
    client = caller.choose_client(asked)
    own = [] if client is None else [client]
    return own if caller.client_id is not None else [*own, ""]


RunsDep = Annotated[RunService, Depends(get_runs)]
SettingsDep = Annotated[Settings, Depends(get_settings)]


def parse_id(id: str) -> str:
    """The path's id. What is no UUID was never given to a conversation: `NotFound`."""
    plain = id.replace("-", "")
    if len(id) != 36 or len(plain) != 32 or not plain.isalnum() or not plain.isascii():
        raise NotFound("there is no conversation with that id")
    return id.lower()


Id = Annotated[str, Depends(parse_id)]


def conversation_links(id: str) -> Mapping[str, str]:
    """Where a conversation is found, and where it can be watched."""
    place = f"/api/conversations/{id}"
    page = f'</ui/?thread={id}>; rel="alternate"; type="text/html"'
    return {"Location": place, "Link": f'<{place}/events>; rel="monitor", {page}'}


def prefers_async(request: Request) -> bool:
    return "respond-async" in request.headers.get("prefer", "").lower()


def dump_set_fields(model: Any) -> dict[str, Any]:
    data: dict[str, Any] = model.model_dump(exclude_unset=True)
    return data
