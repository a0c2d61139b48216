"""The list: what a row tells, what a search finds, and that everything can be reached."""

from typing import Any

import pytest

from tests.unit.ui.fake_api import ID, FakeApi
from ui.api_client import ApiConnection
from ui.conversation_feed import Feeds
from ui.directory import Directory
from ui.list_page import build_listing, matches, render_row
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


async def test_the_list_is_filtered_and_searched(api: FakeApi, tab: TabSession) -> None:
    api.kept = [ROW]
    tab.directory = Directory(EN, {"16": "Bắp"})
    page = await build_listing(tab, {})
    assert "Bắp" in page["rows"]
    assert not page["more"]
    assert (await build_listing(tab, {"search": "bắp 3f0e"}))["count"] == "1 shown"
    assert EN("none_found") in (await build_listing(tab, {"search": "xyz"}))["none"]
    api.kept = []
    assert EN("empty_title") in (await build_listing(tab, {}))["none"]


@pytest.mark.parametrize("search", ["", "number"])
async def test_there_is_more_until_the_last_one_is_shown(
    api: FakeApi, tab: TabSession, search: str
) -> None:
    api.kept = numbered(465)
    for limit, shown in ((50, 50), (100, 100), (400, 400), (800, 465)):
        page = await build_listing(tab, {"search": search, "limit": limit})
        assert page["rows"].count("<tr>") == shown
        assert page["more"] == (shown < 465)
    assert "number-464" in page["rows"]
    assert page["count"] == "465 shown"


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
