"""Text is kept code point for code point, wherever it comes from and wherever it is shown."""

import json
import unicodedata
from collections.abc import Awaitable, Callable
from typing import Any

from tests.integration.api.reading import Heard, said_of
from tests.integration.api.service import Service
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer

Opened = Callable[..., Awaitable[Service]]
TEXTS = [
    unicodedata.normalize("NFD", "Tiếng Việt rất đẹp ạ"),
    unicodedata.normalize("NFC", "Tiếng Việt rất đẹp ạ"),
    "👩‍👩‍👧‍👦 🇻🇳🇻🇳 👍🏽 ❤️ \U000e0067",
    "một\nhai\r\nba\tbốn\u2028năm\u2029sáu\x85bảy\x0b\x0c",
    " cách trước và sau  ",
    "\ufeffBOM \u200b\u202e ngược",
    'data: {"x": 1}\n\nevent: done\nid: 9\n',
    "<script>alert(1)</script> & \"'`${}{{x}}",
    "\u0001\u001f\u007f\u009f\ufffe\uffff\U0010ffff",
    "ก็ 한국어 हिन्दी עִבְרִית",
    "a" + "\u0301" * 300,
]


async def test_everything_comes_back_code_point_for_code_point(
    service: Service, robot: RobotServer
) -> None:
    for n, text in enumerate(TEXTS, 1):
        robot.fail("text", text=f"{text}|{n}", turn=n)
    body = {"bot_id": 16, "max_turns": len(TEXTS), "lines": TEXTS}
    frames = await service.frames("/simulate", body)
    id = frames[-1].data["conversation_id"]
    history = (await service.show(id))["history"]
    expected = [said for n, text in enumerate(TEXTS, 1) for said in (text, f"{text}|{n}")]
    assert [line["content"] for line in history] == expected
    Heard.of(frames).must_be(history)
    assert [call.message for call in robot.of(id)] == TEXTS
    await service.restart()
    assert (await service.show(id))["history"] == history
    Heard.of(await service.follow(id)).must_be(history)


async def test_nul_and_lone_surrogates_of_a_client_are_the_same_mark_everywhere(
    service: Service, robot: RobotServer
) -> None:
    raw = (
        b'{"bot_id": 16, "max_turns": 2, "user_prompt": "\\u0000", '
        b'"lines": ["a\\ud800b\\u0000c", "\\udfff \\ud83d\\ude00"], '
        b'"history": [{"role": "user", "content": "x\\udc00"}, '
        b'{"role": "assistant", "content": "y\\u0000"}]}'
    )
    headers = {"Content-Type": "application/json"}
    made = await service.ask("POST", "/api/simulate", data=raw, headers=headers)
    assert made.status == 200, made.text
    history = made.json["history"]
    users = [line["content"] for line in history if line["role"] == "user"]
    assert users == ["x\ufffd", "a\ufffdb\ufffdc", "\ufffd 😀"]
    assert history[1]["content"] == "y\ufffd"
    assert made.json["user_prompt"] == "\ufffd"
    id = made.json["conversation_id"]
    assert [call.message for call in robot.of(id)] == users[1:]
    Heard.of(await service.follow(id)).must_be(history)
    text = await service.ask("POST", "/simulate", data=raw, headers=headers)
    assert text.text == said_of(history)


async def test_nul_and_lone_surrogates_of_a_bot_are_the_same_mark_everywhere(
    service: Service, robot: RobotServer
) -> None:
    robot.fail("surrogate", turn=1)
    robot.fail("nul", turn=2)
    id = await service.begin(3)
    history = (await service.until(id, "completed"))["history"]
    assert history[1]["content"].endswith(" \ufffd!")
    assert history[3]["content"].endswith(" \ufffd!")
    Heard.of(await service.follow(id)).must_be(history)
    await service.restart()
    assert (await service.show(id))["history"] == history


async def test_a_model_that_streams_broken_text_is_heard_as_it_is_stored(
    opened: Opened, llm: LlmServer
) -> None:
    talker: dict[str, Any] = {
        "kind": "openai",
        "base_url": llm.base_url,
        "model": "m",
        "api_key": "k",
    }
    service = await opened(bots={"talker": talker})
    llm.set(manner={"split": "points"})
    for kind in ("surrogate", "nul"):
        llm.faults.clear()
        llm.fail(kind)
        frames = await service.frames("/simulate", {"bot_id": "talker", "max_turns": 2})
        heard = Heard.of(frames)
        history = (await service.show(heard.done[0]["conversation_id"]))["history"]
        assert history[1]["content"].endswith(" \ufffd!")
        heard.must_be(history)


async def test_history_as_a_json_string_is_cleaned_too(service: Service) -> None:
    inner = '[{"role": "user", "content": "a\\u0000\\ud800"}]'
    body = json.dumps({"bot_id": 16, "max_turns": 1, "history": inner}).encode()
    answer = await service.ask(
        "POST", "/simulate", data=body, headers={"Content-Type": "application/json"}
    )
    assert answer.text.startswith("User: a\ufffd\ufffd\nBot: ")
