"""`duologue show` and `list` as the API has it, and the log of the command."""

import json
from pathlib import Path

from core.settings import Settings
from graph.process import open_process
from graph.runs.forks import fork
from tests.integration.cli.desk import Desk, begun


async def test_show_names_the_forks_as_the_api_does(desk: Desk) -> None:
    id = await begun(await desk.typed("run", "--turns", "1"))
    url = f"sqlite:///{desk.folder / 'duologue.db'}"
    async with open_process(Settings(database_url=url, resume_on_start=False)) as runs:
        forked = await fork(runs, await runs.storage.catalogue.get(id), {"index": 0})
    shown = json.loads((await desk.typed("show", id, "--json")).stdout)
    assert shown["children"] == [forked["conversation_id"]]
    assert shown["by_prompt"] is False


async def test_log_of_a_run_is_json_lines_in_its_file_and_nothing_more_on_stderr(
    desk: Desk, tmp_path: Path
) -> None:
    plain = await desk.typed("run", "--turns", "1")
    desk.settings["DUOLOGUE_LOG_FILE"] = "logs/duologue.log"
    run = await desk.typed("run", "--turns", "1")
    assert run.stderr == plain.stderr
    told = [json.loads(line) for line in (tmp_path / "logs/duologue.log").read_text().splitlines()]
    assert [line["event"] for line in told] == ["run started", "run ended"]
