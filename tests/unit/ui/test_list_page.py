"""The list: what a row tells, what a search finds, and that everything can be reached."""

from typing import Any

import pytest

from tests.unit.ui.fake_api import ID, FakeApi
from ui.api_client import ApiConnection
from ui.conversation_feed import Feeds
from ui.directory import Directory
from ui.list_page import build_listing, render_row
from ui.listing import matches
from ui.tab_session import TabSession
from ui.texts import Words

EN, VI = Words("en"), Words("vi")
ROW: dict[str, Any] = {
    "conversation_id": ID,
    "bot_id": 16,
    "persona": None,
    "seat": "scripted",
    "status": "completed",
    "end_reason": "max_turns",
    "turn": 4,
    "max_turns": 4,
    "created_at": "2026-11-20T10:00:00.000Z",
}


@pytest.fixture
def tab(connection: ApiConnection) -> TabSession:
    return TabSession(Feeds(connection), EN)


def numbered(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{**ROW, "conversation_id": f"number-{at}", **more} for at in range(count)]


class FakeTable:
    """What table.js does with the rows that it is sent."""

    def __init__(self, tab: TabSession) -> None:
        self.tab = tab
        self.version = 0
        self.rows: list[str] = []

    async def ask(self, **asked: Any) -> dict[str, Any]:
        page = await build_listing(self.tab, {**asked, "version": self.version})
        if page["base"] in (0, self.version):
            parts = [self._take(part) for part in page["rows"]]
            self.rows = [row for part in parts for row in part]
            self.version = page["version"]
        return page

    def _take(self, part: Any) -> list[str]:
        return [part] if isinstance(part, str) else self.rows[slice(*part)]


@pytest.fixture
def table(tab: TabSession) -> FakeTable:
    return FakeTable(tab)


async def test_the_list_is_filtered_and_searched(api: FakeApi, tab: TabSession) -> None:
    api.kept = [ROW]
    tab.directory = Directory(EN, {"16": "Bắp"})
    page = await build_listing(tab, {})
    assert "Bắp" in page["rows"][0]
    assert not page["more"]
    assert (await build_listing(tab, {"search": "bắp 3f0e"}))["count"] == "1 shown"
    assert EN("none_found") in (await build_listing(tab, {"search": "xyz"}))["none"]
    api.kept = []
    assert EN("empty_title") in (await build_listing(tab, {}))["none"]


@pytest.mark.parametrize("search", ["", "number"])
async def test_there_is_more_until_the_last_one_is_shown(
    api: FakeApi, table: FakeTable, search: str
) -> None:
    api.kept = numbered(465)
    for limit, shown in ((50, 50), (100, 100), (400, 400), (800, 465)):
        page = await table.ask(search=search, limit=limit)
        assert len(table.rows) == shown
        assert page["more"] == (shown < 465)
    assert all(f"number-{at}" in row for at, row in enumerate(table.rows))
    assert page["count"] == "465 shown"


async def test_more_reads_and_sends_what_follows_alone(api: FakeApi, table: FakeTable) -> None:
    api.kept = numbered(1000)
    await table.ask(limit=400)
    api.queries.clear()
    page = await table.ask(limit=600)
    assert [query.split("&")[-1] for query in api.queries] == ["cursor=400"]
    assert page["rows"][0] == [0, 400]
    assert len(page["rows"]) == 201


async def test_a_list_that_is_asked_for_again_is_true_and_sends_what_changed_alone(
    api: FakeApi, table: FakeTable
) -> None:
    api.kept = numbered(300)
    await table.ask(limit=200)
    assert (await table.ask(limit=200))["rows"] == [[0, 200]]
    api.kept = [{**ROW, "conversation_id": "new"}, *numbered(300)]
    api.kept[8] = {**api.kept[8], "status": "stopped"}
    page = await table.ask(limit=200)
    assert [part for part in page["rows"] if isinstance(part, list)] == [[0, 7], [8, 199]]
    assert "new" in table.rows[0]
    assert "stopped" in table.rows[8]
    assert len(table.rows) == 200


