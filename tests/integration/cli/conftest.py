"""A folder to type `duologue` in."""

from pathlib import Path

import pytest

from tests.integration.cli.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
