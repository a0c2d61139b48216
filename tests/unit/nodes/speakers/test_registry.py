"""Who can be speakers: a scenario that cannot be played is refused before anything is stored."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import demo.kinds  # noqa: F401 - registers itself
from core.errors import BotError, Invalid, UserError
from core.scenario import Scenario
from core.settings import Settings
from demo.scripted import ScriptedUser
from nodes.bots.webhook import Webhook
from nodes.speakers.registry import Speakers
from tests.servers.llm import LlmServer
from tests.unit.nodes.desk import Ear, asks

BOTS = """bots:
  7: {kind: webhook, turn: {url: 'http://127.0.0.1:9/t', reply: text}}
  secret: {kind: webhook, turn: {url: 'http://127.0.0.1:9/${SHOP_KEY}', reply: text}}
  prompted: {kind: prompt, prompt: 'Bạn là cô giáo.'}
  model: {kind: openai, base_url: 'http://127.0.0.1:9/v1', model: m}
  keyless: {kind: openai, model: m}
"""


def cast_with(folder: Path, **settings: Any) -> Speakers:
    bots = folder / "bots.yaml"
    bots.write_text(BOTS, encoding="utf-8")
    return Speakers(
        Settings(bots=bots, personas=folder / "personas", **settings), "http://127.0.0.1:9"
    )


@pytest.fixture
async def speakers(tmp_path: Path) -> AsyncIterator[Speakers]:
    made = cast_with(tmp_path)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("scenario", "field"),
    [
        ({"bot_id": 99}, "bot_id"),
        ({"bot_id": "secret"}, "bot_id"),
        ({"bot_id": "prompted"}, "bot_id"),
        ({"bot_id": "keyless"}, "bot_id"),
        ({"bot_id": 99, "bot_prompt": "x"}, "bot_prompt"),
        ({"bot_prompt": ""}, "bot_prompt"),
        ({"user": "simulated"}, "user"),
        ({"persona": "nobody"}, "persona"),
        ({"bot_id": 7, "first_speaker": "bot"}, "first_speaker"),
    ],
)
async def test_what_cannot_be_played_is_refused_by_name(
    speakers: Speakers, scenario: dict[str, Any], field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        speakers.check(Scenario(**scenario))
    assert caught.value.field == field


@pytest.mark.parametrize(
    "scenario",
    [
        {},
        {"bot_id": "16"},
        {"bot_id": 7, "user": "scripted"},
        {"bot_id": "7", "user": "human", "persona": "learner"},
        {"bot_id": "model", "first_speaker": "bot"},
        {"bot_id": 16, "first_speaker": "bot"},
    ],
)
async def test_what_can_be_played_is_taken(speakers: Speakers, scenario: dict[str, Any]) -> None:
    speakers.check(Scenario(**scenario))


async def test_a_model_in_the_settings_lets_it_play_everybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, llm: LlmServer
) -> None:
    monkeypatch.setenv("SHOP_KEY", "k")
    speakers = cast_with(tmp_path, openai_base_url=llm.base_url, model="mock-model")
    assert speakers.default_seat == "simulated"
    for scenario in (
        Scenario(bot_id="secret"),
        Scenario(bot_id="prompted", user="simulated", first_speaker="bot"),
        Scenario(bot_prompt="Bạn là cô giáo."),
    ):
        speakers.check(scenario)
    bot = speakers.bot(Scenario(bot_prompt="Bạn là cô giáo."))
    pieces: list[str] = []
    reply = await bot.reply(asks(), pieces.append)
    assert list(reply.bubbles) == ["".join(pieces)]
    assert llm.calls[0].messages[0]["content"] == "Bạn là cô giáo."
    await speakers.close()


async def test_bots_are_made_once_and_closing_unused_ones_is_nothing(speakers: Speakers) -> None:
    assert speakers.bot(Scenario(bot_id=7)) is speakers.by_id("7")
    assert isinstance(speakers.by_id("16"), Webhook)


async def test_without_a_model_the_script_speaks_and_a_simulated_seat_is_an_error(
    speakers: Speakers,
) -> None:
    assert speakers.default_seat == "scripted"
    assert isinstance(speakers.user(Scenario(), "scripted", {}, Ear()), ScriptedUser)
    with pytest.raises(UserError) as caught:
        speakers.user(Scenario(), "simulated", {}, Ear())
    assert (caught.value.code, caught.value.retryable) == ("user_unreachable", False)


async def test_a_model_s_address_is_shown_as_it_is_configured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATE_TOKEN", "sekret-12345")
    (tmp_path / "bots.yaml").write_text(
        "bots:\n  1: {kind: openai, base_url: 'http://127.0.0.1:9/${GATE_TOKEN}/v1', model: m}\n",
        encoding="utf-8",
    )
    made = Speakers(Settings(bots=tmp_path / "bots.yaml", personas=tmp_path / "personas"))
    with pytest.raises(BotError) as caught:
        await made.by_id("1").reply(asks(), lambda _text: None)
    await made.close()
    assert "sekret" not in str(caught.value.facts) + caught.value.message
    assert "${GATE_TOKEN}" in caught.value.message
