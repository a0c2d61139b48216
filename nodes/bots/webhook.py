"""A bot that is a remote HTTP service with its own memory."""

import asyncio
import re
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, TypeVar

from core.errors import BotError
from core.files import resolve_secrets
from core.parts import Part
from core.scenario import Scenario
from core.settings import Settings
from core.text import clean, clean_deep
from nodes.bots.config import mask_secrets
from nodes.bots.kinds import BotKind, Toolbox
from nodes.bots.parts import Bubble, join_typing, make_reply, require_bubbles
from nodes.bots.replies import (
    capture_all,
    capture_present,
    check_success,
    find_bubbles,
)
from nodes.bots.routes import find_fault, make_route
from nodes.bots.templates import (
    add_query,
    encode_form,
    encode_multipart,
    fill,
    fill_deep,
    fill_url,
    find_path,
    request_variables,
    to_text,
)
from nodes.bots.trying import MOST_SHOWN, Exchange, Watch, hide_secrets
from nodes.bots.webhook_config import Call, PollCall, TurnCall, WebhookBot
from nodes.bots.webhook_stream import check_stream, parse_json_text, read_stream
from nodes.calls.http import Answer, HttpClient, probe, read_body, request, to_json_bytes
from nodes.calls.retry import within
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
COOKIES = "cookies"
T = TypeVar("T")


class Cookies(dict[str, str]):
    """The cookies of one conversation, by name; always empty where the bot keeps none."""

    def __init__(self, kept: bool, known: Mapping[str, str]) -> None:
        super().__init__(known if kept else {})
        self._kept = kept

    def take(self, answer: Answer) -> None:
        if self._kept:
            host = answer.url.host or ""
            sent = answer.cookies.items()
            self.update({n: part.value for n, part in sent if _is_own(part["domain"], host)})


def _is_own(domain: str, host: str) -> bool:
    """Whether a host may set a cookie for that domain: none named, itself, or one above it."""
    domain = domain.lower().removeprefix(".")
    return domain in ("", host.lower()) or ("." in domain and host.lower().endswith(f".{domain}"))


@dataclass(frozen=True, slots=True)
class Sent:
    """What the call that is watched carries."""

    headers: Mapping[str, str]
    content: bytes | None


@dataclass(frozen=True, slots=True)
class Received:
    """An answer: its JSON, and its headers and cookies as `header:name` and `cookie:name`."""

    data: Any
    head: Mapping[str, str]


def _read_head(answer: Answer) -> dict[str, str]:
    headers = {f"header:{name.lower()}": clean(value) for name, value in answer.headers.items()}
    cookies = {f"cookie:{name.lower()}": part.value for name, part in answer.cookies.items()}
    return {**headers, **cookies}


