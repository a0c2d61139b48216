from typing import Any

import pytest

from tests.servers.wait import wait_until
from tests.unit.ui.fake_api import ID, FakeApi
from ui.client import Line
from ui.desk import Desk
from ui.exchange import Unreadable
from ui.forms import AUTO, FIELDS, begin, body, bot_id, chat, choices, preferred
from ui.live import before, branch, hand_back, on_dialog, on_download, on_retry, seated
from ui.room import Hub, Room
from ui.texts import Words
from ui.transcript import Bubble

EN = Words("en")


def form(**told: Any) -> dict[str, Any]:
    return {**dict.fromkeys(FIELDS, ""), "turns": 10, "time_limit": 0, **told}


def test_what_was_left_alone_is_left_out() -> None:
    assert body(form(bot="16")) == {"bot_id": 16, "max_turns": 10}


def test_the_whole_form() -> None:
    told = form(
        bot="robot",
        persona="learner",
        user_prompt=" rụt rè ",
        seat="human",
        opens="bot",
        lines="một\n\n hai ",
        time_limit=60,
        given="User: a\nBot: b",
    )
    assert body(told) == {
        "bot_id": "robot",
        "persona": "learner",
        "user_prompt": "rụt rè",
        "user": "human",
        "first_speaker": "bot",
        "max_turns": 10,
        "lines": ["một", "hai"],
        "time_limit_s": 60.0,
        "history": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    }


def test_a_transcript_that_is_none_is_refused() -> None:
    with pytest.raises(Unreadable):
        body(form(given="what is this"))


def test_bots_are_numbered_or_named() -> None:
    assert (bot_id("16"), bot_id("robot"), bot_id(None)) == (16, "robot", 16)
    assert (bot_id("007"), bot_id("0"), bot_id("²")) == ("007", 0, "²")
    assert (preferred(["a", "16"]), preferred(["a"]), preferred([])) == ("16", "a", None)


@pytest.fixture
def desk(line_: Line) -> Desk:
    return Desk(Hub(line_), EN)


def paths(api: FakeApi) -> list[str]:
    return [path for method, path, _ in api.asked if method in ("POST", "PATCH")]


async def test_start_makes_it_runs_it_and_shows_it(api: FakeApi, desk: Desk) -> None:
    api.answers["/api/conversations"] = (201, {"conversation_id": ID})
    await begin(desk, {"bot_id": 16})
    assert paths(api) == ["/api/conversations", f"/api/conversations/{ID}/runs"]
    assert desk.page()["thread"] == ID
    assert desk.page()["moved"] == 1
    desk.close()


async def test_a_start_that_is_refused_shows_why_and_goes_nowhere(api: FakeApi, desk: Desk) -> None:
    api.answers["/api/conversations"] = (422, {"title": "Invalid", "detail": "no such bot"})
    await begin(desk, {"bot_id": "x"})
    assert desk.page()["thread"] == ""
    assert "no such bot" in desk.page()["notice"]


async def test_a_chat_is_a_session_and_its_stream(api: FakeApi, desk: Desk) -> None:
    api.answers["/session"] = (201, {"session_id": ID})
    assert await chat(desk, 16, "xin chào")
    assert api.asked[0] == ("POST", "/session", {"bot_id": 16})
    assert api.asked[1] == ("POST", "/chat/stream", {"session_id": ID, "message": "xin chào"})
    desk.close()


@pytest.mark.parametrize("path", ["/session", "/chat/stream"])
async def test_a_first_line_that_was_refused_is_not_said(
    api: FakeApi, desk: Desk, path: str
) -> None:
    api.answers["/session"] = (201, {"session_id": ID})
    api.answers[path] = (503, {"title": "Too many open runs"})
    assert not await chat(desk, 16, "xin chào")
    assert "Too many open runs" in desk.notice
    desk.close()


