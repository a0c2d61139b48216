"""OpenAI's Responses API in terms of its chat API: what is sent, and the events that come."""

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
_FINISHES = {"max_output_tokens": "length", "content_filter": "content_filter"}
_UNKNOWN = frozenset(("seed", "stop", "stream_options"))
"""What the Responses API does not take."""


def to_responses_payload(payload: Mapping[str, Any]) -> Json:
    """The body of a call of the chat API as one of the Responses API; nothing is kept there."""
    kept = {name: value for name, value in payload.items() if name not in _UNKNOWN}
    kept["input"] = kept.pop("messages")
    if "max_completion_tokens" in kept:
        kept["max_output_tokens"] = kept.pop("max_completion_tokens")
    return {**kept, "store": False}


def to_chat_chunk(event: Json) -> Json:
    """An event of the stream as a chunk of the chat API; empty where it tells nothing of the text.

    What failed becomes a chunk with `error`.
    """
    kind, response = event.get("type"), event.get("response")
    told = response if isinstance(response, dict) else {}
    match kind:
        case "response.output_text.delta":
            return _chunk({"content": event.get("delta")})
        case "response.refusal.delta":
            return _chunk({"refusal": event.get("delta")})
        case "response.completed" | "response.incomplete":
            return {**_chunk({}, _read_finish(told)), "usage": _read_usage(told)}
        case "response.failed" | "error":
            return {"error": told.get("error") or event.get("message") or True}
    return {"error": event.get("error")}


def _chunk(delta: Json, finish: str | None = None) -> Json:
    return {"choices": [{"delta": delta, "finish_reason": finish}]}


def _read_finish(response: Json) -> str:
    details = response.get("incomplete_details")
    if not isinstance(details, dict):
        return "stop"
    return _FINISHES.get(str(details.get("reason")), "incomplete")


def _read_usage(response: Json) -> Json:
    counted = response.get("usage")
    known = counted if isinstance(counted, dict) else {}
    return {
        "prompt_tokens": known.get("input_tokens"),
        "completion_tokens": known.get("output_tokens"),
    }
