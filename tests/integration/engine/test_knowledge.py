"""A bot that looks things up: the step, what the model is told, what the message keeps."""

import asyncio
import json
from shutil import copy

import pytest

from core.scenario import Scenario
from graph.build import builder, find_lookup
from nodes.knowledge import library
from tests.integration.engine.house import House, run_to_end, select_data
from tests.servers.llm import LlmServer
from tests.servers.process import ROOT

PDF = ROOT / "tests" / "data" / "knowledge" / "thu-vien.pdf"


@pytest.fixture
def librarian(house: House, llm: LlmServer) -> House:
    (house.folder / "docs").mkdir()
    copy(PDF, house.folder / "docs")
    house.add_bots(
        f"  library: {{kind: openai, base_url: '{llm.url}/v1', api_key: k, system: Be kind.,\n"
        "    knowledge: {files: 'docs/**', top: 2}}\n"
    )
    return house


async def test_sources_are_looked_up_told_to_the_model_and_kept(
    librarian: House, llm: LlmServer
) -> None:
    async with librarian.open(turn_timeout_s=20.0, model_timeout_s=20.0) as runs:
        lines = ["Quá hạn bị phạt bao nhiêu?", "phong doc thieu nhi o dau"]
        scenario = Scenario(bot_id="library", user="scripted", lines=lines, max_turns=2)
        id = await runs.create(scenario)
        async with asyncio.timeout(40):
            frames = await run_to_end(runs, id)
        said = [one for one in await runs.messages(id) if one["role"] == "assistant"]
        state = await runs.views.read_state(id)
    assert [line["sources"][0]["page"] for line in said] == [1, 2]
    assert all(len(source["text"]) <= 200 for line in said for source in line["sources"])
    assert [
        data["sources"] for data in select_data(frames, "message") if data["role"] == "assistant"
    ] == [line["sources"] for line in said]
    statuses = [(data["status"], data["message"]) for data in select_data(frames, "status")]
    looked_up = [message for status, message in statuses if status == "retrieving"]
    assert any("indexing" in message for message in looked_up)
    told = "\n".join(call.said for call in llm.calls)
    assert "[docs/thu-vien.pdf, 1]" in told
    assert "2.500 đồng" in told
    assert "Be kind." in told
    assert len(json.dumps(state["sources"])) < 2000


async def test_a_bot_without_knowledge_takes_no_such_step(librarian: House) -> None:
    async with librarian.open() as runs:
        id = await runs.create(Scenario(bot_id=16, user="scripted", max_turns=1))
        frames = await run_to_end(runs, id)
    assert not [data for data in select_data(frames, "status") if data["status"] == "retrieving"]
    assert not [data for data in select_data(frames, "message") if "sources" in data]


async def test_knowledge_that_is_gone_breaks_the_run_which_resumes_when_it_is_back(
    librarian: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "LOOK_AGAIN_S", 0)
    hidden = librarian.folder / "hidden.pdf"
    (librarian.folder / "docs" / "thu-vien.pdf").rename(hidden)
    async with librarian.open(turn_timeout_s=20.0, model_timeout_s=20.0) as runs:
        scenario = Scenario(bot_id="library", user="scripted", lines=["a"], max_turns=1)
        id = await runs.create(scenario)
        frames = await run_to_end(runs, id)
        (error,) = select_data(frames, "error")
        assert error["code"] == "bot_init"
        assert "docs/**" in error["error"]
        hidden.rename(librarian.folder / "docs" / "thu-vien.pdf")
        async with asyncio.timeout(40):
            frames = await run_to_end(runs, id)
        assert select_data(frames, "done")[-1]["status"] == "completed"


async def test_only_a_graph_with_such_a_bot_has_the_step(librarian: House) -> None:
    async with librarian.open() as runs:
        drawn = runs.graph.get_graph().to_json()
        assert "retrieve" in [node["id"] for node in drawn["nodes"]]
        assert ("retrieve", "bot") in [(edge["source"], edge["target"]) for edge in drawn["edges"]]
        runs.speakers.bots.pop("library")
        assert find_lookup(runs.speakers) is None
    assert "retrieve" not in builder().compile().get_graph().nodes


async def test_a_house_without_knowledge_draws_no_such_step(house: House) -> None:
    async with house.open() as runs:
        drawn = runs.graph.get_graph().to_json()
    assert "bot" in [node["id"] for node in drawn["nodes"]]
    assert "retrieve" not in str(drawn)
