"""A shrink over HTTP: planned, begun, followed to its end, refused."""

from typing import Any

from tests.integration.api.service import Service
from tests.integration.api.test_experiments import create, until, write
from tests.integration.evaluation.test_shrink import PRAISES
from tests.servers.wait import wait_until


async def find_failed_talk(service: Service) -> str:
    write(service, "scenarios/praises.yaml", PRAISES)
    suite = {"scenarios": ["scenarios/praises.yaml"], "bots": ["careless"], "repeats": 4}
    write(service, "suites/praises.yaml", {"name": "Praises", **suite})
    id = (await create(service, suite="praises"))["id"]
    await until(service, id, "completed")
    found = await service.get(f"/api/experiments/{id}/trials?outcome=failed")
    for one in found["trials"]:
        if any(v["id"] == "no_praise" and v["status"] == "fail" for v in one["verdicts"]):
            return str(one["conversation_id"])
    raise AssertionError("no talk of the careless robot failed")


async def test_a_failed_talk_is_shrunk_and_the_scenario_comes_back(service: Service) -> None:
    id = await find_failed_talk(service)
    path = f"/api/conversations/{id}/shrink"
    assert (await service.ask("GET", path)).status == 404
    planned = await service.post(path, {"dry_run": True})
    assert (planned["status"], planned["lines"], planned["fails"]) == ("planned", 20, "no_praise")
    assert 0 < planned["estimate"]["low"]["calls"] < planned["estimate"]["high"]["calls"]
    assert (await service.post(path))["status"] in ("running", "ended")

    async def ended() -> Any:
        found = await service.get(path)
        return found if found["status"] != "running" else None

    found = await wait_until(ended, 120, what="the end of the shrink")
    assert (found["status"], found["outcome"], found["error"]) == ("ended", "shrunk", None)
    assert len(found["shortest"]) <= 4
    assert "bot_id: careless" in found["scenario"]
    assert sum(line["needed"] for line in found["original"]) == 2 * len(found["shortest"])
    listed = await service.get(f"/api/conversations/{id}")
    assert listed["children"] == []
    assert (await service.post(f"{path}/stop"))["status"] == "ended"


async def test_what_cannot_be_shrunk_is_a_problem_with_the_reason(service: Service) -> None:
    id = await find_failed_talk(service)
    path = f"/api/conversations/{id}/shrink"
    answer = await service.ask("POST", path, {"check": "no_prais"})
    assert answer.status == 422
    assert "did you mean no_praise" in answer.text
    gone = await service.ask("POST", path.replace(id[:4], "0000"), {})
    assert gone.status == 404
