"""Errors as RFC 9457 problems: one table, one shape, nothing of the request echoed."""

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args
from uuid import uuid4

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from api.state import conversation_links
from core import errors
from core.errors import DuologueError
from core.spelling import explain, nearest_key

log = logging.getLogger("duologue.api")

# The nearest class in an error's ancestry decides.
STATUS: dict[type[DuologueError], tuple[int, str]] = {
    errors.Invalid: (422, "The request does not fit"),
    errors.NotFound: (404, "Not found"),
    errors.Forbidden: (403, "Not yours"),
    errors.Busy: (409, "It is running already"),
    errors.Conflict: (409, "Not in this state"),
    errors.KeyReused: (422, "The Idempotency-Key was used before"),
    errors.Full: (503, "Too many open runs"),
    errors.Stopping: (503, "The server is stopping"),
    errors.StorageFull: (507, "The disk is full"),
    errors.Damaged: (503, "The conversation is damaged"),
    errors.StorageError: (503, "The database failed"),
    errors.SpeakerError: (502, "A speaker failed"),
}
TITLES = {
    401: "An API key is needed",
    404: "Not found",
    405: "Method not allowed",
    413: "The body is too large",
    415: "The body must be JSON",
    422: "The request does not fit",
}


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Response:
    """A problem document. `code` names it for programs and never changes."""
    body = {"type": f"urn:duologue:{code}", "title": title, "status": status, "detail": detail}
    content = orjson.dumps({**body, **{name: value for name, value in more.items() if value}})
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return Response(content, status, sent, "application/problem+json")


def problem_from_error(error: DuologueError) -> Response:
    """The problem that an error of ours is."""
    kind = next((kind for kind in type(error).__mro__ if kind in STATUS), None)
    if kind is None:
        return problem_from_crash(error)
    status, title = STATUS[kind]
    headers = {"Retry-After": "1"} if status == 503 else {}
    if isinstance(error, errors.Busy) and (running := error.facts.get("conversation_id")):
        headers.update(
            conversation_links(running)
        )  # where the run that is under way can be watched
    code = error.code.replace("_", "-")
    field = getattr(error, "field", None) or error.facts.get("field")
    facts = {
        "field": field,
        "errors": [{"field": field, "reason": error.message}] if field else None,
    }
    more = {name: fact for name, fact in error.facts.items() if name not in _OURS}
    return problem(status, code, title, error.message, headers=headers, **{**more, **facts})


# What a problem says of itself. A fact of that name is another's: the `status` that a model gave.
_OURS = frozenset(("type", "title", "status", "detail", "code", "headers"))


def problem_from_crash(error: Exception) -> Response:
    """What nobody foresaw: an incident number here, the cause in the log."""
    incident = uuid4().hex[:12]
    log.error("request failed", exc_info=error, extra={"incident": incident})
    detail = f"something broke in Duologue; the log has incident {incident}"
    return problem(500, "internal", "Internal error", detail, incident=incident)


def problem_from_http(error: HTTPException) -> Response:
    title = TITLES.get(error.status_code, "Refused")
    code = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "media-type"}.get(
        error.status_code, f"http-{error.status_code}"
    )
    detail = error.detail if error.status_code not in TITLES else title.lower()
    return problem(error.status_code, code, title, str(detail), headers=error.headers)


def problem_from_validation(found: Sequence[Any], model: type[BaseModel] | None = None) -> Response:
    """Names the fields that do not fit, and never what stood in them."""
    # Where nothing may stand, that nothing does not stand there explains nothing.
    worth = [one for one in found if one.get("type") != "none_required"] or list(found)
    told = [{"field": _field(one), "reason": _reason(one, model)} for one in worth[:20]]
    # A key that is nearly another one says more than that the other one is missing.
    told.sort(key=lambda one: "; did you mean " not in one["reason"])
    first = told[0] if told else {"field": "body", "reason": "does not fit"}
    detail = f"{first['field']}: {first['reason']}"
    return problem(
        422, "invalid", "The request does not fit", detail, field=first["field"], errors=told
    )


def _body_model(request: Request) -> type[BaseModel] | None:
    field = getattr(request.scope.get("route"), "body_field", None)
    annotation = getattr(getattr(field, "field_info", None), "annotation", None)
    models = [annotation, *get_args(annotation)]
    return next(
        (kind for kind in models if isinstance(kind, type) and issubclass(kind, BaseModel)), None
    )


def _reason(found: Mapping[str, Any], model: type[BaseModel] | None) -> str:
    if found.get("type") == "extra_forbidden" and model and found["loc"][:1] == ("body",):
        guess = nearest_key(model, tuple(found["loc"][1:]))
        if guess:
            return f"not permitted here; did you mean {guess}?"
    if "msg" in found and found.get("type") in ("literal_error", "string_pattern_mismatch"):
        return explain(model or BaseModel, cast(ErrorDetails, found))[:300]
    return str(found.get("msg", "does not fit")).removeprefix("Value error, ")[:300]


def _field(found: Mapping[str, Any]) -> str:
    loc = list(found.get("loc", ()))
    if found.get("type") == "extra_forbidden":
        return field_of(loc[:-1], *loc[-1:])  # a name that the client chose, whatever it looks like
    return field_of(loc)


# What pydantic puts into a place beside names: which member of a union it tried.
_TAG = re.compile(
    r"(?:constrained-)?(?:int|str|float)|none|(?:list|nullable|function-\w+)\[.*\]"
    r"|suite (?:by name|in place)|planned (?:text|say|simulate)"
)


def field_of(loc: Sequence[Any], *name: Any) -> str:
    """`history.0.content` of `("body", "history", 0, "content")`, bounded in length."""
    inner = loc[1:] if loc[:1] and loc[0] in ("body", "query", "path", "header") else loc
    named = [*(part for part in inner if not _TAG.fullmatch(str(part))), *name]
    return ".".join(str(part)[:60] for part in named[:8]) or "body"


def _methods(routes: Sequence[BaseRoute], request: Request) -> list[str]:
    """What the path takes; a framework's own answer names the first route's methods only."""
    methods: set[str] = set()
    for route in routes:
        if isinstance(route, Route) and route.path_regex.match(request.url.path):
            methods |= route.methods or set()
    return sorted(methods)


def install(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Every refusal of this app is a problem."""

    async def ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, DuologueError)  # noqa: S101 - registered for that type
        return problem_from_error(error)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        return problem_from_validation(error.errors(), _body_model(request))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        if error.status_code == 405:
            error = HTTPException(405, headers={"Allow": ", ".join(_methods(routes, request))})
        return problem_from_http(error)

    async def crash(_request: Request, error: Exception) -> Response:
        return problem_from_crash(error)

    app.add_exception_handler(DuologueError, ours)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, crash)
