"""A conversation is read once, taken up again where it broke, and left when nobody looks."""

import asyncio

from tests.servers.wait import wait_until
from tests.unit.ui.fake_api import ID, FakeApi, frame, line
from ui.client import Api, ApiError, Line, Unreachable
from ui.desk import Desk
from ui.room import Hub
from ui.texts import Words


def seated(desk: Desk) -> list[str]:
    return [bubble.text for bubble in desk.room.transcript.bubbles] if desk.room else []


async def test_a_broken_stream_is_taken_up_behind_the_last_id(api: FakeApi, line_: Line) -> None:
    api.streams = [
        [line(0, "user", "a"), frame("token", "1.1", index=1, content="b", role="assistant")],
        [frame("token", "1.2", index=1, content="c", role="assistant"), line(1, "assistant", "bc")],
    ]
    desk = Desk(Hub(line_), Words("en"))
    desk.open(ID)
    await wait_until(lambda: seated(desk) == ["a", "bc"])
    assert api.last_ids[:2] == ["", "1.1"]
    desk.close()


async def test_many_tabs_of_one_conversation_read_it_once(api: FakeApi, line_: Line) -> None:
    api.stay, api.streams = True, [[line(0, "user", "a")]]
    hub = Hub(line_)
    desks = [Desk(hub, Words(name)) for name in ("en", "vi", "en")]
    for desk in desks:
        desk.open(ID)
    for desk in desks:
        await wait_until(lambda desk=desk: seated(desk) == ["a"])
    assert len(api.last_ids) == 1
    assert desks[0].page()["rows"] == desks[2].page()["rows"]
    for desk in desks:
        desk.close()


async def test_another_key_is_another_room(line_: Line) -> None:
    hub = Hub(line_)
    mine = hub.room(Api(line_, "key"), ID)
    assert hub.room(Api(line_, "other"), ID) is not mine
    assert hub.room(Api(line_, "key", "lan"), ID) is not mine


async def test_a_tab_that_is_closed_reads_no_more(api: FakeApi, line_: Line) -> None:
    api.stay, api.streams = True, [[line(0, "user", "a")]]
    desk = Desk(Hub(line_), Words("en"))
    desk.open(ID)
    await wait_until(lambda: seated(desk) == ["a"])
    room = desk.room
    desk.close()
    assert room is not None
    assert room.empty
    await asyncio.sleep(0.1)
    assert len(api.last_ids) == 1


async def test_a_server_that_is_down_is_said_so() -> None:
    lost = Line("http://127.0.0.1:9")
    desk = Desk(Hub(lost), Words("en"))
    desk.open(ID)
    await wait_until(lambda: desk.page()["flags"]["link"] == "lost")
    assert Words("en")("lost") in desk.page()["banner"]
    desk.close()
    await lost.aclose()


async def test_refusals_have_a_word_each(api: FakeApi, line_: Line) -> None:
    for status, link in ((404, "missing"), (403, "forbidden"), (401, "key")):
        api.answers[f"/api/conversations/{ID}"] = (status, {"title": "no"})
        desk = Desk(Hub(line_), Words("en"))
        desk.open(ID)
        await wait_until(lambda desk=desk, link=link: desk.page()["flags"]["link"] == link)
        desk.close()


async def test_the_page_comes_at_most_eight_times_a_second(api: FakeApi, line_: Line) -> None:
    tokens = [frame("token", str(at), index=0, content="x", role="user") for at in range(400)]
    api.stay, api.streams = True, [tokens]
    desk = Desk(Hub(line_), Words("en"))
    desk.open(ID)
    shown, began = 0, asyncio.get_running_loop().time()
    async for page in desk.show():
        shown += 1
        if page["rows"] and page["rows"][0].count("x" * 400):
            break
    took = asyncio.get_running_loop().time() - began
    assert shown <= 2 + took / 0.125
    desk.close()


async def test_errors_of_the_api_are_told_with_their_field(api: FakeApi, line_: Line) -> None:
    api.answers["/x"] = (422, {"title": "Invalid", "detail": "too long", "field": "bot_id"})
    desk = Desk(Hub(line_), Words("en"))
    assert await desk.tried(lambda one: one.post("/x")) is None
    assert "bot_id: too long" in desk.page()["notice"]
    api.answers["/x"] = (401, {"title": "A key is needed"})
    await desk.tried(lambda one: one.post("/x"))
    assert desk.page()["flags"]["key"]


async def test_a_key_is_sent_and_runs_are_begun_without_waiting(api: FakeApi, line_: Line) -> None:
    await Api(line_, "sesame").begin("/api/conversations/x/runs", {"turns": 2})
    assert api.keys == ["Bearer sesame"]
    assert api.asked == [("POST", "/api/conversations/x/runs", {"turns": 2})]


async def test_a_client_is_named_where_a_conversation_is_asked_for(
    api: FakeApi, line_: Line
) -> None:
    mine = Api(line_, client="lan")
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
    api: FakeApi, line_: Line
) -> None:
    api.answers["/x"] = (409, {"title": "Busy", "detail": "it runs"})
    for path, url, kind in (("/x", api.url, ApiError), ("/x", "http://127.0.0.1:9", Unreachable)):
        line_._url = url
        try:
            await Api(line_).get(path)
        except kind:
            continue
        raise AssertionError(f"{kind} was not raised")
