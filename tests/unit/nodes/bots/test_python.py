"""A bot that is a Python function: how it answers, how it fails, and that it harms nobody."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import BotError
from nodes.bots.python import PythonBot, PythonFunction
from tests.unit.nodes.desk import asks

CODE = """
    import asyncio, os, sys, time
    import graph  # the user's own

    def echo(text):
        print("not an answer")
        return text

    async def know(text, conversation):
        seen = conversation.session.get("seen", 0) + 1
        conversation.session["seen"] = seen
        if text == "bye":
            conversation.end()
        return [f"{conversation.id}/{conversation.turn}: {text}", graph.NAME + str(seen)]

    def count(text):
        for word in text.split():
            yield word + " "

    async def drip(text):
        for letter in text:
            await asyncio.sleep(0)
            yield letter

    def by_three(text):
        return {"three": 3}

    def fail(text):
        raise RuntimeError("no such lesson")

    def silent(text):
        return "  "

    def hang(text):
        time.sleep(60)

    async def wait(text):
        await asyncio.sleep(60 if text == "long" else 0.05)
        return text

    def die(text):
        os._exit(3)

    def leave(text):
        sys.exit("enough")

    def much(text):
        return "x" * 5_000_000

    def surrogate(text):
        return "a\\ud800b"

    def odd(text, conversation):
        conversation.session["x"] = object()
        return "a"

    def endless(text):
        while True:
            yield "x" * 10_000

    number = 5
"""


class Bench:
    """Makes bots of the functions above, and ends their processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[PythonFunction] = []

    def __call__(self, function: str, timeout_s: float = 20.0) -> PythonFunction:
        config = PythonBot.model_validate({"kind": "python", "python": function})
        self.made.append(PythonFunction(config, "mine", self.folder, timeout_s))
        return self.made[-1]


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bench]:
    (tmp_path / "mine.py").write_text(dedent(CODE))
    (tmp_path / "graph.py").write_text("NAME = 'mine '\n")
    bench = Bench(tmp_path)
    yield bench
    for made in bench.made:
        await made.aclose()


def unheard(_text: str) -> None:
    raise AssertionError("answers in one piece")


async def test_a_plain_function_answers_and_what_it_prints_is_no_answer(bot: Bench) -> None:
    reply = await bot("mine.py:echo").reply(asks("Chào e\u0302"), unheard)
    assert (reply.bubbles, reply.ended, reply.session) == (["Chào e\u0302"], False, None)


async def test_a_module_is_found_beside_the_file_of_bots(bot: Bench) -> None:
    assert (await bot("mine:echo").reply(asks("a"), unheard)).bubbles == ["a"]


async def test_a_coroutine_knows_the_conversation_keeps_values_and_may_end_it(bot: Bench) -> None:
    mine = bot("mine.py:know")
    first = await mine.reply(asks("hi"), unheard)
    assert first.bubbles == ["c-1/1: hi", "mine 1"]
    last = await mine.reply(asks("bye", 2, **dict(first.session or {})), unheard)
    assert (last.bubbles[1], last.ended, last.session) == ("mine 2", True, {"seen": 2})


@pytest.mark.parametrize("function", ["count", "drip"])
async def test_a_generator_is_passed_on_as_it_comes_and_makes_one_bubble(
    bot: Bench, function: str
) -> None:
    heard: list[str] = []
    reply = await bot(f"mine.py:{function}").reply(asks("một hai "), heard.append)
    assert reply.bubbles == ["một hai "]
    assert "".join(heard) == "một hai "
    assert len(heard) > 1


@pytest.mark.parametrize(
    ("function", "code", "says"),
    [
        ("mine.py:by_three", "bot_bad_reply", "returned a dict with three"),
        ("mine.py:fail", "bot_bad_reply", "no such lesson (mine.py:"),
        ("mine.py:silent", "bot_empty", "nothing"),
        ("mine.py:leave", "bot_bad_reply", "enough"),
        ("mine.py:die", "bot_unreachable", "ended its process"),
        ("mine.py:much", "bot_too_large", "characters"),
        ("mine.py:endless", "bot_too_large", "characters"),
        ("mine.py:odd", "bot_bad_reply", "not JSON"),
        ("mine.py:nobody", "bot_init", "nobody"),
        ("mine.py:number", "bot_init", "no function"),
        ("none.py:echo", "bot_init", "no file none.py"),
        ("no.such:echo", "bot_init", "No module"),
    ],
)
async def test_each_fault_has_its_code_and_the_next_call_is_answered(
    bot: Bench, function: str, code: str, says: str
) -> None:
    mine = bot(function)
    with pytest.raises(BotError) as caught:
        await mine.reply(asks("a"), lambda _: None)
    assert (caught.value.code, caught.value.transient) == (code, code == "bot_unreachable")
    assert says in caught.value.message
    mine._function = "mine.py:echo"
    assert (await mine.reply(asks("b"), unheard)).bubbles == ["b"]


@pytest.mark.parametrize("function", ["hang", "wait"])
async def test_a_call_that_hangs_is_a_timeout_and_the_next_one_is_answered(
    bot: Bench, function: str
) -> None:
    mine = bot(f"mine.py:{function}")
    await mine.ping()
    mine._timeout_s = 0.3
    with pytest.raises(BotError) as caught:
        await mine.reply(asks("long"), unheard)
    assert (caught.value.code, caught.value.transient) == ("bot_timeout", True)
    mine._timeout_s, mine._function = 20.0, "mine.py:echo"
    if function == "hang":  # it takes its process along
        async with asyncio.timeout(10):
            await mine._process.ended.wait()  # type: ignore[union-attr]
    assert (await mine.reply(asks("b"), unheard)).bubbles == ["b"]


async def test_calls_of_several_conversations_run_at_once(bot: Bench) -> None:
    mine = bot("mine.py:wait")
    await mine.ping()
    async with asyncio.timeout(2.5), asyncio.TaskGroup() as group:
        replies = [group.create_task(mine.reply(asks(str(n)), unheard)) for n in range(100)]
    assert [reply.result().bubbles for reply in replies] == [[str(n)] for n in range(100)]


async def test_a_lone_surrogate_is_replaced(bot: Bench) -> None:
    assert (await bot("mine.py:surrogate").reply(asks(), unheard)).bubbles == ["a\ufffdb"]


async def test_a_ping_says_whether_the_function_is_there(bot: Bench) -> None:
    assert "mine.py:echo" in await bot("mine.py:echo").ping()
    with pytest.raises(BotError):
        await bot("mine.py:nobody").ping()


async def test_no_process_is_left_behind(bot: Bench) -> None:
    mine = bot("mine.py:echo")
    await mine.reply(asks("a"), unheard)
    process: Any = mine._process
    await mine.aclose()
    assert process.is_lost


@pytest.mark.parametrize("wrong", ["mine.py", "mine.py:", ":echo", "mine.py:a b"])
def test_a_function_is_named_by_place_and_name(wrong: str) -> None:
    with pytest.raises(ValidationError, match="FUNCTION"):
        PythonBot.model_validate({"kind": "python", "python": wrong})
