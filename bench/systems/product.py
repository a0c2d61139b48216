"""The product's own path in one process: runs, graph, SQLite with durability sync, followers."""

import asyncio
import tempfile
from functools import partial
from pathlib import Path

import uvloop

from bench.load import Options, Tally, options, raise_file_limit, tell, window
from bench.processes import settings
from core.scenario import Scenario
from core.settings import Settings
from graph.process import open_process
from graph.runs.service import RunService


async def talk(runs: RunService, tally: Tally, turns: int) -> None:
    """One conversation, followed to its `done`."""
    id = await runs.create(Scenario(bot_id=16, max_turns=turns))
    await runs.start(id)
    follower = await runs.follow(id)
    async for frames in follower.batches():  # as the service reads it
        for frame in frames:
            tally.events += 1
            if frame.event == "message" and frame.data["role"] == "assistant":
                tally.turn()
            elif frame.event == "done" and frame.data["turns"] != turns:
                raise RuntimeError(f"ended early: {frame.data}")
        del frames, frame


async def main(given: Options) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Settings.from_env(settings(Path(folder), given.llm, given.robot))
        async with open_process(config) as runs:
            # What is made once, with the first conversation, is no part of a conversation's size.
            await asyncio.gather(*(talk(runs, Tally(), turns=1) for _ in range(5)))

            tell(await window(partial(talk, runs), given))


if __name__ == "__main__":
    raise_file_limit(10_000)

    uvloop.run(main(options(__doc__ or "")))
