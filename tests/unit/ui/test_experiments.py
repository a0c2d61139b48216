"""Experiments on the page: the list, the map that leads to trials, the way to a turn."""

from typing import Any

import pytest

from tests.unit.evaluation.samples import build_nightly
from tests.unit.ui.fake_api import FakeApi
from ui.api_client import ApiConnection
from ui.conversation_feed import Feeds
from ui.experiments_page import answer
from ui.tab_session import TabSession
from ui.texts import Words

DOCUMENT = build_nightly().model_dump(mode="json")
ID = str(DOCUMENT["experiment"]["id"])
PATH = f"/api/experiments/{ID}"
SUMMARY = {**DOCUMENT["experiment"], "suite": "Nightly", "total": 30, "counts": {"passed": 20}}


@pytest.fixture
def tab(api: FakeApi, connection: ApiConnection) -> TabSession:
    api.answers[PATH] = (200, {**DOCUMENT, "trials": []})
    api.answers["/api/experiments"] = (200, {"experiments": [SUMMARY], "next": None})
    api.answers["/api/suites"] = (200, {"suites": []})
    return TabSession(Feeds(connection), Words("en"))


def count_asked(api: FakeApi, path: str) -> int:
    return sum(asked == ("GET", path, None) for asked in api.asked)


async def test_the_list_has_each_rate_with_its_interval_and_the_gates_sentence(
    tab: TabSession,
) -> None:
    page = await answer(tab, {})
    assert f'href="?experiment={ID}"' in page["html"]
    assert "20 of 30 done" in page["html"]
    assert "%" in page["html"]
    assert " – " in page["html"]  # an interval
    assert DOCUMENT["figures"]["sentence"]["en"].split(",")[0] in page["html"]


async def test_figures_are_asked_for_once_and_again_when_the_experiment_changed(
    api: FakeApi, tab: TabSession
) -> None:
    first = await answer(tab, {})
    again = await answer(tab, {"stamp": first["stamp"]})
    assert again["html"] is None
    assert count_asked(api, PATH) == 1
    api.answers["/api/experiments"] = (
        200,
        {"experiments": [{**SUMMARY, "counts": {"passed": 21}}], "next": None},
    )
    assert "21 of 30 done" in (await answer(tab, {"stamp": first["stamp"]}))["html"]
    assert count_asked(api, PATH) == 2


async def test_a_cell_of_the_map_leads_to_its_trials_and_a_failed_trial_to_its_turn(
    api: FakeApi, tab: TabSession
) -> None:
    whole = await answer(tab, {"experiment": ID})
    failed = next(one for one in DOCUMENT["trials"] if one["outcome"] == "failed")
    key = "~".join((failed["scenario"], failed["persona"], failed["bot"]))
    assert f"cell={key.replace('~', '~')}" in whole["html"]
    evidence = [{"message": 5, "quote": "x"}]
    verdict = {**failed["verdicts"][0], "status": "fail", "must": True, "evidence": evidence}
    trial = {**failed, "verdicts": [verdict], "labels": [], "conversation_id": "c-1"}
    api.answers[f"{PATH}/trials"] = (200, {"trials": [trial], "next": None})
    page = await answer(tab, {"experiment": ID, "cell": key})
    assert 'href="?thread=c-1&amp;at=5"' in page["html"]
    assert verdict["id"] in page["html"]


async def test_what_is_asked_is_done_and_a_refusal_is_told(api: FakeApi, tab: TabSession) -> None:
    await answer(tab, {"experiment": ID, "act": "pause"})
    assert ("POST", f"{PATH}/pause", None) in api.asked
    refusal = {"type": "urn:duologue:busy", "title": "Busy", "detail": "it runs"}
    api.answers[f"{PATH}/stop"] = (409, refusal)
    await answer(tab, {"experiment": ID, "act": "stop"})
    assert tab.notice


async def test_running_a_suite_leads_to_its_experiment(api: FakeApi, tab: TabSession) -> None:
    api.answers["/api/experiments"] = (201, {"id": "new-one", "experiments": []})
    page = await answer(tab, {"act": "run", "suite": "demo"})
    assert page["go"] == "?experiment=new-one"
    assert ("POST", "/api/experiments", {"suite": "demo"}) in api.asked


async def test_what_a_suite_is_called_is_text(api: FakeApi, tab: TabSession) -> None:
    evil = {"suite": "<b>x", "name": "<i>y", "trials": 1, "bots": ["<u>"]}
    api.answers["/api/suites"] = (200, {"suites": [evil, {"suite": "z", "error": "<s>no"}]})
    api.answers["/api/experiments"] = (200, {"experiments": [{**SUMMARY, "name": "<em>"}]})
    page = await answer(tab, {})
    assert not any(mark in page["html"] for mark in ("<b>x", "<i>y", "<u>", "<s>no", "<em>"))


async def test_an_experiment_that_is_not_there_is_said_so(api: FakeApi, tab: TabSession) -> None:
    api.answers[PATH] = (404, {"type": "urn:duologue:not-found", "title": "Not found"})
    page: dict[str, Any] = await answer(tab, {"experiment": ID})
    assert "There is no such experiment." in page["html"]
