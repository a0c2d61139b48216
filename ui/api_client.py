"""The API as the page uses it: plain calls, and an event stream that can be taken up again."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from ui.event_parser import Parser, StreamEvent

Url = str | Callable[[], str]
CONVERSATIONS = "/api/conversations"
OWNED = (CONVERSATIONS, "/api/experiments", "/api/compare")
CALL_S = 30.0
SILENCE_S = 30.0  # the server pings at least every 15 s
BROKEN = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError, TimeoutError)


class ApiError(Exception):
    """The server refused: a problem document, `code` being the end of its type.

    `field` is the part of the body that did not fit, as the API calls it.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", code: str = "", field: str = ""
    ) -> None:
        super().__init__(detail or title)
        self.status, self.title, self.detail, self.code = status, title, detail, code
        self.field = field


class Unreachable(Exception):
    """The server does not answer, or the line broke."""


def _open_client() -> httpx.AsyncClient:
    # aiohttp's connections: httpx's own pool gets slow with many open streams.
    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
        )

    timeout = httpx.Timeout(CALL_S, read=SILENCE_S)
    return httpx.AsyncClient(
        transport=AiohttpTransport(client=session),
        timeout=timeout,
        trust_env=False,
        headers={"User-Agent": "duologue-ui"},
    )


class ApiConnection:
    """The connections of this process to the API; made when first needed, closed once."""

    def __init__(self, url: Url) -> None:
        self._url = url
        self._client: httpx.AsyncClient | None = None
        self._closed = False

    @property
    def url(self) -> str:
        url = self._url if isinstance(self._url, str) else self._url()
        return url.rstrip("/")

    @property
    def http(self) -> httpx.AsyncClient:
        if self._closed:
            raise Unreachable("this process is stopping")
        if self._client is None:
            self._client = _open_client()
        return self._client

    async def aclose(self) -> None:
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


class Api:
    """Calls with one person's key, for one client. Raises `ApiError` and `Unreachable`."""

    def __init__(self, connection: ApiConnection, key: str = "", client: str = "") -> None:
        self.connection = connection
        self.key, self.client = key, client

    def _headers(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        key = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {**key, **(extra or {})}

    def _client_params(self, path: str) -> dict[str, str]:
        """The client, where a call is about what a client may own: nothing else asks for one."""
        owned = self.client and path.startswith(OWNED)
        return {"client_id": self.client} if owned else {}

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        known = {name: value for name, value in params.items() if value not in (None, "")}
        return await self._call("GET", path, params={**known, **self._client_params(path)})

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._call("POST", path, json={**(body or {}), **self._client_params(path)})

    async def patch(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._call("PATCH", path, json={**body, **self._client_params(path)})

    async def begin(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Starts a run without staying on the line: it belongs to the server."""
        asked, told = {"Prefer": "respond-async"}, {**(body or {}), **self._client_params(path)}
        return await self._call("POST", path, json=told, headers=asked)

    async def steer(self, path: str) -> dict[str, Any]:
        """A POST without a body; whose it is stands in the query."""
        return await self._call("POST", path, params=self._client_params(path))

    async def text(self, path: str, **params: Any) -> str:
        """An answer that is no JSON."""
        params = {**params, **self._client_params(path)}
        return (await self._request("GET", path, params=params)).text

    async def _call(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> dict[str, Any]:
        return parse_object(await self._request(method, path, headers, **more))

    async def _request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        url = f"{self.connection.url}{path}"
        try:
            response = await self.connection.http.request(
                method, url, headers=self._headers(headers), **more
            )
        except BROKEN as error:
            raise Unreachable(str(error) or type(error).__name__) from error
        if not response.is_success:
            raise read_problem(response)
        return response

    async def events(self, id: str, after: str = "") -> AsyncIterator[StreamEvent]:
        """The conversation's events behind `after`; ends where the server ends the stream."""
        path = f"{CONVERSATIONS}/{id}/events"
        last = {"Last-Event-ID": after} if after else {}
        headers = self._headers({"Accept": "text/event-stream", **last})
        parser = Parser()
        try:
            async with self.connection.http.stream(
                "GET",
                f"{self.connection.url}{path}",
                headers=headers,
                params=self._client_params(path),
            ) as response:
                if not response.is_success:
                    await response.aread()
                    raise read_problem(response)
                async for chunk in response.aiter_raw():
                    for event in parser.feed(chunk):
                        yield event
        except BROKEN as error:
            raise Unreachable(str(error) or type(error).__name__) from error


def parse_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is none."""
    try:
        data = response.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def read_problem(response: httpx.Response) -> ApiError:
    data = parse_object(response)
    title = str(data.get("title") or f"HTTP {response.status_code}")
    detail, field = str(data.get("detail") or ""), str(data.get("field") or "")
    code = str(data.get("type") or "").rpartition(":")[2]
    return ApiError(response.status_code, title, detail.removeprefix(f"{field}: "), code, field)
