"""The graph as Studio shows it: drawn as documented, set up by a form, told while it runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import Invalid
from core.settings import Settings
from core.state import State
from demo.kinds import DEMO_ID
from graph.build import builder
from graph.studio.app import GRAPH_ID, Stage, assistants, compile_graph
from graph.studio.setup import Setup, with_choices
from graph.studio.staging import Heard, StudioEmitter, plan_changes
from nodes.speakers.registry import Speakers
from tests.servers.process import ROOT

DOC = ROOT / "docs" / "studio.md"
DRAWING = ROOT / "docs" / "images" / "graph.png"


@pytest.fixture
def speakers(tmp_path: Path) -> Speakers:
    return Speakers(Settings(bots=tmp_path / "none.yaml"), "http://127.0.0.1:1")


def drawn(speakers: Speakers) -> str:
    return builder().compile().get_graph().draw_mermaid().strip()


def test_document_draws_the_real_graph(speakers: Speakers) -> None:
    assert f"```mermaid\n{drawn(speakers)}\n```" in DOC.read_text("utf-8")


def test_picture_was_made_of_the_real_graph(speakers: Speakers) -> None:
    """`python -m tests.studio.draw` makes it anew."""
    assert drawn(speakers).encode() in DRAWING.read_bytes()


def test_langgraph_json_names_what_is_there() -> None:
    named = json.loads((ROOT / "langgraph.json").read_text("utf-8"))
    assert list(named["graphs"]) == [GRAPH_ID]
    assert named["graphs"][GRAPH_ID]["path"] == "graph.studio.app:conversation"
    assert named["http"]["app"] == "api.studio:app"


async def test_graph_has_no_checkpointer_and_the_same_nodes(
    tmp_path: Path, speakers: Speakers
) -> None:
    graph = await compile_graph(Stage(Settings(bots=tmp_path / "none.yaml"), "http://127.0.0.1:1"))
    assert graph.checkpointer is None
    assert graph.get_graph().draw_mermaid().strip() == drawn(speakers)


# --- the setup ------------------------------------------------------------------------------------


def test_setup_left_alone_is_the_plain_scenario() -> None:
    assert Setup().scenario().to_stored() == {
        "bot_id": 16, "max_turns": 10, "persona": "learner", "first_speaker": "user",
    }  # fmt: skip


def test_setup_becomes_a_scenario() -> None:
    setup = Setup(bot="shop", seat="human", user_prompt="Buy fruit.", loop_limit=2, time_limit_s=9)
    told = setup.scenario().to_stored()
    assert (told["bot_id"], told["user"], told["user_prompt"]) == ("shop", "human", "Buy fruit.")
    assert (told["loop_limit"], told["time_limit_s"]) == (2, 9)


def test_form_offers_what_is_configured() -> None:
    schema = with_choices(bot=["b", "16"], persona=["learner"]).model_json_schema()
    assert schema["properties"]["bot"]["enum"] == ["16", "b"]
    assert schema["properties"]["bot"]["langgraph_nodes"] == ["open", "replay", "bot"]
    assert schema["properties"]["user_prompt"]["langgraph_type"] == "prompt"
    assert "enum" not in Setup.model_json_schema()["properties"]["bot"]


def test_first_run_brings_the_whole_scenario(speakers: Speakers) -> None:
    change = plan_changes({}, Setup(max_turns=3), speakers)
    assert change["scenario"]["max_turns"] == 3
    assert change["scenario"]["card"]["name"]
    assert change["seat"] == "scripted"


def test_same_setup_changes_nothing(speakers: Speakers) -> None:
    state: State = {"scenario": plan_changes({}, Setup(), speakers)["scenario"]}
    assert plan_changes(state, Setup(), speakers) == {}


def test_what_was_edited_by_hand_stays_until_the_setup_changes_it(speakers: Speakers) -> None:
    state: State = {"scenario": {**plan_changes({}, Setup(), speakers)["scenario"], "max_turns": 7}}
    change = plan_changes(state, Setup(user_prompt="Be brief."), speakers)
    assert change["scenario"]["user_prompt"] == "Be brief."
    assert "max_turns" not in change["scenario"]
    assert "seat" not in change


def test_setup_that_cannot_be_played_is_refused(speakers: Speakers) -> None:
    with pytest.raises(Invalid, match="there is no bot with that id"):
        plan_changes({}, Setup(bot="none"), speakers)


def test_each_bot_has_an_assistant_and_you_have_one() -> None:
    made = assistants({"16": "robot", "shop": "bot shop"})
    names = ["robot (16)", "bot shop (shop)", "You talk to the bot"]
    assert [each["name"] for each in made] == names
    assert [each["context"] for each in made] == [{"bot": "16"}, {"bot": "shop"}, {"seat": "human"}]
    assert len({each["assistant_id"] for each in made}) == 3


async def test_without_a_file_there_are_three_bots(tmp_path: Path) -> None:
    stage = Stage(Settings(bots=tmp_path / "none.yaml"), "http://127.0.0.1:1")
    assert list((await stage.speakers_of("")).bots) == [str(DEMO_ID), "careless", str(DEMO_ID + 1)]


# --- what a bot has heard -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "fits"),
    [
        (Heard(("a",)), True),
        (Heard(("a", "b")), False),
        (Heard(("a", "b"), answered=False), True),
        (Heard(("a", "c"), answered=False), False),
        (Heard(()), False),
    ],
    ids=["next line", "heard it already", "was cut off", "another was cut off", "missed one"],
)
def test_line_fits_what_the_bot_has_heard(told: Heard, fits: bool) -> None:
    assert told.fits(("a",), "b") is fits


# --- the emitter ----------------------------------------------------------------------------------


def test_voice_tells_what_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[dict[str, Any]] = []
    pushed: list[tuple[str | None, str]] = []
    monkeypatch.setattr(
        "graph.studio.staging._push", lambda line: pushed.append((line.id, line.text))
    )
    emitter = StudioEmitter(events.append, 4)
    emitter.piece("user", "Em ch")
    emitter.discard("Em ch", "The line was cut off.")
    emitter.piece("user", "Dạ")
    assert [event["event"] for event in events] == ["token", "discarded", "token"]
    assert [event["index"] for event in events] == [4, 4, 4]
    assert pushed == [("4", "Em ch"), ("4~1", "Dạ")]
