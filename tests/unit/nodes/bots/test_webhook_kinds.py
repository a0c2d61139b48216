"""Webhooks beyond JSON both ways: forms, queries, cookies, lists of objects, streams."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from core.errors import BotError
from core.settings import Settings
from nodes.bots.webhook import Webhook
from nodes.bots.webhook_config import WebhookBot
from nodes.calls.http import HttpClient
from tests.servers.host import Host
from tests.unit.nodes.desk import asks

CALM = Settings()


class Service:
    """Remembers what it was sent, and answers as it is told; its session is a cookie."""

    def __init__(self) -> None:
        self.url = ""
        self.forms: list[dict[str, str]] = []
        self.queries: list[dict[str, str]] = []
        self.reply: Any = {}
        self.parts: list[bytes] = []
        self.type = "text/event-stream"

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/init", self.init)
        app.router.add_post("/turn", self.turn)
        app.router.add_post("/guarded", self.guarded)
        app.router.add_post("/stream", self.stream)
        return app

    async def init(self, _request: web.Request) -> web.Response:
        response = web.json_response({"ok": True})
        response.set_cookie("sid", "s-1")
        response.set_cookie("foreign", "x", domain="example.com")
        return response

    async def guarded(self, request: web.Request) -> web.Response:
        if request.cookies.get("sid") != "s-1":
            return web.Response(status=401)
        response = web.json_response({"text": "vào rồi"})
        response.set_cookie("seen", "1")
        return response

    async def turn(self, request: web.Request) -> web.Response:
        self.forms.append({name: str(value) for name, value in (await request.post()).items()})
        self.queries.append(dict(request.query))
        return web.json_response(self.reply)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.type})
        await response.prepare(request)
        for part in self.parts:
            await response.write(part)
            await asyncio.sleep(0.005)  # so that it is read before the next
        await response.write_eof()
        return response


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    host = Host(made.app(), 0)
    await host.start()
    made.url = f"http://127.0.0.1:{host.port}"
    yield made
    await host.stop()


@pytest.fixture
async def make(service: Service) -> AsyncIterator[Callable[..., Webhook]]:
    http = HttpClient()

    def bot(path: str, config: dict[str, Any] | None = None, **turn: Any) -> Webhook:
        call = {"url": f"{service.url}/{path}", **turn}
        given = {"kind": "webhook", "name": "shop", "turn": call, **(config or {})}
        return Webhook(WebhookBot.model_validate(given), http, CALM)

    yield bot
    await http.aclose()


def no_piece(_text: str) -> None:
    raise AssertionError("nothing streams here")


async def test_a_form_and_a_query_carry_the_line_to_the_letter(
    make: Callable[..., Webhook], service: Service
) -> None:
    service.reply = {"text": "Dạ"}
    query = {"q": "{{message}}", "n": "{{turn}}"}
    shop = make("turn?fixed=1", reply="text", form={"text": "{{message}}", "x": "a&b"}, query=query)
    said = "phở & chè = 50% “ngon”?"
    assert (await shop.reply(asks(said), no_piece)).bubbles == ["Dạ"]
    assert service.forms == [{"text": said, "x": "a&b"}]
    assert service.queries == [{"fixed": "1", "q": said, "n": "1"}]


async def test_cookies_are_kept_in_their_conversation(make: Callable[..., Webhook]) -> None:
    init = {"url": make("init", reply="x").config.turn.url}  # type: ignore[union-attr]
    shop = make("guarded", {"init": init, "cookies": True}, reply="text")
    session = await shop.open(asks())
    reply = await shop.reply(asks(**session), no_piece)
    assert reply.bubbles == ["vào rồi"]
    assert reply.session == {"cookies": {"sid": "s-1", "seen": "1"}}
    with pytest.raises(BotError, match="401"):
        await shop.reply(asks(), no_piece)


async def test_cookies_are_left_where_nobody_asked_for_them(make: Callable[..., Webhook]) -> None:
    init = {"url": make("init", reply="x").config.turn.url}  # type: ignore[union-attr]
    assert await make("guarded", {"init": init}, reply="text").open(asks()) == {}


async def test_every_bubble_of_a_list_of_objects_is_heard(
    make: Callable[..., Webhook], service: Service
) -> None:
    service.reply = [{"text": "Chào!"}, {"image": "http://x/y.png"}, {"text": "Bạn cần gì?"}]
    rasa = make("turn", reply="*.text", body={"sender": "{{conversation_id}}"})
    assert (await rasa.reply(asks(), no_piece)).bubbles == ["Chào!", "Bạn cần gì?"]


@pytest.mark.parametrize("silent", [True, False])
async def test_no_bubble_at_all_is_an_error_unless_it_is_allowed(
    make: Callable[..., Webhook], service: Service, silent: bool
) -> None:
    service.reply = []
    rasa = make("turn", reply="*.text", may_be_silent=silent)
    if silent:
        assert (await rasa.reply(asks(), no_piece)).bubbles == []
    else:
        with pytest.raises(BotError) as caught:
            await rasa.reply(asks(), no_piece)
        assert caught.value.code == "bot_empty"


def event(data: Any) -> bytes:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


STREAMS: dict[str, tuple[str, list[bytes]]] = {
    "sse": ("text/event-stream", [event({"t": "Chào "}), event({"t": "bạn"}), b"data: [DONE]\n\n"]),
    "ndjson": ("application/x-ndjson", ['{"t": "Chào "}\n{"t": "b'.encode(), 'ạn"}'.encode()]),
    "text": ("text/plain", ["Chà".encode()[:-1], "à".encode()[-1:] + b"o ", "bạn".encode()]),
}


@pytest.mark.parametrize("framing", STREAMS)
async def test_a_stream_is_passed_on_as_it_comes_and_is_one_bubble(
    make: Callable[..., Webhook], service: Service, framing: str
) -> None:
    service.type, service.parts = STREAMS[framing]
    pieces: list[str] = []
    shop = make("stream", stream=framing, **({} if framing == "text" else {"reply": "t"}))
    reply = await shop.reply(asks(), pieces.append)
    assert list(reply.bubbles) == ["Chào bạn"]
    assert "".join(pieces) == "Chào bạn"
    assert len(pieces) >= 2


async def test_a_stream_captures_and_ends(make: Callable[..., Webhook], service: Service) -> None:
    service.parts = [event({"t": "Bye", "id": 7}), event({"t": " bye", "over": True})]
    shop = make("stream", stream="sse", reply="t", end="over", capture={"last": "id"})
    reply = await shop.reply(asks(), lambda _text: None)
    assert (list(reply.bubbles), reply.ended, reply.session) == (["Bye bye"], True, {"last": 7})


@pytest.mark.parametrize(
    ("kind", "parts", "code"),
    [
        ("text/html", [b"<p>"], "bot_bad_content_type"),
        ("text/event-stream", [b"data: {broken\n\n"], "bot_bad_json"),
        ("text/event-stream", [b"data: \xff\n\n"], "bot_encoding"),
        ("text/event-stream", [event({"other": 1})], "bot_empty"),
        ("text/event-stream", [b": only a comment\n\n"], "bot_empty"),
        ("text/event-stream", [event({"t": "x" * 1_000_000})] * 5, "bot_too_large"),
        ("text/event-stream", [event({"t": "a"}), b"event: error\n", event({})], "bot_bad_reply"),
        ("text/event-stream", [b"event: error\ndata: oh\n\ndata: [DONE]\n\n"], "bot_bad_reply"),
        ("text/event-stream", [event({"t": "a"}), b"event: error\ndata"], "bot_bad_reply"),
    ],
)
async def test_each_fault_of_a_stream_has_its_code(
    make: Callable[..., Webhook], service: Service, kind: str, parts: list[bytes], code: str
) -> None:
    service.type, service.parts = kind, parts
    with pytest.raises(BotError) as caught:
        await make("stream", stream="sse", reply="t").reply(asks(), lambda _text: None)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("turn", "says"),
    [
        ({"reply": "t", "body": {}, "form": {}}, "either a body or a form"),
        (
            {
                "reply": "t",
                "body": "text={{message}}",
                "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            },
            "give `form`",
        ),
        ({"reply": "t", "form": {}, "headers": {"content-type": "application/json"}}, "is not"),
        ({"reply": "t", "body": {}, "headers": {"Content-Type": "text/xml"}}, "sent as JSON"),
        ({"stream": "sse"}, "turn.reply is required"),
        ({"reply": "t", "form": {"a": "{{nobody}}"}}, "unknown template variable"),
    ],
)
def test_what_does_not_fit_together_is_refused_at_load(turn: dict[str, Any], says: str) -> None:
    given = {"kind": "webhook", "turn": {"url": "http://x/t", **turn}}
    with pytest.raises(ValidationError, match=says):
        WebhookBot.model_validate(given)


@pytest.mark.parametrize(("answer", "passes"), [("Success", True), ("Fail", False)])
async def test_the_robot_lesson_is_opened_only_where_the_robot_says_success(
    answer: str, passes: bool
) -> None:
    async def init(_request: web.Request) -> web.Response:
        return web.json_response({"status": 0, "msg": answer})

    app = web.Application()
    app.router.add_post("/robot-ai-lesson/api/v1/bot/initConversation", init)
    host, http = Host(app, 0), HttpClient()
    await host.start()
    config = {
        "kind": "webhook",
        "preset": "robot-lesson",
        "base_url": f"http://127.0.0.1:{host.port}",
    }
    lesson = Webhook(WebhookBot.model_validate(config), http, CALM)
    try:
        if passes:
            assert await lesson.open(asks()) == {}
        else:
            with pytest.raises(BotError, match="msg = 'Fail'"):
                await lesson.open(asks())
    finally:
        await http.aclose()
        await host.stop()
