"""docs/checks.md and docs/judging.md: each example loads, each check is told of."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.errors import ConfigError
from core.files import Loader
from evaluation.checks.any import KINDS
from evaluation.flaws import FLAWS
from evaluation.prices import PricesFile
from evaluation.scenarios import ScenarioFile, load_scenario
from evaluation.suites import JudgeConfig, SuiteFile
from tests.servers.process import ROOT

CHECKS = (ROOT / "docs" / "checks.md").read_text("utf-8")
JUDGING = (ROOT / "docs" / "judging.md").read_text("utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", CHECKS + JUDGING, re.MULTILINE | re.DOTALL)


def read(text: str) -> Any:
    return yaml.load(text, Loader=Loader)


@pytest.mark.parametrize("text", BLOCKS, ids=lambda text: text.splitlines()[1][:40])
def test_each_example_loads(text: str) -> None:
    data = read(text)
    if "judge" in data and "scenarios" not in data:
        assert JudgeConfig.model_validate(data["judge"]).count_votes() == 3
    elif "prices" in data:
        assert PricesFile.model_validate(data).prices
    elif "scenarios" in data:
        assert SuiteFile.model_validate(data).scenarios
    else:
        found = ScenarioFile.model_validate(data)
        assert found.checks or found.criteria


@pytest.mark.parametrize("kind", KINDS)
def test_each_check_has_a_row(kind: str) -> None:
    row = next(line for line in CHECKS.splitlines() if line.startswith(f"| `{kind}: "))
    example = read("- " + row.split("`")[1].replace("\\|", "|"))
    assert ScenarioFile.model_validate({"checks": example}).checks[0].kind == kind


def test_the_mistake_that_is_shown_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "drink.yaml"
    scenario = BLOCKS[0].replace("no_repeats", "no_repeat").split("\n", 1)[1]
    path.write_text(scenario, "utf-8")
    with pytest.raises(ConfigError) as caught:
        load_scenario(path)
    told = f"scenarios/drink.yaml:{caught.value.line}: {caught.value.key}: {caught.value.reason}"
    assert told in CHECKS


def test_fifteen_kinds_of_flaw_are_told_of() -> None:
    assert "fifteen kinds" in JUDGING
    assert len(FLAWS) == 15
