"""Which key goes to which model."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from graph.settings import Settings
from nodes.bots.config import OpenAIBot
from nodes.cast import Cast

OURS = "http://127.0.0.1:1/v1"
THEIRS = "http://127.0.0.1:2/v1"


@pytest.mark.parametrize(
    ("bot", "key"),
    [
        (OpenAIBot(kind="openai"), "ours"),
        (OpenAIBot(kind="openai", base_url=OURS), "ours"),
        (OpenAIBot(kind="openai", base_url=THEIRS), None),
        (OpenAIBot(kind="openai", base_url=THEIRS, api_key="${THEIR_KEY}"), "theirs"),
    ],
)
def test_our_key_goes_to_our_model_only(
    bot: OpenAIBot, key: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", "theirs")
    settings = Settings(
        bots=tmp_path / "bots.yaml", openai_base_url=OURS, openai_api_key=SecretStr("ours")
    )
    base_url, sent = Cast(settings)._endpoint(bot)
    assert (base_url, sent) == (bot.base_url or OURS, key)