class Webhook:
    """Calls what `bots.yaml` describes: init once, then a call a turn."""

    remembers = True

    def __init__(self, config: WebhookBot, http: HttpClient, settings: Settings) -> None:
        self.config = config.expand()
        self._route = make_route(self.config, settings.bots.absolute().parent)
        self.name = config.name or "bot"
        self._http = http
        self.watch: Watch | None = None
        self._sent = Sent({}, None)
        self._init_s = config.init_timeout_s or settings.init_timeout_s
        self._turn_s = config.turn_timeout_s or settings.turn_timeout_s

    @property
    def _turn(self) -> TurnCall:
        if self.config.turn is None:
            raise BotError("bad_reply", f"{self.name} has no turn call in bots.yaml")
        return self.config.turn

    @property
    def greets(self) -> bool:
        return self.config.greeting_message is not None

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        call = self.config.init
        if call is None:
            return {}
        cookies = self._cookies(ask)
        got = await self._call(call, ask, f"{ask.conversation_id}:init", self._init_s, cookies)
        self._check(call, got.data, kind="init")
        return {**self._capture(call.capture, got), **_keep(cookies)}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        call, cookies = self._turn, self._cookies(ask)
        if call.stream:
            return await self._within(call, self._turn_s, self._stream(call, ask, piece, cookies))
        got = await self._call(call, ask, ask.key, self._turn_s, cookies)
        bubbles, address = call.finder.find(got.data), self._address(call)
        ended = bool(call.end and find_path(got.data, call.end) is True)
        if self.config.poll and not ended and not _says_something(bubbles or []):
            self._check(call, got.data)
            return await self._await_late_reply(
                self.config.poll, ask, {**self._capture(call.capture, got), **_keep(cookies)}
            )
        self._check(call, got.data, replied=bubbles is not None)
        silent = ended or call.may_be_silent
        if silent:
            said = join_typing(bubbles or [])
        else:
            said = require_bubbles(bubbles, call.reply, address)
        captured = self._capture(call.capture, got)
        return make_reply(said, ended, {**ask.session, **captured, **_keep(cookies)})

    async def _stream(
        self, call: TurnCall, ask: TurnRequest, piece: OnPiece, cookies: Cookies
    ) -> Reply:
        """A reply that is passed on as it comes."""
        framing, address = call.stream or "text", self._address(call)
        texts, parts = list[str](), list[Part]()
        ended, captured, data = False, dict[str, Any](), None
        async with self._send(call, ask, ask.key, address, cookies) as answer:
            cookies.take(answer)
            head = _read_head(answer)
            captured = {name: head[path] for name, path in call.capture.items() if path in head}
            kind = self._quote(answer.headers.get("content-type", ""), 80)
            check_stream(answer, framing, address, kind)
            async for data in read_stream(answer, framing, address):
                if framing != "text" and call.success:
                    self._check(call, data, replied=True)
                found = self._find_pieces(call, data)
                for text in map(clean, found or []):
                    texts.append(text)
                    piece(text)
                parts += call.finder.find_parts(data)
                ended = ended or bool(call.end and find_path(data, call.end) is True)
                captured |= capture_present(call.capture, data)
        said = join_typing([Bubble("".join(texts), tuple(parts))])
        if not (said or ended or call.may_be_silent):
            raise BotError("empty", f"{address} sent an empty message", url=address)
        return make_reply(said, ended, {**ask.session, **captured, **_keep(cookies)})

    def _find_pieces(self, call: TurnCall, data: Any) -> list[str] | None:
        if call.stream == "text":
            return [data]
        return find_bubbles(call.reply, data, blank=True) if call.reply else None

    def _cookies(self, ask: TurnRequest) -> Cookies:
        """The cookies of this conversation; where none are kept, a place that nobody reads."""
        return Cookies(self.config.cookies, ask.session.get(COOKIES) or {})

    async def close(self, ask: TurnRequest) -> None:
        if self.config.end is not None:
            key = f"{ask.conversation_id}:end"
            got = await self._call(self.config.end, ask, key, self._init_s)
            self._check(self.config.end, got.data)

    async def ping(self) -> str:
        call = self.config.ping or self._turn
        if self.config.ping is None:
            return await self._probe(call)
        ask = TurnRequest("ping", 0, [], Scenario())
        self._check(call, (await self._call(call, ask, "ping", self._init_s)).data)
        return f"{self._address(call)} answers"

    async def _probe(self, call: Call) -> str:
        """Without a ping call: whatever the server answers to HEAD, it is there."""
        url, address = resolve_secrets(self._url(call)).split("?")[0], self._address(call)
        head = probe(self._http, BotError, url, address, self._route)
        status = await within(self._init_s, BotError, self.name, head)
        return f"{address} can be reached (HTTP {status} to HEAD)"

    async def _await_late_reply(
        self, poll: PollCall, ask: TurnRequest, captured: dict[str, Any]
    ) -> Reply:
        session = {**ask.session, **captured}
        late = replace(ask, session=session)
        try:
            return await within(
                poll.timeout_s or self._turn_s, BotError, self.name, self._poll(poll, late)
            )
        except BotError as error:
            error.unheard = False  # the turn call was answered
            raise

    async def _poll(self, poll: PollCall, ask: TurnRequest) -> Reply:
        """Asks until something is said, and on until nothing follows for `settle_s`."""
        said: list[Bubble] = []
        clock, session = asyncio.get_running_loop().time, dict(ask.session)
        heard = clock()
        while True:
            later = replace(ask, session=session)
            data = (await self._call(poll, later, ask.key, self._turn_s)).data
            new = poll.finder.find(data) or []
            said += new
            heard = clock() if _says_something(new) else heard
            session |= capture_present(poll.capture, data)
            ended = bool(poll.end and find_path(data, poll.end) is True)
            if ended or (_says_something(said) and clock() - heard >= (poll.settle_s or 0)):
                return make_reply(join_typing(said), ended, session)
            await asyncio.sleep(poll.every_s)

    async def _call(
        self,
        call: Call,
        ask: TurnRequest,
        key: str,
        seconds: float,
        cookies: Cookies | None = None,
    ) -> "Received":
        kept = self._cookies(ask) if cookies is None else cookies
        return await self._within(call, seconds, self._exchange(call, ask, key, kept))

    async def _within(self, call: Call, seconds: float, exchange: Awaitable[T]) -> T:
        return await within(call.timeout_s or seconds, BotError, self._address(call), exchange)

    async def _exchange(
        self, call: Call, ask: TurnRequest, key: str, cookies: Cookies
    ) -> "Received":
        address, began = self._address(call), monotonic()
        async with self._send(call, ask, key, address, cookies) as response:
            cookies.take(response)
            body = b""
            try:
                self._check_type(response.headers.get("content-type", ""), address)
                body = await read_body(response, BotError, address)
                return Received(_parse_json(body, address), _read_head(response))
            finally:
                self._show(response, body, monotonic() - began)

    def _show(self, response: Answer, body: bytes, seconds: float) -> None:
        """Tells who watches what was sent and what came, without secrets."""
        if self.watch is None:
            return
        info, sent = response.request_info, self._sent
        self.watch(
            Exchange(
                info.method,
                mask_secrets(self.config, str(info.url)),
                hide_secrets(
                    {name: self._quote(value, 200) for name, value in sent.headers.items()}
                ),
                self._quote((sent.content or b"").decode(), MOST_SHOWN),
                response.status,
                self._quote(body.decode(errors="replace"), MOST_SHOWN),
                round(seconds * 1000),
            )
        )

    def _check_type(self, content_type: str, address: str) -> None:
        kind = content_type.split(";", maxsplit=1)[0].strip().lower()
        if kind and not (kind == "application/json" or kind.endswith("+json")):
            sent = self._quote(content_type.split(";", maxsplit=1)[0].strip(), 80)
            raise BotError("bad_content_type", f"{address} sent {sent}, not JSON", url=address)

    def _send(
        self, call: Call, ask: TurnRequest, key: str, address: str, cookies: Cookies
    ) -> AbstractAsyncContextManager[Answer]:
        variables = self._variables(ask, key)
        headers = {**self.config.headers, **call.headers}
        filled = {
            name: _check_header(to_text(fill(resolve_secrets(value), variables)), name, address)
            for name, value in headers.items()
        }
        content = None
        if call.body is not None:
            content = to_json_bytes(fill_deep(call.body, variables))
            filled.setdefault("Content-Type", "application/json")
        if call.form is not None and call.multipart:
            content, filled["Content-Type"] = encode_multipart(call.form, variables)
        elif call.form is not None:
            content = encode_form(call.form, variables).encode()
            filled.setdefault("Content-Type", "application/x-www-form-urlencoded")
        if cookies:
            filled["Cookie"] = _check_header(_join_cookies(cookies), "Cookie", address)
        filled["Idempotency-Key"] = key
        if self.watch is not None:
            self._sent = Sent(filled, content)
        return request(
            self._http,
            BotError,
            call.method,
            add_query(fill_url(self._url(call), variables), call.query, variables),
            address=address,
            headers=filled,
            content=content,
            route=self._route,
        )

    def _check(self, call: Call, data: Any, *, kind: str = "status", replied: bool = False) -> None:
        check_success(
            call.success,
            data,
            replied=replied,
            kind=kind,
            address=self._address(call),
            quote=self._quote,
        )

    def _quote(self, text: str, most: int) -> str:
        """What a bot sent, as it may stand in an error: masked first, so that no cut hides it."""
        return mask_secrets(self.config, text)[:most]

    def _capture(self, capture: Mapping[str, str], got: "Received") -> dict[str, Any]:
        return capture_all(capture, got.data, self.name, got.head)

    def _url(self, call: Call) -> str:
        base = (self.config.base_url or "").rstrip("/")
        return f"{base}{call.url}" if call.url.startswith("/") else call.url

    def _variables(self, ask: TurnRequest, key: str) -> dict[str, Any]:
        remote = self.config.remote_bot_id
        variables = request_variables(ask, key, self.config.greeting_message)
        return {
            **variables,
            "remote_bot_id": ask.scenario.bot_id if remote is None else remote,
            "input_slots": fill_deep(self.config.input_slots, variables),
        }

    def _address(self, call: Call) -> str:
        """The call's URL as a person may see it: secrets and queries left out."""
        return f"{self.name} ({self._url(call).split('?')[0]})"


def _says_something(bubbles: Iterable[Bubble]) -> bool:
    return any(bubble.says_something for bubble in bubbles)


def _parse_json(content: bytes, address: str) -> Any:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise BotError("encoding", f"{address} sent what is not UTF-8", url=address) from None
    try:
        return clean_deep(parse_json_text(text))
    except (ValueError, RecursionError):
        raise BotError("bad_json", f"{address} sent what is not JSON", url=address) from None


def _keep(cookies: Cookies) -> dict[str, Any]:
    return {COOKIES: dict(cookies)} if cookies else {}


def _join_cookies(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def _check_header(value: str, name: str, address: str) -> str:
    if _CONTROL.search(value):
        said = f"{address} cannot be called: its header {name} would hold a control character"
        raise BotError("bad_reply", said, url=address)
    return value


def _make(config: WebhookBot, id: str, tools: Toolbox) -> Webhook:
    named = config if config.name else config.model_copy(update={"name": f"bot {id}"})
    return Webhook(named, tools.http, tools.settings)


def _find_missing(config: WebhookBot, settings: Settings) -> str | None:
    return find_fault(config, settings.bots.absolute().parent)


KINDS = (BotKind(WebhookBot, _make, _find_missing),)
