"""A server of OpenAI's Responses API, played by its reference: streamed events, or an error.

As a process: `python -m tests.servers.responses`; the first line on stdout tells the address. The
last message decides: `fail`, `error`, `long` and `no` bring the other ends, `cut` none.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from aiohttp import web

TEXT = "Dạ, em nghe ạ 😀"
Json = dict[str, Any]


def make_response(model: str, status: str, **more: Any) -> Json:
    """The object that the events carry."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": model,
        "status": status,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
        **more,
    }


def list_events(model: str, said: str) -> Iterator[Json]:
    """The events of one answer in their order."""
    place: Json = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    item: Json = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
    yield {"type": "response.created", "response": make_response(model, "in_progress")}
    yield {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**item, "status": "in_progress"},
    }
    if said == "error":
        yield {"type": "error", "code": "server_error", "message": "overloaded", "param": None}
        return
    if said == "fail":
        error = {"code": "server_error", "message": "overloaded"}
        yield {"type": "response.failed", "response": make_response(model, "failed", error=error)}
        return
    if said == "no":
        yield {"type": "response.refusal.delta", "delta": "Em không thể.", **place}
    else:
        for piece in (TEXT[:6], TEXT[6:]):
            yield {"type": "response.output_text.delta", "delta": piece, "logprobs": [], **place}
    if said == "cut":
        return
    part = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
    done = {**item, "status": "completed", "content": [part]}
    yield {"type": "response.output_item.done", "output_index": 0, "item": done}
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 17,
    }
    if said == "long":
        why = {"reason": "max_output_tokens"}
        ended = make_response(model, "incomplete", incomplete_details=why, usage=usage)
        yield {"type": "response.incomplete", "response": ended}
    else:
        ended = make_response(model, "completed", output=[done], usage=usage)
        yield {"type": "response.completed", "response": ended}


def encode(events: Iterator[Json]) -> Iterator[bytes]:
    for number, event in enumerate(events):
        data = json.dumps({**event, "sequence_number": number}, ensure_ascii=False)
        yield f"event: {event['type']}\ndata: {data}\n\n".encode()


async def answer(request: web.Request) -> web.StreamResponse:
    """Refuses what the API does not know, as it does."""
    body = await request.json()
    known = {"model", "input", "stream", "store", "temperature", "max_output_tokens"}
    if unknown := sorted(body.keys() - known):
        error = {"message": f"Unknown parameter: '{unknown[0]}'.", "code": "unknown_parameter"}
        return web.json_response({"error": error}, status=400)
    if request.headers.get("Authorization") != "Bearer sk-test":
        return web.json_response({"error": {"code": "invalid_api_key"}}, status=401)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in encode(list_events(body["model"], body["input"][-1]["content"])):
        await response.write(event)
    return response


def main() -> None:
    app = web.Application()
    app.router.add_post("/v1/responses", answer)
    web.run_app(app, host="127.0.0.1", port=0, print=_tell)


def _tell(*said: Any) -> None:
    """aiohttp's banner, in which the address stands."""
    sys.stdout.write(" ".join(map(str, said)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
