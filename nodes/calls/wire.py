"""A model's stream, read straight off the wire: bytes → events → chunks, a block at a time."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import aiohttp
import orjson

from core.errors import SpeakerError
from core.sse_parser import SseEvent, SseParser
from core.text import clean
from nodes.calls.http import (
    MAX_REPLY_BYTES,
    Answer,
    HttpClient,
    must_stream,
    request,
    to_json_bytes,
)
from nodes.calls.responses import to_chat_chunk

MAX_STREAM_BYTES = MAX_REPLY_BYTES * 4
FEW_STREAMS = 50
LONGEST_PAUSE_S = 0.04
Chunk = dict[str, Any]
_SURROGATE = re.compile("[\ud800-\udfff]")


class Wire:
    """Where a model is asked, and how what goes wrong is raised."""

    def __init__(
        self,
        http: HttpClient,
        fail: type[SpeakerError],
        *,
        base: str,
        address: str,
        headers: Mapping[str, str],
        responses: bool = False,
    ) -> None:
        self.fail = fail
        self.address = address
        self.responses = responses
        self._http = http
        self._url = f"{base}/{'responses' if responses else 'chat/completions'}"
        self._headers = dict(headers)

    def blocks(self, payload: Mapping[str, Any]) -> AsyncIterator[list[Chunk]]:
        """The chunks of one streamed completion, as many together as came together."""
        asked = request(
            self._http,
            self.fail,
            "POST",
            self._url,
            address=self.address,
            headers=self._headers,
            content=to_json_bytes(payload),
        )
        return self._blocks(asked)

    async def _blocks(
        self, asked: AbstractAsyncContextManager[Answer]
    ) -> AsyncIterator[list[Chunk]]:
        async with asked as answer:
            must_stream(answer, self.fail, self.address)
            self._http.streams += 1
            stream = _Stream(self)
            try:
                # Nothing of a block is held while the next is awaited: most of the time is that.
                async for block in answer.content.iter_any():
                    chunks = stream.take(block)
                    del block
                    if chunks:
                        yield chunks
                    del chunks
                    if stream.done:
                        await _drain_end(answer)
                        break
                    await _let_gather(self._http.streams)
                if rest := stream.end():
                    yield rest
                if unpaired := stream.join.take_unpaired():
                    yield [{"choices": [{"delta": {"content": unpaired}}]}]
            finally:
                self._http.streams -= 1


class _Stream:
    """What of one stream was read: its size, the event that is not whole yet, half an emoji."""

    __slots__ = ("_parser", "_size", "_wire", "done", "join")

    def __init__(self, wire: Wire) -> None:
        self.done = False
        self.join = _Surrogates()
        self._wire = wire
        self._parser = SseParser()
        self._size = 0

    def take(self, block: bytes) -> list[Chunk]:
        """The chunks that end in this block."""
        self._size += len(block)
        if self._size > MAX_STREAM_BYTES:
            mb = MAX_STREAM_BYTES // 10**6
            raise self._wire.fail("too_large", f"{self._wire.address} sent more than {mb} MB")
        return self._chunks(self._parser.feed(block))

    def end(self) -> list[Chunk]:
        """What a server gave without a blank line at the end."""
        return [] if self.done else self._chunks(self._parser.flush())

    def _chunks(self, events: Sequence[SseEvent]) -> list[Chunk]:
        chunks = []
        for event in events:
            data = event.data.strip()
            if event.event == "error":
                raise self._broken_off()
            if data == b"[DONE]":
                self.done = True
                break
            if data:
                chunks.append(self._parse(data))
        return chunks

    def _parse(self, data: bytes) -> Chunk:
        wire = self._wire
        try:
            chunk = orjson.loads(data)
        except orjson.JSONDecodeError:
            chunk = _parse_leniently(data)
        if not isinstance(chunk, dict):
            said = f"{wire.address} sent an event that is not a JSON object"
            raise wire.fail("bad_json", said, transient=True)
        told: Chunk = to_chat_chunk(chunk) if wire.responses else chunk
        if told.get("error"):
            raise self._broken_off()
        self.join.mend(told)
        return told

    def _broken_off(self) -> SpeakerError:
        said = f"{self._wire.address} broke off its answer with an error"
        return self._wire.fail("bad_reply", said, transient=True)


async def _drain_end(answer: Answer) -> None:
    """Hears the end of the body, without which the connection could not serve again."""
    if not answer.content.at_eof():
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(LONGEST_PAUSE_S):
                await answer.content.readany()


async def _let_gather(streams: int) -> None:
    """With many streams at once, lets some pieces gather: one wake-up serves them all.

    Nobody reads as fast as that, and a piece waits 40 ms at most.
    """
    if streams > FEW_STREAMS:
        await asyncio.sleep(min(LONGEST_PAUSE_S, (streams - FEW_STREAMS) / 10_000))


def _parse_leniently(data: bytes) -> Any:
    try:
        return json.loads(data)  # takes lone surrogates, which orjson refuses
    except (ValueError, RecursionError):
        return None


class _Surrogates:
    """Joins an emoji that a server cut into two escapes; what stays alone is cleaned."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = ""

    def mend(self, chunk: Chunk) -> None:
        delta = first_choice(chunk).get("delta")
        text = delta.get("content") if isinstance(delta, dict) else None
        if not isinstance(text, str) or not isinstance(delta, dict):
            return
        if self._held or _SURROGATE.search(text):
            text = self._join_halves(text)
        delta["content"] = clean(text)

    def take_unpaired(self) -> str:
        """What stands for the half of an emoji whose other half never came."""
        return clean(self._held)

    def _join_halves(self, text: str) -> str:
        text, self._held = self._held + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._held = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def first_choice(chunk: Chunk) -> Chunk:
    choices = chunk.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else {}
    return first if isinstance(first, dict) else {}
