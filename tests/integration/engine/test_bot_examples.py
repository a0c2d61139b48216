"""Each file of examples/bots loads as it is and talks to a server of its kind on loopback."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.server import ServerConnection, serve

from core.ends import Status
from core.settings import Settings
from graph.process import open_process
from tests.integration.engine.house import create, read_status, run_to_end
from tests.servers.host import Host
from tests.servers.llm import LlmServer, line_for
from tests.servers.process import ROOT
from tests.servers.robot import RobotServer, reply_to
from tests.servers.shop import PICTURE, SIZES, ShopServer

EXAMPLES = ROOT / "examples" / "bots"
MINE = ("robot-lesson", "simple-rest", "rasa", "ollama", "websocket")


async def talk(
    folder: Path, name: str, bot: str, *lines: str, instead: tuple[str, str] | None = None
) -> list[Any]:
    """What was said with the bot of that example; `instead` puts an address in another's place."""
    text = (EXAMPLES / f"{name}.yaml").read_text("utf-8")
    if instead:
        assert instead[0] in text
        text = text.replace(*instead)
    file = folder / "bots.yaml"
    file.write_text(text, "utf-8")
    database = f"sqlite:///{folder / 'd.db'}"
    settings = Settings.model_validate({"bots": file, "database_url": database})
    async with open_process(settings) as runs:
        asked = {"user": "scripted", "lines": list(lines), "max_turns": len(lines)}
        id = await create(runs, bot_id=bot, **asked)
        await run_to_end(runs, id)
        messages = await runs.messages(id)
        ended = await read_status(runs, id)
    assert ended[0] is Status.COMPLETED
    return list(messages)


def replies(messages: list[Any]) -> list[str]:
    return [line["content"] for line in messages if line["role"] == "assistant"]


async def test_robot_lesson(
    tmp_path: Path, robot: RobotServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROBOT_URL", robot.url)
    messages = await talk(tmp_path, "robot-lesson", "16", "xin chào", "juice")
    assert replies(messages) == [reply_to(1, "xin chào"), reply_to(2, "juice")]


async def test_rasa(tmp_path: Path) -> None:
    async with ShopServer() as shop:
        where = ("http://127.0.0.1:5005", shop.url)
        messages = await talk(tmp_path, "rasa", "rasa", "áo", "Size L", instead=where)
    assert [asked["message"] for asked in shop.heard] == ["áo", SIZES[2]["payload"]]
    assert messages[2]["parts"] == [{"kind": "image", "url": PICTURE}]


async def test_ollama(tmp_path: Path, llm: LlmServer) -> None:
    where = ("http://127.0.0.1:11434/v1", llm.base_url)
    messages = await talk(tmp_path, "ollama", "teacher", "chào cô", instead=where)
    assert replies(messages) == [line_for(1, "chào cô")]
    (call,) = llm.calls
    assert (call.model, call.messages[0]["role"]) == ("llama3.2", "system")


class Shop:
    """A service as Botium's simple REST connector is configured for; its state comes back."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer t0ken":
            return web.json_response({}, status=401)
        asked = await request.json()
        self.heard.append(asked)
        said: dict[str, Any] = {"text": f"lần {len(self.heard)}"}
        if len(self.heard) == 1:
            said |= {"buttons": ["Có", {"title": "Không", "payload": "no"}]}
            said |= {"media": [{"url": "https://x/1.png"}]}
        state = {"count": len(self.heard)}
        return web.json_response(
            {"responses": [said, {"text": "nhé"}], "context": {"state": state}}
        )

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/message", self.answer)
        host = Host(app, 0)
        await host.start()
        yield f"http://127.0.0.1:{host.port}"
        await host.stop()


async def test_simple_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop()
    async with shop.listening() as url:
        monkeypatch.setenv("SHOP_URL", url)
        monkeypatch.setenv("SHOP_TOKEN", "t0ken")
        messages = await talk(tmp_path, "simple-rest", "shop", "chào", "không", "Có")
    assert replies(messages)[:2] == ["lần 1", "nhé"]
    assert messages[2]["parts"] == [
        {"kind": "button", "title": "Có"},
        {"kind": "button", "title": "Không", "value": "no"},
        {"kind": "image", "url": "https://x/1.png"},
    ]
    assert [asked["message"] for asked in shop.heard] == ["chào", "no", "Có"]
    assert [asked["state"] for asked in shop.heard] == [None, {"count": 1}, {"count": 2}]


async def answer_live(connection: ServerConnection) -> None:
    """The protocol that the example's comment lays down."""
    async for message in connection:
        asked = json.loads(message)
        if asked["type"] == "hello":
            await connection.send(json.dumps({"type": "session", "session": {"id": "s-1"}}))
            continue
        for piece in ("Bạn nói: ", asked["text"]):
            await connection.send(json.dumps({"type": "delta", "delta": piece}))
        whole = {"type": "done", "text": f"Bạn nói: {asked['text']}", "choices": ["Tiếp"]}
        await connection.send(json.dumps(whole))


async def test_websocket(tmp_path: Path) -> None:
    async with serve(answer_live, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        where = ("ws://127.0.0.1:8765", f"ws://127.0.0.1:{port}")
        messages = await talk(tmp_path, "websocket", "live", "chào", "tiếp", instead=where)
    assert replies(messages) == ["Bạn nói: chào", "Bạn nói: Tiếp"]
    assert messages[1]["parts"] == [{"kind": "quick_reply", "title": "Tiếp"}]


def test_each_example_has_a_test() -> None:
    assert {f"{name}.yaml" for name in MINE} <= {file.name for file in EXAMPLES.glob("*.yaml")}
