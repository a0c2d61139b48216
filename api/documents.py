"""What the OpenAPI document says of answers: each that can come, and in which form."""

from typing import Any, get_args

from api.schemas import RunAccepted
from core.events import EventName

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
STATUS_TEXTS = {
    400: "The request is malformed",
    401: "API keys are configured, and none was sent",
    403: "The conversation belongs to another client, or a page of another origin sent this",
    404: "There is no such thing",
    405: "The path takes other methods",
    409: "The conversation has a run already, or is in another state",
    413: "The body is too large",
    415: "The body is not JSON",
    421: "The server does not answer to that host name",
    422: "Something does not fit; `field` names it",
    429: "The key has sent too many requests in a minute",
    500: "Something broke; `incident` finds it in the log",
    502: "The bot or the model failed",
    503: "Too many runs, or the server is stopping",
    507: "The disk is full",
}
EVERYWHERE = (400, 401, 403, 404, 405, 413, 415, 421, 422, 429, 500, 503, 507)


def describe_responses(*more: int, **forms: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """The problems every path may give, those named, and other forms of success."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": STATUS_TEXTS[status], "content": PROBLEM}
        for status in sorted({*EVERYWHERE, *more})
    }
    responses.update({name.removeprefix("s"): form for name, form in forms.items()})
    return responses


_FRAME = 'id: 4.17.9a3f01c2.1.6\nevent: token\ndata: {"content": "Chào", …}\n\n'
# Without a type: a generated client takes the text as it comes, a checker each event as an object.
_EVENT = {
    "description": "Server-sent events: `id` (a cursor: sent as Last-Event-ID, the stream goes on "
    "after it), `event` and `data`, a JSON object whose keys the event decides.",
    "x-events": list(get_args(EventName)),
}
STREAM = {
    "description": "The event stream: status, token, message, discarded, reset, error, done",
    "content": {"text/event-stream": {"schema": _EVENT, "example": _FRAME}},
    "headers": {
        "Location": {"schema": {"type": "string"}, "description": "The conversation"},
        "Link": {"schema": {"type": "string"}, "description": "Where it can be watched"},
    },
}
ACCEPTED = {
    "description": "With `Prefer: respond-async`: it runs",
    "model": RunAccepted,
}
PREFER = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "`respond-async`: answer 202 at once, and do not wait for the run.",
}
