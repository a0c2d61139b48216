"""One HTTP client for all calls to bots and models, bounded in bytes and redirect-free."""

import asyncio
import os
import ssl
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import aiohttp
import orjson
from aiohttp.client_proto import ResponseHandler

from core import tracing
from core.errors import SpeakerError
from nodes.calls.compression import Garbled, make_decoder

MAX_REPLY_BYTES = 4_000_000
IDLE_S = 4.0
"""So long a connection waits for its next call: longer than most, and then it is no leak."""
Answer = aiohttp.ClientResponse


class Connector(aiohttp.TCPConnector):
    """Opens each connection in an empty context.

    A transport keeps the context in which it was made. In that of a node stands its run, which
    would be held, state and all, for as long as the connection is used by others.
    """

    async def _create_connection(self, *given: Any) -> ResponseHandler:
        opening = super()._create_connection(*given)
        task = asyncio.get_running_loop().create_task(opening, context=Context())
        try:
            return await task
        except asyncio.CancelledError:
            if task.done() and not task.cancelled() and not task.exception():
                task.result().close()  # opened in the moment in which nobody wants it any more
            raise


class HttpClient:
    """aiohttp's session, made on the first call, since it belongs to the loop that runs.

    Not httpx: its own pool collapses above fifty connections, and over aiohttp its requests,
    URLs and headers still cost three times what the call itself does. Redirects are not
    followed, environment proxies are honoured where any is set. `streams` counts the models
    that are being listened to.
    """

    def __init__(self) -> None:
        self.streams = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            verify = ssl.create_default_context()
            self._session = aiohttp.ClientSession(
                connector=Connector(limit=0, ssl=verify, keepalive_timeout=IDLE_S),
                trust_env=bool(urllib.request.getproxies()),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(None),  # each call has a deadline of its own
                headers={"Accept-Encoding": "identity", "User-Agent": "duologue"},
            )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


@dataclass(frozen=True, slots=True)
class Route:
    """How a server is reached: with certificates of its own, or by a proxy."""

    tls: ssl.SSLContext | None = None
    proxy: str | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What aiohttp takes beside the URL."""
        return {"ssl": self.tls or True, "proxy": self.proxy}


def redacted_url(url: str) -> str:
    """The URL without its query and without whoever stands before the host."""
    scheme, mark, rest = url.split("?", maxsplit=1)[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}".rstrip("/")


def to_json_bytes(data: Any) -> bytes:
    """JSON in no more memory than it needs; orjson's own bytes hold up to four times as much."""
    return bytes(memoryview(orjson.dumps(data)))


@asynccontextmanager
async def request(
    http: HttpClient,
    fail: type[SpeakerError],
    method: str,
    url: str,
    *,
    address: str,
    headers: Mapping[str, str],
    content: bytes | None,
    route: Route | None = None,
) -> AsyncIterator[Answer]:
    """A reply with status 2xx whose body is still to be read.

    `address` is the URL as a person may see it, `route` the way there where it is not the usual.
    Raises `fail` with kind `unreachable` or `http_error`, also for what breaks while the caller
    reads.
    """
    with (
        typed_errors(fail, address),
        tracing.http_call(method, url, headers, to_bot=fail.where == "bot") as (sent, note),
    ):
        way = (route or Route()).options
        call = http.session.request(
            method, url, headers=sent, data=content, allow_redirects=False, **way
        )
        async with await _await_head(call, fail, address) as answer:
            del content, call  # a long prompt need not lie here while the answer comes
            note(answer.status)
            if not 200 <= answer.status < 300:
                raise _status_error(fail, answer, address)
            yield answer


@contextmanager
def typed_errors(fail: type[SpeakerError], address: str) -> Iterator[None]:
    """What breaks on the way to or from `address` becomes `fail`: `unreachable`, or `bad_reply`."""
    try:
        yield
    except aiohttp.ClientHttpProxyError as error:
        said = f"{address} cannot be reached: the proxy answered HTTP {error.status}"
        raise fail("unreachable", said, transient=True, unheard=True, url=address) from None
    except aiohttp.ClientResponseError:
        # The library's words repeat the peer's bytes, in which our own credential may stand.
        said = f"{address} sent an answer that is not valid HTTP"
        raise fail("bad_reply", said, transient=True, url=address) from None
    except (aiohttp.ClientError, OSError) as error:
        raise fail(
            "unreachable",
            f"{address} cannot be reached: {_describe_failure(error)}",
            transient=not isinstance(error, _UNTRUSTED),
            unheard=isinstance(error, aiohttp.ClientConnectorError),
            url=address,
        ) from error


