"""One HTTP client for all calls to bots and models, bounded in bytes and redirect-free."""

import ssl
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from time import time
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from graph.errors import SpeakerError

MAX_REPLY_BYTES = 4_000_000


def client() -> httpx.AsyncClient:
    """An httpx client whose connections are aiohttp's: they stay cheap at a thousand at once.

    Redirects are not followed, environment proxies are honoured where any is set.
    """
    proxied = bool(urllib.request.getproxies())
    verify = ssl.create_default_context()

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=verify, keepalive_timeout=30),
            trust_env=proxied,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=verify, client=session),
        trust_env=False,
        follow_redirects=False,
        timeout=None,  # noqa: S113 - each call has a deadline of its own
        headers={"Accept-Encoding": "identity", "User-Agent": "duologue"},
    )


@asynccontextmanager
async def request(
    http: httpx.AsyncClient,
    fail: type[SpeakerError],
    method: str,
    url: str,
    *,
    shown: str,
    headers: Mapping[str, str],
    content: bytes | None,
) -> AsyncIterator[httpx.Response]:
    """A reply with status 2xx whose body is still to be read.

    `shown` is the URL as a person may see it. Raises `fail` with kind `unreachable` or
    `http_error`, also for what breaks while the caller reads.
    """
    try:
        async with http.stream(method, url, headers=dict(headers), content=content) as response:
            if not response.is_success:
                raise await _refused(fail, response, shown)
            yield response
    except (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError) as error:
        cause = str(error) or type(error).__name__
        raise fail(
            "unreachable", f"{shown} cannot be reached: {cause}", transient=True, url=shown
        ) from error


async def body(response: httpx.Response, fail: type[SpeakerError], shown: str) -> bytes:
    """The whole body, read up to `MAX_REPLY_BYTES`. Compressed bodies are refused."""
    encoding = response.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", ""):
        raise fail("encoding", f"{shown} sent a {encoding} body unasked", url=shown)
    chunks, size = [], 0
    async for chunk in response.aiter_raw():
        size += len(chunk)
        if size > MAX_REPLY_BYTES:
            raise fail(
                "too_large", f"{shown} sent more than {MAX_REPLY_BYTES // 10**6} MB", url=shown
            )
        chunks.append(chunk)
    return b"".join(chunks)


async def _refused(fail: type[SpeakerError], response: httpx.Response, shown: str) -> SpeakerError:
    status = response.status_code
    transient = status in (408, 425, 429) or status >= 500
    return fail(
        "http_error",
        f"{shown} answered HTTP {status}{_explained(status)}",
        transient=transient,
        retryable=transient,
        retry_after=retry_after(response.headers),
        status=status,
        url=shown,
    )


def _explained(status: int) -> str:
    hints: dict[Any, str] = {
        401: " (is the key right?)",
        403: " (is the key allowed to?)",
        404: " (is the URL right?)",
        429: " (too many requests)",
    }
    return ": redirects are not followed" if 300 <= status < 400 else hints.get(status, "")


def retry_after(headers: Mapping[str, str]) -> float | None:
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
