from typing import Any

import pytest

from core.scenario import Scenario
from tests.servers.wait import wait_until
from tests.unit.ui.fake_api import ID, FakeApi
from ui.api_client import ApiConnection
from ui.configuration import Configuration, fetch_configuration
from ui.conversation_feed import ConversationFeed, Feeds
from ui.conversation_page import on_dialog, on_download, on_retry, restore_tab
from ui.conversation_requests import create_branch, hand_back, index_before, take_seat
from ui.ready_scenarios import READY
from ui.start_pages import (
    AUTO,
    FIELDS,
    bot_choices,
    bot_id,
    build_scenario,
    build_versus_scenario,
    choose_default_bot,
    persona_choices,
    scripted_choices,
    start_chat,
    start_conversation,
)
from ui.tab_session import TabSession
from ui.texts import Words
from ui.transcript import Bubble
from ui.transcript_files import NoTranscript

EN = Words("en")


def form(**told: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(FIELDS, ""),
        "turns": 10,
        "time_limit": 0,
        "soft_turns": 0,
        "token_limit": 0,
        **told,
    }


def test_what_was_left_alone_is_left_out() -> None:
    assert build_scenario(form(bot="16")) == {"bot_id": 16, "max_turns": 10}


def test_the_whole_form() -> None:
    told = form(
        bot="robot",
        persona="learner",
        scripted_persona="wrong",
        user_prompt=" rụt rè ",
        seat="human",
        opens="bot",
        lines="một\n\n hai ",
        time_limit=60,
        given="User: a\nBot: b",
    )
    assert build_scenario(told) == {
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


def test_who_is_played_by_a_script_is_chosen_apart_from_who_is_played_by_a_model() -> None:
    told = form(bot="16", persona="teen", scripted_persona="wrong")
    assert build_scenario({**told, "seat": "scripted"})["persona"] == "wrong"
    assert build_scenario({**told, "seat": "simulated"})["persona"] == "teen"


def test_the_simulator_speaks_between_fixed_lines() -> None:
    told = form(lines="một\n{simulate: 3}\n- simulate: 2\nhai\n{simulate: REST}", soft_turns=4)
    found = build_scenario({**told, "token_limit": 900})
    plan = ["một", {"simulate": 3}, {"simulate": 2}, "hai", {"simulate": "rest"}]
    assert (found["lines"], found["soft_turns"], found["token_limit"]) == (plan, 4, 900)
    Scenario(**found)


def test_a_fixed_line_may_be_written_as_in_a_file() -> None:
    found = build_scenario(form(lines="{say: một}\n- say: hai {2}\nsay: ba\n- {simulate: 1}"))
    assert found["lines"] == [{"say": "một"}, {"say": "hai {2}"}, "say: ba", {"simulate": 1}]
    Scenario(**found)


def test_a_transcript_that_is_none_is_refused() -> None:
    with pytest.raises(NoTranscript):
        build_scenario(form(given="what is this"))


def test_bots_are_numbered_or_named() -> None:
    assert (bot_id("16"), bot_id("robot"), bot_id(None)) == (16, "robot", 16)
    assert (bot_id("007"), bot_id("0"), bot_id("²")) == ("007", 0, "²")
    assert (choose_default_bot(["a", "16"]), choose_default_bot(["a"]), choose_default_bot([])) == (
        "16",
        "a",
        None,
    )


@pytest.fixture
def tab(connection: ApiConnection) -> TabSession:
    return TabSession(Feeds(connection), EN)


def paths(api: FakeApi) -> list[str]:
    return [path for method, path, _ in api.asked if method in ("POST", "PATCH")]


async def test_start_makes_it_runs_it_and_shows_it(api: FakeApi, tab: TabSession) -> None:
    api.answers["/api/conversations"] = (201, {"conversation_id": ID})
    await start_conversation(tab, {"bot_id": 16})
    assert paths(api) == ["/api/conversations", f"/api/conversations/{ID}/runs"]
    assert tab.render_page()["thread"] == ID
    assert tab.render_page()["moved"] == 1
    tab.close()


async def test_a_start_that_is_refused_shows_why_and_goes_nowhere(
    api: FakeApi, tab: TabSession
) -> None:
    api.answers["/api/conversations"] = (422, {"title": "Invalid", "detail": "no such bot"})
    await start_conversation(tab, {"bot_id": "x"})
    assert tab.render_page()["thread"] == ""
    assert "no such bot" in tab.render_page()["notice"]


async def test_what_does_not_fit_is_called_as_the_form_calls_it(
    api: FakeApi, tab: TabSession
) -> None:
    said = {"title": "Invalid", "detail": "no model is configured", "field": "bot_prompt"}
    api.answers["/api/conversations"] = (422, said)
    await start_conversation(tab, {"bot_id": 16, "bot_prompt": "x"})
    notice = tab.render_page()["notice"]
    assert "Bot prompt (prompt against prompt): no model is configured" in notice
    assert "bot_prompt" not in notice


async def test_a_chat_is_a_session_and_its_stream(api: FakeApi, tab: TabSession) -> None:
    api.answers["/session"] = (201, {"session_id": ID})
    assert await start_chat(tab, 16, "xin chào")
    assert api.asked[0] == ("POST", "/session", {"bot_id": 16, "pace": "normal"})
    assert api.asked[1] == ("POST", "/chat/stream", {"session_id": ID, "message": "xin chào"})
    tab.close()


@pytest.mark.parametrize("path", ["/session", "/chat/stream"])
async def test_a_first_line_that_was_refused_is_not_said(
    api: FakeApi, tab: TabSession, path: str
) -> None:
    api.answers["/session"] = (201, {"session_id": ID})
    api.answers[path] = (503, {"title": "Too many open runs"})
    assert not await start_chat(tab, 16, "xin chào")
    assert "Too many open runs" in tab.notice
    tab.close()


@pytest.mark.parametrize(("stands", "goes_on"), [("stopped", True), ("running", False)])
async def test_who_takes_the_seat_lets_a_stopped_talk_go_on_up_to_their_turn(
    api: FakeApi, tab: TabSession, stands: str, goes_on: bool
) -> None:
    feed = ConversationFeed(tab.api, ID)
    feed.transcript.status = stands
    await take_seat(tab.api, feed)
    assert api.asked[0] == ("PATCH", f"/api/conversations/{ID}", {"seat": "human"})
    assert (f"/api/conversations/{ID}/resume" in paths(api)) is goes_on


async def test_handing_back_lets_the_simulator_go_on(api: FakeApi, tab: TabSession) -> None:
    feed = ConversationFeed(tab.api, ID)
    await hand_back(tab.api, feed, "scripted")
    assert api.asked[0] == ("PATCH", f"/api/conversations/{ID}", {"seat": "scripted"})
    api.answers[f"/api/conversations/{ID}/runs"] = (409, {"title": "Busy"})
    await hand_back(tab.api, feed, "")
    assert paths(api)[-1] == f"/api/conversations/{ID}/runs"


async def test_a_branch_is_forked_run_and_shown(api: FakeApi, tab: TabSession) -> None:
    child = "11111111-0000-4000-8000-000000000000"
    api.answers[f"/api/conversations/{ID}/forks"] = (
        201,
        {"conversation_id": child, "warnings": ["heard again"]},
    )
    tab.open(ID)
    await create_branch(tab, 1, {"message": "khác"})
    assert ("POST", f"/api/conversations/{ID}/forks", {"index": 1, "message": "khác"}) in api.asked
    assert f"/api/conversations/{child}/runs" in paths(api)
    assert tab.render_page()["thread"] == child
    assert tab.warnings == ("heard again",)
    tab.close()


async def test_what_is_kept_for_a_line_to_be_said_anew(tab: TabSession) -> None:
    feed = ConversationFeed(tab.api, ID)
    roles = ["user", "assistant", "assistant", "user", "assistant"]
    feed.transcript.bubbles = [Bubble(at, role, "x", True) for at, role in enumerate(roles)]
    assert [index_before(feed, at) for at in range(5)] == [-1, 0, 0, 2, 3]
    tab.feed = feed
    index, line, *others = await on_dialog(tab, {"index": 3}, edits=True)
    assert (index, line["value"], line["visible"]) == (2, "x", True)
    assert others == [AUTO, AUTO, ""]  # nothing stays of what was meant for another message
    index, line, *others = await on_dialog(tab, {"index": 3}, edits=False)
    assert (index, line["value"], line["visible"]) == (3, "", False)
    assert others == [AUTO, AUTO, ""]
    assert await on_dialog(tab, {"index": 9}, edits=True) is None
    tab.feed = None
    await on_retry(tab, {"index": 1})


async def test_the_same_file_once_more_is_another_value(api: FakeApi, tab: TabSession) -> None:
    tab.feed = ConversationFeed(tab.api, ID)
    files = [await on_download(tab, {"as": "txt"}) for _ in range(2)]
    assert [(file["name"], file["text"]) for file in files] == [("duologue-3f0e6f0e.txt", "")] * 2
    assert files[0] != files[1]


async def test_the_tab_says_where_it_is(tab: TabSession) -> None:
    restore_tab(tab, f'{{"thread": "{ID}", "key": "sesame", "client": "lan"}}')
    assert (tab.key, tab.api.client, tab.render_page()["thread"]) == ("sesame", "lan", ID)
    tab.close()
    restore_tab(tab, "no json")
    assert tab.render_page()["thread"] == ""


async def test_an_address_reaches_no_other_path_of_the_api(api: FakeApi, tab: TabSession) -> None:
    tab.open("../bots?x=1#y")
    await wait_until(lambda: api.asked)
    inside = "/api/conversations/../bots?x=1#y"  # one part, as the server decodes it
    assert all(path.startswith(inside) for _, path, _ in api.asked)
    assert tab.feed is not None
    assert tab.feed.id == "..%2Fbots%3Fx%3D1%23y"
    tab.close()


async def test_bots_that_cannot_be_used_say_why(api: FakeApi, tab: TabSession) -> None:
    bots = [{"bot_id": "a", "name": "A", "ready": False, "reason": "no key"}]
    api.answers |= {"/api/bots": (200, {"bots": bots}), "/info": (200, {"user": "scripted"})}
    api.answers["/api/personas"] = (200, {"personas": [{"persona": "learner", "name": "Minh"}]})
    found = await fetch_configuration(tab.api)
    directory = found.directory(EN)
    assert bot_choices(found, directory) == [("A — no key", "a")]
    assert persona_choices(found, directory) == [("Minh", "learner")]
    assert (found.default_seat, found.conversations, found.has_model) == ("scripted", 0, False)


def test_a_script_is_offered_for_personas_that_have_one() -> None:
    personas = [
        {"persona": "learner", "name": "Minh", "scripted": True},
        {"persona": "teen", "name": "Huy", "scripted": False},
        {"persona": "wrong", "name": "Khoa", "scripted": True},
    ]
    found = Configuration(personas=personas, info={"default_persona": "learner"})
    assert scripted_choices(found, found.directory(EN)) == [
        ("Minh (default)", ""),
        ("Khoa", "wrong"),
    ]


def test_two_prompts_have_no_persona_and_no_opening_but_their_own() -> None:
    told = {
        "user_prompt": "gấp",
        "bot_prompt": "bán đèn",
        "opens": "user",
        "opening": "",
        "turns": 4,
    }
    scenario = build_versus_scenario(told)
    assert scenario == {
        "persona": "plain",
        "user": "simulated",
        "user_prompt": "gấp",
        "bot_prompt": "bán đèn",
        "first_speaker": "user",
        "max_turns": 4,
    }
    assert build_versus_scenario({**told, "opening": " Alo "})["initial_message"] == "Alo"
    bot_opens = build_versus_scenario({**told, "opens": "bot", "opening": "Alo"})
    assert "initial_message" not in bot_opens


@pytest.mark.parametrize("name", READY)
def test_a_ready_scenario_is_one_the_server_takes(name: str) -> None:
    assert Scenario.model_validate(READY[name]).bot_id == 16
