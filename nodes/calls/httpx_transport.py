"""An httpx transport over our own HTTP client, for libraries that bring their client with them."""

import codecs
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx

from core.errors import SpeakerError
from nodes.calls.http import Answer, HttpClient, must_stream, read_blocks, request, typed_errors


class SpeakerTransport(httpx.AsyncBaseTransport):
    """Calls made through it keep the rules of `nodes.calls.http`: its connections, traces, typed
    errors, byte limit, no redirects. Bodies are UTF-8; who accepts an event stream gets one.

    `address` is the URL as a person may see it.
    """

    def __init__(self, http: HttpClient, fail: type[SpeakerError], address: str) -> None:
        self._http = http
        self._fail = fail
        self._address = address

    async def handle_async_request(self, request_: httpx.Request) -> httpx.Response:
        async with AsyncExitStack() as call:
            answer = await call.enter_async_context(
                request(
                    self._http,
                    self._fail,
                    request_.method,
                    str(request_.url),
                    address=self._address,
                    headers=request_.headers,
                    content=await request_.aread() or None,
                )
            )
            if request_.headers.get("accept") == "text/event-stream":
                must_stream(answer, self._fail, self._address)
            body = _Body(answer, self._fail, self._address, call.pop_all())
            # Without the address of the run no library takes a cut stream up again on its own:
            # the node tries again, counts its tries, and shows them.
            headers = [pair for pair in answer.raw_headers if pair[0].lower() not in _DROPPED]
            return httpx.Response(answer.status, headers=headers, stream=body)
        raise AssertionError("unreachable")  # an exit stack may swallow errors; this one does not


_DROPPED = frozenset((b"location", b"content-encoding", b"content-length"))
"""Besides the address: the body is unpacked here."""


class _Body(httpx.AsyncByteStream):
    def __init__(
        self, answer: Answer, fail: type[SpeakerError], address: str, call: AsyncExitStack
    ) -> None:
        self._answer = answer
        self._fail = fail
        self._address = address
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        utf8 = codecs.getincrementaldecoder("utf-8")()
        with typed_errors(self._fail, self._address):
            async for block in read_blocks(self._answer, self._fail, self._address):
                try:
                    utf8.decode(block)
                except UnicodeDecodeError:
                    text = f"{self._address} sent what is not UTF-8"
                    raise self._fail("encoding", text) from None
                yield block

    async def aclose(self) -> None:
        await self._call.aclose()
