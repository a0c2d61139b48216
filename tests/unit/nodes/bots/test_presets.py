"""The presets speak to servers that do what the documentation of each says."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from core.errors import BotError
from core.message import new_message
from core.scenario import Scenario
from core.settings import Settings
from nodes.bots.webhook import Webhook
from nodes.bots.webhook_config import WebhookBot
from nodes.calls.http import HttpClient
from nodes.speakers.protocol import TurnRequest
from tests.servers.host import Host
from tests.unit.nodes.desk import asks

LATE: list[list[Any]] = [[], ["Dạ"], ["Em nghe"], []]
HERO = {
    "contentType": "application/vnd.microsoft.card.hero",
    "content": {
        "title": "Áo len",
        "text": "199.000đ",
        "images": [{"url": "https://x/ao.png", "alt": "áo"}],
        "buttons": [
            {"type": "postBack", "title": "Mua", "value": "buy-1"},
            {"type": "openUrl", "title": "Xem", "value": "https://x/ao"},
        ],
    },
}
ADAPTIVE = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {
        "body": [{"type": "TextBlock", "text": "Địa chỉ?"}],
        "actions": [{"type": "Action.Submit", "title": "Gửi", "data": {"step": 2}}],
    },
}
RICH = {
    "type": "message",
    "text": "Có đây ạ",
    "attachments": [
        HERO,
        ADAPTIVE,
        {"contentType": "image/png", "contentUrl": "https://x/1.png", "name": "1.png"},
        {"contentType": "application/pdf", "contentUrl": "https://x/gia.pdf", "name": "giá"},
    ],
    "suggestedActions": {"actions": [{"type": "imBack", "title": "Có", "value": "có ạ"}]},
}


class Services:
    """Rasa's REST channel, Direct Line 3.0 and a simple REST bot."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.activities: list[dict[str, Any]] = []
        self.late: list[list[Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/webhooks/rest/webhook", self.rasa)
        line = "/v3/directline/conversations"
        app.router.add_post(line, self.open)
        app.router.add_post(line + "/d-1/activities", self.post)
        app.router.add_get(line + "/d-1/activities", self.get)
        app.router.add_post("/", self.simple)
        return app

    async def rasa(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.heard.append(body)
        if body["message"] == "im lặng":
            return web.json_response([])
        said = {"recipient_id": body["sender"]}
        size = {"title": "Size M", "payload": '/order{"size": "M"}'}
        return web.json_response(
            [
                {**said, "text": "một"},
                {**said, "image": "http://x/y.png"},
                {**said, "text": "hai", "buttons": [size]},
                {**said, "attachment": {"type": "video", "payload": {"src": "http://x/v.mp4"}}},
                {**said, "custom": {"chart": [1, 2]}},
            ]
        )

    async def open(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer s3cret":
            return web.json_response({"error": {"code": "BadArgument"}}, status=403)
        self.activities.append(
            {"type": "message", "from": {"id": "bot", "role": "bot"}, "text": "Chào mừng"}
        )
        return web.json_response({"conversationId": "d-1", "expires_in": 1800}, status=201)

    async def post(self, request: web.Request) -> web.Response:
        activity = await request.json()
        self.heard.append(activity)
        self.activities += [
            activity,
            {"type": "typing", "from": {"id": "bot"}},
        ]
        self.late = [[], [RICH], []] if activity["text"] == "thẻ" else LATE.copy()
        return web.json_response({"id": f"d-1|{len(self.activities):07}"})

    async def get(self, request: web.Request) -> web.Response:
        for text in self.late.pop(0) if self.late else []:
            said = text if isinstance(text, dict) else {"type": "message", "text": text}
            self.activities.append({"from": {"id": "bot"}, **said})
        seen = int(request.query.get("watermark") or 0)
        new = self.activities[seen:]
        return web.json_response({"activities": new, "watermark": str(len(self.activities))})

    async def simple(self, request: web.Request) -> web.Response:
        self.heard.append(await request.json())
        return web.json_response({"replies": [{"text": "a"}, {"text": "b"}]})


@pytest.fixture
async def services() -> AsyncIterator[tuple[Services, str]]:
    made = Services()
    host = Host(made.app(), 0)
    await host.start()
    yield made, f"http://127.0.0.1:{host.port}"
    await host.stop()


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


def bot(http: HttpClient, preset: str, url: str, **own: Any) -> Webhook:
    given = {"kind": "webhook", "name": "shop", "preset": preset, "base_url": url, **own}
    return Webhook(WebhookBot.model_validate(given), http, Settings())


def no_piece(_text: str) -> None:
    raise AssertionError("answers in one piece")


async def test_rasa_says_several_bubbles_or_none(
    services: tuple[Services, str], http: HttpClient
) -> None:
    made, url = services
    rasa = bot(http, "rasa", url)
    reply = await rasa.reply(asks("chào"), no_piece)
    assert reply.bubbles == ["một", "", "hai", "", ""]
    assert [list(parts) for parts in reply.parts] == [
        [],
        [{"kind": "image", "url": "http://x/y.png"}],
        [{"kind": "button", "title": "Size M", "value": '/order{"size": "M"}'}],
        [{"kind": "file", "url": "http://x/v.mp4"}],
        [{"kind": "custom", "value": {"chart": [1, 2]}}],
    ]
    assert (await rasa.reply(asks("im lặng", 2), no_piece)).bubbles == []
    assert made.heard[0] == {"sender": "c-1", "message": "chào"}


async def test_direct_line_is_polled_until_nothing_follows_and_each_activity_is_read_once(
    services: tuple[Services, str], http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECTLINE_SECRET", "s3cret")
    made, url = services
    line = bot(http, "direct-line", url)
    poll = line.config.poll.model_copy(update={"every_s": 0.01, "settle_s": 0.1})  # type: ignore[union-attr]
    line.config = line.config.model_copy(update={"poll": poll})
    session = await line.open(asks())
    assert session == {"id": "d-1"}
    first = await line.reply(asks("chào", **session), no_piece)
    assert first.bubbles == ["Chào mừng", "Dạ", "Em nghe"]
    made.activities.append({"type": "message", "from": {"id": "bot"}, "text": "Còn đó không?"})
    second = await line.reply(asks("có", 2, **dict(first.session or {})), no_piece)
    assert second.bubbles == ["Còn đó không?", "Dạ", "Em nghe"]
    assert made.heard[0]["text"] == "chào"


async def test_direct_line_keeps_cards_buttons_and_files_and_sends_what_a_button_holds(
    services: tuple[Services, str], http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECTLINE_SECRET", "s3cret")
    made, url = services
    line = bot(http, "direct-line", url)
    poll = line.config.poll.model_copy(update={"every_s": 0.01, "settle_s": 0.1})  # type: ignore[union-attr]
    line.config = line.config.model_copy(update={"poll": poll})
    session = await line.open(asks())
    made.activities.clear()
    reply = await line.reply(asks("thẻ", **session), no_piece)
    assert reply.bubbles == ["Có đây ạ"]
    parts = [*reply.parts[0]]
    assert parts == [
        {"kind": "typing"},
        {"kind": "image", "title": "1.png", "url": "https://x/1.png"},
        {"kind": "file", "title": "giá", "url": "https://x/gia.pdf"},
        {"kind": "card", "title": "Áo len", "text": "199.000đ"},
        {"kind": "card", "text": "Địa chỉ?"},
        {"kind": "image", "title": "áo", "url": "https://x/ao.png"},
        {"kind": "button", "title": "Mua", "value": "buy-1"},
        {"kind": "link", "title": "Xem", "url": "https://x/ao"},
        {"kind": "button", "title": "Gửi", "value": {"step": 2}},
        {"kind": "quick_reply", "title": "Có", "value": "có ạ"},
    ]
    for said, text, value in (("mua", "buy-1", None), ("Gửi", "Gửi", {"step": 2})):
        await line.reply(answers(said, parts, dict(reply.session or {})), no_piece)
        assert (made.heard[-1]["text"], made.heard[-1]["value"]) == (text, value)


def answers(text: str, parts: list[Any], session: dict[str, Any]) -> TurnRequest:
    said = [
        new_message("assistant", "Có đây ạ", index=0, turn=1, origin="bot", parts=parts),
        new_message("user", text, index=1, turn=2, origin="human"),
    ]
    return TurnRequest("c-1", 2, said, Scenario(bot_id="1"), session)


async def test_direct_line_with_a_wrong_secret_is_refused(
    services: tuple[Services, str], http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECTLINE_SECRET", "other")
    with pytest.raises(BotError) as caught:
        await bot(http, "direct-line", services[1]).open(asks())
    assert (caught.value.code, caught.value.facts["status"]) == ("bot_http_error", 403)


async def test_the_simple_shape_and_a_key_of_ones_own_beside_the_preset(
    services: tuple[Services, str], http: HttpClient
) -> None:
    made, url = services
    assert (await bot(http, "simple-rest", url).reply(asks("x"), no_piece)).bubbles == ["a", "b"]
    assert made.heard == [{"session": "c-1", "text": "x"}]
    turn = {"url": "/", "body": {"q": "{{message}}", "k": "{{key}}"}, "reply": "$.replies[0].text"}
    own = bot(http, "simple-rest", url, turn=turn)
    assert (await own.reply(asks("x"), no_piece)).bubbles == ["a"]
    assert made.heard[1] == {"q": "x", "k": "c-1:1"}


def test_a_preset_needs_its_base_url_and_a_path_does() -> None:
    for given in ({"preset": "rasa"}, {"turn": {"url": "/t", "reply": "t"}}):
        with pytest.raises(ValidationError, match="needs a base_url"):
            WebhookBot.model_validate({"kind": "webhook", **given})
