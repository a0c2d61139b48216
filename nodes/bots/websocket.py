"""A bot behind a WebSocket: one connection a conversation, messages as JSON or text."""

import asyncio
import json
from collections.abc import Mapping
from contextvars import Context
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from core.errors import BotError
from core.files import resolve_secrets
from core.settings import Settings
from core.text import clean, clean_deep
from nodes.bots.config import mask_secrets
from nodes.bots.kinds import BotKind, Toolbox
from nodes.bots.parts import Bubble, Tests, join_typing, make_reply
from nodes.bots.replies import (
    capture_present,
    check_success,
    find_bubbles,
    passes_test,
)
from nodes.bots.routes import find_fault, make_route
from nodes.bots.templates import (
    MISSING,
    add_query,
    fill,
    fill_deep,
    fill_url,
    find_path,
    request_variables,
    to_text,
)
from nodes.bots.trying import MOST_SHOWN, Exchange, Watch
from nodes.bots.webhook_stream import parse_json_text
from nodes.bots.websocket_config import WebSocketBot
from nodes.calls.http import MAX_REPLY_BYTES
from nodes.calls.retry import within
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest


class _Connect(connect):
    """Follows no redirect: a bot is where its file says."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@dataclass
class _Heard:
    """What a turn has brought so far."""

    bubbles: list[Bubble] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    session: dict[str, Any] = field(default_factory=dict)
    size: int = 0
    ended: bool = False
    done: bool = False

    @property
    def count(self) -> int:
        """How many bubbles say something; that the bot is typing is no answer."""
        return sum(bubble.says_something for bubble in self.bubbles)

    def finish_piece(self, whole: bool) -> None:
        """The pieces become a bubble; where a whole text came, that is what was said."""
        if self.pieces and not whole:
            self.bubbles.append(Bubble("".join(self.pieces)))
        self.pieces = []


class WebSocket:
    """Holds a connection for each conversation; a lost one is opened again with its session."""

    remembers = True

    def __init__(self, config: WebSocketBot, name: str, settings: Settings) -> None:
        self.config = config
        self.name = name
        self._open_s = config.init_timeout_s or settings.init_timeout_s
        self._turn_s = config.turn_timeout_s or settings.turn_timeout_s
        self.watch: Watch | None = None
        self._route = make_route(config, settings.bots.absolute().parent)
        self._connections: dict[str, ClientConnection] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def greets(self) -> bool:
        return self.config.greeting_message is not None

    @property
    def _address(self) -> str:
        return f"{self.name} ({self.config.url.split('?')[0]})"

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        await self._drop(ask.conversation_id)
        captured: dict[str, Any] = await self._within(self._open_s, self._connect(ask))
        return captured

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        session, heard = dict(ask.session), None
        try:
            if self._find(ask.conversation_id) is None:
                session |= await self._within(self._open_s, self._connect(ask))
            turn = self._take_turn(replace(ask, session=session), piece)
            heard = await self._within(self._turn_s, turn)
        finally:
            if heard is None:
                self._abort_now(ask.conversation_id)  # else a late reply would answer the next line
        self._close_when_idle(ask.conversation_id)
        said = join_typing(heard.bubbles)
        if not (said or heard.ended or self.config.turn.may_be_silent):
            raise BotError("empty", f"{self._address} said nothing", url=self._address)
        return make_reply(said, heard.ended, session | heard.session)

    async def close(self, ask: TurnRequest) -> None:
        await self._drop(ask.conversation_id)

    async def ping(self) -> str:
        connection = await self._within(self._open_s, self._dial({}))
        await connection.close()
        return f"{self._address} can be reached"

    async def aclose(self) -> None:
        """Closes all connections."""
        for id in [*self._connections]:
            await self._drop(id)

    async def _within(self, seconds: float, call: Any) -> Any:
        """What `call` gives. Raises `BotError`, also for what happens to the connection."""
        try:
            return await within(seconds, BotError, self._address, call)
        except ConnectionClosed as error:
            raise self._describe_closing(error) from error
        except InvalidStatus as error:
            raise self._describe_refusal(error) from error
        except (OSError, WebSocketException) as error:
            what = "speaks no WebSocket" if isinstance(error, InvalidHandshake) else "not reached"
            said = f"{self._address} cannot be reached: {what}"
            transient = isinstance(error, OSError)
            raise BotError("unreachable", said, transient=transient, url=self._address) from error

    async def _dial(self, variables: Mapping[str, Any]) -> ClientConnection:
        config = self.config
        headers = {
            name: to_text(fill(resolve_secrets(value), variables))
            for name, value in config.headers.items()
        }
        opening = _Connect(
            add_query(fill_url(config.url, variables), config.query, variables),
            additional_headers=headers,
            subprotocols=[*config.subprotocols] or None,  # type: ignore[list-item]
            user_agent_header="duologue",
            max_size=MAX_REPLY_BYTES,
            open_timeout=None,
            close_timeout=1,
            **self._describe_way(),
        )

        async def dial() -> ClientConnection:
            return await opening

        # In an empty context: the connection outlives the run that opened it.
        return await asyncio.get_running_loop().create_task(dial(), context=Context())

    def _describe_way(self) -> dict[str, Any]:
        """What the library takes beside the URL, where anything is not as usual."""
        way = {"ssl": self._route.tls, "proxy": self._route.proxy}
        return {name: value for name, value in way.items() if value}

    async def _connect(self, ask: TurnRequest) -> dict[str, Any]:
        """Opens the conversation's connection; gives what the opening captured."""
        variables = request_variables(ask, f"{ask.conversation_id}:init", None)
        connection = await self._dial(variables)
        self._connections[ask.conversation_id] = connection
        opening, found = self.config.open, dict[str, Any]()
        if opening is None:
            return found
        if opening.send is not None:
            await self._send(connection, opening.send, variables)
        waits = bool(opening.capture or opening.success)
        while waits:
            data = await self._receive(connection, None)
            self._check(opening.success, data, "init")
            found |= capture_present(opening.capture, data)
            tested = all(find_path(data, path) is not MISSING for path in opening.success)
            waits = found.keys() != opening.capture.keys() or not (tested or opening.capture)
        return found

    async def _take_turn(self, ask: TurnRequest, piece: OnPiece) -> _Heard:
        connection = self._connections[ask.conversation_id]
        heard = _Heard()
        while (early := await self._receive(connection, 0)) is not None:
            self._read(early, heard, lambda _: None)  # said unasked, since the last turn
        heard.finish_piece(whole=False)
        heard.done = False
        variables = request_variables(ask, ask.key, self.config.greeting_message)
        await self._send(connection, self.config.turn.send, variables)
        asked_at = heard.count
        while not (heard.done or heard.ended):
            answered = heard.count > asked_at or heard.pieces
            waits = None if self.config.turn.done or not answered else self.config.quiet_s
            try:
                data = await self._receive(connection, waits)
            except ConnectionClosedOK:
                if (not answered or self.config.turn.done) and not self.config.close_ends:
                    raise
                heard.ended = self.config.close_ends
                break
            if data is None:
                break
            self._read(data, heard, piece)
        heard.finish_piece(whole=False)
        return heard

    def _read(self, data: Any, heard: _Heard, piece: OnPiece) -> None:
        turn = self.config.turn
        if self.config.format == "text":
            heard.bubbles.append(Bubble(clean(data)))
            return
        self._check(turn.success, data, "status")
        for text in find_bubbles(turn.piece, data, blank=True) or [] if turn.piece else []:
            heard.pieces.append(text)
            piece(text)
        said = turn.finder.find(data) or []
        if any(bubble.text.strip() for bubble in said):
            heard.finish_piece(whole=True)
        heard.bubbles += said
        heard.session |= capture_present(turn.capture, data)
        heard.ended = heard.ended or bool(turn.end and find_path(data, turn.end) is True)
        heard.done = bool(turn.done) and all(
            passes_test(find_path(data, path), wanted) for path, wanted in turn.done.items()
        )
        heard.size += sum(map(len, [*(bubble.text for bubble in said), *heard.pieces[-1:]]))
        if heard.size > MAX_REPLY_BYTES:
            raise BotError("too_large", f"{self._address} does not stop", url=self._address)

    async def _send(
        self, connection: ClientConnection, template: Any, variables: Mapping[str, Any]
    ) -> None:
        filled = fill_deep(template, variables)
        as_text = self.config.format == "text" and not isinstance(filled, dict | list)
        text = to_text(filled) if as_text else json.dumps(filled, ensure_ascii=False)
        self._show("SEND", text, "")
        await connection.send(text)

    def _show(self, what: str, sent: str, answer: str) -> None:
        """Tells who watches what was sent or came, without secrets."""
        if self.watch is not None:
            sent, answer = self._quote(sent, MOST_SHOWN), self._quote(answer, MOST_SHOWN)
            url = self.config.url.split("?")[0]
            self.watch(Exchange(what, url, {}, sent, None, answer, 0))

    async def _receive(self, connection: ClientConnection, seconds: float | None) -> Any:
        """The next message; None where none came in time."""
        try:
            async with asyncio.timeout(seconds):
                message = await connection.recv()
        except TimeoutError:
            return None
        try:
            text = message if isinstance(message, str) else message.decode()
            self._show("RECEIVE", "", text)
            return (
                clean(text) if self.config.format == "text" else clean_deep(parse_json_text(text))
            )
        except UnicodeDecodeError:
            raise self._error("encoding", "sent what is not UTF-8") from None
        except (ValueError, RecursionError, orjson.JSONDecodeError):
            raise self._error("bad_json", "sent what is not JSON") from None

    def _check(self, tests: Tests, data: Any, kind: str) -> None:
        check_success(
            tests, data, replied=True, kind=kind, address=self._address, quote=self._quote
        )

    def _quote(self, text: str, most: int) -> str:
        return mask_secrets(self.config, text)[:most]

    def _error(self, kind: str, what: str, **facts: Any) -> BotError:
        return BotError(kind, f"{self._address} {what}", url=self._address, **facts)

    def _describe_closing(self, error: ConnectionClosed) -> BotError:
        """The close code in our own words."""
        if error.sent is not None and not error.rcvd_then_sent:
            ours = {1007: ("encoding", "sent what is not UTF-8")}
            ours[1009] = ("too_large", f"sent more than {MAX_REPLY_BYTES // 10**6} MB")
            kind, what = ours.get(error.sent.code, ("unreachable", "does not answer pings"))
            return self._error(kind, what, transient=kind == "unreachable")
        code = error.rcvd.code if error.rcvd else 1006
        reason = clean(error.rcvd.reason) if error.rcvd else ""
        said = f"closed the connection ({code}{f': {self._quote(reason, 100)}' if reason else ''})"
        if code in _REFUSING or 4400 <= code < 4500:
            return self._error("http_error", said, retryable=False, close_code=code)
        return self._error("unreachable", said, transient=True, close_code=code)

    def _describe_refusal(self, error: InvalidStatus) -> BotError:
        status = error.response.status_code
        transient = status in (408, 425, 429) or status >= 500
        said = f"answered HTTP {status} to the handshake"
        return self._error(
            "http_error",
            said,
            transient=transient,
            retryable=transient,
            unheard=True,
            status=status,
        )

    def _find(self, id: str) -> ClientConnection | None:
        """The conversation's connection, if it is still open."""
        if timer := self._timers.pop(id, None):
            timer.cancel()
        connection = self._connections.get(id)
        if connection is not None and connection.close_code is not None:
            del self._connections[id]
            return None
        return connection

    def _close_when_idle(self, id: str) -> None:
        """Nobody may ever come back to this conversation: its connection is not kept for ever."""
        loop, connection = asyncio.get_running_loop(), self._connections[id]
        self._timers[id] = loop.call_later(self.config.idle_s, self._abort, id, connection)

    def _abort(self, id: str, connection: ClientConnection) -> None:
        self._timers.pop(id, None)
        if self._connections.get(id) is connection:
            del self._connections[id]
        connection.transport.close()

    def _abort_now(self, id: str) -> None:
        if connection := self._connections.pop(id, None):
            connection.transport.abort()

    async def _drop(self, id: str) -> None:
        if timer := self._timers.pop(id, None):
            timer.cancel()
        connection = self._connections.pop(id, None)
        if connection is not None:
            await connection.close()


_REFUSING = (1002, 1003, 1008, 1010)


def _make(config: WebSocketBot, id: str, tools: Toolbox) -> WebSocket:
    return WebSocket(config, config.name or f"bot {id}", tools.settings)


def _find_missing(config: WebSocketBot, settings: Settings) -> str | None:
    return find_fault(config, settings.bots.absolute().parent)


KINDS = (BotKind(WebSocketBot, _make, _find_missing),)
