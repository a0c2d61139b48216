"""Two servers on two names of one database: no conversation is driven twice."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.api.service import Service, Zygote, line_of
from tests.servers.robot import RobotServer, reply_to


class Linked(Service):
    """A service whose database is a link to another one's."""

    def environment(self) -> dict[str, str]:
        link = self.folder / "link.db"
        return {**super().environment(), "DUOLOGUE_DATABASE_URL": f"sqlite:///{link}"}


@pytest.mark.timeout(90)
async def test_a_second_server_behind_a_link_leaves_a_running_conversation_alone(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    robot.set(honour_keys=True, delay=0.1)
    async with Service(zygote, tmp_path / "one", robot.url) as first:
        id = await first.begin(25)
        await first.turns_done(id, 3)
        second = Linked(zygote, tmp_path / "two", robot.url)
        (second.folder / "link.db").symlink_to(first.database)
        # What the release before kept beside the file, and what somebody may clean up.
        shutil.rmtree(first.database.with_name("duologue.db.owners"), ignore_errors=True)
        async with second:
            refused = await second.ask("POST", f"/api/conversations/{id}/resume", {})
            assert refused.status == 409
            done = await first.until(id, "completed", within=30)
            assert (await second.show(id))["history"] == done["history"]
        said = [s for n in range(1, 26) for s in (line_of(n), reply_to(n, line_of(n)))]
        assert [line["content"] for line in done["history"]] == said
        assert set(Counter(call.key for call in robot.of(id)).values()) == {1}


@pytest.mark.timeout(60)
async def test_a_database_replaced_under_the_server_is_told_and_not_written_to(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    async with Service(zygote, tmp_path / "s", robot.url) as service:
        id = await service.begin(1)
        await service.until(id, "completed")
        away = service.database.with_name("away.db")
        service.database.rename(away)
        shutil.copy(away, service.database)
        refused = await service.ask("POST", "/api/conversations", {"bot_id": 16})
        assert refused.status == 503
        assert "deleted or replaced" in refused.text
        health = await service.ask("GET", "/health")
        assert health.status == 503
        away.rename(service.database)
        assert (await service.ask("GET", "/health")).json["status"] == "ok"
