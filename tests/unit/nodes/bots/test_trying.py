"""One line to a bot, looked at closely: calls, captured values, reply; and no secret."""

from collections.abc import AsyncIterator

import pytest

from core.settings import Settings
from nodes.bots.trying import try_bot
from nodes.bots.webhook import Webhook
from nodes.bots.webhook_config import WebhookBot
from nodes.bots.websocket import WebSocket
from nodes.bots.websocket_config import WebSocketBot
from nodes.calls.http import HttpClient
from tests.unit.nodes.bots.test_websocket import echo, served
from tests.unit.nodes.desk import Desk, desk

SECRET = "tok-5f2a9c"


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Desk, Webhook]]:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    http = HttpClient()
    async with desk() as service:
        config = {
            "kind": "webhook",
            "name": "shop",
            "base_url": service.url,
            "headers": {"Authorization": "Bearer ${SHOP_TOKEN}"},
            "init": {"url": "/i?k=${SHOP_TOKEN}", "capture": {"sid": "id", "token": "t"}},
            "turn": {"url": "/t", "body": {"m": "{{message}}", "k": "${SHOP_TOKEN}"}, "reply": "a"},
        }
        yield service, Webhook(WebhookBot.model_validate(config), http, Settings())
        await http.aclose()


async def test_calls_captures_and_reply_are_shown_without_secrets(
    shop: tuple[Desk, Webhook],
) -> None:
    service, bot = shop
    service.answers = [{"id": "s-1", "t": "x-1"}, {"a": "Dạ", "echo": SECRET}]
    trial = await try_bot(bot, "7", "chào")
    opening, turn = trial.calls
    assert (opening.method, opening.status, opening.sent) == ("POST", 200, "")
    assert turn.headers["Authorization"] == "***"
    assert turn.headers["Idempotency-Key"].endswith(":1")
    assert turn.sent == '{"m":"chào","k":"***"}'
    assert turn.answer == '{"a": "D\\u1ea1", "echo": "***"}'
    assert trial.session == {"sid": "s-1", "token": "***"}
    assert (list(trial.bubbles), trial.error) == (["Dạ"], None)
    assert SECRET not in repr(trial)
    assert bot.watch is None


async def test_a_failure_is_part_of_the_trial_and_what_came_is_shown(
    shop: tuple[Desk, Webhook],
) -> None:
    service, bot = shop
    service.answers = [{"id": "s-1", "t": "x"}, {"other": f"field {SECRET}"}]
    trial = await try_bot(bot, "7", "chào")
    assert trial.code == "bot_bad_reply"
    assert "sent no text at a" in (trial.error or "")
    assert trial.calls[1].answer == '{"other": "field ***"}'
    assert SECRET not in repr(trial)


async def test_messages_of_a_websocket_are_shown() -> None:
    async with served(echo) as url:
        given = {"kind": "websocket", "url": url, "quiet_s": 0.05}
        given["turn"] = {"send": {"text": "{{message}}"}, "reply": "text"}
        bot = WebSocket(WebSocketBot.model_validate(given), "live", Settings())
        trial = await try_bot(bot, "live", "chào")
        await bot.aclose()
    assert [call.method for call in trial.calls] == ["SEND", "RECEIVE"]
    assert trial.calls[0].sent == '{"text": "chào"}'
    assert list(trial.bubbles) == ["chào"]