async def _await_head(call: Awaitable[Answer], fail: type[SpeakerError], address: str) -> Answer:
    """The answer as far as its head; what cannot even be sent is the speaker's error too."""
    try:
        return await call
    except aiohttp.ClientError:
        raise
    except ValueError:
        text = f"{address} cannot be called: its address or one of its headers is not valid"
        raise fail("unreachable", text, retryable=False, unheard=True, url=address) from None


_UNTRUSTED = (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError)


def _describe_failure(error: Exception) -> str:
    """What went wrong, without the URL, in which a secret may stand."""
    if isinstance(error, aiohttp.InvalidURL):
        return "the URL is not valid"
    if isinstance(error, _UNTRUSTED):
        return "its certificate is not trusted, or it speaks no TLS"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        return os.strerror(number).lower() if number and number > 0 else "its name is unknown"
    if isinstance(error, aiohttp.ClientResponseError):
        return "its answer is not valid HTTP"
    if isinstance(error, aiohttp.ClientPayloadError):
        return "its answer broke off or is garbled"
    return str(error) or type(error).__name__


async def probe(
    http: HttpClient, fail: type[SpeakerError], url: str, address: str, route: Route | None = None
) -> int:
    """The status that the server answers to HEAD, whatever it is. Raises `fail`."""
    way = (route or Route()).options
    with typed_errors(fail, address):
        async with http.session.head(url, allow_redirects=False, **way) as answer:
            return answer.status


async def delete(http: HttpClient, url: str) -> None:
    """Asks for something to be removed; whether it was there does not matter."""
    with suppress(aiohttp.ClientError, OSError):
        async with http.session.delete(url, timeout=aiohttp.ClientTimeout(2)):
            return


async def read_body(answer: Answer, fail: type[SpeakerError], address: str) -> bytes:
    """The whole body, unpacked, read up to `MAX_REPLY_BYTES`."""
    return b"".join([block async for block in read_blocks(answer, fail, address)])


async def read_blocks(
    answer: Answer, fail: type[SpeakerError], address: str
) -> AsyncIterator[bytes]:
    """The body as it comes, unpacked, up to `MAX_REPLY_BYTES`.

    Not asked for, some servers compress all the same. What is counted is what comes out.
    """
    size = 0
    async for block in _unpack(answer, fail, address):
        size += len(block)
        if size > MAX_REPLY_BYTES:
            raise fail(
                "too_large", f"{address} sent more than {MAX_REPLY_BYTES // 10**6} MB", url=address
            )
        yield block


async def _unpack(answer: Answer, fail: type[SpeakerError], address: str) -> AsyncIterator[bytes]:
    encoding = answer.headers.get("content-encoding", "").strip().lower()
    if encoding in ("identity", ""):
        async for block in answer.content.iter_any():
            yield block
        return
    decoder = make_decoder(encoding)
    if decoder is None:
        said = f"{address} sent a body compressed with {encoding[:40]}; gzip and deflate are read"
        raise fail("encoding", said, url=address)
    try:
        async for block in answer.content.iter_any():
            for piece in decoder.feed(block):
                yield piece
        decoder.end()
    except Garbled:
        said = f"{address} sent a {encoding} body that is cut or garbled"
        raise fail("encoding", said, transient=True, url=address) from None


def must_stream(answer: Answer, fail: type[SpeakerError], address: str) -> None:
    """Raises `fail` unless the answer is an event stream that can be read as it comes."""
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "text/event-stream":
        raise fail("bad_content_type", f"{address} sent {kind[:80] or 'no type'}, not a stream")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise fail("encoding", f"{address} sent a compressed stream unasked")


def _status_error(fail: type[SpeakerError], answer: Answer, address: str) -> SpeakerError:
    status = answer.status
    transient = status in (408, 425, 429) or status >= 500
    return fail(
        "http_error",
        f"{address} answered HTTP {status}{_explain_status(status)}",
        transient=transient,
        retryable=transient,
        retry_after=parse_retry_after(answer.headers),
        unheard=status in _UNHEARD,
        status=status,
        url=address,
    )


_UNHEARD = frozenset((400, 401, 403, 404, 405, 413, 414, 415, 421, 422, 429, 431))
"""Statuses by which a server says that it did not do what was asked, and not half of it either.

Not 503: a gateway says that also when the bot behind it died at its work.
"""


def _explain_status(status: int) -> str:
    hints = {
        401: " (is the key right?)",
        403: " (is the key allowed to?)",
        404: " (is the URL right?)",
        429: " (too many requests)",
    }
    return ": redirects are not followed" if 300 <= status < 400 else hints.get(status, "")


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by the `Retry-After` header, given in seconds or as a date."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time())
    except (TypeError, ValueError):
        return None
