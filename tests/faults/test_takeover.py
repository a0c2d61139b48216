"""A server takes over what another one left that was killed, soon and by itself."""

from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from tests.integration.api.service import Service, Zygote, line_of
from tests.servers.robot import RobotServer, reply_to

TURNS = 8
SAID = [s for n in range(1, TURNS + 1) for s in (line_of(n), reply_to(n, line_of(n)))]


@pytest.mark.timeout(90)
async def test_conversations_of_a_killed_server_go_on_at_another_within_30_seconds(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    robot.set(honour_keys=True, delay=0.1)
    async with Service(zygote, tmp_path / "one", robot.url) as first:
        shared = {"DUOLOGUE_DATABASE_URL": f"sqlite:///{first.database}"}
        async with Service(zygote, tmp_path / "two", robot.url, shared) as second:
            ids = [await first.begin(TURNS) for _ in range(3)]
            for id in ids:
                await first.turns_done(id, 2)
            first.process.kill9()
            killed = monotonic()
            for id in ids:
                done = await second.until(id, "completed", within=30)
                assert [line["content"] for line in done["history"]] == SAID
                calls = Counter(call.key for call in robot.of(id))
                assert len(calls) == TURNS
                assert sum(calls.values()) <= TURNS + 1, "more than the turn in flight came again"
            assert monotonic() - killed <= 30
