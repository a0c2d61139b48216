"""Buttons and pictures of a bot are kept, and who says a title chooses: script, model, person."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.parts import read_out
from graph.presentation import describe_conversation
from graph.runs.forks import fork
from tests.integration.engine.house import House, create, run_to_end, wait_for_rest
from tests.integration.engine.test_users import Home
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer
from tests.servers.shop import PICTURE, SIZES, ShopServer

RASA = '  shop: {{kind: webhook, preset: rasa, base_url: "{url}"}}\n'
PAYLOAD = SIZES[1]["payload"]


@pytest.fixture
async def shop() -> AsyncIterator[ShopServer]:
    async with ShopServer() as server:
        yield server


def said_to(shop: ShopServer) -> list[str]:
    return [asked["message"] for asked in shop.heard]


async def test_a_scripted_line_chooses_by_its_title_and_all_is_kept(
    house: House, shop: ShopServer
) -> None:
    house.add_bots(RASA.format(url=shop.url))
    async with house.open() as runs:
        id = await create(runs, bot_id="shop", lines=["áo len", "size m"], max_turns=2)
        frames = await run_to_end(runs, id)
        told = describe_conversation(await runs.get(id), await runs.messages(id), [])
    assert said_to(shop) == ["áo len", PAYLOAD]
    history: list[Any] = told["history"]
    assert [line["content"] for line in history] == [
        "áo len",
        "Bạn mặc size nào?",
        "",
        "size m",
        "Đã chọn M",
    ]
    buttons = [{"kind": "button", "title": s["title"], "value": s["payload"]} for s in SIZES]
    assert history[1]["parts"] == buttons
    assert history[2]["parts"] == [{"kind": "image", "url": PICTURE}]
    assert history[3]["choice"] == buttons[1]
    events = [frame.data for frame in frames if frame.event == "message"]
    assert [event.get("parts") for event in events] == [line.get("parts") for line in history]


async def test_a_fork_says_the_choice_again_as_its_payload(house: House, shop: ShopServer) -> None:
    house.add_bots(RASA.format(url=shop.url))
    async with house.open() as runs:
        id = await create(runs, bot_id="shop", lines=["áo len", "Size M", "cảm ơn"], max_turns=3)
        await run_to_end(runs, id)
        shop.heard.clear()
        branch = (await fork(runs, await runs.get(id), {"index": 4}))["conversation_id"]
        await run_to_end(runs, branch)
        kept = await runs.messages(branch)
    assert said_to(shop) == ["áo len", PAYLOAD, "cảm ơn"]
    assert not any(line.get("not_in_session") for line in kept)


async def test_a_model_is_told_what_can_be_chosen_and_chooses(
    tmp_path: Path, robot: RobotServer, llm: LlmServer, shop: ShopServer
) -> None:
    home = Home(tmp_path, robot.url, llm.base_url)
    home.add_bots(RASA.format(url=shop.url))
    llm.script(["Size M"])
    async with home.open() as runs:
        asked = {"user": "simulated", "initial_message": "áo len", "persona": "plain"}
        id = await create(runs, bot_id="shop", max_turns=2, **asked)
        await run_to_end(runs, id)
    (call,) = llm.calls
    for wanted in ("[button: Size M]", f"[image: {PICTURE}]", "write its title"):
        assert wanted in call.said
    assert said_to(shop) == ["áo len", PAYLOAD]


async def test_a_person_chooses_and_after_a_restart_too(house: House, shop: ShopServer) -> None:
    house.add_bots(RASA.format(url=shop.url))
    async with house.open() as runs:
        id = await create(runs, bot_id="shop", user="human", max_turns=9)
        await runs.say(id, "áo len")
        await wait_for_rest(runs, id)
    async with house.open() as runs:
        await runs.say(id, "Size M")
        await wait_for_rest(runs, id)
        messages = await runs.messages(id)
    assert said_to(shop) == ["áo len", PAYLOAD]
    assert read_out(messages[-2]) == "Size M"
    assert messages[-2]["choice"]["value"] == PAYLOAD


async def test_a_cassette_gives_back_what_was_offered(house: House, shop: ShopServer) -> None:
    tape = "cassette: {file: shop.jsonl}"
    house.add_bots(f'  shop: {{kind: webhook, preset: rasa, base_url: "{shop.url}", {tape}}}\n')
    texts: list[list[Any]] = []
    for mode in ("record", "replay"):
        async with house.open(cassettes=mode) as runs:
            id = await create(runs, bot_id="shop", lines=["áo len", "Size M"], max_turns=2)
            await run_to_end(runs, id)
            texts.append([(m["content"], m.get("parts")) for m in await runs.messages(id)])
    assert texts[0] == texts[1]
    assert len(shop.heard) == 2
