"""Experiments and the keys that are bound to a client: its own, and nothing else."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.service import Service
from tests.integration.api.test_experiments import SUITE, write
from tests.integration.evaluation.lab import GREETS
from tests.servers.process import Process
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

ADMIN, LAN, MINH = ({"X-API-Key": f"{name}-key"} for name in ("admin", "lan", "minh"))


@pytest.fixture
async def keyed(opened: Callable[..., Any]) -> Service:
    service: Service = await opened(api_keys="admin-key", client_keys="lan=lan-key,minh=minh-key")
    write(service, "scenarios/greets.yaml", GREETS)
    write(service, "suites/robot.yaml", {**SUITE, "repeats": 3})
    return service


async def create(service: Service, key: dict[str, str], **body: Any) -> str:
    made = await service.post("/api/experiments", {"suite": "robot", **body}, headers=key)
    return str(made["id"])


async def until(service: Service, key: dict[str, str], id: str, *statuses: str) -> Any:
    async def there() -> Any:
        found = await service.get(f"/api/experiments/{id}", headers=key)
        return found if found["experiment"]["status"] in statuses else None

    return await wait_until(there, 30, what=f"{statuses}")


async def test_a_client_s_key_starts_lists_follows_and_reports_its_own_experiments(
    keyed: Service,
) -> None:
    suites = await keyed.get("/api/suites", headers=LAN)
    assert [one["suite"] for one in suites["suites"]] == ["robot"]
    id = await create(keyed, LAN, name="mine")
    frames = await keyed.frames(f"/api/experiments/{id}/events", method="GET", headers=LAN)
    assert (frames[-1].event, frames[-1].data["exit_code"]) == ("done", 0)
    listed = await keyed.get("/api/experiments", headers=LAN)
    assert [one["id"] for one in listed["experiments"]] == [id]
    report = await keyed.ask("GET", f"/api/experiments/{id}/report?format=junit", headers=LAN)
    assert (report.status, "<testsuites" in report.text) == (200, True)
    (trial, *_) = (await keyed.get(f"/api/experiments/{id}/trials", headers=LAN))["trials"]
    talk = f"/api/conversations/{trial['conversation_id']}"
    assert (await keyed.ask("GET", talk, headers=MINH)).status == 403
    label = {"labeller": "Lan", "status": "fail"}
    assert (await keyed.ask("PUT", f"{talk}/labels/bot_says", label, headers=LAN)).status == 200
    both = await keyed.get("/api/compare?base=mine&head=mine", headers=LAN)
    assert both["base"]["id"] == id
    assert (await keyed.ask("DELETE", f"/api/experiments/{id}", headers=LAN)).status == 204


async def test_a_client_s_key_stops_and_resumes_its_own_experiment(
    keyed: Service, robot: RobotServer
) -> None:
    write(keyed, "suites/robot.yaml", {**SUITE, "repeats": 60, "concurrency": 2})
    robot.delay = 0.02
    id = await create(keyed, LAN)
    await keyed.post(f"/api/experiments/{id}/stop", headers=LAN)
    await until(keyed, LAN, id, "stopped")
    robot.delay = 0.0
    await keyed.post(f"/api/experiments/{id}/resume", headers=LAN)
    found = await until(keyed, LAN, id, "completed")
    assert found["figures"]["tally"]["passed"] == 60


async def test_another_client_s_experiment_and_nobody_s_are_refused_on_every_path(
    keyed: Service,
) -> None:
    foreign = [await create(keyed, ADMIN), await create(keyed, MINH)]
    await until(keyed, ADMIN, foreign[0], "completed")
    await until(keyed, MINH, foreign[1], "completed")
    paths = (await keyed.get("/openapi.json", headers=ADMIN))["paths"]
    asked = [
        (method.upper(), path.replace("{id}", id))
        for path, item in paths.items()
        if path.startswith("/api/experiments/{id}")
        for method in item
        for id in foreign
    ]
    assert len(asked) >= 2 * 12
    for method, path in asked:
        sent = {} if method in ("GET", "DELETE") else {"json": {}}
        for query in ("", "?client_id=minh"):
            answer = await keyed.ask(method, path + query, headers=LAN, **sent)
            assert answer.status == 403, (method, path, query, answer.text)
    assert (await keyed.get("/api/experiments", headers=LAN))["experiments"] == []
    claimed = await keyed.ask("GET", "/api/experiments?client_id=minh", headers=LAN)
    body = {"suite": "robot", "client_id": "minh"}
    assert (claimed.status, (await keyed.ask("POST", "/api/experiments", body, headers=LAN)).status
            ) == (403, 403)  # fmt: skip
    for id, key in zip(foreign, (ADMIN, MINH), strict=True):
        found = await keyed.get(f"/api/experiments/{id}", headers=key)
        assert found["figures"]["tally"]["passed"] == 3


async def test_names_baselines_and_idempotency_keys_of_one_client_do_not_reach_another_s(
    keyed: Service,
) -> None:
    compared = {**SUITE, "repeats": 3, "baseline": {"experiment": "last-green"}}
    write(keyed, "suites/robot.yaml", compared)
    others = [await create(keyed, key, name="nightly") for key in (ADMIN, MINH)]
    await until(keyed, ADMIN, others[0], "completed")
    await until(keyed, MINH, others[1], "completed")
    for reference in ("nightly", others[0], others[1], others[1][:6]):
        path = f"/api/compare?base={reference}&head={reference}"
        answer = await keyed.ask("GET", path, headers=LAN)
        assert answer.status == 404, (reference, answer.text)
    again = {"Idempotency-Key": "the-same"}
    ids = {await create(keyed, {**key, **again}) for key in (ADMIN, MINH, LAN)}
    assert len(ids) == 3
    own = await create(keyed, {**LAN, **again})
    first = await until(keyed, LAN, own, "completed")
    assert first["comparisons"] == []
    second = await until(keyed, LAN, await create(keyed, LAN), "completed")
    assert [one["base"]["experiment"] for one in second["comparisons"]] == [own]


async def test_the_command_runs_a_suite_of_a_server_with_a_client_s_key(
    keyed: Service, tmp_path: Path
) -> None:
    argv = [sys.executable, "-m", "cli", "test", "robot", "--api", keyed.url, "--json", "r.json"]
    env = {"DUOLOGUE_API_KEY": "lan-key"}
    async with Process(argv, cwd=tmp_path, env=env, startup=40) as process:
        assert await process.wait(60) == 0, process.stdout + process.stderr
    (one,) = (await keyed.get("/api/experiments", headers=LAN))["experiments"]
    assert re.search(one["id"][:8], process.stdout)
