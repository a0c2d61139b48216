"""docs/contributing.md: what it names is where it says, and its walks are as short as it says."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

from api.schemas import CreateConversation, SimulateRequest
from core.message import Extras, Message, TranscriptLine
from core.scenario import Scenario
from evaluation.scenarios import ScenarioFile
from tests.servers.process import ROOT

TEXT = (ROOT / "docs" / "contributing.md").read_text("utf-8")
PLACES = re.findall(
    r"((?:`\w+`(?: and its neighbours| and|,)? ?)+)in `([\w/]+\.py)`",
    TEXT.partition("## Where is")[2].partition("\n## ")[0],
)


def list_names(file: Path) -> set[str]:
    """What stands at the top of a module."""
    found = set[str]()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
            found |= {one.id for one in targets if isinstance(one, ast.Name)}
    return found


@pytest.mark.parametrize(("names", "file"), PLACES)
def test_a_question_leads_to_what_answers_it(names: str, file: str) -> None:
    assert set(re.findall(r"`(\w+)`", names)) <= list_names(ROOT / file)


def test_every_question_has_a_place() -> None:
    rows = re.findall(r"^\| .*\? \|", TEXT, re.MULTILINE)
    assert 10 < len(rows) <= len(PLACES)


def test_files_and_folders_exist() -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.\w+)?)`", TEXT))
    assert len(named) > 15
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_a_field_of_a_message_is_one_of_the_transcript_without_a_word() -> None:
    fields = set(Extras.__annotations__)
    assert fields <= set(Message.__annotations__)
    assert fields <= set(TranscriptLine.__annotations__)


@pytest.mark.parametrize("taker", [CreateConversation, SimulateRequest, ScenarioFile])
def test_a_field_of_a_scenario_is_accepted_wherever_scenarios_are(taker: type[Scenario]) -> None:
    assert set(Scenario.model_fields) <= set(taker.model_fields)


def test_each_library_of_the_base_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    base = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}  # type: ignore[index]
    table = TEXT.partition("| Library |")[2].partition("\n\n")[0]
    listed = {
        name
        for row in table.splitlines()
        for name in re.findall(r"`([\w-]+)`", row[1:].split(" | ")[0])
    }
    assert base == listed
    assert f"The base has {len(base)} libraries" in TEXT
