"""A cassette: what any kind of bot answered is answered again, without calling it."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import BotError, StorageError
from core.message import Message, new_message
from core.scenario import Scenario
from core.settings import Settings
from nodes.bots.trying import try_bot
from nodes.speakers.protocol import Bot, Reply, TurnRequest
from nodes.speakers.registry import Speakers
from tests.servers.llm import LlmServer
from tests.unit.nodes.desk import Desk, desk

SECRET = "tok-5f2a9c"
BOTS = """bots:
  shop:
    kind: webhook
    base_url: {url}
    version: "1"
    headers: {{Authorization: "Bearer ${{SHOP_TOKEN}}"}}
    init: {{url: /open, capture: {{sid: id, token: t}}}}
    turn: {{url: "/{{{{session.sid}}}}", body: {{m: "{{{{message}}}}"}}, reply: a, end: over}}
    end: {{url: /end}}
    cassette: {{file: tapes/shop.jsonl, miss: {miss}}}
"""


class Talk:
    """A conversation of one bot, told line by line."""

    def __init__(self, bot: Bot, id: str) -> None:
        self.bot, self.id, self.messages = bot, id, list[Message]()
        self.session: dict[str, Any] = {}

    def _ask(self, turn: int) -> TurnRequest:
        given = Scenario.model_construct(bot_id="shop")
        return TurnRequest(self.id, turn, [*self.messages], given, self.session)

    async def open(self) -> "Talk":
        self.session = await self.bot.open(self._ask(0))
        return self

    async def say(self, text: str) -> Reply:
        turn = len(self.messages) // 2 + 1
        place = len(self.messages)
        self.messages.append(new_message("user", text, index=place, turn=turn, origin="human"))
        reply = await self.bot.reply(self._ask(turn), lambda _: None)
        if reply.session is not None:
            self.session = dict(reply.session)
        for at, bubble in enumerate(reply.bubbles, place + 1):
            line = new_message("assistant", bubble, index=at, turn=turn, origin="bot")
            self.messages.append(line)
        return reply

    async def close(self) -> None:
        await self.bot.close(self._ask(0))


@pytest.fixture
async def shop(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    async with desk() as service:
        yield service


class Shelf:
    """Speakers of one bots.yaml, as one process after the other makes them."""

    def __init__(self, folder: Path, text: str) -> None:
        self.file = folder / "bots.yaml"
        self.file.write_text(text, encoding="utf-8")
        self.tape = folder / "tapes" / "shop.jsonl"
        self._made: list[Speakers] = []

    def speakers(self, mode: Any = None, **given: Any) -> Speakers:
        self._made.append(Speakers(Settings(bots=self.file, cassettes=mode, **given)))
        return self._made[-1]

    def bot(self, mode: Any = None, **given: Any) -> Bot:
        return self.speakers(mode, **given).by_id("shop")

    async def close(self) -> None:
        for speakers in self._made:
            await speakers.close()


@pytest.fixture
async def shelf(tmp_path: Path, shop: Desk) -> AsyncIterator[Shelf]:
    made = Shelf(tmp_path, BOTS.format(url=shop.url, miss="error"))
    yield made
    await made.close()


def answers(*texts: str) -> list[Any]:
    return [{"id": "s-1", "t": "session-secret"}, *({"a": text} for text in texts)]


async def record(shelf: Shelf, shop: Desk, id: str = "c-1", *texts: str) -> Talk:
    shop.answers = answers(*(texts or ("Chào", "Năm nghìn")))
    talk = await Talk(shelf.bot("record"), id).open()
    for line in ("xin chào", "bao nhiêu")[: len(texts) or 2]:
        await talk.say(line)
    return talk


async def test_a_recorded_talk_is_replayed_without_any_call(shelf: Shelf, shop: Desk) -> None:
    before = await record(shelf, shop)
    shop.heard.clear()
    talk = await Talk(shelf.bot(), "c-2").open()
    first, second = await talk.say("xin chào"), await talk.say("bao nhiêu")
    await talk.close()
    assert [*first.bubbles, *second.bubbles] == ["Chào", "Năm nghìn"]
    assert first.recorded_ms is not None
    assert not talk.bot.remembers  # a fork has nothing to tell it again
    assert [line["content"] for line in talk.messages] == [
        line["content"] for line in before.messages
    ]
    assert shop.heard == []


async def test_no_secret_is_recorded_and_the_replay_goes_on_after_a_masked_reply(
    shelf: Shelf, shop: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(shelf, shop, "c-1", f"Your key is {SECRET}, your token session-secret", "Năm")
    tape = shelf.tape.read_text("utf-8")
    assert SECRET not in tape
    assert "session-secret" not in tape
    assert "c-1" not in tape
    monkeypatch.delenv("SHOP_TOKEN")  # nobody is called, so nothing is missing
    talk = await Talk(shelf.bot(), "c-2").open()
    assert (await talk.say("xin chào")).bubbles == ["Your key is ***, your token ***"]
    assert (await talk.say("bao nhiêu")).bubbles == ["Năm"]


async def test_a_miss_is_an_error_that_names_the_file_and_what_to_do(
    shelf: Shelf, shop: Desk
) -> None:
    await record(shelf, shop)
    talk = await Talk(shelf.bot(), "c-2").open()
    await talk.say("xin chào")
    with pytest.raises(BotError) as caught:
        await talk.say("something else")
    assert caught.value.code == "bot_unrecorded"
    assert "shop.jsonl" in caught.value.message
    assert "DUOLOGUE_CASSETTES=record" in caught.value.message
    assert (caught.value.transient, caught.value.unheard) == (False, True)


async def test_another_version_of_the_bot_has_no_recordings_yet(shelf: Shelf, shop: Desk) -> None:
    await record(shelf, shop)
    shelf.file.write_text(shelf.file.read_text().replace('version: "1"', 'version: "2"'))
    talk = await Talk(shelf.bot(), "c-2").open()
    with pytest.raises(BotError, match="it has version 1 of the bot, not 2"):
        await talk.say("xin chào")


async def test_a_miss_goes_live_in_a_fresh_session_that_hears_the_earlier_lines(
    tmp_path: Path, shop: Desk
) -> None:
    shelf = Shelf(tmp_path, BOTS.format(url=shop.url, miss="live"))
    await record(shelf, shop)
    shop.heard.clear()
    talk = await Talk(shelf.bot(), "c-2").open()
    await talk.say("xin chào")
    assert shop.heard == []
    shop.answers = [{"id": "s-2", "t": "x"}, {"a": "Chào!"}, {"a": "Tạm biệt"}, {"a": "Vâng"}]
    assert (await talk.say("thôi nhé")).bubbles == ["Tạm biệt"]
    heard = [(call.path, (call.body or {}).get("m")) for call in shop.heard]
    assert heard == [("/open", None), ("/s-2", "xin chào"), ("/s-2", "thôi nhé")]
    live = await talk.say("vâng")
    assert (live.bubbles, live.recorded_ms) == (["Vâng"], None)
    assert shop.heard[-1].path == "/s-2"
    await talk.close()
    assert shop.heard[-1].path == "/end"
    again = await Talk(shelf.bot(), "c-3").open()  # what went live was recorded
    shop.heard.clear()
    for line in ("xin chào", "thôi nhé", "vâng"):
        await again.say(line)
    assert shop.heard == []
    await shelf.close()


async def test_a_failed_try_to_go_live_is_taken_up_where_it_broke(
    tmp_path: Path, shop: Desk
) -> None:
    shelf = Shelf(tmp_path, BOTS.format(url=shop.url, miss="live"))
    await record(shelf, shop)
    talk = await Talk(shelf.bot(), "c-2").open()
    await talk.say("xin chào")
    shop.answers = [{"id": "s-2", "t": "x"}, {"a": "Chào!"}, (503, b"", {}), {"a": "Vâng"}]
    shop.heard.clear()
    with pytest.raises(BotError, match="503"):
        await talk.say("thôi nhé")
    talk.messages.pop()
    assert (await talk.say("thôi nhé")).bubbles == ["Vâng"]
    assert [call.path for call in shop.heard] == ["/open", "/s-2", "/s-2", "/s-2"]
    await shelf.close()


async def test_a_replayed_talk_that_is_recorded_later_goes_on_with_the_bot_itself(
    shelf: Shelf, shop: Desk
) -> None:
    await record(shelf, shop)
    talk = await Talk(shelf.bot(), "c-2").open()
    await talk.say("xin chào")
    talk.bot = shelf.bot("record")
    shop.answers = [{"id": "s-2", "t": "x"}, {"a": "Chào!"}, {"a": "Vâng"}]
    shop.heard.clear()
    assert (await talk.say("thôi nhé")).bubbles == ["Vâng"]
    assert [call.path for call in shop.heard] == ["/open", "/s-2", "/s-2"]


async def test_several_answers_to_one_line_go_to_one_conversation_each(
    shelf: Shelf, shop: Desk
) -> None:
    for number in (1, 2, 3):
        await record(shelf, shop, f"c-{number}", f"Chào {number}")
    replayed = shelf.bot()
    said = []
    for id in ("x", "y", "z", "c-2"):
        said += (await (await Talk(replayed, id).open()).say("xin chào")).bubbles
    assert said == ["Chào 1", "Chào 2", "Chào 3", "Chào 2"]
    again = await Talk(replayed, "y").open()
    assert (await again.say("xin chào")).bubbles == ["Chào 2"]  # a resumed one hears the same


async def test_a_turn_that_is_recorded_again_replaces_the_first(shelf: Shelf, shop: Desk) -> None:
    await record(shelf, shop, "c-1", "Chào")
    await record(shelf, shop, "c-1", "Chào lại")
    talk = await Talk(shelf.bot(), "c-2").open()
    assert (await talk.say("xin chào")).bubbles == ["Chào lại"]


async def test_what_another_process_records_is_found_at_once(shelf: Shelf, shop: Desk) -> None:
    replayed = shelf.bot()
    talk = await Talk(replayed, "c-2").open()
    with pytest.raises(BotError, match="does not have"):
        await talk.say("xin chào")
    talk.messages.pop()
    await record(shelf, shop)
    assert (await talk.say("xin chào")).bubbles == ["Chào"]


async def test_an_end_and_the_time_are_recorded_and_a_torn_line_is_passed_over(
    shelf: Shelf, shop: Desk
) -> None:
    shop.answers = [answers()[0], {"a": "Tạm biệt", "over": True}]
    await (await Talk(shelf.bot("record"), "c-1").open()).say("bye")
    whole = shelf.tape.read_bytes()
    shelf.tape.write_bytes(whole + whole[:20])
    reply = await (await Talk(shelf.bot(), "c-2").open()).say("bye")
    assert (reply.ended, reply.bubbles) == (True, ["Tạm biệt"])
    await record(shelf, shop, "c-3", "Chào")  # begins a line of its own
    with pytest.raises(StorageError, match=r"shop.jsonl:2: is no recording"):
        await (await Talk(shelf.bot(), "c-2").open()).say("bye")


async def test_a_cassette_that_cannot_be_written_is_told_and_not_passed_over(
    shelf: Shelf, shop: Desk
) -> None:
    shelf.tape.parent.write_text("a file where a folder should be")
    with pytest.raises(StorageError, match="cannot record into"):
        await record(shelf, shop)


async def test_a_model_is_replayed_without_a_key_and_with_its_tokens(
    tmp_path: Path, llm: LlmServer
) -> None:
    model = "{kind: openai, model: m, cassette: {file: tapes/shop.jsonl}}"
    shelf = Shelf(tmp_path, f"bots:\n  shop: {model}\n")
    there = {"openai_base_url": llm.base_url, "openai_api_key": "sk-very-secret"}
    said = await Talk(shelf.bot("record", **there), "c-1").say("hello")
    calls = len(llm.calls)
    shelf.speakers().check(Scenario(bot_id="shop"))
    again = await Talk(shelf.bot(), "c-2").say("hello")
    assert (again.bubbles, again.usage) == (said.bubbles, said.usage)
    assert len(llm.calls) == calls
    await shelf.close()


async def test_what_a_function_keeps_is_there_again_when_it_goes_live(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def answer(text, conversation):\n"
        "    conversation.session['n'] = conversation.session.get('n', 0) + 1\n"
        "    return f\"{conversation.session['n']} {text}\"\n"
    )
    cassette = "cassette: {file: tapes/shop.jsonl, miss: live}"
    shop = f"{{kind: python, python: 'mine.py:answer', {cassette}}}"
    shelf = Shelf(tmp_path, f"bots:\n  shop: {shop}\n")
    told = Talk(shelf.bot("record"), "c-1")
    assert (await told.say("a")).bubbles == ["1 a"]
    talk = await Talk(shelf.bot(), "c-2").open()
    assert (await talk.say("a")).bubbles == ["1 a"]
    assert (await talk.say("b")).bubbles == ["2 b"]
    await shelf.close()


async def test_trying_and_pinging_a_replayed_bot_say_that_it_is_one(
    shelf: Shelf, shop: Desk
) -> None:
    await record(shelf, shop)
    trial = await try_bot(shelf.bot(), "shop", "xin chào")
    assert [(call.method, call.url) for call in trial.calls] == [("REPLAY", "shop.jsonl")]
    assert (trial.error, list(trial.bubbles)) == (None, ["Chào"])
    assert await shelf.bot().ping() == "bot shop answers from shop.jsonl: 2 recorded replies"


async def test_the_file_can_be_read_by_people(shelf: Shelf, shop: Desk) -> None:
    await record(shelf, shop)
    first = json.loads(shelf.tape.read_text("utf-8").splitlines()[0])
    assert (first["user"], first["bubbles"], first["turn"]) == ("xin chào", ["Chào"], 1)
