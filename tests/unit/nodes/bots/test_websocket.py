"""A bot behind a WebSocket, played by the server of the `websockets` library."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from core.errors import BotError
from core.settings import Settings
from nodes.bots.websocket import WebSocket
from nodes.bots.websocket_config import WebSocketBot
from tests.unit.nodes.desk import asks

Handler = Callable[[ServerConnection], Awaitable[None]]
CALM = Settings()


@asynccontextmanager
async def served(handler: Handler, **options: Any) -> AsyncIterator[str]:
    server = await serve(handler, "127.0.0.1", 0, **options)
    port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield f"ws://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def talking(url: str, settings: Settings = CALM, **config: Any) -> AsyncIterator[WebSocket]:
    turn = {"send": {"text": "{{message}}", "key": "{{key}}"}, "reply": "text"}
    given = {"kind": "websocket", "url": url, "turn": turn, "quiet_s": 0.05, **config}
    bot = WebSocket(WebSocketBot.model_validate(given), "live", settings)
    try:
        yield bot
    finally:
        await bot.aclose()


def no_piece(_text: str) -> None:
    raise AssertionError("nothing streams here")


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(json.dumps({"text": json.loads(message)["text"]}))


class Sessions:
    """Gives out sessions, counts connections, answers in parts, and may hang up."""

    def __init__(self) -> None:
        self.opened: list[Any] = []
        self.heard: list[Any] = []
        self.hang_up_after = 0

    async def __call__(self, connection: ServerConnection) -> None:
        hello = json.loads(await connection.recv())
        self.opened.append((connection.request.path, hello))  # type: ignore[union-attr]
        await connection.send(json.dumps({"type": "banner"}))
        await connection.send(json.dumps({"type": "ready", "session": {"id": "s-1"}}))
        async for message in connection:
            self.heard.append(json.loads(message))
            await connection.send(json.dumps({"type": "typing"}))
            for text in ("một", "hai"):
                await asyncio.sleep(0.02)
                await connection.send(json.dumps({"type": "text", "text": text}))
            await connection.send(json.dumps({"type": "done"}))
            if len(self.heard) == self.hang_up_after:
                return


OPENING = {
    "open": {"send": {"hello": "{{session.sid}}"}, "capture": {"sid": "session.id"}},
    "turn": {"send": {"m": "{{message}}"}, "reply": "text", "done": {"type": "done"}},
}


async def test_several_replies_of_a_turn_and_one_connection_a_conversation() -> None:
    sessions = Sessions()
    async with (
        served(sessions) as url,
        talking(f"{url}/chat?s={{{{session.sid}}}}", **OPENING) as bot,
    ):
        session = await bot.open(asks())
        assert session == {"sid": "s-1"}
        for turn in (1, 2):
            reply = await bot.reply(asks(f"lời {turn}", turn, **session), no_piece)
            assert reply.bubbles == ["một", "hai"]
        assert sessions.opened == [("/chat?s=", {"hello": None})]
        assert sessions.heard == [{"m": "lời 1"}, {"m": "lời 2"}]


async def test_a_lost_connection_is_opened_again_with_the_captured_session() -> None:
    sessions = Sessions()
    sessions.hang_up_after = 1
    async with (
        served(sessions) as url,
        talking(f"{url}/chat?s={{{{session.sid}}}}", **OPENING) as bot,
    ):
        session = await bot.open(asks())
        await bot.reply(asks("a", **session), no_piece)
        await asyncio.sleep(0.05)
        assert (await bot.reply(asks("b", 2, **session), no_piece)).bubbles == ["một", "hai"]
        assert sessions.opened == [
            ("/chat?s=", {"hello": None}),
            ("/chat?s=s-1", {"hello": "s-1"}),
        ]


async def test_without_a_mark_a_turn_is_over_when_nothing_follows() -> None:
    async with served(echo) as url, talking(url) as bot:
        assert (await bot.reply(asks("phở 😀"), no_piece)).bubbles == ["phở 😀"]


async def test_text_messages_need_no_paths() -> None:
    async def shout(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(str(message).upper())

    async with (
        served(shout) as url,
        talking(url, format="text", turn={"send": "{{message}}"}) as bot,
    ):
        assert (await bot.reply(asks("chào"), no_piece)).bubbles == ["CHÀO"]


async def test_pieces_are_passed_on_and_the_whole_text_is_the_reply() -> None:
    async def stream(connection: ServerConnection) -> None:
        async for _ in connection:
            for part in ("Xin ", "chào"):
                await connection.send(json.dumps({"delta": part}))
            await connection.send(json.dumps({"text": "Xin chào", "final": True}))
            await connection.send(json.dumps({"delta": "!"}))
            await connection.send(json.dumps({"end": True}))

    turn = {"send": {}, "reply": "text", "piece": "delta", "end": "end"}
    async with served(stream) as url, talking(url, turn=turn) as bot:
        heard: list[str] = []
        reply = await bot.reply(asks(), heard.append)
    assert heard == ["Xin ", "chào", "!"]
    assert (reply.bubbles, reply.ended) == (["Xin chào", "!"], True)


async def test_what_was_said_unasked_comes_first_in_the_next_reply() -> None:
    async def chatty(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send(json.dumps({"text": "a"}))
            await asyncio.sleep(0.15)
            await connection.send(json.dumps({"text": "Còn đó không?"}))

    async with served(chatty) as url, talking(url) as bot:
        assert (await bot.reply(asks(), no_piece)).bubbles == ["a"]
        await asyncio.sleep(0.3)
        assert (await bot.reply(asks(turn=2), no_piece)).bubbles == ["Còn đó không?", "a"]


async def test_a_connection_at_rest_answers_pings_and_is_not_kept_for_ever() -> None:
    gone = asyncio.Event()

    async def watch(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await echo(connection)
        gone.set()

    async with (
        served(watch, ping_interval=0.05, ping_timeout=0.1) as url,
        talking(url, idle_s=0.5) as bot,
    ):
        await bot.reply(asks("a"), no_piece)
        await asyncio.sleep(0.3)
        assert not gone.is_set()
        await asyncio.wait_for(gone.wait(), 3)
        assert (await bot.reply(asks("b", 2), no_piece)).bubbles == ["b"]


async def test_the_connection_is_closed_with_the_conversation() -> None:
    gone = asyncio.Event()

    async def watch(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await echo(connection)
        gone.set()

    async with served(watch) as url, talking(url) as bot:
        await bot.reply(asks("a"), no_piece)
        assert bot.config.wants_end_call
        await bot.close(asks())
        await asyncio.wait_for(gone.wait(), 3)


# --- faults ---------------------------------------------------------------------------------------


def closing(code: int, reason: str = "") -> Handler:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        await connection.close(code, reason)

    return handler


def sending(*messages: str | bytes, every_s: float = 0.0, forever: bool = False) -> Handler:
    async def handler(connection: ServerConnection) -> None:
        await connection.recv()
        while True:
            for message in messages:
                await connection.send(message)
                await asyncio.sleep(every_s)
            if not forever:
                await connection.wait_closed()
                return

    return handler


async def cut(connection: ServerConnection) -> None:
    await connection.recv()
    connection.transport.abort()


FAULTS: list[tuple[str, Handler, str, bool]] = [
    ("closed by policy", closing(1008, "no"), "bot_http_error", False),
    ("closed: not authorised", closing(4401), "bot_http_error", False),
    ("closed: server error", closing(1011, "boom"), "bot_unreachable", True),
    ("closed: going away", closing(1001), "bot_unreachable", True),
    ("closed in order, nothing said", closing(1000), "bot_unreachable", True),
    ("socket cut in mid reply", cut, "bot_unreachable", True),
    ("hangs", sending(), "bot_timeout", True),
    ("never stops", sending('{"text": "a"}', every_s=0.001, forever=True), "bot_timeout", True),
    ("5 MB", sending('{"text": "' + "x" * 5_000_000 + '"}'), "bot_too_large", False),
    ("no JSON", sending("hello"), "bot_bad_json", False),
    ("deep JSON", sending("[" * 100_000), "bot_bad_json", False),
    ("invalid UTF-8", sending(b'{"text": "\xff"}'), "bot_encoding", False),
    ("empty text", sending('{"text": " ", "end": 1}'), "bot_timeout", True),
    ("says it failed", sending('{"status": 5, "msg": "x"}'), "bot_status", False),
]


@pytest.mark.parametrize(
    ("handler", "code", "transient"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
async def test_each_fault_has_its_code(handler: Handler, code: str, transient: bool) -> None:
    turn = {"send": {"t": "{{message}}"}, "reply": "text", "success": {"status": 0}}
    settings = Settings(turn_timeout_s=1.0 if code == "bot_timeout" else 30.0)
    async with served(handler) as url, talking(url, settings, turn=turn, quiet_s=30) as bot:
        with pytest.raises(BotError) as caught:
            await bot.reply(asks(), no_piece)
        assert (caught.value.code, caught.value.transient) == (code, transient)
        assert not bot._connections


async def test_a_refused_handshake_and_a_redirect_are_errors() -> None:
    for status in (401, 503, 302):

        def refuse(connection: ServerConnection, _request: Any, status: int = status) -> Any:
            response = connection.respond(status, "no\n")
            response.headers["Location"] = "ws://127.0.0.1:9/"
            return response

        async with served(echo, process_request=refuse) as url, talking(url) as bot:
            with pytest.raises(BotError) as caught:
                await bot.open(asks())
        assert caught.value.code == "bot_http_error"
        assert caught.value.transient == (status == 503)
        assert str(status) in caught.value.message


async def test_nobody_there_is_unreachable_and_a_ping_says_so() -> None:
    async with talking("ws://127.0.0.1:9") as bot:
        for call in (bot.open(asks()), bot.ping()):
            with pytest.raises(BotError) as caught:
                await call
            assert caught.value.code == "bot_unreachable"
    async with served(echo) as url, talking(url) as bot:
        assert "can be reached" in await bot.ping()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"url": "http://x"}, "ws://"),
        ({"turn": {"send": {}}}, "turn.reply"),
        ({"format": "text"}, "no paths"),
        ({"turn": {"send": "{{session.x}}", "reply": "t"}}, "nothing captures x"),
    ],
)
def test_what_does_not_fit_is_refused_at_load(config: dict[str, Any], says: str) -> None:
    given = {"kind": "websocket", "url": "ws://x", "turn": {"send": {}, "reply": "t"}, **config}
    with pytest.raises(ValidationError, match=says):
        WebSocketBot.model_validate(given)
