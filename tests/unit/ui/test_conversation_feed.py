"""A conversation is read once, taken up again where it broke, and left when nobody looks."""

import asyncio
from typing import Any

import pytest

from tests.servers.wait import wait_until
from tests.unit.ui.fake_api import ID, FakeApi, frame, line
from ui.api_client import Api, ApiConnection, ApiError, Unreachable
from ui.conversation_feed import Feeds
from ui.tab_session import TabSession
from ui.texts import Words


def bubble_texts(tab: TabSession) -> list[str]:
    return [bubble.text for bubble in tab.feed.transcript.bubbles] if tab.feed else []


async def test_a_broken_stream_is_taken_up_behind_the_last_id(
    api: FakeApi, connection: ApiConnection
) -> None:
    api.streams = [
        [line(0, "user", "a"), frame("token", "1.1", index=1, content="b", role="assistant")],
        [frame("token", "1.2", index=1, content="c", role="assistant"), line(1, "assistant", "bc")],
    ]
    tab = TabSession(Feeds(connection), Words("en"))
    tab.open(ID)
    await wait_until(lambda: bubble_texts(tab) == ["a", "bc"])
    assert api.last_ids[:2] == ["", "1.1"]
    tab.close()


async def test_many_tabs_of_one_conversation_read_it_once(
    api: FakeApi, connection: ApiConnection
) -> None:
    api.stay, api.streams = True, [[line(0, "user", "a")]]
    feeds = Feeds(connection)
    tabs = [TabSession(feeds, Words(name)) for name in ("en", "vi", "en")]
    for tab in tabs:
        tab.open(ID)
    for tab in tabs:
        await wait_until(lambda tab=tab: bubble_texts(tab) == ["a"])
    assert len(api.last_ids) == 1
    assert tabs[0].render_page()["rows"] == tabs[2].render_page()["rows"]
    for tab in tabs:
        tab.close()


async def test_another_key_is_another_room(connection: ApiConnection) -> None:
    feeds = Feeds(connection)
    mine = feeds.get(Api(connection, "key"), ID)
    assert feeds.get(Api(connection, "other"), ID) is not mine
    assert feeds.get(Api(connection, "key", "lan"), ID) is not mine


async def test_a_tab_that_is_closed_reads_no_more(api: FakeApi, connection: ApiConnection) -> None:
    api.stay, api.streams = True, [[line(0, "user", "a")]]
    tab = TabSession(Feeds(connection), Words("en"))
    tab.open(ID)
    await wait_until(lambda: bubble_texts(tab) == ["a"])
    feed = tab.feed
    tab.close()
    assert feed is not None
    assert feed.empty
    await asyncio.sleep(0.1)
    assert len(api.last_ids) == 1


async def test_a_server_that_is_down_is_said_so() -> None:
    lost = ApiConnection("http://127.0.0.1:9")
    tab = TabSession(Feeds(lost), Words("en"))
    tab.open(ID)
    await wait_until(lambda: tab.render_page()["flags"]["link"] == "lost")
    assert Words("en")("lost") in tab.render_page()["banner"]
    tab.close()
    await lost.aclose()


async def test_refusals_have_a_word_each(api: FakeApi, connection: ApiConnection) -> None:
    for status, link in ((404, "missing"), (403, "forbidden"), (401, "key")):
        api.answers[f"/api/conversations/{ID}"] = (status, {"title": "no"})
        tab = TabSession(Feeds(connection), Words("en"))
        tab.open(ID)
        await wait_until(lambda tab=tab, link=link: tab.render_page()["flags"]["link"] == link)
        tab.close()


