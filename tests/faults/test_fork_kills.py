"""A fork that is killed in its middle is there whole or not at all, and can be made again."""

import asyncio
import random
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.integration.api.service import Service, Zygote, write_lines
from tests.servers.robot import RobotServer
from tests.servers.wait import wait_until

TABLES = {"conversations": "NEW.parent_id IS NOT NULL", "checkpoints": "TRUE"}
ENDLESS = """
CREATE TRIGGER endless BEFORE INSERT ON {table} WHEN {when} BEGIN
  SELECT count(*) FROM (
    WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n
  );
END
"""
"""SQL for a row that is never inserted: whoever begins to is killed in the middle of it."""
ORPHANS = """
SELECT thread_id FROM checkpoints UNION SELECT thread_id FROM writes
EXCEPT SELECT id FROM conversations
"""


def tell(database: Path, sql: str) -> list[str]:
    with closing(sqlite3.connect(database, isolation_level=None, timeout=10)) as connection:
        return [str(row[0]) for row in connection.execute(sql)]


def is_locked(database: Path) -> bool:
    with closing(sqlite3.connect(database, isolation_level=None, timeout=0)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


async def fork(service: Service, parent: str, key: str) -> str:
    path, headers = f"/api/conversations/{parent}/forks", {"Idempotency-Key": key}
    made = await service.post(path, {"index": 3, "max_turns": 4}, headers=headers)
    return str(made["conversation_id"])


async def try_to_fork(service: Service, parent: str, key: str) -> str | None:
    with suppress(OSError, aiohttp.ClientError):
        return await fork(service, parent, key)
    return None


async def must_be_made_again(service: Service, parent: str, key: str) -> str:
    """Before the server is up again nothing is half there; then the key gives one whole fork."""
    assert tell(service.database, ORPHANS) == []
    await service.process.close()
    await service.start()
    id = await fork(service, parent, key)
    assert await fork(service, parent, key) == id
    assert tell(service.database, ORPHANS) == []
    return id


@pytest.mark.timeout(120)
@pytest.mark.parametrize("table", TABLES)
async def test_a_fork_killed_while_a_row_is_written_leaves_nothing_and_is_made_again(
    zygote: Zygote, tmp_path: Path, robot: RobotServer, table: str
) -> None:
    async with Service(zygote, tmp_path / "s", robot.url) as service:
        parent = await service.begin(3)
        await service.until(parent, "completed")
        tell(service.database, ENDLESS.format(table=table, when=TABLES[table]))
        forking = asyncio.ensure_future(try_to_fork(service, parent, "k"))
        await wait_until(lambda: is_locked(service.database), what="the fork being written")
        await service.kill()
        assert await forking is None
        tell(service.database, "DROP TRIGGER endless")
        assert (
            await asyncio.to_thread(tell, service.database, "SELECT id FROM conversations")
        ) == [parent]
        id = await must_be_made_again(service, parent, "k")
        await service.run(id)
        assert len((await service.until(id, "completed"))["history"]) == 8
        assert (await service.show(parent))["children"] == [id]


@pytest.mark.timeout(120)
async def test_forks_killed_at_any_instant_are_whole_or_not_there(
    zygote: Zygote, tmp_path: Path, robot: RobotServer
) -> None:
    chance = random.Random(11)
    async with Service(zygote, tmp_path / "s", robot.url) as service:
        parent = await service.begin(3, lines=write_lines(3))
        await service.until(parent, "completed")
        made = []
        for kill in range(8):
            forking = asyncio.ensure_future(try_to_fork(service, parent, f"k{kill}"))
            await asyncio.sleep(chance.uniform(0.0, 0.15))
            await service.kill()
            told = await forking
            made.append(await must_be_made_again(service, parent, f"k{kill}"))
            assert told in (None, made[-1])
        assert (await service.show(parent))["children"] == made
        for id in made:
            assert len((await service.show(id))["history"]) == 4
