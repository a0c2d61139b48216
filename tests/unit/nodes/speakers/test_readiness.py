"""A bot that cannot be talked to is known before anybody calls it."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import BotError, NotFound
from core.settings import Settings
from nodes.speakers.readiness import missing_requirement
from nodes.speakers.registry import Speakers


@pytest.fixture
def bots(tmp_path: Path) -> Path:
    known: dict[str, Any] = {
        "guarded": {
            "kind": "webhook",
            "preset": "robot-lesson",
            "base_url": "http://a",
            "headers": {"Authorization": "Bearer ${NOT_SET}"},
        },
        "shop": {"kind": "prompt", "prompt": "You are a shop."},
        "gpt": {"kind": "openai"},
        "own": {"kind": "openai", "api_key": "k"},
        "local": {"kind": "openai", "base_url": "http://a"},
        "007": {"kind": "demo"},
        "8": {"kind": "demo"},
    }
    file = tmp_path / "bots.yaml"
    file.write_text(json.dumps({"bots": known}))
    return file


async def test_what_is_missing_is_named(bots: Path) -> None:
    speakers = Speakers(Settings(bots=bots))
    assert "NOT_SET" in (missing_requirement(speakers, "guarded") or "")
    assert "OPENAI_API_KEY" in (missing_requirement(speakers, "shop") or "")
    assert "OPENAI_API_KEY" in (missing_requirement(speakers, "gpt") or "")
    assert [id for id in speakers.bots if missing_requirement(speakers, id) is None] == [
        "own",
        "local",
        "007",
        "8",
        "16",
        "careless",
    ]


async def test_with_a_model_nothing_but_secrets_is_missing(bots: Path) -> None:
    speakers = Speakers(Settings(bots=bots, openai_base_url="http://a"))
    assert [id for id in speakers.bots if missing_requirement(speakers, id)] == ["guarded"]


async def test_a_bot_that_is_not_there_is_not_found(bots: Path) -> None:
    with pytest.raises(NotFound):
        missing_requirement(Speakers(Settings(bots=bots)), "nobody")


async def test_an_unset_variable_is_told_with_its_place_and_blocks_no_other_bot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "bots.yaml"
    hook = "kind: webhook\n    turn:\n      url: http://a\n      reply: t\n      headers:\n"
    file.write_text(
        f"bots:\n  shop:\n    {hook}        X-Key: '${{NOT_SET}}'\n  7: {{kind: demo}}\n"
    )
    speakers = Speakers(Settings(bots=file))
    said = missing_requirement(speakers, "shop") or ""
    assert said.startswith(f"{file}:8: bots.shop.turn.headers.X-Key: needs")
    assert "NOT_SET" in said
    assert missing_requirement(speakers, "7") is None
    with pytest.raises(BotError, match="NOT_SET"):
        speakers.by_id("shop")
    monkeypatch.setenv("NOT_SET", "x")
    assert speakers.by_id("shop").name == "bot shop"
