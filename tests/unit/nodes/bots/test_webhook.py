"""A bot behind HTTP: what it is sent, what is taken from its replies, how it can fail."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest

from core.errors import BotError
from core.settings import Settings
from nodes.bots.webhook import Webhook
from nodes.bots.webhook_config import WebhookBot
from nodes.calls.http import HttpClient
from tests.servers.robot import RobotServer, reply_to
from tests.unit.nodes.desk import Desk, asks, desk

CALM = Settings()
HASTY = Settings(init_timeout_s=0.2)
SECRET = "tok-5f2a9c" * 3


@pytest.fixture
async def service() -> AsyncIterator[Desk]:
    async with desk() as made:
        yield made


@pytest.fixture
async def http() -> AsyncIterator[HttpClient]:
    client = HttpClient()
    yield client
    await client.aclose()


def unheard(_text: str) -> None:
    raise AssertionError("a webhook answers in one piece")


def bot(http: HttpClient, url: str, **config: Any) -> Webhook:
    turn = {"url": f"{url}/turn", "body": {"m": "{{message}}"}, "reply": "text"}
    given = {"kind": "webhook", "name": "shop", "turn": turn, **config}
    return Webhook(WebhookBot.model_validate(given), http, CALM)


# --- what is sent ---------------------------------------------------------------------------------


async def test_the_robot_lesson_is_spoken_as_documented(
    robot: RobotServer, http: HttpClient
) -> None:
    config = {"kind": "webhook", "preset": "robot-lesson", "base_url": f"{robot.url}/"}
    config |= {"input_slots": {"level": "A1", "seed": "s-{{seed}}"}, "remote_bot_id": 7}
    lesson = Webhook(WebhookBot.model_validate(config), http, CALM)
    assert await lesson.open(asks()) == {}
    reply = await lesson.reply(asks("sẵn sàng"), unheard)
    assert reply.bubbles == [reply_to(1, "sẵn sàng")]
    opening, turn = robot.calls
    slots = {"level": "A1", "seed": "s-c-1"}
    assert opening.body == {"bot_id": 7, "conversation_id": "c-1", "input_slots": slots}
    assert turn.body == {"conversation_id": "c-1", "message": "sẵn sàng"}
    assert (opening.key, turn.key) == ("c-1:init", "c-1:1")


async def test_templates_are_filled_everywhere_and_a_lone_variable_keeps_its_type(
    service: Desk, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "s3cret")
    init = {"url": f"{service.url}/i", "capture": {"sid": "id", "n": "deep.0.n"}}
    turn = {
        "method": "PUT",
        "url": service.url + "/s/{{session.sid}}/{{message}}?t={{turn}}&q={{message}}",
        "headers": {"X-Token": "Bearer ${SHOP_TOKEN}", "X-N": "{{session.n}}"},
        "body": {"n": "{{session.n}}", "t": "{{ turn }}", "all": ["{{message}}!", {"c": 1}]},
        "reply": "text",
    }
    shop = bot(http, service.url, init=init, turn=turn, headers={"X-Bot": "b{{turn}}"})
    service.answers = [{"id": "a/b", "deep": [{"n": 5}]}, {"text": "Chào"}]
    session = await shop.open(asks())
    assert session == {"sid": "a/b", "n": 5}
    said = '“?&=+#/ế" {{turn}} ${SHOP_TOKEN}'
    await shop.reply(asks(said, 2, **session), unheard)
    heard = service.heard[1]
    assert heard.method == "PUT"
    path, query = heard.path.split("?", 1)
    assert [unquote(part) for part in path.split("/")] == ["", "s", "a/b", said]
    assert parse_qs(query) == {"t": ["2"], "q": [said]}
    assert heard.headers["X-Token"] == "Bearer s3cret"
    assert (heard.headers["X-N"], heard.headers["X-Bot"]) == ("5", "b2")
    assert heard.body == {"n": 5, "t": 2, "all": [f"{said}!", {"c": 1}]}


async def test_a_value_that_only_a_turn_captures_is_empty_in_the_first_one(
    service: Desk, http: HttpClient
) -> None:
    turn = {
        "url": f"{service.url}/t",
        "body": {"next": "{{session.next}}", "text": "<{{session.next}}>"},
        "reply": "text",
        "capture": {"next": "next"},
    }
    shop = bot(http, service.url, turn=turn)
    service.answers = [{"text": "a", "next": 7}, {"text": "b", "next": 8}]
    first = await shop.reply(asks(), unheard)
    assert first.session == {"next": 7}
    second = await shop.reply(asks(turn=2, **dict(first.session or {})), unheard)
    assert second.session == {"next": 8}
    assert [call.body for call in service.heard] == [
        {"next": None, "text": "<>"},
        {"next": 7, "text": "<7>"},
    ]


async def test_a_header_that_http_cannot_carry_is_an_error_of_the_bot(
    service: Desk, http: HttpClient
) -> None:
    for value in ("a\r\nX-Evil: 1", "a\nb"):
        shop = bot(
            http,
            service.url,
            turn={
                "url": f"{service.url}/t",
                "headers": {"X-S": "{{session.s}}"},
                "reply": "text",
                "capture": {"s": "s"},
            },
        )
        with pytest.raises(BotError):
            await shop.reply(asks(s=value), unheard)
    assert not any("X-Evil" in call.headers for call in service.heard)


async def test_a_greeting_is_asked_for_without_a_line_of_the_user(
    service: Desk, http: HttpClient
) -> None:
    shop = bot(http, service.url, greeting_message="/start")
    assert shop.greets
    await shop.reply(asks(turn=0), unheard)
    assert service.heard[0].body == {"m": "/start"}
    assert not bot(http, service.url).greets


# --- what is taken from a reply -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "answer", "bubbles"),
    [
        ("text", {"text": "một"}, ["một"]),
        ("data.0.text", {"data": [{"text": "một"}]}, ["một"]),
        ("texts", {"texts": ["một", " ", "hai"]}, ["một", "hai"]),
        (["a", "b"], {"b": "hai"}, ["hai"]),
        (["a", "b"], {"a": ["một"], "b": "hai"}, ["một"]),
        ("text", {"text": "e\u0302 \ud800\0"}, ["e\u0302 \ufffd\ufffd"]),
    ],
)
async def test_bubbles_are_found_where_the_reply_path_leads(
    service: Desk, http: HttpClient, path: Any, answer: Any, bubbles: list[str]
) -> None:
    service.answers = [answer]
    shop = bot(http, service.url, turn={"url": f"{service.url}/t", "reply": path})
    assert (await shop.reply(asks(), unheard)).bubbles == bubbles


@pytest.mark.parametrize(
    ("answer", "ended", "bubbles"),
    [
        ({"text": "Hết", "end": True}, True, ["Hết"]),
        ({"text": "", "end": True}, True, []),
        ({"end": True}, True, []),
        ({"text": "Chào", "end": False}, False, ["Chào"]),
        ({"text": "Chào", "end": "true"}, False, ["Chào"]),
        ({"text": "Chào"}, False, ["Chào"]),
    ],
)
async def test_only_a_true_end_flag_ends(
    service: Desk, http: HttpClient, answer: Any, ended: bool, bubbles: list[str]
) -> None:
    service.answers = [answer]
    turn = {"url": f"{service.url}/t", "reply": "text", "end": "end"}
    reply = await bot(http, service.url, turn=turn).reply(asks(), unheard)
    assert (reply.ended, list(reply.bubbles)) == (ended, bubbles)


async def test_a_late_reply_is_asked_for_until_something_is_said(
    service: Desk, http: HttpClient
) -> None:
    service.answers = [{"job": 5}, {}, {"text": ""}, {"text": "Đây"}]
    poll = {"url": f"{service.url}/p/{{{{session.job}}}}", "reply": "text", "every_s": 0.01}
    turn = {"url": f"{service.url}/t", "reply": "text", "capture": {"job": "job"}}
    reply = await bot(http, service.url, turn=turn, poll=poll).reply(asks(), unheard)
    assert reply.bubbles == ["Đây"]
    assert reply.session == {"job": 5}
    assert [call.path for call in service.heard] == ["/t", "/p/5", "/p/5", "/p/5"]
    assert {call.headers["Idempotency-Key"] for call in service.heard} == {"c-1:1"}


async def test_a_late_reply_that_never_comes_is_a_timeout(service: Desk, http: HttpClient) -> None:
    service.answers = [{}]
    poll = {"url": f"{service.url}/p", "reply": "text", "every_s": 0.01, "timeout_s": 0.1}
    with pytest.raises(BotError) as caught:
        await bot(http, service.url, poll=poll).reply(asks(), unheard)
    assert caught.value.code == "bot_timeout"


# --- how it fails ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"other": "x"}, "bot_bad_reply"),
        ({"text": 5}, "bot_bad_reply"),
        ({"text": None}, "bot_bad_reply"),
        ({"text": ["a", 5]}, "bot_bad_reply"),
        ([1], "bot_bad_reply"),
        ("text", "bot_bad_reply"),
        (None, "bot_bad_reply"),
        ({"text": " \n"}, "bot_empty"),
        ({"text": []}, "bot_empty"),
        ((200, b"[" * 200_000, {"Content-Type": "application/json"}), "bot_bad_json"),
        ((200, b'{"text": "\xff"}', {"Content-Type": "application/json"}), "bot_encoding"),
        ((200, b"hi", {"Content-Type": "text/plain"}), "bot_bad_content_type"),
        ((204, b"", {}), "bot_bad_json"),
        (
            (200, b"{}", {"Content-Type": "application/json", "Content-Encoding": "br"}),
            "bot_encoding",
        ),
        ((301, b"", {"Location": "http://127.0.0.1:9/"}), "bot_http_error"),
        ((418, b"", {}), "bot_http_error"),
    ],
)
async def test_a_bad_reply_is_one_error_with_its_code(
    service: Desk, http: HttpClient, answer: Any, code: str
) -> None:
    service.answers = [answer]
    with pytest.raises(BotError) as caught:
        await bot(http, service.url).reply(asks(), unheard)
    assert caught.value.code == code
    assert caught.value.message.startswith("shop (")
    assert len(service.heard) == 1


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("hang", "bot_timeout"),
        ("reset", "bot_unreachable"),
        ("cut", "bot_unreachable"),
        ("status", "bot_http_error"),
        ("redirect", "bot_http_error"),
        ("html", "bot_bad_content_type"),
        ("non_json", "bot_bad_json"),
        ("empty_body", "bot_bad_json"),
        ("content_type", "bot_bad_content_type"),
        ("bad_utf8", "bot_encoding"),
        ("empty_object", "bot_init"),
        ("not_ok", "bot_init"),
    ],
)
async def test_each_fault_of_an_opening_has_its_code(
    robot: RobotServer, http: HttpClient, kind: str, code: str
) -> None:
    robot.fail(kind, op="init", size=1_000_000)
    config = {"kind": "webhook", "preset": "robot-lesson", "base_url": robot.url}
    lesson = Webhook(WebhookBot.model_validate(config), http, HASTY if kind == "hang" else CALM)
    with pytest.raises(BotError) as caught:
        await lesson.open(asks())
    assert caught.value.code == code
    assert not [call for call in robot.calls if call.path.startswith("/elsewhere")]


@pytest.mark.parametrize("stream", [None, "sse"])
async def test_a_compressed_reply_is_read_though_nobody_asked_for_it(
    service: Desk, http: HttpClient, stream: str | None
) -> None:
    plain = b'{"text": "Ch\\u00e0o"}'
    body = gzip.compress(b"data: " + plain + b"\n\n" if stream else plain)
    kind = "text/event-stream" if stream else "application/json"
    service.answers = [(200, body, {"Content-Type": kind, "Content-Encoding": "gzip"})]
    turn = {"url": f"{service.url}/t", "reply": "text", "stream": stream}
    config = WebhookBot.model_validate({"kind": "webhook", "turn": turn})
    reply = await Webhook(config, http, CALM).reply(asks(), lambda _: None)
    assert reply.bubbles == ["Chào"]


@pytest.mark.parametrize(
    ("encoding", "body", "kind"),
    [
        ("gzip", gzip.compress(b'{"text": "' + b"x" * 50_000_000 + b'"}'), "too_large"),
        ("gzip", gzip.compress(b'{"text": "x"}', mtime=0)[:-9], "encoding"),
        ("gzip", b'{"text": "x"}', "encoding"),
        ("zstd", b"?", "encoding"),
    ],
)
async def test_a_bomb_is_cut_by_what_comes_out_of_it_and_garbage_is_told(
    service: Desk, http: HttpClient, encoding: str, body: bytes, kind: str
) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    service.answers = [(200, body, headers)]
    config = {"kind": "webhook", "turn": {"url": f"{service.url}/t", "reply": "text"}}
    with pytest.raises(BotError) as caught:
        await Webhook(WebhookBot.model_validate(config), http, CALM).reply(asks(), lambda _: None)
    assert caught.value.kind == kind


async def test_a_reply_of_half_a_megabyte_is_taken_and_one_without_end_is_not(
    service: Desk, http: HttpClient
) -> None:
    service.answers = [{"text": "ế" * 500_000}, {"text": "ế" * 5_000_000}]
    shop = bot(http, service.url)
    assert (await shop.reply(asks(), unheard)).bubbles == ["ế" * 500_000]
    with pytest.raises(BotError) as caught:
        await shop.reply(asks(), unheard)
    assert caught.value.code == "bot_too_large"


@pytest.mark.parametrize(
    "head",
    [
        f"HTTP/9.9 abc {SECRET}",
        f"HTTP/1.1 200 OK\r\n{SECRET} bad header",
        f"HTTP/1.1 200 OK\r\nX: {SECRET}{'x' * 9000}",
        f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}",
    ],
)
async def test_a_garbled_answer_is_named_without_its_bytes(http: HttpClient, head: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(f"{head}\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    async with server:
        with pytest.raises(BotError) as caught:
            await bot(http, f"http://{host}:{port}").reply(asks(), unheard)
    assert caught.value.code in ("bot_bad_reply", "bot_unreachable")
    assert SECRET[:10] not in f"{caught.value.message} {caught.value.facts}"


async def test_success_is_what_the_file_asks_for_and_nothing_like_it(
    service: Desk, http: HttpClient
) -> None:
    turn = {"url": f"{service.url}/t", "reply": "text", "success": {"status": 0, "ok": True}}
    shop = bot(http, service.url, turn=turn)
    service.answers = [{"status": 0, "ok": True, "text": "a"}]
    assert (await shop.reply(asks(), unheard)).bubbles == ["a"]
    for wrong in ({"status": False, "ok": True}, {"status": 0, "ok": 1}, {"status": "0"}):
        service.answers = [{**wrong, "text": "a"}]
        with pytest.raises(BotError) as caught:
            await shop.reply(asks(), unheard)
        assert caught.value.code == "bot_status"


# --- secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"", {}),
        (302, b"", {"Location": "/"}),
        {"status": 1, "msg": f"bad token {SECRET}"},
        {"status": 1, "msg": "x" * 190 + SECRET},
        {"status": SECRET, "msg": ""},
        {"text": None},
        (200, SECRET.encode(), {"Content-Type": f"text/{SECRET}"}),
    ],
)
async def test_no_error_shows_a_secret(
    service: Desk, http: HttpClient, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    turn = {
        "url": f"{service.url}/${{SHOP_TOKEN}}/t?key=${{SHOP_TOKEN}}",
        "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
        "body": {"k": "${SHOP_TOKEN}"},
        "reply": "text",
        "success": {"status": 0},
    }
    service.answers = [answer]
    with pytest.raises(BotError) as caught:
        await bot(http, service.url, turn=turn).reply(asks(), unheard)
    assert SECRET in service.heard[0].path
    told = f"{caught.value.message} {caught.value.facts}"
    assert SECRET[:10] not in told
    assert "${SHOP_TOKEN}" in told


async def test_an_unreachable_bot_is_named_without_its_secret(
    http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for host in ("127.0.0.1:9", "nowhere.invalid", "[::1", "ba d"):
        monkeypatch.setenv("SHOP_HOST", f"http://user:pw-77@{host}")
        shop = bot(http, "${SHOP_HOST}")
        with pytest.raises(BotError) as caught:
            await shop.reply(asks(), unheard)
        assert caught.value.code == "bot_unreachable"
        assert "pw-77" not in f"{caught.value.message} {caught.value.facts}"


# --- ping -----------------------------------------------------------------------------------------


async def test_a_ping_tells_that_the_bot_is_there_or_why_not(
    service: Desk, http: HttpClient
) -> None:
    assert "HTTP 200" in await bot(http, service.url).ping()
    pinged = bot(http, service.url, ping={"url": f"{service.url}/p", "success": {"up": True}})
    service.answers = [{"up": True}, {"up": False}]
    assert "answers" in await pinged.ping()
    with pytest.raises(BotError):
        await pinged.ping()
    with pytest.raises(BotError) as caught:
        await bot(http, "http://127.0.0.1:9").ping()
    assert caught.value.code == "bot_unreachable"


async def test_a_secret_that_is_a_common_word_does_not_make_json_unreadable(
    service: Desk, http: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_MODE", "on")
    shop = bot(http, service.url, headers={"X-Mode": "${SHOP_MODE}"})
    assert (await shop.reply(asks(), unheard)).bubbles == ["Chào"]
    service.answers = [(200, b"{}", {"Content-Type": "text/on"})]
    with pytest.raises(BotError, match=r"sent text/\*\*\*, not JSON"):
        await shop.reply(asks(), unheard)
