"""Replies of webhooks that come as a stream: events, JSON lines or plain text."""

import codecs
import json
from collections.abc import AsyncIterator
from typing import Any, Literal

import orjson

from core.errors import BotError
from core.sse_parser import SseEvent, SseParser
from core.text import clean_deep
from nodes.calls.http import Answer, read_blocks

Framing = Literal["sse", "ndjson", "text"]
_TYPES = {
    "sse": ("text/event-stream",),
    "ndjson": ("application/x-ndjson", "application/jsonl", "application/json-lines", "text/plain"),
    "text": ("text/plain",),
}


def check_stream(answer: Answer, framing: Framing, address: str, kind: str) -> None:
    """Raises `BotError` where the answer is no such stream; `kind` is its type for people."""
    sent = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if sent and sent not in _TYPES[framing]:
        what = f"{address} sent {kind}, not a stream of {framing}"
        raise BotError("bad_content_type", what, url=address)


async def read_stream(answer: Answer, framing: Framing, address: str) -> AsyncIterator[Any]:
    """What arrives, as it arrives: JSON values, or pieces of text. Raises `BotError`."""
    blocks = read_blocks(answer, BotError, address)
    if framing == "text":
        async for text in _read_text(blocks, address):
            yield text
        return
    async for data in _read_events(blocks, address) if framing == "sse" else _read_lines(blocks):
        if data == b"[DONE]":
            return
        if data:
            yield _parse(data, address)


async def _read_text(blocks: AsyncIterator[bytes], address: str) -> AsyncIterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        async for block in blocks:
            if text := decoder.decode(block):
                yield text
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise BotError("encoding", f"{address} sent what is not UTF-8", url=address) from None


async def _read_events(blocks: AsyncIterator[bytes], address: str) -> AsyncIterator[bytes]:
    parser = SseParser()
    async for block in blocks:
        for event in parser.feed(block):
            yield _read_data(event, address)
    for event in parser.flush():
        yield _read_data(event, address)


def _read_data(event: SseEvent, address: str) -> bytes:
    if event.event == "error":
        said = f"{address} broke off its answer with an error"
        raise BotError("bad_reply", said, transient=True, url=address)
    return event.data.strip()


async def _read_lines(blocks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest: list[bytes] = []
    async for block in blocks:
        rest.append(block)
        if b"\n" in block:
            *lines, last = b"".join(rest).split(b"\n")
            rest = [last]
            for line in lines:
                yield line.strip()
    yield b"".join(rest).strip()


def _parse(data: bytes, address: str) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise BotError("encoding", f"{address} sent what is not UTF-8", url=address) from None
    try:
        return clean_deep(parse_json_text(text))
    except (ValueError, RecursionError):
        raise BotError("bad_json", f"{address} sent what is not JSON", url=address) from None


def parse_json_text(text: str) -> Any:
    """The value. orjson refuses lone surrogates, which the standard reader takes."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
