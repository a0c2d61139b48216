"""The bots of examples/knowledge answer as their file says: over a folder, and over a database."""

import runpy
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import copytree

import pytest

from core.settings import Settings
from graph.process import open_process
from graph.runs.service import RunService
from nodes.bots.trying import try_bot
from tests.servers.llm import LlmServer
from tests.servers.process import ROOT


@pytest.fixture
async def runs(tmp_path: Path, llm: LlmServer) -> AsyncIterator[RunService]:
    folder = copytree(ROOT / "examples" / "knowledge", tmp_path / "knowledge")
    runpy.run_path(str(folder / "make_shop.py"), run_name="__main__")
    settings = Settings(
        bots=folder / "bots.yaml",
        database_url=f"sqlite:///{tmp_path}/duologue.db",
        openai_base_url=f"{llm.url}/v1",
    )
    async with open_process(settings) as runs:
        yield runs


@pytest.mark.parametrize(
    ("bot", "question", "file", "page", "told"),
    [
        ("librarian", "Thư viện mở cửa mấy giờ?", "docs/gio-mo-cua.md", None, "7 giờ 30"),
        ("librarian", "where are the fairy tales told", "docs/children.html", None, "Saturdays"),
        ("librarian", "what does a student card cost", "docs/fees.csv", 2, "fee: 15000 đồng"),
        ("shop", "giay the thao con hang khong", "shop.db", 1, "giá: 450000\ncòn: 12"),
    ],
)
async def test_the_passage_that_answers_is_looked_up_and_given_to_the_model(
    runs: RunService,
    llm: LlmServer,
    bot: str,
    question: str,
    file: str,
    page: int | None,
    told: str,
) -> None:
    trial = await try_bot(runs.speakers.by_id(bot), bot, question)
    assert trial.error is None
    assert (trial.sources[0]["file"], trial.sources[0]["page"]) == (file, page)
    assert told in llm.calls[-1].said
