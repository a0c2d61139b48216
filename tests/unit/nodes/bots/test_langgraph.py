"""A bot on a LangGraph server: what is asked, what is heard, and what goes wrong."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from aiohttp import web

from core.errors import BotError
from core.message import new_message
from core.scenario import Scenario
from core.settings import Settings
from nodes.bots.langgraph import LangGraphBot, LangGraphServerBot
from nodes.calls.http import HttpClient
from nodes.speakers.protocol import Reply, TurnRequest
from tests.servers.host import Host

ID = "0b1f6e0e-5d2c-4a4e-9a55-8d1f0c1b2a3d"


def ai(text: Any, id: str = "a", kind: str = "ai", **facts: Any) -> dict[str, Any]:
    return {"type": kind, "content": text, "id": id, **facts}


def chunk(text: Any, id: str = "a") -> tuple[str, Any]:
    return ("messages", [ai(text, id, "AIMessageChunk"), {"langgraph_node": "agent"}])


@dataclass
class Server:
    """Plays a LangGraph server: `events` of the next run, and the `values` of its thread after."""

    events: list[tuple[str, Any]] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    interrupts: list[Any] = field(default_factory=list)
    raw: bytes | None = None
    kind: str = "text/event-stream"
    status: int = 200
    thread_id: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    cuts: bool = False
    asked: list[tuple[str, Any, str]] = field(default_factory=list)
    received: list[dict[str, str]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/threads", self._threads)
        app.router.add_post("/threads/{id}/runs/stream", self._stream)
        app.router.add_get("/threads/{id}/state", self._state)
        app.router.add_get("/ok", self._ok)
        self._host = Host(app, 0)
        await self._host.start()
        self.url = f"http://127.0.0.1:{self._host.port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._host.stop()

    def turn(self, *said: dict[str, Any], events: list[tuple[str, Any]] | None = None) -> None:
        """The next run leads to this transcript."""
        self.values, self.events = {"messages": list(said)}, events or []

    async def _note(self, request: web.Request) -> Any:
        body = await request.json() if request.can_read_body else None
        self.received.append({name.lower(): value for name, value in request.headers.items()})
        self.asked.append((request.path, body, request.headers.get("Idempotency-Key", "")))
        return body

    async def _threads(self, request: web.Request) -> web.Response:
        body = await self._note(request)
        return web.json_response({"thread_id": self.thread_id or body["thread_id"]})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        await self._note(request)
        told = "".join(
            f"event: {name}\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n"
            for name, data in [("metadata", {"run_id": "1"}), *self.events]
        )
        body = self.raw if self.raw is not None else f": heartbeat\n\n{told}".encode()
        headers = {"Content-Type": self.kind, **self.headers}
        if self.cuts and request.transport:
            stream = web.StreamResponse(headers=headers)
            await stream.prepare(request)
            await stream.write(body)
            request.transport.close()
        return web.Response(body=body, status=self.status, headers=headers)

    async def _state(self, request: web.Request) -> web.Response:
        tasks = [{"interrupts": [{"value": value} for value in self.interrupts]}]
        return web.json_response({"values": self.values, "tasks": tasks, "next": []})

    async def _ok(self, request: web.Request) -> web.Response:
        return web.json_response({"ok": True})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        yield server


@pytest.fixture
async def bot(server: Server) -> AsyncIterator[LangGraphServerBot]:
    http = HttpClient()
    config = LangGraphBot(kind="langgraph", name="agent", url=f"{server.url}/", assistant="shop")
    yield LangGraphServerBot(config, http, Settings())
    await http.aclose()


def ask(text: str = "chào", turn: int = 1, **session: Any) -> TurnRequest:
    said = [new_message("user", text, index=0, turn=turn, origin="scripted")] if text else []
    return TurnRequest(ID, turn, said, Scenario(), {"thread_id": "t", **session})


async def heard(bot: LangGraphServerBot, of: TurnRequest | None = None) -> tuple[Reply, list[str]]:
    pieces: list[str] = []
    return await bot.reply(of or ask(), pieces.append), pieces


async def test_thread_follows_from_the_conversation(
    bot: LangGraphServerBot, server: Server
) -> None:
    first, second = await bot.open(ask("", 0)), await bot.open(ask("", 0))
    assert first == second
    path, body, key = server.asked[0]
    assert (path, key) == ("/threads", f"{ID}:init")
    assert body["if_exists"] == "do_nothing"
    assert first["thread_id"] == body["thread_id"] != ID


async def test_turn_is_a_run_with_the_line_and_its_key(
    bot: LangGraphServerBot, server: Server
) -> None:
    server.turn(ai("Chào em!"))
    await heard(bot)
    path, body, key = server.asked[-1]
    assert (path, key) == ("/threads/t/runs/stream", f"{ID}:1")
    assert body["assistant_id"] == "shop"
    assert body["input"] == {"messages": [{"type": "human", "content": "chào", "id": f"{ID}:1"}]}


async def test_reply_is_what_the_graph_added(bot: LangGraphServerBot, server: Server) -> None:
    server.turn(ai("cũ"), ai("chào", "u", "human"), ai("Một."), ai("tool", "t", "tool"), ai("Hai."))
    reply, _ = await heard(bot, ask(said=2))
    assert reply.bubbles == ["Một.", "Hai."]
    assert reply.session == {"thread_id": "t", "said": 5, "interrupted": False}


async def test_pieces_are_the_first_message_as_it_grows(
    bot: LangGraphServerBot, server: Server
) -> None:
    events = [
        chunk("Chào "),
        chunk("em 👩‍🏫"),
        chunk("Hai", "b"),
        ("messages", [ai("x", "u", "human"), {}]),
    ]
    server.turn(ai("Chào em 👩‍🏫"), ai("Hai", "b"), events=events)
    reply, pieces = await heard(bot)
    assert pieces == ["Chào ", "em 👩‍🏫"]
    assert reply.bubbles == ["Chào em 👩‍🏫", "Hai"]


async def test_content_blocks_are_joined(bot: LangGraphServerBot, server: Server) -> None:
    blocks = [
        {"type": "text", "text": "Chào "},
        {"type": "image_url"},
        {"type": "text", "text": "em"},
    ]
    server.turn(ai(blocks, usage_metadata={"input_tokens": 3, "output_tokens": 2}))
    reply, _ = await heard(bot)
    assert reply.bubbles == ["Chào em"]
    assert reply.usage == {"input_tokens": 3, "output_tokens": 2}


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
            ("image", "https://x/a.png"),
        ),
        ({"type": "image_url", "image_url": "https://x/b.png"}, ("image", "https://x/b.png")),
        ({"type": "image", "url": "https://x/c.png"}, ("image", "https://x/c.png")),
        ({"type": "audio", "url": "https://x/d.mp3"}, ("audio", "https://x/d.mp3")),
        ({"type": "video", "url": "https://x/e.mp4"}, ("video", "https://x/e.mp4")),
        ({"type": "file", "url": "https://x/f.pdf"}, ("file", "https://x/f.pdf")),
    ],
)
async def test_pictures_and_files_among_the_blocks_are_parts_of_the_message(
    bot: LangGraphServerBot, server: Server, block: dict[str, Any], part: tuple[str, str]
) -> None:
    server.turn(ai([{"type": "text", "text": "Đây ạ"}, block]), ai([block], "b"))
    reply, _ = await heard(bot)
    kind, url = part
    assert reply.bubbles == ["Đây ạ", ""]
    assert [list(held) for held in reply.parts] == [[{"kind": kind, "url": url}]] * 2


async def test_shortened_transcript_gives_the_last_reply(
    bot: LangGraphServerBot, server: Server
) -> None:
    server.turn(ai("tóm tắt"), ai("chào", "u", "human"), ai("Mới."))
    reply, _ = await heard(bot, ask(said=9))
    assert reply.bubbles == ["Mới."]


async def test_graph_without_messages_is_heard_by_its_stream(
    bot: LangGraphServerBot, server: Server
) -> None:
    server.values, server.events = {"answer": 42}, [chunk("Chào "), chunk("em")]
    reply, _ = await heard(bot)
    assert reply.bubbles == ["Chào em"]


async def test_interrupt_is_asked_and_resumed(bot: LangGraphServerBot, server: Server) -> None:
    server.turn(ai("chào", "u", "human"))
    server.interrupts = ["Em tên gì?"]
    reply, _ = await heard(bot)
    assert reply.bubbles == ["Em tên gì?"]
    server.interrupts = []
    server.turn(ai("chào", "u", "human"), ai("Chào Minh!"))
    reply, _ = await heard(bot, ask("Minh", 2, **dict(reply.session or {})))
    assert server.asked[-1][1]["command"] == {"resume": "Minh"}
    assert "input" not in server.asked[-1][1]
    assert reply.bubbles == ["Chào Minh!"]
    assert (reply.session or {})["interrupted"] is False


async def test_ping_knocks(bot: LangGraphServerBot, server: Server) -> None:
    assert await bot.ping() == f"agent ({server.url}/) answers"


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("http_error", {"status": 503}),
        ("bad_content_type", {"kind": "text/html"}),
        ("bad_json", {"raw": b"event: messages\ndata: {nonsense\n\n"}),
        ("encoding", {"raw": b"event: messages\ndata: [\xff\xfe]\n\n"}),
        ("too_large", {"raw": b"event: x\ndata: " + b"1" * 5_000_000}),
        ("bad_reply", {"events": [("error", {"error": "ValueError", "message": "no key"})]}),
        ("empty", {}),
        ("encoding", {"headers": {"Content-Encoding": "gzip"}}),
        ("http_error", {"status": 307, "headers": {"Location": "http://127.0.0.1:9/"}}),
    ],
)
async def test_fault_is_told(
    bot: LangGraphServerBot, server: Server, kind: str, fault: dict[str, Any]
) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    with pytest.raises(BotError) as told:
        await heard(bot)
    assert told.value.kind == kind
    assert "agent (http://127.0.0.1" in told.value.message
    if kind == "bad_reply":
        assert "ValueError: no key" in told.value.message


async def test_another_thread_than_asked_for_is_no_session(
    bot: LangGraphServerBot, server: Server
) -> None:
    server.thread_id = "another"
    with pytest.raises(BotError, match="did not make the thread"):
        await bot.open(ask("", 0))


async def test_server_that_is_not_there() -> None:
    http = HttpClient()
    config = LangGraphBot(kind="langgraph", url="http://127.0.0.1:9")
    with pytest.raises(BotError) as told:
        await LangGraphServerBot(config, http, Settings()).open(ask("", 0))
    assert told.value.kind == "unreachable"
    await http.aclose()


async def test_a_turn_that_was_answered_already_is_not_asked_for_again(
    bot: LangGraphServerBot, server: Server
) -> None:
    line = {"type": "human", "content": "chào", "id": f"{ID}:1"}
    server.turn(line, ai("Chào em!"))
    reply, _ = await heard(bot)
    assert reply.bubbles == ["Chào em!"]
    assert not [path for path, _, _ in server.asked if path.endswith("/runs/stream")]


async def test_the_answer_to_an_earlier_line_is_no_part_of_this_one(
    bot: LangGraphServerBot, server: Server
) -> None:
    lines = [{"type": "human", "content": "x", "id": f"{ID}:{turn}"} for turn in (1, 2)]
    server.turn(lines[0], ai("cũ", "1"), lines[1], ai("mới", "2"))
    reply, _ = await heard(bot, ask("x", 2, said=0))
    assert reply.bubbles == ["mới"]


async def test_a_stream_that_names_its_run_elsewhere_is_read_as_any_other(
    bot: LangGraphServerBot, server: Server
) -> None:
    server.turn(ai("Chào em!"), events=[chunk("Chào em!")])
    server.headers = {"Location": "https://behind.a.proxy/threads/t/runs/1/stream"}
    reply, pieces = await heard(bot)
    assert (reply.bubbles, pieces) == (["Chào em!"], ["Chào em!"])


async def test_a_cut_stream_is_the_bots_error_and_is_not_taken_up_in_secret(
    bot: LangGraphServerBot, server: Server
) -> None:
    server.turn(ai("Chào em!"), events=[chunk("Chào")])
    server.headers, server.cuts = {"Location": "/threads/t/runs/1/stream"}, True
    with pytest.raises(BotError) as caught:
        await heard(bot)
    assert (caught.value.kind, caught.value.transient) == ("unreachable", True)
    assert [path for path, _, _ in server.asked if "runs" in path] == ["/threads/t/runs/stream"]


async def test_headers_hold_the_configured_secret_and_no_key_of_another_service(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGSMITH_API_KEY", "of-another-service")
    http = HttpClient()
    config = LangGraphBot(
        kind="langgraph", url=server.url, headers={"Authorization": "Bearer ${BOT_KEY}"}
    )
    bot = LangGraphServerBot(config, http, Settings())
    for secret in ("one", "two"):
        monkeypatch.setenv("BOT_KEY", secret)
        await bot.open(ask("", 0))
        assert server.received[-1]["authorization"] == f"Bearer {secret}"
    assert not any("of-another-service" in str(headers) for headers in server.received)
    await http.aclose()