async def test_handing_back_lets_the_simulator_go_on(api: FakeApi, desk: Desk) -> None:
    room = Room(desk.api, ID)
    await hand_back(desk.api, room, "scripted")
    assert api.asked[0] == ("PATCH", f"/api/conversations/{ID}", {"seat": "scripted"})
    api.answers[f"/api/conversations/{ID}/runs"] = (409, {"title": "Busy"})
    await hand_back(desk.api, room, "")
    assert paths(api)[-1] == f"/api/conversations/{ID}/runs"


async def test_a_branch_is_forked_run_and_shown(api: FakeApi, desk: Desk) -> None:
    child = "11111111-0000-4000-8000-000000000000"
    api.answers[f"/api/conversations/{ID}/forks"] = (
        201,
        {"conversation_id": child, "warnings": ["heard again"]},
    )
    desk.open(ID)
    await branch(desk, 1, {"message": "khác"})
    assert ("POST", f"/api/conversations/{ID}/forks", {"index": 1, "message": "khác"}) in api.asked
    assert f"/api/conversations/{child}/runs" in paths(api)
    assert desk.page()["thread"] == child
    assert desk.warnings == ("heard again",)
    desk.close()


async def test_what_is_kept_for_a_line_to_be_said_anew(desk: Desk) -> None:
    room = Room(desk.api, ID)
    roles = ["user", "assistant", "assistant", "user", "assistant"]
    room.transcript.bubbles = [Bubble(at, role, "x", True) for at, role in enumerate(roles)]
    assert [before(room, at) for at in range(5)] == [-1, 0, 0, 2, 3]
    desk.room = room
    index, line, *others = await on_dialog(desk, {"index": 3}, edits=True)
    assert (index, line["value"], line["visible"]) == (2, "x", True)
    assert others == [AUTO, AUTO, ""]  # nothing stays of what was meant for another message
    index, line, *others = await on_dialog(desk, {"index": 3}, edits=False)
    assert (index, line["value"], line["visible"]) == (3, "", False)
    assert others == [AUTO, AUTO, ""]
    assert await on_dialog(desk, {"index": 9}, edits=True) is None
    desk.room = None
    await on_retry(desk, {"index": 1})


async def test_the_same_file_once_more_is_another_value(api: FakeApi, desk: Desk) -> None:
    desk.room = Room(desk.api, ID)
    files = [await on_download(desk, {"as": "txt"}) for _ in range(2)]
    assert [(file["name"], file["text"]) for file in files] == [("duologue-3f0e6f0e.txt", "")] * 2
    assert files[0] != files[1]


async def test_the_tab_says_where_it_is(desk: Desk) -> None:
    seated(desk, f'{{"thread": "{ID}", "key": "sesame", "client": "lan"}}')
    assert (desk.key, desk.api.client, desk.page()["thread"]) == ("sesame", "lan", ID)
    desk.close()
    seated(desk, "no json")
    assert desk.page()["thread"] == ""


async def test_an_address_reaches_no_other_path_of_the_api(api: FakeApi, desk: Desk) -> None:
    desk.open("../bots?x=1#y")
    await wait_until(lambda: api.asked)
    inside = "/api/conversations/../bots?x=1#y"  # one part, as the server decodes it
    assert all(path.startswith(inside) for _, path, _ in api.asked)
    assert desk.room is not None
    assert desk.room.id == "..%2Fbots%3Fx%3D1%23y"
    desk.close()


async def test_bots_that_cannot_be_used_say_why(api: FakeApi, desk: Desk) -> None:
    bots = [{"bot_id": "a", "name": "A", "ready": False, "reason": "no key"}]
    api.answers |= {"/api/bots": (200, {"bots": bots}), "/info": (200, {"user": "scripted"})}
    api.answers["/api/personas"] = (200, {"personas": [{"persona": "learner", "name": "Minh"}]})
    assert await choices(desk.api) == ([("A — no key", "a")], [("Minh", "learner")], "scripted")