@pytest.mark.parametrize(("missing", "setup"), [("setup", {}), ("trial", {"experiment": ID})])
async def test_an_api_that_has_no_set_up_or_trial_yet_still_shows_its_conversations(
    api: FakeApi, connection: ApiConnection, missing: str, setup: dict[str, Any]
) -> None:
    api.answers[f"/api/conversations/{ID}/setup"] = (200, setup)
    api.answers[f"/api/conversations/{ID}/{missing}"] = (404, {"title": "Not Found"})
    api.stay, api.streams = True, [[line(0, "user", "a")]]
    tab = TabSession(Feeds(connection), Words("en"))
    tab.open(ID)
    await wait_until(lambda: bubble_texts(tab) == ["a"])
    page = tab.render_page()
    assert page["flags"]["link"] == "live"
    assert tab.feed is not None
    assert (tab.feed.setup, tab.feed.trial) == (setup, {})
    tab.close()


async def test_what_a_conversation_was_started_with_may_be_refused_to_whoever_may_not_read_it(
    api: FakeApi, connection: ApiConnection
) -> None:
    api.answers[f"/api/conversations/{ID}/setup"] = (401, {"title": "A key is needed"})
    tab = TabSession(Feeds(connection), Words("en"))
    tab.open(ID)
    await wait_until(lambda: tab.render_page()["flags"]["link"] == "key")
    tab.close()


async def test_the_page_comes_at_most_eight_times_a_second(
    api: FakeApi, connection: ApiConnection
) -> None:
    tokens = [frame("token", str(at), index=0, content="x", role="user") for at in range(400)]
    api.stay, api.streams = True, [tokens]
    tab = TabSession(Feeds(connection), Words("en"))
    tab.open(ID)
    shown, began = 0, asyncio.get_running_loop().time()
    async for page in tab.watch():
        shown += 1
        if "x" * 400 in page:
            break
    took = asyncio.get_running_loop().time() - began
    assert shown <= 2 + took / 0.125
    tab.close()


async def test_errors_of_the_api_are_told_with_their_field(
    api: FakeApi, connection: ApiConnection
) -> None:
    api.answers["/x"] = (422, {"title": "Invalid", "detail": "too long", "field": "bot_id"})
    tab = TabSession(Feeds(connection), Words("en"))
    assert await tab.attempt(lambda one: one.post("/x")) is None
    assert "Bot under test: too long" in tab.render_page()["notice"]
    api.answers["/x"] = (401, {"title": "A key is needed"})
    await tab.attempt(lambda one: one.post("/x"))
    assert tab.render_page()["flags"]["key"]


async def test_a_key_is_sent_and_runs_are_begun_without_waiting(
    api: FakeApi, connection: ApiConnection
) -> None:
    await Api(connection, "sesame").begin("/api/conversations/x/runs", {"turns": 2})
    assert api.keys == ["Bearer sesame"]
    assert api.asked == [("POST", "/api/conversations/x/runs", {"turns": 2})]


async def test_a_client_is_named_where_a_conversation_is_asked_for(
    api: FakeApi, connection: ApiConnection
) -> None:
    mine = Api(connection, client="lan")
    async for _ in mine.events(ID):
        pass
    await mine.get("/api/conversations", status="running")
    await mine.get("/api/bots")
    assert api.queries == ["client_id=lan", "status=running&client_id=lan", ""]
    await mine.begin(f"/api/conversations/{ID}/runs")
    await mine.patch(f"/api/conversations/{ID}", {"seat": "human"})
    await mine.post("/session", {"bot_id": 16})
    told = [body for method, _, body in api.asked if method != "GET"]
    assert told == [{"client_id": "lan"}, {"seat": "human", "client_id": "lan"}, {"bot_id": 16}]


async def test_what_cannot_be_reached_and_what_refuses_are_told_apart(
    api: FakeApi, connection: ApiConnection
) -> None:
    api.answers["/x"] = (409, {"title": "Busy", "detail": "it runs"})
    for path, url, kind in (("/x", api.url, ApiError), ("/x", "http://127.0.0.1:9", Unreachable)):
        connection._url = url
        try:
            await Api(connection).get(path)
        except kind:
            continue
        raise AssertionError(f"{kind} was not raised")