async def test_a_browser_that_missed_an_answer_gets_all_rows(
    api: FakeApi, table: FakeTable
) -> None:
    api.kept = numbered(60)
    await table.ask()
    await build_listing(table.tab, {"version": table.version, "limit": 60})
    page = await table.ask(limit=60)
    assert page["base"] == 0
    assert len(table.rows) == 60


async def test_after_a_refusal_the_list_is_read_anew(api: FakeApi, table: FakeTable) -> None:
    api.kept = numbered(60)
    await table.ask()
    kept, api.kept = api.kept, []
    api.answers["/api/conversations"] = (503, {"type": "urn:duologue:storage", "title": "No"})
    await table.ask(limit=100)
    assert table.rows == []
    api.kept = kept
    await table.ask(limit=100)
    assert len(table.rows) == 60


async def test_matches_beyond_the_shown_ones_are_more(api: FakeApi, tab: TabSession) -> None:
    api.kept = numbered(65)
    page = await build_listing(tab, {"search": "number"})
    assert (page["count"], page["more"]) == ("50 shown", True)


async def test_a_search_tells_how_far_it_looked_and_looks_further(
    api: FakeApi, tab: TabSession
) -> None:
    api.kept = [*numbered(1500), ROW]
    page = await build_listing(tab, {"search": "3f0e6f0e"})
    assert (page["count"], page["more"]) == ("Searched the newest 1,000", True)
    page = await build_listing(tab, {"search": "3f0e6f0e", "limit": 100})
    assert (page["count"], page["more"]) == ("1 shown", False)


async def test_a_refusal_is_told_in_the_page_s_language(
    api: FakeApi, connection: ApiConnection
) -> None:
    refusal = {"type": "urn:duologue:storage", "title": "The database failed"}
    api.answers["/api/conversations"] = (503, refusal)
    told = (await build_listing(TabSession(Feeds(connection), VI), {}))["none"]
    assert VI.explain_refusal("storage", "The database failed")[0] in told
    assert "Cơ sở dữ liệu" in told


def test_a_row_is_text() -> None:
    evil = {**ROW, "persona": "<b>", "bot_id": "<i>", "status": "<u>", "end_reason": "<s>"}
    drawn = render_row(evil, Directory(EN), EN)
    assert not any(mark in drawn for mark in ("<b>", "<i>", "<u>", "<s>"))


@pytest.mark.parametrize(
    ("seat", "persona", "user"),
    [
        ("human", "learner", "Bạn"),
        ("simulated", "learner", "Minh"),
        ("simulated", "other", "other"),
        ("simulated", None, "Người dùng mô phỏng"),
        ("scripted", None, "Học viên theo kịch bản"),
        ("new-one", None, "Người dùng"),
    ],
)
def test_the_user_is_called_as_on_the_conversation_s_page(
    seat: str, persona: str | None, user: str
) -> None:
    found = {**ROW, "seat": seat, "persona": persona}
    assert f">{user}</td>" in render_row(found, Directory(VI, {}, {"learner": "Minh"}), VI)


def test_search_finds_what_the_row_shows() -> None:
    assert matches(ROW, "đã xong", Directory(VI))
    assert matches(ROW, "limit", Directory(EN))
    assert matches(
        {**ROW, "seat": "simulated", "persona": "learner"},
        "minh",
        Directory(EN, {}, {"learner": "Minh"}),
    )
    assert matches(ROW, "học viên", Directory(VI))
    assert not matches(ROW, "running", Directory(EN))


def test_a_bot_by_prompt_is_not_listed_under_the_bot_whose_place_it_took() -> None:
    names = Directory(VI, {"16": "demo bot"})
    prompted = {**ROW, "bot_id": 16, "by_prompt": True}
    assert ">Bot theo prompt</td>" in render_row(prompted, names, VI)
    assert ">demo bot</td>" in render_row({**prompted, "by_prompt": False}, names, VI)
    assert matches({**ROW, "by_prompt": True}, "by prompt", Directory(EN, names.bots))
