"""Experiments over HTTP: made, followed over a kill, steered, reported, labelled, removed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.api.service import Service
from tests.integration.evaluation.lab import GREETS
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

SUITE: dict[str, Any] = {"name": "Robot", "scenarios": ["scenarios/*.yaml"], "bots": ["16"]}


def write(service: Service, name: str, data: Any) -> None:
    path = Path(service.folder) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(data, allow_unicode=True), encoding="utf-8")


@pytest.fixture
def lab(service: Service) -> Service:
    write(service, "scenarios/greets.yaml", GREETS)
    write(service, "suites/robot.yaml", {**SUITE, "repeats": 5})
    return service


async def create(service: Service, **body: Any) -> dict[str, Any]:
    made: dict[str, Any] = await service.post("/api/experiments", {"suite": "robot", **body})
    return made


async def until(service: Service, id: str, *statuses: str) -> dict[str, Any]:
    async def there() -> Any:
        found = await service.get(f"/api/experiments/{id}")
        return found if found["experiment"]["status"] in statuses else None

    found: dict[str, Any] = await wait_until(there, 120, what=f"{statuses}")
    return found


async def test_a_suite_by_name_is_run_and_its_figures_and_trials_are_there(lab: Service) -> None:
    suites = await lab.get("/api/suites")
    assert [(one["suite"], one["trials"]) for one in suites["suites"]] == [("robot", 5)]
    made = await create(lab, name="first")
    assert (made["suite"], made["total"], made["name"]) == ("Robot", 5, "first")
    found = await until(lab, made["id"], "completed")
    assert found["figures"]["tally"]["passed"] == 5
    assert found["trials"] == []
    page = await lab.get(f"/api/experiments/{made['id']}/trials?limit=3&outcome=passed")
    assert len(page["trials"]) == 3
    assert page["trials"][0]["verdicts"][0]["status"] == "pass"
    rest = await lab.get(f"/api/experiments/{made['id']}/trials?cursor={page['next']}")
    assert (len(rest["trials"]), rest["next"]) == (2, None)
    listed = await lab.get("/api/experiments")
    assert listed["experiments"][0]["counts"] == {"passed": 5}


async def test_trials_do_not_flood_the_list_of_conversations(lab: Service) -> None:
    made = await create(lab)
    await until(lab, made["id"], "completed")
    assert (await lab.get("/api/conversations"))["conversations"] == []
    trials = await lab.get(f"/api/conversations?experiment_id={made['id']}")
    assert len(trials["conversations"]) == 5


async def test_a_suite_in_the_body_names_scenarios_by_id_and_nothing_else(lab: Service) -> None:
    suite = {"name": "Mine", "scenarios": ["greets"], "bots": [16], "repeats": 2}
    made = await create(lab, suite=suite)
    assert (await until(lab, made["id"], "completed"))["suite"]["name"] == "Mine"
    for scenarios in (["../secret"], ["scenarios/*.yaml"], ["nobody"]):
        answer = await lab.ask(
            "POST", "/api/experiments", {"suite": {**suite, "scenarios": scenarios}}
        )
        assert answer.status == 422
    answer = await lab.ask("POST", "/api/experiments", {"suite": "../bots"})
    assert answer.status == 422


async def test_a_mistake_inside_a_suite_in_the_body_names_its_key_and_the_nearest(
    lab: Service,
) -> None:
    suite = {"name": "Mine", "scenarios": ["greets"], "bots": [16]}
    for more, field, hint in (
        ({"gaate": {}}, "suite.gaate", "did you mean gate?"),
        ({"gate": {"pass_raet": 1}}, "suite.gate.pass_raet", "did you mean pass_rate?"),
        ({"repeats": "x"}, "suite.repeats", ""),
    ):
        answer = await lab.ask("POST", "/api/experiments", {"suite": {**suite, **more}})
        assert (answer.status, answer.json["field"]) == (422, field)
        assert answer.json["detail"].startswith(f"{field}: ")
        assert hint in answer.json["detail"]
    answer = await lab.ask("POST", "/api/experiments", {"suite": 5})
    assert answer.json["detail"].startswith("suite: ")
    assert len(answer.json["errors"]) == 1


async def test_its_stream_is_taken_up_again_after_a_kill_without_gap_or_repeat(
    lab: Service, robot: RobotServer
) -> None:
    write(lab, "suites/robot.yaml", {**SUITE, "repeats": 40, "concurrency": 4})
    robot.delay = 0.02
    made = await create(lab)
    id = made["id"]

    async def some() -> bool:
        found = await lab.get("/api/experiments")
        return found["experiments"][0]["counts"].get("passed", 0) >= 8

    await wait_until(some, 20, what="eight trials")
    first = await lab.get(f"/api/experiments/{id}/trials?outcome=passed")
    kept = {one["id"]: one["conversation_id"] for one in first["trials"]}
    await lab.kill()
    await lab.restart()
    frames = await lab.frames(f"/api/experiments/{id}/events", method="GET")
    assert frames[-1].event == "done"
    assert frames[-1].data["status"] == "completed"
    found = await until(lab, id, "completed")
    assert found["figures"]["tally"] == {
        **dict.fromkeys(found["figures"]["tally"], 0),
        "passed": 40,
    }
    page = await lab.get(f"/api/experiments/{id}/trials?limit=500")
    trials = {one["id"]: one["conversation_id"] for one in page["trials"]}
    assert kept.items() <= trials.items()
    assert len(set(trials.values())) == 40
    last = frames[-1].id
    answer = await lab.ask("GET", f"/api/experiments/{id}/events", headers={"Last-Event-ID": last})
    assert answer.status == 204


async def test_it_is_paused_resumed_stopped_and_removed(lab: Service, robot: RobotServer) -> None:
    write(lab, "suites/robot.yaml", {**SUITE, "repeats": 60, "concurrency": 2})
    robot.delay = 0.02
    id = (await create(lab))["id"]
    busy = await lab.ask("DELETE", f"/api/experiments/{id}")
    assert busy.status == 409
    await lab.post(f"/api/experiments/{id}/pause")
    await until(lab, id, "paused")
    await lab.post(f"/api/experiments/{id}/resume", {})
    await until(lab, id, "running")
    await lab.post(f"/api/experiments/{id}/stop")
    found = await until(lab, id, "stopped")
    assert found["experiment"]["exit_code"] == 3
    assert (await lab.ask("DELETE", f"/api/experiments/{id}")).status == 204
    assert (await lab.ask("GET", f"/api/experiments/{id}")).status == 404


async def test_it_is_extended_judged_again_and_compared(lab: Service) -> None:
    one, other = await create(lab, name="one"), await create(lab, name="other")
    for made in (one, other):
        await until(lab, made["id"], "completed")
    await lab.post(f"/api/experiments/{one['id']}/extend", {"repeats": 2})
    assert (await until(lab, one["id"], "completed"))["figures"]["tally"]["passed"] == 7
    await lab.post(f"/api/experiments/{one['id']}/judge")
    assert (await until(lab, one["id"], "completed"))["figures"]["tally"]["passed"] == 7
    answer = await lab.ask("POST", f"/api/experiments/{one['id']}/retry", {"outcome": "broken"})
    assert answer.status == 409
    found = await lab.get("/api/compare?base=one&head=other")
    assert found["comparisons"][0]["base"]["name"] == "one"


async def test_every_report_is_there_in_both_languages(lab: Service) -> None:
    id = (await create(lab))["id"]
    await until(lab, id, "completed")
    for format in ("html", "junit", "json", "jsonl", "markdown", "csv"):
        for language in ("en", "vi"):
            path = f"/api/experiments/{id}/report?format={format}&lang={language}"
            answer = await lab.ask("GET", path)
            assert answer.status == 200
            assert len(answer.text) > 100
    assert json.loads((await lab.ask("GET", f"/api/experiments/{id}/report?format=json")).text)


async def test_agreement_with_people_and_what_to_label_next_come_over_http(lab: Service) -> None:
    asked = {"criteria": [{"kind": "Is the bot kind?"}]}
    write(lab, "scenarios/greets.yaml", {**GREETS, **asked})
    id = (await create(lab))["id"]
    await until(lab, id, "completed")
    place = f"/api/experiments/{id}"
    assert await lab.get(f"{place}/agreement") == {"criteria": []}
    tasks = (await lab.get(f"{place}/to-label?limit=3"))["tasks"]
    assert [one["verdict_id"] for one in tasks] == ["kind"] * 3
    assert set(tasks[0]) == {"trial", "verdict_id"}
    body = {"labeller": "An", "status": "pass"}
    for name in ("kind", "bot_says"):
        labels = f"/api/conversations/{tasks[0]['trial']}/labels/{name}"
        assert (await lab.ask("PUT", labels, body)).status == 200
    left = (await lab.get(f"{place}/to-label?labeller=An"))["tasks"]
    assert tasks[0] not in left
    found = {one["verdict_id"]: one for one in (await lab.get(f"{place}/agreement"))["criteria"]}
    assert (found["bot_says"]["compared"], found["bot_says"]["agreed"]) == (1, 1)
    assert (found["kind"]["labelled"], found["kind"]["compared"]) == (1, 0)
    assert (await lab.ask("GET", f"{place}/to-label?limit=0")).status == 422


async def test_a_label_wins_and_can_be_taken_back(lab: Service) -> None:
    write(lab, "scenarios/greets.yaml", {**GREETS, "checks": [{"bot_says": "nowhere"}]})
    id = (await create(lab))["id"]
    await until(lab, id, "completed")
    (trial, *_) = (await lab.get(f"/api/experiments/{id}/trials"))["trials"]
    place = f"/api/conversations/{trial['conversation_id']}/labels"
    body = {"labeller": "An", "status": "pass", "note": "đúng mà"}
    assert (await lab.ask("PUT", f"{place}/bot_says", body)).status == 200
    assert (await lab.ask("PUT", f"{place}/nothing", body)).status == 422
    found = await lab.get(f"/api/experiments/{id}")
    assert found["figures"]["tally"]["passed"] == 1
    assert (await lab.get(place))["labels"][0]["labeller"] == "An"
    assert (await lab.ask("DELETE", f"{place}/bot_says?labeller=An")).status == 204
    assert (await lab.get(f"/api/experiments/{id}"))["figures"]["tally"]["passed"] == 0
