"""docs/bots.md: its examples load, and the kind of one's own answers."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import demo.kinds  # noqa: F401 - registers itself
from nodes.bots import kinds
from nodes.bots.python import PythonBot, PythonFunction
from tests.servers.process import ROOT
from tests.unit.nodes.desk import asks

TEXT = (ROOT / "docs" / "bots.md").read_text("utf-8")
CODE = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


def test_every_example_loads() -> None:
    bots: dict[Any, Any] = {}
    for example in EXAMPLES:
        bots |= yaml.safe_load(example if example.startswith("bots:") else f"bots:\n{example}")[
            "bots"
        ]
    file: Any = kinds.bots_file_model().model_validate({"bots": bots})
    assert len(file.bots) >= len(EXAMPLES)
    assert {bot.kind for bot in file.bots.values()} == set(kinds.bot_kinds())


def code_of(file: str) -> str:
    return next(code for code in CODE if code.startswith(f"# {file}"))


async def test_the_python_function_answers(tmp_path: Path) -> None:
    (tmp_path / "my_bot.py").write_text(code_of("my_bot.py"), "utf-8")
    config = PythonBot.model_validate({"kind": "python", "python": "my_bot.py:answer"})
    bot, heard = PythonFunction(config, "mine", tmp_path, 20), list[str]()
    try:
        reply = await bot.reply(asks("bye", heard=1), heard.append)
    finally:
        await bot.aclose()
    assert (reply.bubbles, reply.ended) == (["2. You said: bye"], True)
    assert heard == ["2. ", "You said: bye"]


async def test_the_kind_of_ones_own_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    code = code_of("echo_bot.py")
    names: dict[str, Any] = {"__name__": "echo_bot"}
    exec(compile(code, "echo_bot.py", "exec"), names)
    kind = names["KIND"]
    config = kind.config(kind="echo", loud=True)
    heard: list[str] = []
    bot: Any = kind.make(config, "parrot", None)
    assert (await bot.reply(asks("chào"), heard.append)).bubbles == ["CHÀO"] == heard
    assert (kind.name, bot.name) == ("echo", "parrot")
