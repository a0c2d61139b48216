"""A kind of bot is one registration; another package brings one by an entry point."""

import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, Literal

import pytest

import nodes.bots
from core.errors import ConfigError
from core.scenario import Scenario
from core.settings import Settings
from nodes.bots import kinds
from nodes.bots.config import BotConfig, read_bots
from nodes.bots.kinds import BotKind, Toolbox
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest
from nodes.speakers.registry import Speakers
from tests.unit.nodes.desk import asks


class EchoConfig(BotConfig):
    """Says what it hears."""

    kind: Literal["echo"]
    loud: bool = False


class Echo:
    remembers = False
    greets = False

    def __init__(self, config: EchoConfig, name: str) -> None:
        self.name, self._loud = name, config.loud

    async def open(self, ask: TurnRequest) -> dict[str, Any]:
        return {}

    async def reply(self, ask: TurnRequest, piece: OnPiece) -> Reply:
        return Reply([ask.text.upper() if self._loud else ask.text])

    async def close(self, ask: TurnRequest) -> None: ...

    async def ping(self) -> str:
        return f"{self.name} answers"


def make(config: EchoConfig, id: str, tools: Toolbox) -> Echo:
    return Echo(config, config.name or id)


def lack(config: EchoConfig, settings: Settings) -> str | None:
    return "it is too loud" if config.loud and settings.max_turns < 10 else None


ECHO = BotKind(EchoConfig, make, lack)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a package had the entry point."""
    entry = EntryPoint("echo", f"{__name__}:ECHO", kinds.ENTRY_POINTS)
    monkeypatch.setattr(EntryPoint, "load", lambda self: ECHO)
    monkeypatch.setattr(kinds, "entry_points", lambda group: EntryPoints([entry]))
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds.bot_kinds()))
    kinds._load_kinds.cache_clear()
    kinds.bots_file_model.cache_clear()


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Any:
    kinds.bot_kinds()
    yield
    monkeypatch.undo()
    kinds.bots_file_model.cache_clear()


def written(folder: Path, text: str) -> Path:
    file = folder / "bots.yaml"
    file.write_text(text, "utf-8")
    return file


@pytest.mark.usefixtures("installed")
async def test_a_kind_of_another_package_is_configured_and_answers(tmp_path: Path) -> None:
    file = written(tmp_path, "bots: {parrot: {kind: echo, loud: true, max_concurrent: 2}}")
    speakers = Speakers(Settings(bots=file))
    parrot = speakers.by_id("parrot")
    assert (await parrot.reply(asks("xin chào"), print)).bubbles == ["XIN CHÀO"]
    await speakers.close()


@pytest.mark.usefixtures("installed")
async def test_a_kind_says_itself_what_a_bot_lacks(tmp_path: Path) -> None:
    file = written(tmp_path, "bots: {parrot: {kind: echo, loud: true}}")
    speakers = Speakers(Settings(bots=file, max_turns=5))
    with pytest.raises(Exception, match="it is too loud"):
        speakers.check(Scenario(bot_id="parrot"))


@pytest.mark.usefixtures("installed")
def test_mistakes_in_it_are_told_as_in_ours(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bots.yaml:1: .*loud"):
        read_bots(written(tmp_path, "bots: {parrot: {kind: echo, loud: very}}"))


def test_without_that_package_the_kind_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="echo"):
        read_bots(written(tmp_path, "bots: {parrot: {kind: echo}}"))


@pytest.mark.usefixtures("installed")
def test_two_kinds_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="echo"):
        kinds.register_bot_kind(BotKind(EchoConfig, make)) if "echo" in kinds.bot_kinds() else None


def test_a_file_in_the_folder_of_bots_is_all_that_a_kind_of_ours_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = f"from {__name__} import ECHO\n\nKINDS = (ECHO,)\n"
    (tmp_path / "parrot.py").write_text(file, "utf-8")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    monkeypatch.setattr(nodes.bots, "__path__", [*nodes.bots.__path__, str(tmp_path)])
    monkeypatch.setattr(kinds, "_KINDS", dict(kinds.bot_kinds()))
    kinds._load_kinds.cache_clear()
    kinds.bots_file_model.cache_clear()
    assert kinds.bot_kinds()["echo"] is ECHO
    monkeypatch.delitem(sys.modules, "nodes.bots.parrot")
