"""A process that starts a conversation and drives it until it is killed.

`python -m tests.integration.engine.drives FOLDER URL SCENARIO DATABASE`: prints the id.
"""

import asyncio
import json
import sys
from pathlib import Path

from core.scenario import Scenario
from tests.integration.engine.house import House


async def main(folder: str, url: str, scenario: str, database: str) -> None:
    house = House(Path(folder), url)
    house.database_url = database
    async with house.open(turn_timeout_s=60.0) as runs:
        id = await runs.create(Scenario(**json.loads(scenario)))
        await runs.start(id)
        sys.stdout.write(f"drives {id}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
