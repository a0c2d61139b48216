"""Buttons, pictures and the like are found in an answer, bounded, and sent when chosen."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import BotError
from core.message import new_message
from core.scenario import Scenario
from nodes.bots.parts import MAX_PARTS, Bubble, Finder, PartRule, join_typing, read_parts
from nodes.bots.templates import request_variables
from nodes.bots.webhook_config import WebhookBot
from nodes.bots.websocket_config import WebSocketBot
from nodes.speakers.protocol import TurnRequest

BUTTONS = {"kind": "button", "each": "buttons", "title": "title", "value": "payload"}
IMAGE = {"kind": "image", "src": "image"}
TYPING = {"kind": "typing", "when": {"type": "typing"}}


def rules(*given: dict[str, Any]) -> list[PartRule]:
    return [PartRule.model_validate(each) for each in given]


def find(data: Any, *given: dict[str, Any], messages: str | None = "$[*]") -> list[Bubble]:
    found = Finder("text", rules(*given), messages).find(data)
    return join_typing(found or [])


def test_each_message_keeps_its_own_parts_and_one_without_text_is_a_bubble() -> None:
    data = [
        {"text": "Chọn size", "buttons": [{"title": "S", "payload": "/s"}]},
        {"image": "https://x/ao.png"},
        {"text": "Nhé", "image": None, "buttons": []},
    ]
    assert find(data, BUTTONS, IMAGE) == [
        Bubble("Chọn size", ({"kind": "button", "title": "S", "value": "/s"},)),
        Bubble("", ({"kind": "image", "url": "https://x/ao.png"},)),
        Bubble("Nhé"),
    ]


def test_without_messages_the_parts_stand_at_the_last_bubble() -> None:
    data = {"text": ["a", "b"], "buttons": [{"title": "S"}]}
    assert find(data, BUTTONS, messages=None) == [
        Bubble("a"),
        Bubble("b", ({"kind": "button", "title": "S"},)),
    ]


def test_typing_is_noted_at_the_next_bubble_and_its_preview_is_no_text() -> None:
    data = [{"type": "typing", "text": "Dạ, e"}, {"type": "typing"}, {"text": "Dạ, em nghe"}]
    assert find(data, TYPING) == [Bubble("Dạ, em nghe", ({"kind": "typing"},))]
    assert find([{"type": "typing"}], TYPING) == []


def test_a_path_that_leads_nowhere_and_an_empty_list_are_two_things() -> None:
    finder = Finder("text", rules(IMAGE), "answers")
    assert finder.find({"error": 1}) is None
    assert finder.find({"answers": []}) == []
    assert finder.find({"answers": {"text": "một"}}) == [Bubble("một")]


@pytest.mark.parametrize("odd", [5, "x", None, [[]], [5], [{"title": ["a"]}], [{"title": True}]])
def test_odd_buttons_are_no_buttons(odd: Any) -> None:
    assert find([{"text": "a", "buttons": odd}], BUTTONS) == [Bubble("a")]


def test_what_is_kept_of_a_part_is_bounded() -> None:
    long = "x" * 10_000
    (bubble,) = find([{"text": "a", "buttons": [{"title": long}], "image": long}], BUTTONS, IMAGE)
    button, image = bubble.parts
    assert len(button["title"]) == len(image["url"]) == 2000
    held = find([{"image": "data:image/png;base64," + long}], IMAGE)
    assert held[0].parts[0]["url"] == "data:image/png;base64,…"


def test_a_value_that_is_cut_would_be_another_so_a_long_one_is_refused() -> None:
    with pytest.raises(BotError) as caught:
        find([{"text": "a", "buttons": [{"title": "S", "payload": "x" * 5000}]}], BUTTONS)
    assert caught.value.kind == "too_large"


def test_more_parts_than_anybody_reads_are_refused() -> None:
    data = [{"text": "a", "buttons": [{"title": "S"}] * (MAX_PARTS + 1)}]
    with pytest.raises(BotError, match="at most 100"):
        find(data, BUTTONS)


def test_lone_surrogates_become_storable() -> None:
    (bubble,) = find([{"text": "a", "buttons": [{"title": "\ud800"}]}], BUTTONS)
    assert json.dumps(bubble.parts[0]["title"]) == '"\\ufffd"'


def asks(text: str, *parts: Any) -> TurnRequest:
    said = [
        new_message("assistant", "?", index=0, turn=1, origin="bot", parts=list(parts)),
        new_message("user", text, index=1, turn=2, origin="scripted"),
    ]
    return TurnRequest("c-1", 2, said, Scenario(bot_id=1))


@pytest.mark.parametrize(
    ("said", "value", "message", "payload"),
    [
        ("size s", "/s", "/s", None),
        ("size s", None, "Size S", None),
        ("size s", {"size": "S"}, "Size S", {"size": "S"}),
        ("cỡ nhỏ", "/s", "cỡ nhỏ", None),
    ],
)
def test_a_chosen_button_sends_its_value(said: str, value: Any, message: str, payload: Any) -> None:
    part = {"kind": "button", "title": "Size S", **({} if value is None else {"value": value})}
    known = request_variables(asks(said, part), "k", None)
    assert (known["message"], known["payload"], known["line"]) == (message, payload, said)


def test_code_gives_parts_as_dicts() -> None:
    assert read_parts([{"kind": "button", "title": "S", "value": 1, "colour": "red"}]) == [
        {"kind": "button", "title": "S", "value": 1}
    ]
    for wrong in ({}, ["S"], [{"kind": "knob"}]):
        with pytest.raises(ValueError, match=r"list|kind"):
            read_parts(wrong)


@pytest.mark.parametrize(
    ("turn", "why"),
    [
        ({"reply": "t", "parts": [{"kind": "button", "each": "b"}]}, "where does the button stand"),
        ({"reply": "t", "parts": [{"kind": "knob", "title": "t"}]}, "kind"),
        ({"reply": "t", "stream": "sse", "messages": "$[*]"}, "a stream has none"),
        ({"stream": "text", "parts": [IMAGE]}, "a stream of text has none"),
    ],
)
def test_rules_that_cannot_work_are_refused_at_load(turn: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        WebhookBot.model_validate({"kind": "webhook", "turn": {"url": "http://x/", **turn}})


def test_text_messages_of_a_websocket_have_no_parts() -> None:
    turn = {"send": "{{message}}", "parts": [IMAGE]}
    given = {"kind": "websocket", "url": "ws://x/", "format": "text", "turn": turn}
    with pytest.raises(ValidationError, match="no paths"):
        WebSocketBot.model_validate(given)
